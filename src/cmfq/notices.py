"""Notices: things that a user should know and that stop nothing, said once in a process."""

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Notice(UserWarning):
    """One sentence for the user; commands print it on standard error."""


_said: set[str] = set()


def notify(key: str, sentence: str) -> None:
    """Warn, unless a notice with this key was given before.

    Args:
        key: what the notice is about, and of whom.
        sentence: may hold details that differ from one time to the next.
    """
    if key not in _said:
        _said.add(key)
        warnings.warn(Notice(sentence), stacklevel=2)


def forget_notices() -> None:
    """Give every notice again when its time comes."""
    _said.clear()


@contextmanager
def notices_on_standard_error() -> Iterator[None]:
    """Print notices as a command does its errors, instead of as Python does its warnings."""
    with warnings.catch_warnings():
        print_notices()
        yield


def print_notices() -> None:
    """The same from now on, in a process that works for a command."""
    before = warnings.showwarning

    def show(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
        if issubclass(category, Notice):
            print(f"cmfq: {message}", file=sys.stderr)
        else:
            before(message, category, *where, **more)

    warnings.simplefilter("always", Notice)
    warnings.showwarning = show


@contextmanager
def no_notices() -> Iterator[None]:
    """Give no notices: another process has given them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Notice)
        yield
