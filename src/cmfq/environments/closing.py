"""Failures of the user's environments are named; one in ``close`` loses nothing."""

from collections.abc import Iterator
from contextlib import contextmanager

from cmfq.errors import EnvironmentFailed, UserError, told
from cmfq.notices import notify


@contextmanager
def failures_named(name: str, what: str, seed: int) -> Iterator[None]:
    """Name the environment, what it did and the seed of the episode in whatever the block raises.

    Raises:
        EnvironmentFailed: the block raised.
    """
    try:
        yield
    except (Exception, SystemExit) as error:
        own = isinstance(error, UserError)
        why = str(error).removeprefix(f"{what}: ") if own else told(error)
        raise EnvironmentFailed(
            f"environment {name} failed in {what} of the episode with seed {seed}: {why}"
        ) from error


@contextmanager
def environment_named(name: str) -> Iterator[None]:
    """Name the environment in a ``UserError`` that the block raises.

    Raises:
        UserError: the block raised one.
    """
    try:
        yield
    except UserError as error:
        raise UserError(f"environment {name}: {error}") from error


@contextmanager
def closed_if_unfit(name: str, world: object) -> Iterator[None]:
    """Close the user's environment if the block raises.

    Args:
        name: name of the environment, for notices.
        world: the user's environment.
    """
    try:
        yield
    except BaseException:
        close_world(name, world)
        raise


def close_world(name: str, world: object) -> None:
    """Call ``close`` of the user's environment if it has one; a failure is a notice.

    Args:
        name: name of the environment, for the notice.
        world: the user's environment.
    """
    close = getattr(world, "close", None)
    if not callable(close):
        return
    try:
        close()
    except (Exception, SystemExit) as error:
        notify(
            f"{name} close",
            f"environment {name}: it failed in close: {told(error)}",
        )
