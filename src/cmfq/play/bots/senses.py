"""Senses of scripts in the MAgent2 games: offsets and distances; (x, y), y downwards."""

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from cmfq.environments.base import BoolArray, FloatArray, IntArray, TeamObservation
from cmfq.environments.magent import CHANNELS

OBSTACLE = CHANNELS.index("obstacle")
OWN = CHANNELS.index("my_team_presence")
OWN_HEALTH = CHANNELS.index("my_team_health")
OWN_MINIMAP = CHANNELS.index("my_team_minimap")
ENEMY = CHANNELS.index("other_team_presence")
ENEMY_HEALTH = CHANNELS.index("other_team_health")
ENEMY_MINIMAP = CHANNELS.index("other_team_minimap")
FAR_AWAY = 1e6
TIE_BREAK = 1e-3

Value = TypeVar("Value", np.float32, np.bool_)


def at(grid: npt.NDArray[Value], offsets: FloatArray) -> npt.NDArray[Value]:
    """Values ``(agents, offsets)`` of a view at cells whose middles lie off the body's middle."""
    cells = (offsets + (grid.shape[1] - 1) / 2).astype(np.int64)
    values: npt.NDArray[Value] = grid[:, cells[:, 1], cells[:, 0]]
    return values


def occupied(view: FloatArray, own_cells: FloatArray) -> BoolArray:
    """Cells ``(agents, height, width)`` where an agent cannot go: its own, at offsets, are free."""
    taken: BoolArray = view[..., OBSTACLE] + view[..., OWN] + view[..., ENEMY] > 0
    cells = (own_cells + (view.shape[1] - 1) / 2).astype(np.int64)
    taken[:, cells[:, 1], cells[:, 0]] = False
    return taken


def nearest_enemy(observation: TeamObservation) -> FloatArray:
    """Offset ``(agents, 2)`` to the nearest enemy seen, else out of view towards the minimap's."""
    side = observation.view.shape[1]
    seen = observation.view[..., ENEMY] > 0
    closest, any_seen = nearest(seen, np.full((len(seen), 2), (side - 1) / 2))
    minimap = observation.view[..., ENEMY_MINIMAP]
    own_minimap = observation.view[..., OWN_MINIMAP].reshape(len(seen), -1)
    own_cell = np.stack(np.unravel_index(own_minimap.argmax(1), minimap.shape[1:])[::-1], axis=1)
    on_minimap = minimap > 0
    # The engine adds 1 to the agent's own cell on every minimap. Enemies there are in view, unless
    # cells are wider than the view reaches (maps above 60); where in the cell they are nobody says.
    on_minimap[np.arange(len(seen)), own_cell[:, 1], own_cell[:, 0]] = False
    direction, _ = nearest(on_minimap, own_cell)
    offset: FloatArray = np.where(any_seen[:, None], closest, direction * (side // 2))
    return offset


def nearest(marked: BoolArray, origin: npt.NDArray[np.number]) -> tuple[FloatArray, BoolArray]:
    """Offset from each row's origin to its nearest marked cell, and whether it has one."""
    height, width = marked.shape[1:]
    offset = np.stack(np.meshgrid(np.arange(width), np.arange(height)), -1) - origin[:, None, None]
    distance = np.where(marked, (offset**2).sum(-1), FAR_AWAY).reshape(len(marked), -1)
    closest = distance.argmin(1)
    rows = np.arange(len(marked))
    found = distance[rows, closest] < FAR_AWAY
    return offset.reshape(len(marked), -1, 2)[rows, closest] * found[:, None], found


def least(
    cost: npt.NDArray[np.floating], blocked: BoolArray, generator: np.random.Generator
) -> IntArray:
    """The column ``(rows,)`` of least cost that is not blocked; ties fall at random."""
    drawn = cost + generator.random(cost.shape) * TIE_BREAK
    column: IntArray = np.where(blocked, FAR_AWAY, drawn).argmin(1).astype(np.int32)
    return column


def cells_after(moves: FloatArray, side: int) -> FloatArray:
    """Distance of each cell of a view after each move: ``(side * side, moves)``, in cells."""
    cells = np.indices((side, side)).reshape(2, -1).T[:, ::-1] - (side - 1) / 2
    distance: FloatArray = np.linalg.norm(cells[:, None] - moves, axis=-1)
    return distance
