"""What the places where tasks run have in common: a protocol, and a call that can be sent there."""

import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from cmfq.errors import UserError
from cmfq.hints import TRUST_VARIABLE
from cmfq.notices import notices_kept
from cmfq.workers.sending import Home, working_for

Task = TypeVar("Task")
Result = TypeVar("Result")
Handle = Any
"""A task that was started, as its place knows it; hashable."""


class WorkerLost(Exception):
    """A worker ended before its task did: killed, out of memory, or its machine is gone."""


class Stopped(Exception):
    """A task was asked to stop and saved what it had: another call of it goes on."""


@dataclass(frozen=True)
class Needs:
    """What each task takes."""

    threads: int = 1
    """Processor cores."""
    gpus: float = 0
    """GPUs; a fraction shares one."""


@dataclass(frozen=True)
class Finished:
    """What came of a task."""

    value: Any = None
    error: UserError | None = None
    """Why it could not be done, if that is a user's mistake."""
    stopped: bool = False
    """Whether it was asked to stop."""
    notices: tuple[tuple[str, str], ...] = ()
    """Keys and sentences of its notices."""


@dataclass(frozen=True)
class Call(Generic[Task, Result]):
    """A function, called elsewhere as it would be called here."""

    function: Callable[[Task], Result]
    folder: str
    """Working directory."""
    trusted: str
    """Value of the environment variable that lets files name functions."""
    home: Home | None = None
    """Where what it writes belongs, if workers may see other disks."""

    @classmethod
    def of(cls, function: Callable[[Task], Result]) -> "Call[Task, Result]":
        """The function, to be called as in this process."""
        return cls(function, str(Path.cwd()), os.environ.get(TRUST_VARIABLE, ""))

    def __call__(self, task: Task) -> Finished:
        """Do a task; a user's mistake and a wish to stop are results like others."""
        if Path(self.folder).is_dir():  # not on a machine with other files
            os.chdir(self.folder)
        if self.trusted:
            os.environ[TRUST_VARIABLE] = self.trusted
        with notices_kept() as kept:
            outcome = self._outcome(task)
        return replace(outcome, notices=tuple(kept))

    def _outcome(self, task: Task) -> Finished:
        try:
            with working_for(self.home):
                return Finished(self.function(task))
        except UserError as error:
            return Finished(error=error)
        except Stopped:
            return Finished(stopped=True)


class Place(Protocol):
    """Where tasks run."""

    def room(self) -> int:
        """Number of tasks that may be started and not finished; it may change."""
        ...

    def home(self, folder: Path) -> Home | None:
        """How workers reach a folder of this machine; none if all of them see it."""
        ...

    def start(self, call: Call[Any, Any], tasks: Sequence[Any]) -> list[Handle]:
        """Start tasks, in order."""
        ...

    def finished(self, running: Collection[Handle]) -> list[Handle]:
        """Those that have ended; waits for some while if there are none."""
        ...

    def outcome(self, handle: Handle) -> Finished:
        """What came of a task that has ended.

        Raises:
            WorkerLost: its worker ended first.
        """
        ...

    def close(self, running: Collection[Handle]) -> None:
        """Ask what still runs to stop, wait until it has, and leave no process behind."""
        ...
