"""A stored tournament, done again from nothing but its file."""

from dataclasses import replace
from pathlib import Path

import pytest

from cmfq.cli import main
from cmfq.environments.battle import BattleSettings
from cmfq.environments.pettingzoo import PettingZooSettings
from cmfq.errors import UserError
from cmfq.experiments.reproduction import functions_called, runs_of, started_again
from cmfq.experiments.training import train_missing
from cmfq.hints import TRUST_VARIABLE
from cmfq.play.game_log import Tournament, TournamentSettings, tournament_text
from cmfq.play.reading import read_tournament
from cmfq.training.checkpoint import latest_checkpoint
from cmfq.training.settings import TrainSettings


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory, tiny: TrainSettings[BattleSettings]) -> Path:
    """File of a tournament between two small runs, and a script; the runs are beside it."""
    tmp_path = tmp_path_factory.mktemp("played")
    runs = {
        f"{algorithm}-0": replace(tiny, episodes=2, algorithm=algorithm)
        for algorithm in ("cmfq", "mfq")
    }
    folder = tmp_path / "runs"
    assert sorted(train_missing(runs, folder, workers=1)) == sorted(runs)
    path = tmp_path / "t.json"
    entrants = [f"ours={folder / 'cmfq-0'}", str(folder / "mfq-0"), "rush"]
    options = ["--games", "4", "--checkpoints", "last:1", "--workers", "1", "--seed", "3"]
    assert main(["tournament", *entrants, "--log", str(path), *options]) == 0
    return path


def test_the_same_versions_give_the_same_weights_and_games(
    played: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    again, runs, out = tmp_path / "again.json", tmp_path / "again", tmp_path / "out"
    options = ["--runs", str(runs), "--log", str(again), "--workers", "1", "--out", str(out)]
    assert main(["reproduce", str(played), *options]) == 0
    assert "again" in capsys.readouterr().out
    for name in ("cmfq-0", "mfq-0"):
        old, new = (latest_checkpoint(folder / name) for folder in (played.parent / "runs", runs))
        assert old.read_bytes() == new.read_bytes()
    before, now = read_tournament(played)[0], read_tournament(again)[0]
    assert now.games == before.games
    assert [one.group for one in now.entrants] == [one.group for one in before.entrants]
    assert "cmfq reproduce" in (out / "README.md").read_text()


def test_a_run_starts_from_the_run_that_was_trained_again(
    tiny: TrainSettings[BattleSettings], tmp_path: Path
) -> None:
    old, new, log = tmp_path / "old", tmp_path / "new", tmp_path / "t.json"
    small = replace(tiny, episodes=2)
    runs = {
        "large": replace(small, seed=1, start_from=str(old / "small")),
        "next": replace(small, seed=2, start_from=f"{old}/./large/checkpoints/000002.safetensors"),
        "small": small,
    }
    assert list(train_missing(runs, old, workers=1)) == ["small", "large", "next"]
    options = ["--games", "2", "--checkpoints", "last:1", "--workers", "1"]
    entrants = [f"{name}={old / name}" for name in runs]
    assert main(["tournament", *entrants, "--log", str(log), *options]) == 0
    moved = old.rename(tmp_path / "moved")
    again = ["--runs", str(new), "--log", str(tmp_path / "again.json"), "--workers", "1"]
    for _ in range(2):  # the second time, all is there
        assert main(["reproduce", str(log), *again]) == 0
    for name in runs:
        before, now = (latest_checkpoint(folder / name) for folder in (moved, new))
        assert before.read_bytes() == now.read_bytes()
    assert read_tournament(log)[0].games == read_tournament(tmp_path / "again.json")[0].games

    stored, _ = read_tournament(log)
    others = replace(stored, entrants=tuple(one for one in stored.entrants if one.group != "large"))
    with pytest.raises(UserError, match=r"its run next starts from .*large.*, which is not there"):
        started_again(others, runs_of(others), tmp_path / "third")
    assert "next" in started_again(others, runs_of(others), new)


def test_what_has_no_runs_cannot_be_done_again() -> None:
    empty = Tournament(TournamentSettings(BattleSettings(size=12)), {}, "", (), (), ())
    with pytest.raises(UserError, match="no entrant of the tournament is a run"):
        runs_of(empty)


def test_runs_of_one_name_are_refused(played: Path) -> None:
    stored, _ = read_tournament(played)
    run = next(one for one in stored.entrants if one.run)
    twin = replace(run, name=f"elsewhere/{Path(run.name).name}")
    with pytest.raises(UserError, match="two runs are called"):
        runs_of(replace(stored, entrants=(*stored.entrants, twin)))


def test_a_strangers_file_runs_no_code(played: Path) -> None:
    stored, _ = read_tournament(played)
    run = next(one for one in stored.entrants if one.run)
    assert run.run
    settings = run.run["settings"]
    hostile = settings | {"mean_field": settings["mean_field"] | {"effect": "os:system"}}
    with pytest.raises(UserError, match="os:system, whose code would be run"):
        runs_of(replace(stored, entrants=(replace(run, run=run.run | {"settings": hostile}),)))
    with pytest.raises(UserError, match="no name for a new folder"):
        runs_of(replace(stored, entrants=(replace(run, name="elsewhere/.."),)))


def test_functions_of_ones_own_are_those_of_the_game_the_players_and_the_runs(
    played: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TRUST_VARIABLE, "1")
    stored, _ = read_tournament(played)
    runs = runs_of(stored)
    assert functions_called(stored, runs) == []
    first = stored.entrants[0]
    places = tuple(replace(one, name=f"a:b/{Path(one.name).name}") for one in stored.entrants[:2])
    own = replace(first, name="mine:bot", run=None)
    assert functions_called(replace(stored, entrants=(*places, own)), runs) == ["mine:bot"]
    game = replace(stored.settings, environment=PettingZooSettings("worlds:make"))
    assert functions_called(replace(stored, settings=game), runs) == ["worlds:make"]


def test_mistakes_are_refused_before_anything_is_trained(
    played: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before, runs = played.read_bytes(), tmp_path / "again"
    options = ["--runs", str(runs), "--workers", "1", "--log"]
    assert main(["reproduce", str(played), *options, str(played)]) == 2
    assert "would be overwritten" in capsys.readouterr().err
    gone = tmp_path / "gone.json"
    gone.write_bytes(before.replace(b'"name": "rush"', b'"name": "rosh"'))
    assert main(["reproduce", str(gone), *options, str(tmp_path / "a.json")]) == 2
    assert "there is no player 'rosh'" in capsys.readouterr().err
    assert not runs.exists()
    assert played.read_bytes() == before


def test_the_game_of_a_strangers_file_is_not_made(
    played: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("CMFQ_RUN_OWN_FUNCTIONS", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "stranger.py").write_text("from pathlib import Path\nPath('ran').touch()\n")
    monkeypatch.chdir(tmp_path)
    stored, _ = read_tournament(played)
    theirs = replace(stored.settings, environment=PettingZooSettings(make_env="stranger:make_env"))
    entrants = tuple(one for one in stored.entrants if one.run)
    names = {player.id for one in entrants for player in one.players}
    games = tuple(one for one in stored.games if {one.a, one.b} <= names)
    file = replace(stored, settings=theirs, entrants=entrants, games=games)
    (tmp_path / "theirs.json").write_text(tournament_text(file))
    options = ["--runs", str(tmp_path / "again"), "--log", str(tmp_path / "again.json")]
    assert main(["reproduce", str(tmp_path / "theirs.json"), *options]) == 2
    assert "CMFQ_RUN_OWN_FUNCTIONS" in capsys.readouterr().err
    assert not (tmp_path / "ran").exists()
