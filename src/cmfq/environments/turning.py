"""One frame of reference for both sides: the second team sees the field turned by half a turn.

A game whose teams start as mirror images through the middle of the field looks the same to both
teams then, and one policy plays both sides alike. Views, features and actions of a turned team are
in its own frame; positions stay in the map's, so that distances and drawings need no turning.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cmfq.environments.base import FloatArray, IntArray, PositionArray


@dataclass(frozen=True, eq=False)
class HalfTurn:
    """What half a turn makes of the observations and actions of the MAgent2 engine."""

    actions: IntArray
    """``(actions,)``: the engine's action for each action in the team's frame; its own inverse."""
    previous: slice
    """Columns of the features that say which action was taken before."""
    place: slice
    """The two columns that say where on the map the agent is, as a share of its side."""
    minimaps: tuple[int, int]
    """Channels of the own and of the other team's minimap."""

    def see(
        self,
        view: FloatArray,
        features: FloatArray,
        own: PositionArray,
        others: PositionArray,
        map_size: int,
    ) -> tuple[FloatArray, FloatArray]:
        """View and features of one-cell agents as they are on the turned map.

        Args:
            view: ``(agents, side, side, channels)``, on the map as it lies.
            features: ``(agents, features)``, likewise.
            own: ``(agents, 2)``, where the team stands on the turned map.
            others: ``(enemies, 2)``, where the enemies stand on it.
            map_size: side of the map, in cells.
        """
        view = np.ascontiguousarray(view[:, ::-1, ::-1])
        side = view.shape[1]
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


def minimap(positions: PositionArray, side: int, scale: int) -> FloatArray:
    """Share of a team in each cell of the engine's minimap, ``(side, side)``; 0 if it is gone.

    Args:
        positions: ``(agents, 2)``, in cells of the map.
        side: of the minimap, in its cells.
        scale: cells of the map along a cell of the minimap.
    """
    x, y = (positions // scale).T.astype(np.int64)
    counts = np.bincount(y * side + x, minlength=side * side).reshape(side, side)
    return (counts / max(1, len(positions))).astype(np.float32)


def half_turn(
    offsets: Sequence[Sequence[tuple[float, float]]],
    features: Sequence[str],
    minimaps: tuple[int, int],
) -> HalfTurn:
    """Half a turn for a team.

    Args:
        offsets: x and y of each action, a sequence for each sort of action (moves, attacks).
        features: names of the feature columns.
        minimaps: channels of the own and of the other team's minimap.
    """
    permutation: list[int] = []
    for sort in offsets:
        permutation += [len(permutation) + sort.index((-x, -y)) for x, y in sort]
    names = list(features)
    previous = next(i for i, name in enumerate(names) if name.startswith("previous_"))
    place = names.index("position_x")
    return HalfTurn(
        np.array(permutation, np.int32),
        slice(previous, previous + len(permutation)),
        slice(place, place + 2),
        minimaps,
    )
