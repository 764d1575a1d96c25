"""Train many runs, several at once; what was interrupted goes on."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

from cmfq.decoding import damage_of
from cmfq.errors import UserError
from cmfq.experiments.moving import continued, moves_told
from cmfq.play.entrants import WATCHING, Entrant
from cmfq.play.players import load_player
from cmfq.play.progress import training_games
from cmfq.storage import flatten, make_folder, plain
from cmfq.training.checkpoint import trust_named
from cmfq.training.description import read_settings
from cmfq.training.evaluations import Evaluator
from cmfq.training.former import former_run
from cmfq.training.idle_settings import notify_of_idle_settings
from cmfq.training.loop import is_finished, train
from cmfq.training.run import SETTINGS_FILE, Run
from cmfq.training.self_play import SelfPlay
from cmfq.training.settings import RunSettings
from cmfq.training.start import start_folder, start_path
from cmfq.training.stop import StopSignal
from cmfq.training.tracking import stored_trackers
from cmfq.workers import (
    Needs,
    Stopped,
    TasksMissing,
    Workers,
    as_finished,
    asked_to_stop,
    require_room,
)
from cmfq.workers.sending import folder_at_home

Task = tuple[str, RunSettings]

NO_DIFFERENCE = WATCHING | {"device"}
"""Settings of a plan with which it may be called again: how runs are watched, and where they are
trained."""


def unfinished(runs: Mapping[str, RunSettings], folder: Path) -> list[str]:
    """Names of the runs that are not there, or have episodes to train or evaluations to play.

    Raises:
        UserError: a folder holds a run with other settings.
    """
    names = []
    for name, settings in runs.items():
        path = folder / name
        if not _has_settings(path):
            names.append(name)
            continue
        run = Run.open(path)
        stored = run.description().settings
        changed = differences(settings, stored)
        if changed:
            parts = ", ".join(f"{key} {value}" for key, value in changed.items())
            raise UserError(
                f"{path} was trained with {parts}, other settings than requested: give another "
                "folder"
            )
        if not is_finished(run, stored):  # it may be watched in another way
            names.append(name)
    return names


def train_missing(
    runs: Mapping[str, RunSettings],
    folder: Path,
    workers: Workers = 1,
    runs_per_gpu: int = 1,
) -> Iterator[str]:
    """Train what is not finished; gives the name of each run as it is.

    Whatever ends this, every run is saved as it was, and the next call goes on with it: the
    weights are those of runs that were never disturbed, wherever they were trained. Where a run
    goes on on another device, a notice says that they are not. A run that starts from another of
    them waits until that one is finished.

    Args:
        runs: settings of each run, by the name of its folder.
        folder: folder of the run folders; it is made if it is not there.
        workers: where runs are trained (see :func:`cmfq.workers.as_finished`).
        runs_per_gpu: how many runs share a GPU on Ray. Processes of one machine share it anyway.

    Raises:
        UserError: as :func:`unfinished`; runs cannot share a GPU there, or start from each other;
            or, after all others are finished, some runs could not be.
        KeyboardInterrupt: it was stopped.
    """
    validate_sharing(runs_per_gpu, workers)
    for settings in runs.values():
        trust_named(settings.own_functions)
    missing = {name: runs[name] for name in unfinished(runs, folder)}
    for settings in missing.values():
        notify_of_idle_settings(settings)
    starts = _starts(runs, missing, folder)
    waves = [[(name, runs[name]) for name in wave] for wave in _waves(missing, starts)]
    needed = _find_room(waves, workers, runs_per_gpu)
    make_folder(folder)
    train_one = partial(_train, folder.absolute())
    failed: list[str] = []
    finished: set[str] = set()
    with moves_told(missing, folder) as tell_moves:
        for wave, needs in zip(waves, needed, strict=True):
            lost = [name for name, _ in wave if name in starts and starts[name] not in finished]
            failed += [f"{name} (it starts from {starts[name]})" for name in lost]
            tasks = [task for task in wave if _name_of(task) not in lost]
            ended = as_finished(
                train_one, tasks, workers, needs=needs, name=_name_of, folder=folder.absolute()
            )
            try:
                for name, reason in ended:
                    if reason:
                        failed.append(f"{name} ({reason})")
                    else:
                        finished.add(name)
                        tell_moves(name)
                        yield name
            except TasksMissing as error:
                failed += error.missing
    if failed:
        raise UserError(
            f"{len(failed)} of {len(runs)} runs are not finished: {'; '.join(failed)}; the same "
            "command continues with them"
        )


def _find_room(waves: Sequence[Sequence[Task]], workers: Workers, runs_per_gpu: int) -> list[Needs]:
    """What the runs of each wave need; refuses workers too small for later ones, before any begin.

    Raises:
        UserError: no worker has room for the runs of a later wave.
    """
    needed = [needs_of(tasks, runs_per_gpu) for tasks in waves]
    for later in dict.fromkeys(needed[1:]):
        if later != needed[0]:
            require_room(workers, later)
    return needed


def _name_of(task: Task) -> str:
    return task[0]


def _starts(
    runs: Mapping[str, RunSettings], missing: Collection[str], folder: Path
) -> dict[str, str]:
    """Names of the runs that others, which are yet to begin, start from.

    Args:
        runs: settings of all runs.
        missing: those that are yet to be trained; only these are waited for.
        folder: folder of their folders.

    Raises:
        UserError: one starts from a checkpoint that another does not have, or will not write.
    """
    names = {(folder / name).resolve(): name for name in runs}
    starts: dict[str, str] = {}
    for name in missing:
        wanted = runs[name].start_from
        if wanted is None or has_started(folder / name):
            continue
        start = names.get(start_folder(wanted))
        if start is None:
            continue
        if not _has_checkpoint(folder / start, runs[start], start_path(wanted)):
            raise UserError(
                f"{name} starts from {wanted}, and {start} has no such checkpoint when it is "
                "finished: give one of an episode after which it has one, such as "
                f"{runs[start].episodes:06d}.safetensors, or the run itself"
            )
        if start in missing:
            starts[name] = start
    return starts


def _has_checkpoint(run: Path, settings: RunSettings, path: Path) -> bool:
    """Whether a path is a run, or a checkpoint that it has when it is finished."""
    if path == run.resolve():
        return True
    return path.stem.isdecimal() and (
        path == Run(run.resolve()).checkpoint(int(path.stem))
        and settings.has_checkpoint(int(path.stem))
    )


def _waves(names: Collection[str], starts: Mapping[str, str]) -> list[list[str]]:
    """Runs that can be trained at once, and then those that start from them; one wave at least.

    Raises:
        UserError: some start from each other.
    """
    waves: list[list[str]] = []
    waiting = dict.fromkeys(names)
    while waiting:
        wave = [name for name in waiting if starts.get(name) not in waiting]
        if not wave:
            raise UserError(
                f"none of {', '.join(waiting)} can be trained first: each starts from itself or "
                "from another of them; give one of them another start_from"
            )
        waves.append(wave)
        for name in wave:
            del waiting[name]
    return waves or [[]]


def validate_sharing(runs_per_gpu: int, workers: Workers) -> None:
    """Refuse that runs share a GPU where they cannot.

    Raises:
        UserError: the number is below 1, or workers are jobs of Slurm.
    """
    if runs_per_gpu < 1:
        raise UserError(f"runs_per_gpu is {runs_per_gpu}: give at least 1")
    if runs_per_gpu > 1 and str(workers).startswith("slurm"):
        raise UserError(
            f"runs_per_gpu is {runs_per_gpu}, but Slurm gives each job whole GPUs: leave it out"
        )


def needs_of(tasks: Sequence[Task], runs_per_gpu: int = 1) -> Needs:
    """What training one of these runs takes: its threads, and a share of a GPU if it names one."""
    threads = max((settings.threads for _, settings in tasks), default=1)
    on_gpus = any(settings.device.startswith("cuda") for _, settings in tasks)
    return Needs(threads, 1 / runs_per_gpu if on_gpus else 0)


def _train(folder: Path, task: Task) -> tuple[str, str]:
    """Begin a run or go on with it: its name, and why it could not be finished."""
    name, settings = task
    try:
        with StopSignal() as stop, folder_at_home(folder, name) as (path, written):

            def should_stop() -> bool:
                written()
                return stop() or asked_to_stop()

            finished = _train_in(path, settings, should_stop, written)
    except UserError as error:
        return name, str(error)
    if not finished:
        raise Stopped
    return name, ""


def _train_in(
    path: Path,
    settings: RunSettings,
    should_stop: Callable[[], bool],
    written: Callable[[], None],
) -> bool:
    """Whether a run is finished, after training as long as nobody asked to stop."""
    if should_stop():
        return False
    trust_named(settings.own_functions)
    begun = _has_settings(path)
    if begun:  # it may be watched in another way
        settings = continued(Run.open(path).description().settings, settings)
    with (
        closing(SelfPlay(settings, load_player, has_started(path))) as self_play,
        Run.open(path) if begun else Run.create(path, self_play.settings) as run,
    ):
        run.restore(self_play)
        if begun:
            run.move(self_play)  # whoever started this worker reads it in the folder
        games = training_games(settings, self_play.environments[0])
        evaluator = games and Evaluator(games, lambda row: None)
        trackers = stored_trackers(path)
        return train(run, self_play, lambda metrics: written(), should_stop, evaluator, trackers)


def has_started(path: Path) -> bool:
    """Whether a run has its first weights: it needs what it starts from no more."""
    return _has_settings(path) and Run.open(path).has_begun


def _has_settings(path: Path) -> bool:
    """Whether a run has its settings: one that was killed before it had them is begun anew."""
    return (path / SETTINGS_FILE).is_file()


def differences(settings: RunSettings, others: RunSettings) -> Mapping[str, object]:
    """Paths at which two runs differ in what they learn, with the second one's value.

    Args:
        settings: asked for; where its head is ``auto``, any will do.
        others: settings of a run that exists. It may have been trained on any device, and continues
            on any. It keeps its threads and its arithmetic, which change what it learns.
    """
    if settings.network.head == "auto":
        network = replace(settings.network, head=others.network.head)
        settings = replace(settings, network=network)
    start, other = settings.start_from, others.start_from
    if start is not None and other is not None and start_path(start) == start_path(other):
        settings = replace(settings, start_from=other)
    ours, theirs = (flatten(plain(one)) for one in (settings, others))
    return {
        path: theirs.get(path)
        for path in theirs | ours
        if path not in NO_DIFFERENCE and ours.get(path) != theirs.get(path)
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
