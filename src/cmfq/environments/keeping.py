"""Environments that are closed when they are done with.

An environment may hold a port, a licence or a process. So no second one is made to look at teams:
what a process keeps for its games serves for that too, until it is closed or others are opened.
"""

import atexit
from collections.abc import Iterator
from contextlib import contextmanager

from cmfq.environments.base import Environment, TeamSpecification
from cmfq.environments.settings import EnvironmentSettings

KEPT = 4
"""Environments that a process keeps at most: games of several sizes come in turn."""

_kept: dict[EnvironmentSettings, Environment] = {}


@contextmanager
def opened(settings: EnvironmentSettings) -> Iterator[Environment]:
    """An environment for the length of a block. What this process keeps is closed before."""
    close_kept()
    environment = settings.make()
    try:
        yield environment
    finally:
        environment.close()


def kept_environment(settings: EnvironmentSettings) -> Environment:
    """The environment of this process for games with these settings, made when first asked for.

    It is closed by :func:`close_kept`, at the latest when the process ends.
    """
    if settings not in _kept:
        if len(_kept) >= KEPT:
            _kept.pop(next(iter(_kept))).close()
        _kept[settings] = settings.make()
    return _kept[settings]


def teams_of(settings: EnvironmentSettings) -> tuple[TeamSpecification, ...]:
    """The teams of an environment, which is kept for games that may follow."""
    return kept_environment(settings).teams


def close_kept() -> None:
    """Close the environments that this process keeps."""
    while _kept:
        _kept.popitem()[1].close()


atexit.register(close_kept)
