"""One frame of reference for both sides: the second team sees the field mirrored left to right.

A game whose teams start as mirror images looks the same to both teams then, and one policy plays
both sides alike. Views, features and actions of a team are in its own frame; positions are in the
map's, so that distances and drawings need no mirroring.

On large maps the engine moves agents in stripes of columns, which are no mirror images of each
other. There the map is laid into the engine on its side: its rows are the engine's columns, and an
agent and its mirror image stand in one stripe.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from cmfq.environments.base import FloatArray, IntArray

Offsets = Sequence[tuple[float, float]]


@dataclass(frozen=True, eq=False)
class Frame:
    """Frame of observations and actions of the MAgent2 engine."""

    transposed: bool
    """The map lies in the engine on its side: x of the one is y of the other."""
    mirrored: bool
    """The team sees the map mirrored left to right."""
    actions: IntArray
    """``(actions,)``: the engine's action for each action in the frame."""
    previous: slice
    """Columns of the features that say which action was taken before."""
    place: slice
    """The two columns that say where on the map the agent is, as a share of its side."""
    minimaps: tuple[int, int]
    """Channels of the own and of the other team's minimap."""

    def positions(self, positions: IntArray, map_size: int) -> IntArray:
        """Positions on the map, ``(agents, 2)`` in cells, as they are in the frame."""
        if not self.mirrored:
            return positions
        return np.stack([map_size - 1 - positions[:, 0], positions[:, 1]], axis=1)

    def see(
        self,
        view: FloatArray,
        features: FloatArray,
        own: IntArray,
        others: IntArray,
        map_size: int,
    ) -> tuple[FloatArray, FloatArray]:
        """View and features of one-cell agents in the frame.

        Args:
            view: ``(agents, side, side, channels)``, of the engine.
            features: ``(agents, features)``, of the engine.
            own: ``(agents, 2)``, where the team stands in the frame.
            others: ``(enemies, 2)``, where the enemies stand in the frame.
            map_size: side of the map, in cells.
        """
        side = view.shape[1]
        cells = view.reshape(len(view), side * side, view.shape[-1])
        turned = cells.take(_order(side, self.transposed, self.mirrored), axis=1)
        view = turned.reshape(view.shape)
        scale = -(-map_size // side)
        x, y = (own // scale).T
        rows = np.arange(len(own))
        for channel, positions in zip(self.minimaps, (own, others), strict=True):
            view[..., channel] = minimap(positions, side, scale)
            view[rows, y, x, channel] += 1
        features = features.copy()
        features[:, self.previous] = features[:, self.previous][:, self.actions]
        features[:, self.place] = own / map_size
        return view, features


@cache
def _order(side: int, transposed: bool, mirrored: bool) -> npt.NDArray[np.intp]:
    """Cells of the engine's view in the order of the frame's, ``(side * side,)``.

    Taking cells by number is faster than copying a turned array.
    """
    cells = np.arange(side * side).reshape(side, side)
    cells = cells.T if transposed else cells
    return (cells[:, ::-1] if mirrored else cells).ravel()


def minimap(positions: IntArray, side: int, scale: int) -> FloatArray:
    """Share of a team in each cell of the engine's minimap, ``(side, side)``; 0 if it is gone.

    Args:
        positions: ``(agents, 2)``, in cells of the map.
        side: side of the minimap, in its cells.
        scale: cells of the map along a cell of the minimap.
    """
    x, y = (positions // scale).T.astype(np.int64)
    counts = np.bincount(y * side + x, minlength=side * side).reshape(side, side)
    return (counts / max(1, len(positions))).astype(np.float32)


def frame(
    offsets: Sequence[Offsets],
    features: Sequence[str],
    minimaps: tuple[int, int],
    *,
    transposed: bool,
    mirrored: bool,
) -> Frame:
    """The frame of a team.

    Args:
        offsets: x and y of each action, a sequence for each sort of action (moves, attacks).
        features: names of the feature columns.
        minimaps: channels of the own and of the other team's minimap.
        transposed: whether the map lies in the engine on its side.
        mirrored: whether the team sees the map mirrored left to right.
    """
    permutation: list[int] = []
    for sort in offsets:
        first = len(permutation)
        for x, y in sort:
            on_map = (-x if mirrored else x, y)
            permutation.append(first + sort.index(on_map[::-1] if transposed else on_map))
    names = list(features)
    previous = next(i for i, name in enumerate(names) if name.startswith("previous_"))
    place = names.index("position_x")
    return Frame(
        transposed,
        mirrored,
        np.array(permutation, np.int32),
        slice(previous, previous + len(permutation)),
        slice(place, place + 2),
        minimaps,
    )
