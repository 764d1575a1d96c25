"""Shipped policies are found by name, wherever a player is named."""

from pathlib import Path

import pytest

import cmfq
from cmfq.cli import main
from cmfq.cli import training as commands
from cmfq.environments.registry import default_settings
from cmfq.errors import UserError
from cmfq.imports import own_names
from cmfq.play.entrants import find_entrants
from cmfq.play.players import game_of, load_player
from cmfq.training.run import Run
from cmfq.zoo import FOLDER, locate, shipped


def test_names_are_those_of_the_folders() -> None:
    assert shipped() == ["zoo:cmfq400", "zoo:cmfq64", "zoo:iql64", "zoo:mfq64", "zoo:pursuit"]
    for name in shipped():
        assert (locate(name) / "run.json").is_file()


def test_the_path_of_before_means_the_shipped_policy_unless_a_folder_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert locate("zoo/mfq64") == FOLDER / "mfq64"
    assert locate("zoo/mfq65") == Path("zoo/mfq65")
    assert locate("elsewhere/zoo/mfq64") == Path("elsewhere/zoo/mfq64")
    (tmp_path / "zoo" / "mfq64").mkdir(parents=True)
    assert locate("zoo/mfq64") == Path("zoo/mfq64")


def test_a_shipped_policy_is_a_player_an_entrant_and_no_function_of_ones_own() -> None:
    teams = default_settings("battle").make().teams
    assert load_player("zoo:mfq64", "battle", teams)["agent"].algorithm == "mfq"
    assert game_of(["swarm", "zoo:mfq64"]).size == 64
    (entrant,) = find_entrants(["strong=zoo:cmfq64"], "battle", 1)
    assert (entrant.name, entrant.group, entrant.seed) == ("zoo:cmfq64", "strong", 1)
    assert own_names("self", "zoo:mfq64", "mine:player") == ["mine:player"]


def test_an_unknown_one_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(UserError, match=r"did you mean 'zoo:cmfq64'\? known are zoo:cmfq400, "):
        cmfq.load("zoo:cmfq")
    with pytest.raises(UserError, match=r"unknown shipped policy 'zoo:nope'"):
        cmfq.open_run("zoo:nope")


def test_the_commands_of_its_readme_have_the_settings_that_are_shipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(commands, "_continue", lambda *run: None)  # nothing is trained
    monkeypatch.setattr("cmfq.training.self_play.load_start", lambda *start: {})
    lines = (FOLDER / "README.md").read_text().splitlines()
    trained = [line.split()[1:] for line in lines if line.startswith("    cmfq train")]
    assert [main(command) for command in trained] == [0] * (len(shipped()) + 1)  # one has two
    for name in shipped():
        made = Run.open(Path(name.removeprefix("zoo:"))).description().settings
        assert made == Run.open(locate(name)).description().settings
