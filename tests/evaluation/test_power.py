"""How many seeds are needed: against the test itself, in simulated tournaments."""

import numpy as np
import pytest

from cmfq.errors import UserError
from cmfq.evaluation.statistics.power import Variation, power, seeds_needed, variation
from cmfq.evaluation.statistics.replication import rate_interval


def scores_of(found: Variation, mean: float, seeds: int, repetitions: int) -> np.ndarray:
    generator = np.random.default_rng(0)
    shapes = ((repetitions, seeds, 1), (repetitions, 1, seeds), (repetitions, seeds, seeds))
    parts = (found.rows, found.columns, found.cells)
    effects = [
        np.sqrt(part) * generator.standard_normal(shape)
        for part, shape in zip(parts, shapes, strict=True)
    ]
    return np.clip(mean + sum(effects), 0, 1)


@pytest.mark.parametrize(("difference", "seeds"), [(0.1, 6), (0.2, 5), (0.15, 10)])
def test_power_is_the_share_of_tournaments_that_tell(difference: float, seeds: int) -> None:
    found = Variation(rows=0.01, columns=0.015, pairs=0.01, games=0.2, games_per_pair=20)
    interval = rate_interval(scores_of(found, 0.5 + difference, seeds, 4000))
    told = float(((interval.low > 0.5) | (interval.high < 0.5)).mean())
    assert power(found, difference, seeds) == pytest.approx(told, abs=0.04)


def test_without_a_difference_five_in_a_hundred_are_told() -> None:
    found = Variation(0.01, 0.01, 0.0, 0.2, 50)
    assert power(found, 0.0, 8) == pytest.approx(0.05, abs=1e-6)


def test_the_seeds_needed_are_the_least_that_have_the_power() -> None:
    found = Variation(0.01, 0.02, 0.01, 0.2, 20)
    needed = seeds_needed(found, 0.1)
    assert needed is not None
    assert power(found, 0.1, needed) >= 0.8 > power(found, 0.1, needed - 1) > 0.7
    smaller = seeds_needed(found, 0.05)
    assert smaller is not None
    assert 3 * needed < smaller < 5 * needed
    assert seeds_needed(found, 0.001) is None
    with pytest.raises(UserError, match="difference is 0"):
        seeds_needed(found, 0.0)


def test_variances_are_found_again() -> None:
    """A large tournament in which rows vary, columns do not, and games are coin flips."""
    generator = np.random.default_rng(0)
    rate = np.clip(0.5 + 0.15 * generator.standard_normal((60, 1, 1)), 0, 1)
    points = (generator.random((60, 60, 10)) < rate).astype(float)
    found = variation(points)
    assert found.rows == pytest.approx(float(rate.var(ddof=1)), rel=0.1)
    assert found.columns < 0.002
    assert found.pairs < 0.004
    assert found.games == pytest.approx(float((rate * (1 - rate)).mean()), rel=0.05)
    with pytest.raises(ValueError, match="no replicates"):
        variation(points[:1])
