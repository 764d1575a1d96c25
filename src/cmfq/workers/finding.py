"""Where tasks run, by what ``--workers`` names."""

from contextlib import suppress
from numbers import Integral

from cmfq.errors import UserError
from cmfq.workers.local import Processes, ThisProcess
from cmfq.workers.on_ray import OnRay, import_ray, validate_address
from cmfq.workers.on_slurm import OnSlurm, import_submitit, validate_partition
from cmfq.workers.place import Needs, Place

Workers = int | str | Place
"""Number of processes, ``"ray"``, ``"ray:ADDRESS"``, ``"slurm:PARTITION"``, or a place."""
MANY = 1024
"""Greatest number of processes."""
_OF_PLACES = ("room", "home", "start", "finished", "outcome", "close")
"""Methods by which a place is known."""


def check_workers(workers: Workers) -> None:
    """Refuse what tasks cannot run on, before anything is done.

    Raises:
        UserError: there are none, an extra is not installed, or nothing answers.
    """
    where, rest = _parse(workers)
    if where == "ray":
        import_ray()
        if rest:
            validate_address(rest)
    elif where == "slurm":
        import_submitit()
        validate_partition(rest)


def find_place(workers: Workers, needs: Needs) -> Place:
    """Open the place that is named.

    Args:
        workers: names it.
        needs: what each task takes.

    Raises:
        UserError: as :func:`check_workers`.
    """
    where, rest = _parse(workers)
    if where == "place":
        assert not isinstance(workers, int | str), "it has the methods of a place"
        return workers
    if where == "ray":
        return OnRay(rest, needs)
    if where == "slurm":
        return OnSlurm(rest, needs)
    return ThisProcess() if int(rest) == 1 else Processes(int(rest))


def runs_here(workers: Workers) -> bool:
    """Whether tasks run in processes of this machine, which lose nothing between two tasks."""
    return _parse(workers)[0] == "processes"


def _parse(workers: Workers) -> tuple[str, str]:
    """``ray`` and its address, ``slurm`` and its partition, ``processes`` and their number.

    A place itself is ``place``, with nothing.
    """
    if isinstance(workers, str):
        word, colon, rest = workers.partition(":")
        if (word == "ray" and bool(colon) == bool(rest)) or (word == "slurm" and rest):
            return word, rest
    elif all(callable(getattr(workers, name, None)) for name in _OF_PLACES):
        return "place", ""
    number = _number(workers)
    if not 1 <= number <= MANY:
        raise UserError(f"workers is {number}: give at least 1, and at most {MANY}")
    return "processes", str(number)


def _number(workers: object) -> int:
    """The number of processes that is meant.

    Raises:
        UserError: it is no whole number.
    """
    if isinstance(workers, Integral | str) and not isinstance(workers, bool):  # NumPy's too
        with suppress(ValueError):
            return int(workers)
    raise UserError(
        f"workers is {workers!r}: give a whole number of processes, ray, ray:ADDRESS or "
        "slurm:PARTITION"
    )
