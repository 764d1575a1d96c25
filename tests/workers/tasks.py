"""Tasks for workers of all kinds: functions that a new process can import."""

import os
import signal
import time
from pathlib import Path
from typing import Any

from cmfq.errors import UserError
from cmfq.experiments.training import _train
from cmfq.workers import Stopped


def square(number: int) -> int:
    return number * number


def killed_once(folder: Path, number: int) -> int:
    """Killed at its first try, by a signal that no program can catch."""
    mark = folder / f"tried-{number}"
    if number % 2 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number


def kills_the_idle(folder: Path, number: int) -> int:
    """The second task kills the process of the first, which waits for more, and its own."""
    mark = folder / f"tried-{number}"
    tried = mark.exists()
    mark.write_text(str(os.getpid()))
    if number == 1 and not tried:
        other = folder / "tried-0"
        while not (other.exists() and other.read_text()):
            time.sleep(0.05)
        time.sleep(0.5)
        os.kill(int(other.read_text()), signal.SIGKILL)
        time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def killed_always(number: int) -> int:
    if number == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number


def stopped_once(folder: Path, number: int) -> int:
    """Saves what it has when somebody asks it to stop, as a run does."""
    mark = folder / f"stopped-{number}"
    if not mark.exists():
        mark.touch()
        raise Stopped
    return number


def mistaken(number: int) -> int:
    if number == 2:
        raise UserError("number is 2: give another")
    return number


def faulty(number: int) -> int:
    raise ZeroDivisionError(str(number))


def where(number: int) -> tuple[str, str, int]:
    """Working directory, permission to call functions that files name, and process."""
    return str(Path.cwd()), os.environ.get("CMFQ_RUN_OWN_FUNCTIONS", ""), os.getpid()


def slow(folder: Path, number: int) -> int:
    """Some time, after its process is on record."""
    (folder / f"pid-{os.getpid()}").touch()
    time.sleep(600)
    return number


def assigned(number: int) -> dict[str, float]:
    """Cores and GPUs that Ray has given to this task."""
    import ray

    return dict(ray.get_runtime_context().get_assigned_resources())


def trained_beside_others(marks: Path, many: int, folder: Path, task: Any) -> object:
    """Trains a run, once so many have a worker: one may start much later than another."""
    (marks / task[0]).touch()
    while len(list(marks.iterdir())) < many:
        time.sleep(0.02)
    return _train(folder, task)
