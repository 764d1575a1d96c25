"""Whichever command plays games, a SIGKILL costs none that was over, and the end is the same."""

import re
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from cmfq.cli import main
from cmfq.environments.pursuit import PursuitSettings
from cmfq.play.reading import finished_progress, read_tournament
from cmfq.training.checkpoint import save_policies
from cmfq.training.self_play import SelfPlay
from cmfq.training.settings import TrainSettings
from killing import kill_among_games

ALONE = ("--workers", "1")
MATCH = ("evaluate", "rush", "swarm", "--size", "12", "--max-steps", "25", *ALONE)


def results(folder: Path) -> dict[str, bytes]:
    """Contents of the files that hold numbers, without the folder's own name."""
    files = (file for file in folder.rglob("*") if file.suffix in (".json", ".gz", ".csv"))
    own = str(folder).encode()
    return {str(file.relative_to(folder)): file.read_bytes().replace(own, b"") for file in files}


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Of the command that is killed, and of the one that is not."""
    for name in ("killed", "undisturbed"):
        (tmp_path / name).mkdir()
    return tmp_path / "killed", tmp_path / "undisturbed"


def test_a_killed_evaluation_goes_on(folders: tuple[Path, Path]) -> None:
    killed, undisturbed = ([*MATCH, "--games", "6", "--json", f"{f}/m.json"] for f in folders)
    log = folders[0] / "m.json.games"
    kill_among_games(killed, 4)
    played, whole = read_tournament(log)
    assert (len(played.games), whole) == (4, False)
    assert main(killed) == 0
    assert main(undisturbed) == 0
    assert results(folders[0]) == results(folders[1])
    assert not log.exists(), "the result holds its games"


def test_a_killed_evaluation_with_a_log_goes_on(
    folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    killed, undisturbed = ([*MATCH, "--games", "6", "--log", f"{f}/m.json"] for f in folders)
    kill_among_games(killed, 4)
    assert main(killed) == 0
    said = capsys.readouterr()
    assert "4 of 6 games are there already" in said.err
    assert main(undisturbed) == 0
    assert capsys.readouterr().out == said.out
    assert results(folders[0]) == results(folders[1])
    assert main(["progress", "--log", f"{folders[0]}/m.json"]) == 2
    assert "has no checkpoints, it holds the games of `cmfq evaluate" in capsys.readouterr().err


@pytest.fixture(scope="module")
def hunter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A policy for predators and prey, as training begins with."""
    file = tmp_path_factory.mktemp("hunter") / "hunter.safetensors"
    world = PursuitSettings(predators=3, prey=5, max_steps=20)
    settings = TrainSettings(world, algorithm="mfq")
    with closing(SelfPlay(settings)) as self_play:
        policies = {role: side.policy for role, side in self_play.sides.items()}
        save_policies(file, policies, self_play.settings.network, environment=world, episode=0)
    return file


@pytest.mark.parametrize("games", [3, 10])
def test_a_killed_crossing_goes_on(games: int, hunter: Path, folders: tuple[Path, Path]) -> None:
    """In the midst of the first of two sizes, and of the second."""
    words = ("cross", str(hunter), "random", "--sizes", "3", "4", "--games", "2", *ALONE)
    killed, undisturbed = ([*words, "--out", f"{folder}/x"] for folder in folders)
    kill_among_games(killed, games)
    logs = [folders[0] / "x" / name for name in ("games-3.log", "games-4.log")]
    assert sum(len(read_tournament(log)[0].games) for log in logs if log.exists()) == games
    assert main(killed) == 0
    assert main(undisturbed) == 0
    assert results(folders[0]) == results(folders[1])
    assert {"x/cells.csv", "x/games.jsonl.gz"} <= set(results(folders[0]))
    assert not any(log.exists() for log in logs)


def test_killed_progress_goes_on(runs: Path, folders: tuple[Path, Path]) -> None:
    words = ["progress", str(runs / "cmfq-0"), "--against", "rush", "--games", "4", *ALONE]
    killed, undisturbed = (folder / "p.json" for folder in folders)
    kill_among_games([*words, "--log", str(killed)], 5)
    before = read_tournament(killed)[0].games
    assert main([*words, "--log", str(killed)]) == 0
    assert main([*words, "--log", str(undisturbed)]) == 0
    games = finished_progress(killed).games
    assert games == finished_progress(undisturbed).games
    assert games[:5] == before


def test_killed_progress_without_a_log_goes_on_in_its_folder(
    runs: Path, folders: tuple[Path, Path]
) -> None:
    words = ["progress", str(runs / "cmfq-0"), "--against", "rush", "--games", "4", *ALONE]
    killed, undisturbed = ([*words, "--out", f"{folder}/p"] for folder in folders)
    kill_among_games(killed, 5)
    before = read_tournament(folders[0] / "p" / "progress.json.gz")[0].games
    assert len(before) == 5
    assert main(killed) == 0
    assert main(undisturbed) == 0
    played = [finished_progress(folder / "p" / "progress.json.gz").games for folder in folders]
    assert played[0] == played[1]
    assert played[0][:5] == before


def test_killed_progress_of_a_picture_goes_on(
    runs: Path, folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["progress", str(runs / "cmfq-0"), "--against", "rush", "--games", "4", *ALONE]
    killed, undisturbed = ([*words, "--out", f"{folder}/p.svg"] for folder in folders)
    kill_among_games(killed, 5)
    assert main(killed) == 0
    assert "5 of 12 games are there already" in capsys.readouterr().err
    assert main(undisturbed) == 0
    pictures = [[file.read_bytes() for file in folder.iterdir()] for folder in folders]
    assert pictures[0] == pictures[1]
    assert len(pictures[0]) == 1, "the games are kept until they are drawn"


def test_a_killed_report_goes_on(
    runs: Path, folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["report", str(runs / "cmfq-0"), "--against", "rush", "hold", "--games", "4", *ALONE]
    killed = [*words, "--out", f"{folders[0]}/r.html"]
    kill_among_games(killed, 6)
    assert main(killed) == 0
    said = capsys.readouterr().err
    assert "4 of 4 games are there already" in said
    assert "2 of 4 games are there already" in said
    assert [file.name for file in folders[0].iterdir()] == ["r.html"]


def test_games_that_are_over_are_not_played_again(tmp_path: Path) -> None:
    words = [*MATCH, "--games", "4", "--json", str(tmp_path / "m.json")]
    log = tmp_path / "m.json.games"
    kill_among_games(words, 2)
    content = re.sub(rb'"steps": \d+', b'"steps": 99', log.read_bytes(), count=1)
    log.write_bytes(content)
    assert main(words) == 0
    assert b'"steps": 99' in (tmp_path / "m.json").read_bytes()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (("--seed", "1"), "with seed 0, not 1: continue with the same"),
        (("--games", "1"), "more than 1 game a pair"),
    ],
)
def test_other_games_are_refused_and_lose_nothing(
    changes: Sequence[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*MATCH, "--games", "4", "--json", str(tmp_path / "m.json")]
    kill_among_games(words, 2)
    content = (tmp_path / "m.json.games").read_bytes()
    assert main([*words, *changes]) == 2
    assert sentence in capsys.readouterr().err
    assert (tmp_path / "m.json.games").read_bytes() == content
