"""Notices: things that a user should know and that stop nothing, said once in a process."""

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Notice(UserWarning):
    """One sentence for the user; commands print it on standard error."""


_said: set[str] = set()
_kept: list[tuple[str, str]] | None = None


def notify(key: str, sentence: str) -> None:
    """Warn, unless a notice with this key was given or kept before.

    Args:
        key: what the notice is about, and of whom.
        sentence: may hold details that differ from one time to the next.
    """
    if key not in _said:
        _said.add(key)
        if _kept is None:
            warnings.warn(Notice(sentence), stacklevel=2)
        else:
            _kept.append((key, sentence))


def forget_notices() -> None:
    """Give every notice again when its time comes."""
    _said.clear()


@contextmanager
def notices_on_standard_error() -> Iterator[None]:
    """Print notices as a command does its errors, instead of as Python does its warnings."""
    before = warnings.showwarning

    def show(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
        if issubclass(category, Notice):
            print(f"cmfq: {message}", file=sys.stderr)
        else:
            before(message, category, *where, **more)

    with warnings.catch_warnings():
        warnings.simplefilter("always", Notice)
        warnings.showwarning = show
        yield


def drop_notices() -> None:
    """Give none from here on, in a process that works for another: see :func:`notices_kept`."""
    global _kept
    _kept = []


@contextmanager
def notices_kept() -> Iterator[list[tuple[str, str]]]:
    """Keep the notices of the block, with their keys, and do not count them as given.

    So the process that a command began in can give those of all that work for it, each once.
    """
    global _kept
    before, said, _kept = _kept, set(_said), []
    try:
        yield _kept
    finally:
        _kept = before
        _said.intersection_update(said)
