"""Weights of neighbours by their distance (the page of Fig 9)."""

from pathlib import Path

import numpy as np
import pytest

from cmfq.experiments.paper.distances import BANDS, weights_by_distance
from cmfq.mean_field.neighbourhood import find_interactions
from cmfq.recordings.neighbours import previous_actions
from cmfq.recordings.reading import read
from cmfq.results.table import Table

STORED = Path("docs/results/paper/9")


def test_weights_of_all_neighbours_are_those_of_an_equal_share() -> None:
    """Weighed by the number of neighbours in each band, the mean of all is 1."""
    game = read(STORED / "attention-mfq-mfq.replay")
    (table, _) = weights_by_distance({"attention-mfq": game}).parts
    assert isinstance(table, Table)
    counts = np.zeros(len(BANDS))
    for step, (first, *_) in enumerate(game.steps):
        team = np.zeros(len(first.ids), np.int32)
        pairs = find_interactions(first.positions, team, previous_actions(game, step, 0), 6.0)
        apart = np.abs(first.positions[pairs.agent] - first.positions[pairs.neighbour]).max(1)
        counts += [((low <= apart) & (apart <= high)).sum() for low, high in BANDS]
    ((name, *shown),) = table.rows
    means = [float(cell) for cell in shown]
    assert name == "attention-mfq"
    assert counts @ means / counts.sum() == pytest.approx(1, abs=0.01)
    assert means[0] > means[2]  # in this game nearer ones weigh more, if little


def test_who_weighs_nobody_has_no_distances() -> None:
    assert weights_by_distance({}).parts == ()
