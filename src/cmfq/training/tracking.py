"""Trackers: programs that show a run elsewhere, such as Weights & Biases and MLflow.

The file ``trackers.json`` in a run's folder holds its trackers and how many rows each was given. So
a run that goes on goes on in the same place there, and a tracker that failed is given what it
missed. The rows files are the truth: no tracker can end a training under way.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Protocol, Self
from uuid import uuid4

import msgspec

from cmfq.decoding import Count, damage_of, decode_json, read_bytes
from cmfq.errors import UserError, told, unknown_name
from cmfq.hints import command
from cmfq.imports import import_function, own_names
from cmfq.notices import notify
from cmfq.storage import write_json
from cmfq.training.checkpoint import validate_own_functions
from cmfq.training.scalars import Names, scalars

TRACKERS_FILE = "trackers.json"
PACKAGES = ("wandb", "mlflow")
"""Names of packages for which there are trackers, and of the extras that install them."""
METHODS = ("start", "row", "close")
Identity = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$")]
"""Identity of a run, in a schema."""


@dataclass(frozen=True)
class TrackedRun:
    """What a tracker is told of a run before its rows."""

    name: str
    """Name of its folder."""
    id: str
    """32 letters and digits that no other run has; the same whenever the run goes on."""
    settings: Mapping[str, bool | int | float | str]
    """All settings by their dotted paths: ``learner.discount``."""
    rows: int
    """Number of rows that the tracker was given before; 0 for a new run."""


class Tracker(Protocol):
    """Shows a run elsewhere. Whatever its methods raise ends the tracking, not the training."""

    def start(self, run: TrackedRun) -> None:
        """Begin to show a run, or go on with one."""
        ...

    def row(self, episode: int, numbers: Mapping[str, float]) -> None:
        """Show the numbers of an episode or an evaluation, by names such as ``rewards/red``."""
        ...

    def close(self) -> None:
        """End: the run is finished or interrupted."""
        ...


Trackers = Mapping[str, Tracker]
"""Trackers by the names under which they were asked for."""


@dataclass(frozen=True)
class Tracked:
    """What is stored of a tracker."""

    id: Identity
    rows: Count


def make_trackers(names: Iterable[str]) -> Trackers:
    """Make trackers, before anything is trained: ``wandb``, ``mlflow`` or ``module:name``.

    Raises:
        UserError: there is no such tracker, its package is not installed, or it lacks a method.
    """
    return {name: _make(name) for name in dict.fromkeys(names)}


def _make(name: str) -> Tracker:
    if name in PACKAGES:
        _import_package(name)
        made = import_module(f"cmfq.training.on_{name}").make_tracker()
    elif own_names(name):
        make = import_function("tracker", name)
        try:
            made = make()
        except Exception as error:
            raise UserError(f"tracker {name!r} cannot be made: {told(error)}") from error
    else:
        raise unknown_name("tracker", name, [*PACKAGES, "module:name"])
    for method in METHODS:
        if not callable(getattr(made, method, None)):
            raise UserError(
                f"tracker {name!r} makes {type(made).__name__}, which has no method {method}: give "
                f"it {', '.join(METHODS)}"
            )
    tracker: Tracker = made
    return tracker


def _import_package(name: str) -> None:
    """Import the package of a tracker.

    Raises:
        UserError: it is not installed, or broken.
    """
    try:
        package = import_module(name)
        if not package.__file__:  # a folder of that name, which wandb itself leaves
            raise ImportError(f"No module named {name!r}")
    except Exception as error:
        raise UserError(
            f"the tracker {name} needs the package {name}, which cannot be imported "
            f"({_reason(error)}): `pip install 'cmfq[{name}]'` installs it"
        ) from error


def store_trackers(run: Path, names: Iterable[str]) -> None:
    """Store the trackers of a new run; without any there is no file."""
    if stored := {name: Tracked(uuid4().hex, 0) for name in dict.fromkeys(names)}:
        write_json(run / TRACKERS_FILE, stored)


def read_trackers(run: Path) -> dict[str, Tracked]:
    """What is stored of the trackers of a run, by name.

    Raises:
        UserError: the file is damaged.
    """
    path = run / TRACKERS_FILE
    if not path.exists():
        return {}
    with damage_of(path, "remove it to continue without trackers"):
        return decode_json(read_bytes(path), dict[str, Tracked])


def stored_trackers(run: Path) -> Trackers:
    """Make the trackers of a run that goes on.

    Raises:
        UserError: as :func:`make_trackers`; or one is the user's own, which a file may not name.
    """
    names = read_trackers(run)
    validate_own_functions(own_names(*names), run / TRACKERS_FILE)
    return make_trackers(names)


class Tracking:
    """Gives the rows of a run to its trackers.

    Args:
        folder: folder of the run.
        trackers: trackers; what is stored of others is left as it is.
        names: names for the entries of a list (see :func:`~cmfq.training.scalars.scalars`).
    """

    def __init__(self, folder: Path, trackers: Trackers, names: Names) -> None:
        self._folder = folder
        self._trackers = trackers
        self._active: dict[str, Tracker] = {}  # those that started and did not fail
        self._names = names
        self._stored = read_trackers(folder) if trackers else {}
        self._episodes: list[int] = []  # of all rows of the run, in order

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        for name, tracker in tuple(self._active.items()):
            self._try(name, tracker.close)

    def begin(
        self, rows: Sequence[Mapping[str, Any]], settings: Mapping[str, bool | int | float | str]
    ) -> None:
        """Start the trackers, and give each the rows that it was not given yet.

        Args:
            rows: all rows of the run, in order.
            settings: settings of the run by their dotted paths.

        Raises:
            UserError: a tracker cannot start; nothing is lost, since nothing was played.
        """
        self._episodes = [row["episode"] for row in rows]
        for name, tracker in self._trackers.items():
            known = self._stored.get(name) or Tracked(uuid4().hex, 0)
            self._stored[name] = known = replace(known, rows=min(known.rows, len(rows)))
            try:
                tracker.start(TrackedRun(self._folder.name, known.id, settings, known.rows))
            except Exception as error:
                own = own_names(*self._stored)
                lines = [
                    command("resume", self._folder, *options, own_functions=own)
                    for options in ((), ("--no-track",))
                ]
                raise UserError(
                    f"tracker {name} cannot start: {_reason(error)}; `{lines[0]}` tries again, "
                    f"`{lines[1]}` trains without it"
                ) from error
            self._active[name] = tracker
        for name in tuple(self._active):
            self._give(name, rows[self._stored[name].rows :])

    def add(self, row: Mapping[str, Any], *, evaluation: bool = False) -> None:
        """Give a row that was added to the run; an episode that is there is played another way.

        Args:
            row: numbers, and lists and dictionaries of them, with its episode.
            evaluation: whether it is the row of an evaluation.

        Raises:
            UserError: the disk is full or may not be written to.
        """
        while not evaluation and self._episodes and self._episodes[-1] >= row["episode"]:
            self._episodes.pop()
        for name, known in self._stored.items():
            self._stored[name] = replace(known, rows=min(known.rows, len(self._episodes)))
        self._episodes.append(row["episode"])
        for name in tuple(self._active):
            self._give(name, [row])

    def _give(self, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
        for row in rows:
            numbers = {key: float(one) for key, one in scalars(row, self._names).items()}
            tracker = self._active[name]
            if not self._try(name, lambda: tracker.row(row["episode"], numbers)):  # noqa: B023
                return
            known = self._stored[name]
            self._stored[name] = replace(known, rows=known.rows + 1)
            write_json(self._folder / TRACKERS_FILE, self._stored)

    def _try(self, name: str, call: Callable[[], None]) -> bool:
        """Whether a tracker did as it was told; one that failed is told nothing more."""
        try:
            call()
        except Exception as error:
            del self._active[name]
            own = own_names(*self._stored)
            again = command("resume", self._folder, own_functions=own)
            notify(
                f"tracker {name} of {self._folder}",
                f"tracker {name} failed and is given no more rows: {_reason(error)}; training "
                f"continues, and `{again}` gives it what it missed",
            )
            return False
        return True


def _reason(error: Exception) -> str:
    return next(iter(told(error).splitlines()))
