"""What a world of the user's own may say about itself for readers and drawings.

All of it is optional: ``metadata["name"]`` is the title, ``action_names(agent)`` and
``feature_names(agent)`` name what agents do and observe, ``scenery()`` is the field, ``items()``
says where there is something to gather. ``docs/own-environment.md`` shows each.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from cmfq.environments.base import (
    FARTHEST,
    Body,
    Environment,
    FloatArray,
    Scenery,
    TeamSpecification,
)
from cmfq.environments.settings import EnvironmentSettings
from cmfq.environments.stacking import numbers_of, short
from cmfq.errors import UserError
from cmfq.text import plain_text

MOST_ITEMS = 250_000
"""Greatest number of items: a recording holds no more than 349,000 in a step."""
ITEM_RADIUS = 0.25
"""Radius of an item that says none, in the unit of positions."""


def shown_title(environment: Environment, settings: EnvironmentSettings) -> str:
    """Title of an environment for headings: its own, if it has one."""
    own = getattr(environment, "title", "")
    return own if isinstance(own, str) and own else settings.title


def title_of(world: object) -> str:
    """Title of a world; empty if it has none."""
    metadata = getattr(world, "metadata", None)
    name = metadata.get("name") if isinstance(metadata, dict) else None
    return plain_text(name) if isinstance(name, str) else ""


def names_of(world: object, kind: str, agent: object, default: Sequence[str]) -> tuple[str, ...]:
    """Names that a world gives to the actions or features of an agent.

    Args:
        world: the user's environment.
        kind: ``action`` or ``feature``.
        agent: an agent of the team.
        default: names if the world gives none, one for each.

    Raises:
        UserError: they are not as many different texts.
    """
    give = getattr(world, f"{kind}_names", None)
    if not callable(give):
        return tuple(default)
    given = give(agent)
    names = tuple(given) if isinstance(given, list | tuple | np.ndarray) else ()
    if (
        not all(isinstance(name, str) and name for name in names)
        or len(names) != len(default)
        or len(set(names)) != len(names)
    ):
        raise UserError(
            f"{kind}_names({agent!r}) gave {given!r}: give {len(default)} different texts"
        )
    return tuple(map(str, names))  # of NumPy's text too


def scenery_of(world: object, default: Scenery, teams: Sequence[TeamSpecification]) -> Scenery:
    """The field as the world's ``scenery()`` says, or ``default``.

    Raises:
        UserError: it gave something else, not one body per team, or what cannot be drawn.
    """
    give = getattr(world, "scenery", None)
    if not callable(give):
        return default
    given = give()
    if not isinstance(given, Scenery):
        raise UserError(f"scenery() gave {type(given).__name__}: give a cmfq.Scenery")
    if len(given.bodies) != len(teams):
        raise UserError(
            f"scenery() gave {len(given.bodies)} bodies: give one for each of the {len(teams)} "
            "teams"
        )
    left, top, right, bottom = _numbers("bounds", given.bounds, 4, np.float64)[0].tolist()
    if not (left < right and top < bottom):
        raise UserError(
            f"scenery() gave the bounds {(left, top, right, bottom)}: give least x and y, then "
            "greatest x and y"
        )
    obstacles = _numbers("obstacles", given.obstacles, 3)
    if (obstacles[:, 2] < 0).any():
        raise UserError(
            f"scenery() gave an obstacle of radius {obstacles[:, 2].min():g}: give rows of x, y "
            "and a radius of at least 0"
        )
    return Scenery(
        (left, top, right, bottom),
        _numbers("walls", given.walls, 2),
        obstacles,
        tuple(_body_of(body, team) for body, team in zip(given.bodies, teams, strict=True)),
    )


def _numbers(
    what: str, given: object, columns: int, dtype: type[np.floating[Any]] = np.float32
) -> FloatArray:
    """``(rows, columns)``."""
    try:
        with np.errstate(over="ignore"):  # infinity is refused
            numbers = numbers_of(given, dtype)
    except (TypeError, ValueError, OverflowError):
        numbers = np.full(1, np.nan, np.float32)
    if numbers.shape == (columns,) or (not numbers.size and numbers.shape != (0, columns)):
        numbers = numbers.reshape(-1, columns)
    if numbers.shape[1:] != (columns,) or not (np.abs(numbers) <= FARTHEST).all():
        raise UserError(
            f"scenery() gave the {what} {short(given)}: give rows of {columns} numbers from "
            f"{-FARTHEST:g} to {FARTHEST:g}"
        )
    return numbers


def _body_of(given: object, team: TeamSpecification) -> Body:
    """The body of a team in Python's own numbers, which files hold.

    Raises:
        UserError: it cannot be drawn.
    """
    if not isinstance(given, Body) or given.shape not in ("square", "circle"):
        raise UserError(f"scenery() gave {short(given)}: give a cmfq.Body, a square or a circle")
    size, health = _number(given.size), _number(given.full_health)
    if not (0 < size <= FARTHEST and 0 <= health <= FARTHEST):
        raise UserError(
            f"scenery() gave team {team.name} a body of size {short(given.size)} and "
            f"{short(given.full_health)} hit points: give a size above 0, and at least 0 hit points"
        )
    attacks = list(given.attacks)
    if attacks and len(attacks) != len(team.actions):
        raise UserError(
            f"scenery() gave team {team.name} {len(attacks)} attacks: give none, or one or "
            f"None for each of its {len(team.actions)} actions"
        )
    reaches = iter(_numbers("attacks", [one for one in attacks if one is not None], 2).tolist())
    return Body(
        "square" if given.shape == "square" else "circle",
        size,
        health,
        tuple(None if attack is None else tuple(next(reaches)) for attack in attacks),
    )


def _number(given: object) -> float:
    """One number, nan if it is none."""
    try:
        found = numbers_of(given, np.float64)
    except (TypeError, ValueError, OverflowError):
        return np.nan
    return float(found) if found.shape == () else np.nan


def items_of(world: object) -> FloatArray | None:
    """``(items, 3)``: x, y and radius of what there is to gather; ``None``: the world says nothing.

    Raises:
        UserError: ``items()`` gave something else than rows of two or three finite numbers, or too
            many rows.
    """
    give = getattr(world, "items", None)
    if not callable(give):
        return None
    told = give()
    try:
        with np.errstate(over="ignore"):  # infinity is refused
            given = numbers_of(told, np.float32)
    except (TypeError, ValueError, OverflowError):
        given = np.full((1, 1), np.nan, np.float32)
    if not given.size:
        return np.zeros((0, 3), np.float32)
    if given.ndim != 2 or given.shape[1] not in (2, 3) or not (np.abs(given) <= FARTHEST).all():
        raise UserError(
            f"items() gave {short(told)}: give a row of finite numbers for each "
            f"item, x, y or x, y, radius, each from {-FARTHEST:g} to {FARTHEST:g}"
        )
    if len(given) > MOST_ITEMS:
        raise UserError(f"items() gave {len(given)} rows: give at most {MOST_ITEMS}")
    if given.shape[1] == 2:
        given = np.column_stack([given, np.full(len(given), ITEM_RADIUS, np.float32)])
    return np.ascontiguousarray(given)
