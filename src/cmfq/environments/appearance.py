"""What a world of the user's own may say about itself for readers and drawings.

All of it is optional: ``metadata["name"]`` is the title, ``action_names(agent)`` and
``feature_names(agent)`` name what agents do and observe, ``scenery()`` is the field, ``items()``
says where there is something to gather. ``docs/own-environment.md`` shows each.
"""

from collections.abc import Sequence

import numpy as np

from cmfq.environments.base import Environment, FloatArray, Scenery
from cmfq.environments.settings import EnvironmentSettings
from cmfq.errors import UserError

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
    return name if isinstance(name, str) else ""


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
    names = tuple(given) if isinstance(given, list | tuple) else ()
    if (
        len(names) != len(default)
        or len(set(names)) != len(names)
        or not all(isinstance(name, str) and name for name in names)
    ):
        raise UserError(
            f"{kind}_names({agent!r}) gave {given!r}: give {len(default)} different texts"
        )
    return names


def scenery_of(world: object, default: Scenery) -> Scenery:
    """The field as the world's ``scenery()`` says, or ``default``.

    Raises:
        UserError: it gave something else, or not one body per team.
    """
    give = getattr(world, "scenery", None)
    if not callable(give):
        return default
    given = give()
    if not isinstance(given, Scenery):
        raise UserError(f"scenery() gave {type(given).__name__}: give a cmfq.Scenery")
    if len(given.bodies) != len(default.bodies):
        raise UserError(
            f"scenery() gave {len(given.bodies)} bodies: give one for each of the "
            f"{len(default.bodies)} teams"
        )
    return given


def items_of(world: object) -> FloatArray | None:
    """``(items, 3)``: x, y and radius of what there is to gather; ``None``: the world says nothing.

    Raises:
        UserError: ``items()`` gave something else than rows of two or three finite numbers.
    """
    give = getattr(world, "items", None)
    if not callable(give):
        return None
    given = np.asarray(give(), np.float32)
    if not given.size:
        return np.zeros((0, 3), np.float32)
    if given.ndim != 2 or given.shape[1] not in (2, 3) or not np.isfinite(given).all():
        raise UserError(
            f"items() gave an array of shape {given.shape}: give a row of finite numbers for each "
            "item, x, y or x, y, radius"
        )
    if given.shape[1] == 2:
        given = np.column_stack([given, np.full(len(given), ITEM_RADIUS, np.float32)])
    return np.ascontiguousarray(given)
