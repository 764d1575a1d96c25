"""Train many runs, several at once; what was interrupted goes on."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from cmfq.decoding import damage_of
from cmfq.errors import UserError
from cmfq.play.entrants import WATCHING, Entrant, flatten
from cmfq.play.players import load_player
from cmfq.play.progress import training_games
from cmfq.storage import make_folder, plain
from cmfq.training.description import read_settings
from cmfq.training.evaluations import Evaluator
from cmfq.training.former import former_run
from cmfq.training.loop import train
from cmfq.training.run import Run
from cmfq.training.self_play import SelfPlay
from cmfq.training.settings import RunSettings
from cmfq.training.stop import StopSignal
from cmfq.workers import as_finished

Task = tuple[str, RunSettings]

_stop = StopSignal()
"""Of this process: a worker that was stopped does not begin the tasks that it holds in advance."""


def unfinished(runs: Mapping[str, RunSettings], folder: Path) -> list[str]:
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
                f"{path} was trained with {parts}, which is not what is asked for: give another "
                "folder"
            )
        if not run.checkpoint(settings.episodes).is_file():
            names.append(name)
    return names


def train_missing(runs: Mapping[str, RunSettings], folder: Path, workers: int) -> Iterator[str]:
    """Train what is not finished; gives the name of each run as it is.

    Raises:
        UserError: as :func:`unfinished`, or a run failed.
        KeyboardInterrupt: it was stopped; every run is saved as it was.
    """
    tasks = [(name, runs[name]) for name in unfinished(runs, folder)]
    make_folder(folder)
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
        if begun:  # it may be watched in another way
            settings = Run.open(path).description().settings
        with (
            closing(SelfPlay(settings, load_player)) as self_play,
            Run.open(path) if begun else Run.create(path, self_play.settings) as run,
        ):
            run.restore(self_play)
            games = training_games(settings, self_play.environments[0])
            evaluator = games and Evaluator(games, lambda row: None)
            return name, train(run, self_play, lambda metrics: None, stop, evaluator)


def differences(settings: RunSettings, others: RunSettings) -> Mapping[str, Any]:
    """Paths at which two runs differ in what they learn, with the second one's value.

    Args:
        settings: asked for; where its head or device is ``auto``, any will do.
        others: settings of a run that exists.
    """
    if settings.network.head == "auto":
        network = replace(settings.network, head=others.network.head)
        settings = replace(settings, network=network)
    if settings.device == "auto":  # the run stores the device that it was trained on
        settings = replace(settings, device=others.device)
    ours, theirs = (flatten(plain(one)) for one in (settings, others))
    return {
        path: theirs.get(path)
        for path in theirs | ours
        if path not in WATCHING and ours.get(path) != theirs.get(path)
    }


def stored_settings(entrant: Entrant) -> RunSettings:
    """Settings of a run, as a tournament holds them.

    Raises:
        UserError: this version has no such settings.
    """
    assert entrant.run, "it is a run"
    with damage_of(f"what is stored of {entrant.name}", "give another file"):
        name = entrant.run["environment"]
        return read_settings(name, former_run(name, entrant.run["settings"]))
