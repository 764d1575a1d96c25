"""Positions of the agents of a PettingZoo environment: the user's own, or cells of a grid."""

import math
from collections.abc import Sequence
from itertools import count

import numpy as np
import numpy.typing as npt

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
        self._cells: dict[int, int] = {}

    def begin(self) -> None:
        """Clear the grid for an episode."""
        self._cells = {}

    def of(self, world: object, teams: Sequence[Rows]) -> list[FloatArray]:
        """``(agents, 2)`` for each team.

        Args:
            world: the PettingZoo environment.
            teams: who is there.

        Raises:
            UserError: the function gave something else.
        """
        if self._locate is None:
            ids = [rows.ids.tolist() for rows in teams]
            self._settle([one for of_team in ids for one in of_team])
            cells = [[self._cells[one] for one in of_team] for of_team in ids]
            return [_grid(np.array(of_team, int), self._side) for of_team in cells]
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

    def _settle(self, ids: Sequence[int]) -> None:
        """Give each id a cell: its own number if that is free, else the first one that is.

        Cells of agents that are gone are free: agents that come back, as new ones, stay on the
        field.
        """
        here = set(ids)
        if self._cells.keys() == here:
            return
        self._cells = {one: cell for one, cell in self._cells.items() if one in here}
        taken = set(self._cells.values())
        free = (cell for cell in count() if cell not in taken)
        for one in ids:
            if one not in self._cells:
                own = one < self._side**2 and one not in taken
                self._cells[one] = one if own else next(free)
                taken.add(self._cells[one])

    def measure(self, observed: Sequence[TeamObservation]) -> tuple[Bounds, Body]:
        """Bounds of the field, and bodies of a size that fits it."""
        if self._locate is None:
            return (0.0, 0.0, float(self._side), float(self._side)), Body("circle", 0.8)
        return field_around(np.concatenate([team.positions for team in observed]))


def field_around(positions: PositionArray) -> tuple[Bounds, Body]:
    """Bounds of a field around positions ``(agents, 2)``, and bodies of a size that fits it."""
    exact = positions.astype(np.float64)  # far from the origin, 32 bits hold no margin
    low, high = exact.min(axis=0), exact.max(axis=0)
    side = float((high - low).max()) or 1.0
    left, top = np.maximum(low - side / 4, -FARTHEST).tolist()
    right, bottom = np.minimum(high + side / 4, FARTHEST).tolist()
    return (left, top, right, bottom), Body("circle", side / (2 * math.sqrt(len(positions))))


def empty_field(bounds: Bounds, body: Body, teams: int) -> Scenery:
    """A field with nothing in it, and the same body for every team."""
    walls, obstacles = np.zeros((0, 2), np.float32), np.zeros((0, 3), np.float32)
    return Scenery(bounds, walls, obstacles, (body,) * teams)


def _grid(cells: npt.NDArray[np.int64], side: int) -> FloatArray:
    """``(agents, 2)``: the middle of each cell of a grid, in rows of ``side``."""
    return np.stack([cells % side, cells // side], axis=1).astype(np.float32) + np.float32(0.5)
