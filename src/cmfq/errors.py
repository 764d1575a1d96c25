"""Errors that a user can mend: one sentence, no traceback, exit code 2."""

import difflib
import math
from collections.abc import Collection
from dataclasses import fields
from numbers import Integral, Real
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from cmfq.text import plain_text

LONGEST_LIST = 160
"""Letters of a list of known names; of a longer one the nearest names are shown."""


class UserError(Exception):
    """A mistake in what was asked for: names the value, what was expected and what to do."""

    def __init__(self, sentence: str) -> None:
        super().__init__(plain_text(sentence))


class EnvironmentFailed(UserError):
    """An environment raised, or gave what cannot be used: names environment, seed and step."""

    seed: int | None = None
    """Seed of the episode, if it is known."""


class OpponentFailed(UserError):
    """An opponent of the user's own raised, or gave what are no actions: names the opponent."""


def told(error: BaseException) -> str:
    """Kind and message of an exception of somebody else's code; its ``__str__`` may fail."""
    try:
        message = str(error)
    except Exception:
        message = ""
    if isinstance(error, SystemExit):
        return f"it called sys.exit({message})"
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def nearest_name(name: str, known: Collection[str], cutoff: float = 0.4) -> str:
    """The known name that is most like ``name``; empty if none is.

    Args:
        name: name that is not known.
        known: names to choose from.
        cutoff: least similarity, from 0 to 1.
    """
    found = difflib.get_close_matches(name, known, n=1, cutoff=cutoff)
    return found[0] if found else ""


def did_you_mean(name: str, known: Collection[str], cutoff: float = 0.4) -> str:
    """A question and a space to put into a message; empty if no known name is like ``name``."""
    near = nearest_name(name, known, cutoff)
    return f"did you mean {near!r}? " if near else ""


def unknown_name(kind: str, name: object, known: Collection[str]) -> UserError:
    """Say that ``name`` is no known ``kind``, suggest the nearest name and list the known ones.

    In Python it may be anything, not only a string.
    """
    listed, word = ", ".join(known), str(name)
    if len(listed) > LONGEST_LIST:
        nearest = difflib.get_close_matches(word, known, n=5, cutoff=0.0)
        listed = f"{', '.join(nearest)} and {len(known) - len(nearest)} more"
    return UserError(f"unknown {kind} {name!r}: {did_you_mean(word, known)}known are {listed}")


def _short(number: float) -> str:
    """A bound that can be typed as it is shown: whole numbers with all digits."""
    return str(number) if isinstance(number, int) else f"{number:g}"


def require_types(settings: Any) -> None:
    """Check the values of a settings object, a dataclass, by its annotations.

    In Python they may be anything: a name that is not known would mean another one further on.

    Raises:
        UserError: a value is none of the names, or of another type.
    """
    hints = get_type_hints(type(settings))
    for name in (one.name for one in fields(settings)):
        value, hint = getattr(settings, name), hints[name]
        if _fits(value, hint):
            continue
        if get_origin(hint) is Literal:
            raise unknown_name(name, value, get_args(hint))
        raise UserError(f"{name} is {value!r}: give {_wanted(hint)}")


KINDS: dict[Any, tuple[Any, str]] = {
    bool: (bool, "True or False"),
    int: (Integral, "a whole number"),
    float: (Real, "a number"),
    str: (str, "a string"),
    NoneType: (NoneType, "None"),
}
"""Annotations that are checked: what a value has to be, and how it is called."""


def _fits(value: object, hint: Any) -> bool:
    """Whether a value is of an annotated type; what is not checked is."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Literal:
        return value in parts
    if origin in (Union, UnionType):
        return any(_fits(value, part) for part in parts)
    if origin is tuple:
        if not isinstance(value, tuple | list):
            return False
        wanted = parts[:1] * len(value) if parts[-1] is Ellipsis else parts
        return len(value) == len(wanted) and all(map(_fits, value, wanted))
    return hint not in KINDS or isinstance(value, KINDS[hint][0])


def _wanted(hint: Any) -> str:
    """Words for an annotated type."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Literal:
        return " or ".join(map(repr, parts))
    if origin in (Union, UnionType):
        return " or ".join(map(_wanted, parts))
    if origin is tuple:
        if parts[-1] is Ellipsis:
            return f"a list, each entry {_wanted(parts[0])}"
        words = dict.fromkeys(map(_wanted, parts))
        return f"a list of {len(parts)}, each entry {' or '.join(words)}"
    return KINDS[hint][1]


def require_range(
    settings: object, low: float, high: float, *names: str, or_infinite: bool = False
) -> None:
    """Check numbers of a settings object: each from ``low`` to ``high``, both included.

    Args:
        settings: has the names as attributes.
        low: least value.
        high: greatest value.
        names: names of the numbers.
        or_infinite: whether infinity will do as well.

    Raises:
        UserError: one is outside, or no number.
    """
    for name in names:
        value = getattr(settings, name)
        if low <= value <= high or (or_infinite and value == math.inf):
            continue
        also = ", or inf" if or_infinite else ""
        raise UserError(
            f"{name} is {value}: give a number from {_short(low)} to {_short(high)}{also}"
        )
