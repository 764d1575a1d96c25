"""Errors that a user can mend: one sentence, no traceback, exit code 2."""

import difflib
from collections.abc import Collection


class UserError(Exception):
    """A mistake in what was asked for: names the value, what was expected and what to do."""


def unknown_name(kind: str, name: str, known: Collection[str]) -> UserError:
    """Say that ``name`` is no known ``kind``, suggest the nearest name and list the known ones."""
    nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    suggestion = f"did you mean {nearest[0]!r}? " if nearest else ""
    return UserError(f"unknown {kind} {name!r}: {suggestion}known are {', '.join(known)}")
