"""Names of players and environments: scripts and the package's own come before files."""

from pathlib import Path

import pytest

import cmfq
from cmfq.errors import UserError
from cmfq.play.bots import SCRIPTS
from cmfq.play.players import game_named, game_of, load_player, no_player
from cmfq.zoo import shipped


def test_a_folder_called_as_a_script_or_an_environment_hides_neither(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("rush", "random", "pursuit"):
        (tmp_path / name).mkdir()
    assert game_of(["rush", "random"]).kind == "battle"
    assert game_named("pursuit").kind == "pursuit"
    with pytest.raises(UserError, match="rush has no checkpoints"):
        game_of(["./rush"])


def test_a_game_that_lacks_its_second_player_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there are 2 teams: give two players"):
        cmfq.record("rush", file=tmp_path / "a.replay")


def test_a_script_of_another_environment_is_said_to_be_one() -> None:
    for kind, other in (("battle", "pursuit"), ("pursuit", "battle")):
        for name in SCRIPTS[other].keys() - SCRIPTS[kind].keys() - {"random"}:
            with pytest.raises(UserError) as refusal:
                load_player(name, kind, ())
            start = f"{name!r} plays {other}, not {kind}: give a run folder, a checkpoint file, "
            assert str(refusal.value).startswith(start)


def test_only_shipped_policies_that_can_play_the_environment_are_listed() -> None:
    assert shipped("pursuit") == ["zoo:pursuit"]
    assert shipped("battle") == [name for name in shipped() if name != "zoo:pursuit"]
    assert shipped("signal") == []
    for kind, name in (("battle", "zoo:pursuit"), ("pursuit", "zoo:cmfq64")):
        assert name not in str(no_player("nobody", kind))
    assert "zoo:cmfq64" in str(no_player("nobody", "battle"))
    assert "or one of random (in signal)" in str(no_player("nobody", "signal"))
    assert "did you mean" not in str(no_player("zoo-pursuit", "battle"))
