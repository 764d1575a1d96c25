"""How many seeds are needed: against the test itself, in simulated tournaments."""

import numpy as np
import pytest

from cmfq.errors import UserError
from cmfq.statistics.power import (
    Variation,
    at_rate,
    power,
    seeds_needed,
    variation,
)
from cmfq.statistics.replication import rate_interval
from studies.coverage import WORLDS, Spread, simulate


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
    rate = 0.5 + difference
    found = Variation(0.01, 0.015, pairs=0.01, games=0.2, games_per_pair=20, rate=rate)
    interval = rate_interval(scores_of(found, 0.5 + difference, seeds, 4000))
    told = float(((interval.low > 0.5) | (interval.high < 0.5)).mean())
    assert power(found, difference, seeds) == pytest.approx(told, abs=0.04)


def told(world: str, difference: float, seeds: int) -> float:
    """Share of simulated tournaments that tell; 20 games for each pair of seeds."""
    generator = np.random.default_rng(1)
    scores = simulate(WORLDS[world], 0.5 + difference, (seeds, seeds), 20, 2000, generator)
    interval = rate_interval(scores)
    return float(((interval.low > 0.5) | (interval.high < 0.5)).mean())


def even_pair(world: str) -> Variation:
    """What a tournament of 40 seeds says of two algorithms that are equally strong."""
    generator = np.random.default_rng(2)
    chance = simulate(WORLDS[world], 0.5, (40, 40), 10**6, 1, generator)[0]
    return variation((generator.random((40, 40, 20)) < chance[..., None]).astype(float))


@pytest.mark.parametrize("world", ["seeds alike", "both vary", "pairs vary"])
@pytest.mark.parametrize(
    ("difference", "seeds"), [(0.1, 3), (0.3, 3), (0.4, 3), (0.4, 5), (0.2, 10), (0.1, 35)]
)
def test_an_even_pair_says_the_power_at_any_difference(
    world: str, difference: float, seeds: int
) -> None:
    """At 3 seeds as at 35, near 1/2 as where nearly all games are won."""
    found = power(even_pair(world), difference, seeds)
    assert found == pytest.approx(told(world, difference, seeds), abs=0.05)


def test_a_lopsided_pair_says_the_same_as_an_even_one() -> None:
    """Its seeds seem to vary less: nearly all win nearly all games."""
    world = Spread(0.6, 0.6, 0.4)
    scores = simulate(world, 0.9, (60, 60), 10**6, 1, np.random.default_rng(3))[0]
    generator = np.random.default_rng(4)
    lopsided = variation((generator.random((60, 60, 20)) < scores[..., None]).astype(float))
    even = even_pair("both vary")
    assert lopsided.rows < 0.6 * even.rows
    carried = at_rate(lopsided, 0.5)
    assert carried.rows + carried.columns == pytest.approx(even.rows + even.columns, rel=0.25)
    assert carried.pairs == pytest.approx(even.pairs, rel=0.25)
    assert carried.games == pytest.approx(even.games, rel=0.05)


def test_variances_at_the_rate_where_they_were_seen_stay() -> None:
    found = Variation(0.02, 0.01, 0.005, 0.12, 20, rate=0.7)  # with draws: less than 0.7 · 0.3
    again = at_rate(found, 0.7)
    for name in ("rows", "columns", "pairs", "games"):
        assert getattr(again, name) == pytest.approx(getattr(found, name), rel=1e-4)


def test_without_a_difference_at_most_five_in_a_hundred_are_told() -> None:
    found = Variation(0.01, 0.01, 0.0, 0.2, 50)
    assert power(found, 0.0, 8) == pytest.approx(0.045, abs=0.01)
    assert power(found, 0.0, 40) == pytest.approx(0.05, abs=1e-6)


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
