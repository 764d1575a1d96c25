"""Numbers of a row by name, as TensorBoard and trackers show them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from cmfq.environments.base import TeamSpecification
from cmfq.storage import flatten, plain

Names = Callable[[str], Sequence[str]]
"""Names for the entries of a list, from what rows call it: teams, or roles."""


def names_of(teams: Sequence[TeamSpecification]) -> Names:
    """Names of the teams of an environment, and of their roles for what rows say by role."""
    sides = [team.name for team in teams]
    roles = list(dict.fromkeys(team.role for team in teams))
    return lambda name: roles if name.startswith("role_") else sides


def hyperparameters(settings: object) -> dict[str, bool | int | float | str]:
    """Settings by their dotted paths: lists as text, and without those that are not set."""
    return {
        name: value if isinstance(value, bool | int | float) else str(value)
        for name, value in flatten(plain(settings)).items()
        if value is not None
    }


def scalars(row: Mapping[str, Any], names: Names) -> dict[str, int | float]:
    """All numbers of a row but its episode: ``rewards`` of two teams are ``rewards/red`` and so on.

    Args:
        row: numbers, and lists and dictionaries of them; what is no number is left out.
        names: names for the entries of a list; numbers from 0 if they are not as many.
    """
    return {
        tag: number
        for name, value in row.items()
        if name != "episode"
        for tag, number in _entries(name, value, names(name))
        if isinstance(number, int | float)
    }


def _entries(name: str, value: Any, names: Sequence[str]) -> Iterator[tuple[str, Any]]:
    if isinstance(value, list):
        known = names if len(names) == len(value) else range(len(value))
        value = dict(zip(known, value, strict=True))
    if not isinstance(value, dict):
        yield name, value
        return
    for key, entry in value.items():
        yield from _entries(f"{name}/{key}", entry, ())
