"""Files that earlier versions wrote keep loading (``old_files/README.md``)."""

import gzip
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from cmfq.cli import main
from cmfq.play.progress import progress_rows
from cmfq.play.reading import (
    finished_progress,
    finished_tournament,
    read_tournament,
)
from cmfq.play.standings import standings
from cmfq.recordings import read
from cmfq.recordings.neighbours import neighbours
from cmfq.training.checkpoint import load_checkpoint
from cmfq.training.run import Run

OLD = Path(__file__).parent / "old_files"
STORED = Path(__file__).parents[1] / "docs" / "results"


def test_a_finished_run() -> None:
    run = Run.open(OLD / "run")
    assert run.description().settings.algorithm == "cmfq"
    assert [row["episode"] for row in run.metrics()] == [1, 2]
    assert [row.opponent for row in run.evaluations()] == ["random", "random"]
    checkpoint = load_checkpoint(OLD / "run")
    assert checkpoint.description.episode == 2
    assert checkpoint.environment_settings() == run.description().settings.environment
    assert checkpoint.policies["agent"].beta == pytest.approx(4.35)


def test_a_stopped_run_goes_on(tmp_path: Path) -> None:
    run = tmp_path / "half"
    shutil.copytree(OLD / "half", run)
    assert main(["resume", str(run)]) == 0
    assert [row["episode"] for row in Run.open(run).metrics()] == [1, 2, 3]


def test_an_algorithm_has_its_name_of_today(tmp_path: Path) -> None:
    today = "random-weights"
    run, log = tmp_path / "half", tmp_path / "t.json"
    shutil.copytree(OLD / "half", run)
    (run / "run.json").write_text(_random((run / "run.json").read_text()))
    for path in (*run.glob("checkpoints/*"), run / "state.safetensors"):
        with safe_open(path, "pt") as stored:
            about = {key: _random(text) for key, text in stored.metadata().items()}
        save_file(load_file(path), path, about)
    assert Run.open(run).description().settings.algorithm == today
    assert load_checkpoint(run).policies["agent"].algorithm == today
    assert main(["resume", str(run)]) == 0
    assert load_checkpoint(run).description.episode == 3

    games = gzip.decompress((OLD / "tournament.json.gz").read_bytes()).decode()
    log.write_text(_random(games))
    groups = {one.group for one in finished_tournament(log).entrants}
    assert groups == {today, "mfq", "random (script)"}


def _random(text: str) -> str:
    """Stored text with the algorithm ``random`` in the place of ``cmfq``."""
    return re.sub(r'("(algorithm|group)": ?)"cmfq"', r'\1"random"', text)


def test_games() -> None:
    played = finished_tournament(OLD / "tournament.json.gz")
    assert len(played.games) == 16
    assert {one.group for one in standings(played).ratings} == {"cmfq", "mfq", "random (script)"}
    rows = progress_rows(finished_progress(OLD / "progress.json.gz"))
    assert [(row.group, row.episode) for row in rows] == [
        ("cmfq", 1), ("cmfq", 2), ("mfq", 1), ("mfq", 2)
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["cmfq", "attention"])
def test_recorded_games(name: str) -> None:
    game = read(OLD / f"{name}.replay")
    assert game.ending is not None
    assert game.ending.steps == len(game.steps) == 6
    trace = game.traces(3)[0]
    assert trace is not None
    np.testing.assert_allclose(trace.policy_after.sum(1), 1, atol=1e-5)
    (heeding,) = np.nonzero(trace.counts.sum(1))
    np.testing.assert_allclose(trace.merged_actions[heeding].sum(1), 1, atol=2e-3)
    shares = [one.weight for one in neighbours(game, 3, int(game.steps[3][0].ids[heeding[0]]))]
    assert sum(shares) == pytest.approx(1, abs=2e-3)


@pytest.mark.parametrize("path", sorted(STORED.glob("*/*.json.gz")), ids=str)
def test_stored_games_and_their_sizes(path: Path) -> None:
    if path.name != "metrics.json.gz":
        assert read_tournament(path)[0].games
