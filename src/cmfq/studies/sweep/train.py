"""Train the runs of a plan, several at once; what was interrupted goes on."""

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from cmfq.errors import UserError
from cmfq.evaluation.pool import as_finished
from cmfq.evaluation.tournament.progress import training_games
from cmfq.studies.sweep.plan import differences
from cmfq.training.evaluations import Evaluator
from cmfq.training.loop import train
from cmfq.training.run import Run
from cmfq.training.self_play import SelfPlay
from cmfq.training.settings import TrainSettings
from cmfq.training.stop import StopSignal

Task = tuple[str, TrainSettings[Any]]

_stop = StopSignal()
"""Of this process: a worker that was stopped does not begin the tasks that it holds in advance."""


def unfinished(runs: Mapping[str, TrainSettings[Any]], folder: Path) -> list[str]:
    """Names of the runs that are not there, or have episodes left to train.

    Raises:
        UserError: a folder holds a run with other settings.
    """
    names = []
    for name, settings in runs.items():
        path = folder / name
        if not path.exists():
            names.append(name)
            continue
        run = Run.open(path)
        changed = differences(settings, run.description().settings)
        if changed:
            parts = ", ".join(f"{key} {value}" for key, value in changed.items())
            raise UserError(
                f"{path} was trained with {parts}, which the plan does not say: give another "
                "folder, or the plan that it was trained by"
            )
        rows = run.metrics()
        if not rows or rows[-1]["episode"] < settings.episodes:
            names.append(name)
    return names


def train_missing(
    runs: Mapping[str, TrainSettings[Any]], folder: Path, workers: int
) -> Iterator[str]:
    """Train what is not finished; gives the name of each run as it is.

    Raises:
        UserError: as :func:`unfinished`, or a run failed.
        KeyboardInterrupt: it was stopped; every run is saved as it was.
    """
    tasks = [(name, runs[name]) for name in unfinished(runs, folder)]
    folder.mkdir(parents=True, exist_ok=True)
    for name, finished in as_finished(partial(_train, folder), tasks, workers):
        if not finished:
            raise KeyboardInterrupt
        yield name


def _train(folder: Path, task: Task) -> tuple[str, bool]:
    """Begin a run or go on with it: its name, and whether it is finished."""
    name, settings = task
    path = folder / name
    with _stop as stop:
        if stop():
            return name, False
        begun = path.exists()
        with Run.open(path) if begun else Run.create(path, settings) as run:
            if begun:
                settings = run.description().settings  # which may be watched in another way
            self_play = SelfPlay(settings)
            run.restore(self_play)
            games = training_games(settings)
            evaluator = games and Evaluator(games, lambda row: None)
            return name, train(run, self_play, lambda metrics: None, stop, evaluator)
