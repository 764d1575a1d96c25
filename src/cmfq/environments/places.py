"""Positions of the agents of a PettingZoo environment: the user's own, or on a grid by ids."""

import math
from collections.abc import Sequence

import numpy as np

from cmfq.environments.base import (
    FARTHEST,
    Body,
    FloatArray,
    PositionArray,
    Scenery,
    TeamObservation,
)
from cmfq.environments.roster import Rows
from cmfq.environments.stacking import numbers_of, short
from cmfq.errors import UserError
from cmfq.imports import import_function

Bounds = tuple[float, float, float, float]
"""Least x and y, greatest x and y."""


class Places:
    """Positions of agents.

    Args:
        function: that says where agents are, as module:function; empty if nobody knows.

    Raises:
        UserError: there is no such function.
    """

    def __init__(self, function: str) -> None:
        self._name = function
        self._locate = import_function("positions", function) if function else None

    def lay_out(self, agents: int) -> None:
        """Prepare a grid for this many agents."""
        self._side = math.ceil(math.sqrt(agents))
        self._grid = _grid(agents, self._side)

    def of(self, world: object, teams: Sequence[Rows]) -> list[FloatArray]:
        """``(agents, 2)`` for each team.

        Args:
            world: the PettingZoo environment.
            teams: who is there.

        Raises:
            UserError: the function gave something else.
        """
        if self._locate is None:
            known = max((int(rows.ids.max()) + 1 for rows in teams if len(rows.ids)), default=0)
            if known > len(self._grid):
                self._grid = _grid(2 * known, self._side)
            return [self._grid[rows.ids] for rows in teams]
        agents = [agent for rows in teams for agent in rows.agents]
        found = self._locate(world, agents) if agents else np.zeros((0, 2))
        try:
            with np.errstate(over="ignore"):  # infinity is refused
                places = numbers_of(found, np.float32)
        except (TypeError, ValueError, OverflowError):
            raise UserError(
                f"{self._name} gave {short(found)} for {len(agents)} agents: give a row of two "
                "finite numbers for each"
            ) from None
        if places.shape != (len(agents), 2):
            raise UserError(
                f"{self._name} gave an array of shape {places.shape} for {len(agents)} agents: "
                "give a row of two finite numbers for each"
            )
        sound = np.abs(places) <= FARTHEST  # nan compares false
        if not sound.all():
            row = int(np.argwhere(~sound)[0, 0])
            raise UserError(
                f"{self._name} gave {places[row].tolist()} for agent {agents[row]!r}: "
                f"give two numbers from {-FARTHEST:g} to {FARTHEST:g}"
            )
        return np.split(places, np.cumsum([len(rows.agents) for rows in teams])[:-1])

    def measure(self, observed: Sequence[TeamObservation]) -> tuple[Bounds, Body]:
        """Bounds of the field, and bodies of a size that fits it."""
        if self._locate is None:
            return (0.0, 0.0, float(self._side), float(self._side)), Body("circle", 0.8)
        return field_around(np.concatenate([team.positions for team in observed]))


def field_around(positions: PositionArray) -> tuple[Bounds, Body]:
    """Bounds of a field around positions ``(agents, 2)``, and bodies of a size that fits it."""
    low, high = positions.min(axis=0), positions.max(axis=0)
    side = float((high - low).max()) or 1.0
    (left, top), (right, bottom) = (low - side / 4).tolist(), (high + side / 4).tolist()
    return (left, top, right, bottom), Body("circle", side / (2 * math.sqrt(len(positions))))


def empty_field(bounds: Bounds, body: Body, teams: int) -> Scenery:
    """A field with nothing in it, and the same body for every team."""
    walls, obstacles = np.zeros((0, 2), np.float32), np.zeros((0, 3), np.float32)
    return Scenery(bounds, walls, obstacles, (body,) * teams)


def _grid(agents: int, side: int) -> FloatArray:
    """``(agents, 2)``: a place for each id, in rows of ``side``."""
    ids = np.arange(agents)
    return np.stack([ids % side, ids // side], axis=1).astype(np.float32) + np.float32(0.5)
