"""Trackers: every row once, in the same place however often a run goes on, and none ends it."""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import cmfq
from cmfq.cli import main
from cmfq.environments.battle import BattleSettings
from cmfq.errors import UserError
from cmfq.hints import TRUST_VARIABLE
from cmfq.notices import Notice, forget_notices
from cmfq.training.metrics import EpisodeMetrics
from cmfq.training.run import Run
from cmfq.training.scalars import scalars
from cmfq.training.settings import TrainSettings
from cmfq.training.tracking import TrackedRun, Tracking, make_trackers, store_trackers

Tiny = TrainSettings[BattleSettings]
OWN = f"{__name__}:Notebook"
SMALL = (
    "train", "battle", "--size", "12", "--max-steps", "8", "--episodes", "3",
    "--min-updates", "1", "--batch-size", "32", "--replay-bytes", "8000000",
)  # fmt: skip


# The user's own: notes down what it is told, for all runs of a test


NOTES: list[tuple[Any, ...]] = []
FAILS: list[str] = []
"""Where to fail: ``start``, ``row EPISODE`` or ``close``."""


class Notebook:
    def start(self, run: TrackedRun) -> None:
        self.fail("start")
        NOTES.append(("start", run))

    def row(self, episode: int, numbers: Mapping[str, float]) -> None:
        self.fail(f"row {episode}")
        NOTES.append(("row", episode, dict(numbers)))

    def close(self) -> None:
        self.fail("close")
        NOTES.append(("close",))

    def fail(self, where: str) -> None:
        if where in FAILS:
            raise ConnectionError(f"nobody answers in {where}\nsecond line")


class Speechless:
    def start(self, run: TrackedRun) -> None:
        raise NotImplementedError


def broken() -> Notebook:
    raise LookupError("no key")


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TRUST_VARIABLE, "1")
    NOTES.clear()
    FAILS.clear()
    forget_notices()


def told() -> list[tuple[int, dict[str, float]]]:
    return [(note[1], note[2]) for note in NOTES if note[0] == "row"]


def starts() -> list[TrackedRun]:
    return [note[1] for note in NOTES if note[0] == "start"]


def expected(run: Path) -> list[tuple[int, dict[str, float]]]:
    """Numbers of all rows of a run, as TensorBoard is given them."""

    def names(name: str) -> tuple[str, ...]:
        return ("agent",) if name == "role_losses" else ("red", "blue")

    return [(row["episode"], scalars(row, names)) for row in Run.open(run).rows()]


def after(episode: int) -> tuple[Callable[[EpisodeMetrics], None], Callable[[], bool]]:
    """Arguments of a training that stops after an episode."""
    seen: list[int] = []
    return lambda row: seen.append(row.episode), lambda: seen[-1:] == [episode]


def test_a_tracker_is_told_of_the_settings_and_of_every_row(tmp_path: Path, tiny: Tiny) -> None:
    settings = replace(tiny, evaluate_period=3, evaluate_games=1)
    cmfq.train(settings, run=tmp_path / "mine", track=OWN)
    (run,) = starts()
    assert (run.name, run.rows) == ("mine", 0)
    assert run.settings["learner.batch_size"] == tiny.learner.batch_size
    assert run.settings["algorithm"] == "cmfq"
    assert [note[0] for note in NOTES] == ["start", *["row"] * 8, "close"]
    rows = told()
    assert [episode for episode, _ in rows] == [1, 2, 3, 3, 4, 5, 6, 6]
    assert rows == expected(tmp_path / "mine")
    assert {"rewards/red", "effective_neighbours/blue", "loss"} <= rows[0][1].keys()
    assert {"win_rate/random", "margin/random"} <= rows[3][1].keys()


def test_a_run_that_goes_on_is_the_same_run_there_and_no_row_comes_twice(
    tmp_path: Path, tiny: Tiny
) -> None:
    on_episode, should_stop = after(2)
    cmfq.train(
        tiny, run=tmp_path / "x", track=[OWN], on_episode=on_episode, should_stop=should_stop
    )

    def interrupt(row: EpisodeMetrics) -> None:
        if row.episode == 5:  # its row is written, its state is not: it is played again
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cmfq.resume(tmp_path / "x", on_episode=interrupt)
    cmfq.resume(tmp_path / "x")
    assert [run.rows for run in starts()] == [0, 2, 5]
    assert len({run.id for run in starts()}) == 1
    assert [note for note in NOTES if note[0] == "close"] == [("close",)] * 3
    assert told() == expected(tmp_path / "x")
    assert [episode for episode, _ in told()] == [1, 2, 3, 4, 5, 6]


def test_a_tracker_that_fails_ends_no_training_and_is_given_later_what_it_missed(
    tmp_path: Path, tiny: Tiny
) -> None:
    cmfq.train(tiny, run=tmp_path / "whole")
    FAILS.append("row 3")
    with pytest.warns(Notice) as notices:
        run = cmfq.train(tiny, run=tmp_path / "x", track=OWN)
    assert run.finished
    (said,) = (str(one.message) for one in notices)
    assert said == (
        f"tracker {OWN} failed and is given no more rows: ConnectionError: nobody answers in row "
        f"3; training continues, and `{TRUST_VARIABLE}=1 cmfq resume {tmp_path / 'x'}` gives it "
        "what it missed"
    )
    assert [episode for episode, _ in told()] == [1, 2]
    for name in ("000006.safetensors", "000002.safetensors"):
        whole, other = (tmp_path / one / "checkpoints" / name for one in ("whole", "x"))
        assert whole.read_bytes() == other.read_bytes()
    FAILS.clear()
    cmfq.resume(tmp_path / "x")
    assert told() == expected(tmp_path / "x")


def test_a_tracker_that_cannot_close_ends_no_training(tmp_path: Path, tiny: Tiny) -> None:
    FAILS.append("close")
    with pytest.warns(Notice, match="nobody answers in close"):
        assert cmfq.train(tiny, run=tmp_path / "x", track=OWN).finished


def test_a_tracker_that_cannot_start_says_how_to_go_on_with_it_and_without(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    FAILS.append("start")
    run = str(tmp_path / "x")
    assert main([*SMALL, "--track", OWN, "--run", run]) == 2
    (said,) = capsys.readouterr().err.splitlines()[-1:]
    assert said == (
        f"cmfq: tracker {OWN} cannot start: ConnectionError: nobody answers in start; "
        f"`{TRUST_VARIABLE}=1 cmfq resume {run}` tries again, "
        f"`{TRUST_VARIABLE}=1 cmfq resume {run} --no-track` trains without it"
    )
    assert NOTES == [], "it is not closed, since it has not started"
    assert main(["resume", run, "--no-track"]) == 0
    assert NOTES == []
    FAILS.clear()
    assert main(["resume", run]) == 0
    assert told() == expected(Path(run))
    assert len(told()) == 3


def test_a_file_may_not_name_a_tracker_unless_the_user_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(TRUST_VARIABLE)
    monkeypatch.setattr("cmfq.training.stop.StopSignal.__call__", lambda self: True)
    run = str(tmp_path / "x")
    assert main([*SMALL, "--track", OWN, "--run", run]) == 130, "what is typed is trusted"
    assert f"`{TRUST_VARIABLE}=1 cmfq resume {run}` continues" in capsys.readouterr().out
    monkeypatch.undo()
    monkeypatch.delenv(TRUST_VARIABLE, raising=False)
    before = len(NOTES)
    assert main(["resume", run]) == 2
    assert f"uses {OWN}, whose code would be run" in capsys.readouterr().err
    with pytest.raises(UserError, match="whose code would be run"):
        cmfq.resume(run)
    assert len(NOTES) == before
    assert cmfq.open_run(run).metrics() == {}, "to read a run, no tracker is needed"
    assert main(["resume", run, "--no-track"]) == 0
    assert len(NOTES) == before


@pytest.mark.parametrize("name", ["wandb", "mlflow"])
@pytest.mark.parametrize("there", ["nothing", "a folder"])
def test_a_missing_package_is_named_with_its_extra(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    there: str,
) -> None:
    if there == "nothing":
        monkeypatch.setitem(sys.modules, name, None)
    else:  # as wandb leaves it in the working directory: Python imports that as an empty package
        (tmp_path / name).mkdir()
        monkeypatch.delitem(sys.modules, name, raising=False)
        monkeypatch.setattr(sys, "path", [str(tmp_path)])
    assert main([*SMALL, "--track", name, "--run", str(tmp_path / "x")]) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith(f"cmfq: the tracker {name} needs the package {name}, which cannot be")
    assert said.endswith(f": `pip install 'cmfq[{name}]'` installs it")
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("wand", "unknown tracker 'wand': did you mean 'wandb'?"),
        ("nowhere:tracker", "tracker 'nowhere:tracker' cannot be imported"),
        (f"{__name__}:NOTES", "is not a function"),
        (f"{__name__}:Speechless", "makes Speechless, which has no method row: give it start, row"),
        (f"{__name__}:broken", "cannot be made: LookupError: no key"),
    ],
)
def test_what_is_no_tracker_is_refused_before_there_is_a_folder(
    tmp_path: Path, tiny: Tiny, name: str, sentence: str
) -> None:
    with pytest.raises(UserError) as refusal:
        cmfq.train(tiny, run=tmp_path / "x", track=[OWN, name])
    assert sentence in str(refusal.value)
    assert not (tmp_path / "x").exists()


def test_a_damaged_file_is_one_sentence(tmp_path: Path, tiny: Tiny) -> None:
    on_episode, should_stop = after(1)
    run = tmp_path / "x"
    cmfq.train(tiny, run=run, track=OWN, on_episode=on_episode, should_stop=should_stop)
    stored = json.loads((run / "trackers.json").read_text())
    assert stored == {OWN: {"id": starts()[0].id, "rows": 1}}
    for content in (
        "{",
        "[]",
        json.dumps({OWN: stored[OWN] | {"rows": -1}}),
        json.dumps({OWN: stored[OWN] | {"id": "x"}}),
    ):
        (run / "trackers.json").write_text(content)
        with pytest.raises(UserError, match=r"trackers\.json .*: remove it to continue without"):
            cmfq.resume(run)
    (run / "trackers.json").unlink()
    assert cmfq.resume(run).finished
    assert len(told()) == 1


def test_a_run_that_was_killed_before_it_had_its_settings_begins_again(
    tmp_path: Path, tiny: Tiny
) -> None:
    run = tmp_path / "x"
    run.mkdir()
    store_trackers(run, [OWN])
    cmfq.train(tiny, run=run)
    assert NOTES == [], "this time nobody asked for a tracker"


def test_rows_that_are_played_another_way_count_once(tmp_path: Path) -> None:
    """An environment that does not play again what it played: rows from there on are new."""
    store_trackers(tmp_path, [OWN])

    def rows(*episodes: int) -> list[dict[str, Any]]:
        return [{"episode": episode, "loss": 0.5} for episode in episodes]

    def stored() -> int:
        count: int = json.loads((tmp_path / "trackers.json").read_text())[OWN]["rows"]
        return count

    with Tracking(tmp_path, make_trackers([OWN]), lambda name: ()) as tracking:
        tracking.begin(rows(1, 2), {})
        tracking.add(rows(2)[0], evaluation=True)
        tracking.add(rows(3)[0])
        assert stored() == 4
        tracking.add(rows(2)[0])
        assert stored() == 2
        FAILS.append("row 3")
        with pytest.warns(Notice):
            tracking.add(rows(3)[0])
        assert stored() == 2
        tracking.add(rows(1)[0])
    FAILS.clear()
    NOTES.clear()
    with Tracking(tmp_path, make_trackers([OWN]), lambda name: ()) as tracking:
        tracking.begin(rows(1, 2, 3), {})
    assert starts()[0].rows == 2
    assert [episode for episode, _ in told()] == [3]
