"""Do nearer neighbours weigh more? Weights of all agents in the recorded games of Fig 9."""

from collections.abc import Mapping

import numpy as np

from cmfq.recordings.neighbours import neighbours
from cmfq.recordings.reading import Recording
from cmfq.results.page import Section
from cmfq.results.table import Table

BANDS = ((1, 1), (2, 2), (3, 4), (5, 6))
"""Distances in cells, the larger of the differences of x and y; both ends included."""
HOW_TO_READ = (
    "Mean weight of a neighbour as a multiple of an equal share, by its distance in cells (the "
    "larger of the differences of x and y), over all decisions of the first team in its game. The "
    "paper says of its pictures that attention favours the nearest, and that with CMFQ the front "
    "line and the flanks weigh most. One game of one seed each: it says nothing of other seeds."
)


def weights_by_distance(games: Mapping[str, Recording]) -> Section:
    """A row for each game.

    Args:
        games: recorded games by the group that plays the first team.
    """
    rows = [(name, *map(_share, _relative_weights(game))) for name, game in games.items()]
    bands = (f"{low}" if low == high else f"{low} to {high}" for low, high in BANDS)
    return Section(
        "Weights by distance",
        (Table(("group", *bands), rows), HOW_TO_READ) if rows else (),
    )


def _relative_weights(game: Recording) -> list[float]:
    """Mean of weight times number of neighbours in each band; nan where there is nobody."""
    found = []
    for step, (first, *_) in enumerate(game.steps):
        for row, agent in enumerate(first.ids.tolist()):
            known = neighbours(game, step, agent)
            for one in known:
                there = game.steps[step][one.place.team].positions[one.place.row]
                distance = float(np.abs(there - first.positions[row]).max())
                found.append((distance, one.weight * len(known)))
    distances, weights = np.array(found).reshape(-1, 2).T
    within = [(low <= distances) & (distances <= high) for low, high in BANDS]
    return [float(weights[one].mean()) if one.any() else float("nan") for one in within]


def _share(value: float) -> str:
    return f"{value:.2f}" if np.isfinite(value) else ""
