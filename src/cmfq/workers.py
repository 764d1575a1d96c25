"""Worker processes for games: they leave Ctrl-C to their parent, and never outlive it."""

import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import islice
from multiprocessing import get_context, parent_process
from typing import TypeVar

import torch

from cmfq.environments.keeping import close_kept
from cmfq.errors import UserError

Task = TypeVar("Task")
Result = TypeVar("Result")

TASKS_AHEAD = 2
"""Tasks handed out for each worker: enough that none waits, few enough to stop soon."""


@contextmanager
def one_thread() -> Iterator[None]:
    """Torch as in a worker process: one thread, whatever this process has before and after."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def process_pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """A pool whose waiting tasks are dropped when the block is left by an error or Ctrl-C."""
    close_kept()  # workers make environments of their own
    pool = ProcessPoolExecutor(workers, get_context("spawn"), _prepare_worker)
    try:
        yield pool
    except BrokenProcessPool as error:
        raise UserError(
            "a worker process was killed, perhaps for want of memory: try fewer workers"
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def as_finished(
    function: Callable[[Task], Result], tasks: Iterable[Task], workers: int
) -> Iterator[Result]:
    """Results of all tasks, each as soon as it is there, in no particular order.

    Args:
        function: function of a module, so that a new process finds it.
        tasks: taken one by one, a few ahead of the workers.
        workers: processes; with one, everything happens in this process, in order.

    Raises:
        UserError: there are none.
    """
    if workers < 1:
        raise UserError(f"workers is {workers}: give at least 1")
    if workers == 1:
        try:
            yield from map(function, tasks)
        finally:
            close_kept()
        return
    remaining = iter(tasks)
    with process_pool(workers) as pool:
        running: set[Future[Result]] = set()
        while True:
            wanted = workers * TASKS_AHEAD - len(running)
            running |= {pool.submit(function, task) for task in islice(remaining, wanted)}
            if not running:
                return
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                yield future.result()


def _prepare_worker() -> None:
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent gets it too, and ends the pool
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A parent that is killed closes no queue that its workers wait at: they would stay."""
    parent = parent_process()
    assert parent is not None, "workers have a parent"
    parent.join()
    os._exit(1)
