"""Errors that a user can mend: one sentence, no traceback, exit code 2."""

import difflib
import math
from collections.abc import Collection

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


def unknown_name(kind: str, name: str, known: Collection[str]) -> UserError:
    """Say that ``name`` is no known ``kind``, suggest the nearest name and list the known ones."""
    listed = ", ".join(known)
    if len(listed) > LONGEST_LIST:
        nearest = difflib.get_close_matches(name, known, n=5, cutoff=0.0)
        listed = f"{', '.join(nearest)} and {len(known) - len(nearest)} more"
    return UserError(f"unknown {kind} {name!r}: {did_you_mean(name, known)}known are {listed}")


def _short(number: float) -> str:
    """A bound that can be typed as it is shown: whole numbers with all digits."""
    return str(number) if isinstance(number, int) else f"{number:g}"


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
