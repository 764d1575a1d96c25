"""Many tasks, wherever they run: here, in processes, on Ray or on Slurm."""

import signal
from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Generic, TypeVar

from cmfq.errors import UserError
from cmfq.interrupts import handled, interrupt
from cmfq.notices import notify
from cmfq.workers.finding import Workers, check_workers, find_place, runs_here
from cmfq.workers.local import asked_to_stop, one_thread
from cmfq.workers.place import Call, Needs, Stopped, WorkerLost

__all__ = [
    "RETRIES", "Needs", "Stopped", "TasksMissing", "Workers", "as_finished", "asked_to_stop",
    "check_workers", "one_thread", "require_room", "runs_here",
]  # fmt: skip

Task = TypeVar("Task")
Result = TypeVar("Result")

RETRIES = 3
"""How often a task is done again whose worker was lost, before it is given up."""
AS_CTRL_C = ("SIGTERM", "SIGHUP")
"""Names of signals that are as Ctrl-C while tasks run, so that no worker is left behind."""


class TasksMissing(UserError):
    """All tasks are done but some, whose workers were lost too often."""

    def __init__(self, missing: Sequence[str]) -> None:
        self.missing = list(missing)
        """Names of the tasks, each with the reason."""
        super().__init__(
            f"{len(missing)} of the tasks could not be done, their workers were lost "
            f"{RETRIES + 1} times each: {'; '.join(missing[:5])}; what is done is kept, and the "
            "same command tries again"
        )


def as_finished(
    function: Callable[[Task], Result],
    tasks: Iterable[Task],
    workers: Workers,
    *,
    needs: Needs = Needs(),  # noqa: B008
    name: Callable[[Task], str] = str,
    folder: Path | None = None,
) -> Iterator[Result]:
    """Results of all tasks, each as soon as it is there, in no particular order.

    A task whose worker is killed, or whose machine goes away, is done again on another, up to
    :data:`RETRIES` times. So a function must give the same however often it is begun.

    Args:
        function: function of a module, so that a new process finds it. It may raise
            :class:`Stopped`: then it is called again, unless this process was interrupted.
        tasks: taken one by one, as there is room for them.
        workers: number of processes; with one, everything happens in this process, in order. Or
            ``ray``, ``ray:ADDRESS``, ``slurm:PARTITION``.
        needs: what each task takes.
        name: names a task for the user.
        folder: folder that tasks write to, by :func:`~cmfq.workers.sending.folder_at_home`.

    Raises:
        UserError: there are no workers, or a task raised it; or :class:`TasksMissing`, after all
            others are done.
    """
    waiting = _Waiting(tasks)
    running: dict[Hashable, tuple[int, Task]] = {}
    numbers = [getattr(signal, name) for name in AS_CTRL_C if hasattr(signal, name)]
    with handled(numbers, interrupt, only=signal.SIG_DFL):
        place = find_place(workers, needs)
        try:
            call = replace(Call.of(function), home=place.home(folder) if folder else None)
            while True:
                if wanted := waiting.take(place.room() - len(running)):
                    handles = place.start(call, [task for _, task in wanted])
                    running |= dict(zip(handles, wanted, strict=True))
                if not running:
                    break
                for handle in place.finished(list(running)):
                    number, task = running.pop(handle)
                    try:
                        outcome = place.outcome(handle)
                    except WorkerLost as lost:
                        waiting.lost(number, task, f"{name(task)} ({lost})")
                        continue
                    for key, sentence in outcome.notices:
                        notify(key, sentence)
                    if outcome.error:
                        raise outcome.error
                    if outcome.stopped:
                        waiting.again.append((number, task))
                    else:
                        yield outcome.value
        finally:
            place.close(list(running))
    if waiting.missing:
        raise TasksMissing(waiting.missing)


def require_room(workers: Workers, needs: Needs) -> None:
    """Refuse workers none of which is large enough for a task, before there is one.

    Raises:
        UserError: none is, or there are no workers.
    """
    for _ in as_finished(str, (), workers, needs=needs):
        pass


class _Waiting(Generic[Task]):
    """Tasks that are not started yet, or to be started again."""

    def __init__(self, tasks: Iterable[Task]) -> None:
        self._numbered = enumerate(tasks)
        self._losses: Counter[int] = Counter()
        self.again: deque[tuple[int, Task]] = deque()
        self.missing: list[str] = []

    def take(self, room: int) -> list[tuple[int, Task]]:
        """Tasks to start with their numbers, those first that were started before."""
        first = [self.again.popleft() for _ in range(min(room, len(self.again)))]
        return first + list(islice(self._numbered, max(0, room - len(first))))

    def lost(self, number: int, task: Task, sentence: str) -> None:
        """Have a task done again whose worker was lost, unless that happened too often."""
        self._losses[number] += 1
        if self._losses[number] > RETRIES:
            self.missing.append(sentence)
        else:
            self.again.append((number, task))
