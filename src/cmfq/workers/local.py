"""Workers on this machine: this process, or processes that never outlive it."""

import os
import signal
import threading
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from itertools import count
from multiprocessing import current_process, get_context, parent_process
from pathlib import Path
from typing import Any

import torch

from cmfq.environments.keeping import close_kept
from cmfq.errors import UserError
from cmfq.notices import drop_notices
from cmfq.workers.place import Call, Finished, WorkerLost

WISH_TO_STOP = getattr(signal, "SIGHUP", signal.SIGTERM)
"""Signal that asks a worker to stop, however often it comes."""

UNGUARDED = 71
"""Exit status of a worker whose script would start workers, too."""

_asked = threading.Event()


@contextmanager
def one_thread() -> Iterator[None]:
    """Torch as in a worker process: one thread, whatever this process has before and after."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class ThisProcess:
    """Tasks are done here, one by one, when their outcome is asked for."""

    def __init__(self) -> None:
        self._numbers = count()
        self._tasks: dict[int, tuple[Call[Any, Any], Any]] = {}

    def room(self) -> int:
        """One task."""
        return 1

    def home(self, folder: Path) -> None:
        """None: it is the same machine."""

    def start(self, call: Call[Any, Any], tasks: Sequence[Any]) -> list[int]:
        """Take tasks down."""
        started = {next(self._numbers): (call, task) for task in tasks}
        self._tasks |= started
        return list(started)

    def finished(self, running: Collection[int]) -> list[int]:
        """All, since none takes longer than it is waited for."""
        return list(running)

    def outcome(self, handle: int) -> Finished:
        """Do the task.

        Raises:
            KeyboardInterrupt: it was stopped, and so is this process.
        """
        call, task = self._tasks.pop(handle)
        outcome = call(task)
        if outcome.stopped:
            raise KeyboardInterrupt
        return outcome

    def close(self, running: Collection[int]) -> None:
        """Close the environments of this process."""
        close_kept()


class Processes:
    """Processes of this machine, each with a task at a time.

    Args:
        workers: number of processes.
    """

    def __init__(self, workers: int) -> None:
        _refuse_nested()
        close_kept()  # workers make environments of their own
        self._workers = workers
        self._idle: list[ProcessPoolExecutor] = []
        self._pools: dict[Future[Any], ProcessPoolExecutor] = {}

    def room(self) -> int:
        """A task for each process."""
        return self._workers

    def home(self, folder: Path) -> None:
        """None: it is the same machine."""

    def start(self, call: Call[Any, Any], tasks: Sequence[Any]) -> list[Future[Any]]:
        """Hand each task to a process that has none."""
        started = []
        for task in tasks:
            pool, future = self._submit(call, task)
            self._pools[future] = pool
            started.append(future)
        return started

    def _submit(self, call: Call[Any, Any], task: Any) -> tuple[ProcessPoolExecutor, Future[Any]]:
        """Give a task to a process that waits for one, if it was not killed meanwhile."""
        while self._idle:
            pool = self._idle.pop()
            try:
                return pool, pool.submit(call, task)
            except BrokenProcessPool:
                pool.shutdown(wait=False)
        pool = _new_process()
        return pool, pool.submit(call, task)

    def finished(self, running: Collection[Future[Any]]) -> list[Future[Any]]:
        """Those that have ended."""
        return list(wait(running, return_when=FIRST_COMPLETED).done)

    def outcome(self, handle: Future[Any]) -> Finished:
        """What came of a task; its process takes the next one."""
        pool = self._pools.pop(handle)
        try:
            outcome: Finished = handle.result()
        except BrokenProcessPool as error:
            ended = list((pool._processes or {}).values())
            pool.shutdown(wait=True)  # or its own thread asks for the exit status at the same time
            if UNGUARDED in [process.exitcode for process in ended]:
                raise UserError(
                    "the script that calls this with several workers is run again by each of them: "
                    'put what it does under `if __name__ == "__main__":`, or give workers=1'
                ) from error
            raise WorkerLost("its process was killed") from error
        except BaseException:
            self._idle.append(pool)
            raise
        self._idle.append(pool)
        return outcome

    def close(self, running: Collection[Future[Any]]) -> None:
        """Ask workers to stop and wait for them; a second Ctrl-C ends them at once."""
        busy = [pool for future, pool in self._pools.items() if not future.done()]
        pools = [*self._idle, *self._pools.values()]
        try:
            for pool in busy:
                _send(pool, WISH_TO_STOP)
            for pool in pools:
                pool.shutdown(wait=True, cancel_futures=True)
        except KeyboardInterrupt:
            with _undisturbed():
                for pool in pools:
                    _send(pool, signal.SIGKILL)
            raise


def _refuse_nested() -> None:
    """End a worker that imports a script which starts workers, as each of these would, too.

    A new process imports the script that was called as a module, without ``__main__`` as its name.
    """
    if getattr(current_process(), "_inheriting", False):
        raise SystemExit(UNGUARDED)


def _new_process() -> ProcessPoolExecutor:
    """A pool of one process: one that is killed takes no task of others with it."""
    return ProcessPoolExecutor(1, get_context("spawn"), _prepare_worker)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """No Ctrl-C comes between, however often it is pressed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _send(pool: ProcessPoolExecutor, number: signal.Signals) -> None:
    for process in list((pool._processes or {}).values()):
        with suppress(ProcessLookupError):
            if process.pid is not None:
                os.kill(process.pid, number)


def asked_to_stop() -> bool:
    """Whether the parent of this worker process waits for its task to stop."""
    return _asked.is_set()


def _prepare_worker() -> None:
    torch.set_num_threads(1)
    drop_notices()  # but for those of tasks, which the parent gives
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent gets it too, and ends the pool
    if WISH_TO_STOP != signal.SIGTERM:  # for tasks that ask; others go on to their end
        signal.signal(WISH_TO_STOP, lambda number, frame: _asked.set())
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A parent that is killed closes no queue that its workers wait at: they would stay."""
    parent = parent_process()
    assert parent is not None, "workers have a parent"
    parent.join()
    os._exit(1)
