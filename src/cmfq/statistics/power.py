"""Power: the number of seeds that tells two algorithms apart.

Everything is about the test that
:func:`~cmfq.statistics.replication.rate_interval` makes: two algorithms are told apart
when the 95 % interval of the win rate between them leaves out 1/2. Seeds vary less where nearly all
games are won, so the variances that were seen at one win rate are carried over to the one that is
asked about by a model: a game is won if ``μ + row + column + pair + luck > 0``, all four normal.

With few seeds variances and degrees of freedom are a matter of luck too, and no formula for their
expected values says how often the test succeeds: there tournaments of the model are simulated.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import optimize, special, stats

from cmfq.errors import UserError
from cmfq.statistics.replication import (
    NO_VARIANCE,
    degrees_at,
    logit_and_error,
    mean_squares,
    rate_interval,
)

MOST_SEEDS = 1000
SIMULATED_SEEDS = 30
"""Up to so many seeds of each algorithm, power is simulated; with more, a formula is as good."""
SIMULATED_SCORES = 2_000_000
"""Scores that are simulated for one power; never more than 4,000 tournaments, whose standard error
is below 0.008."""
EXTREME = 0.02
"""Win rates nearer to 0 or 1 are taken as this far off: there variances say nothing of others."""


@dataclass(frozen=True)
class Variation:
    """Variances of the score of one seed against another."""

    rows: float
    """Variance between seeds of the one algorithm."""
    columns: float
    """Variance between seeds of the other one."""
    pairs: float
    """Variance between pairs of seeds, beyond what each brings along."""
    games: float
    """Variance of a single game's score within a pair of seeds, checkpoints and sides included."""
    games_per_pair: float
    """Games from which each score is taken."""
    rate: float = 0.5
    """Mean score at which all this was seen."""

    @property
    def cells(self) -> float:
        """Variance of a score that the seeds themselves do not explain."""
        return self.pairs + self.games / self.games_per_pair


def variation(points: npt.NDArray[np.float64]) -> Variation:
    """Split the variance of game results by its sources; none is below 0.

    Args:
        points: ``(rows, columns, games)``: 1 for a win of the row's seed, 1/2 for a draw.

    Raises:
        ValueError: a side has a single seed, or pairs a single game.
    """
    rows, columns, games = points.shape
    if min(rows, columns, games) < 2:
        raise ValueError(f"{points.shape} has no replicates")
    squares = mean_squares(points.mean(-1))
    within = float(points.var(-1, ddof=1).mean())
    cells = float(squares.cells)
    return Variation(
        rows=max(0.0, float(squares.rows) - cells) / columns,
        columns=max(0.0, float(squares.columns) - cells) / rows,
        pairs=max(0.0, cells - within / games),
        games=within,
        games_per_pair=games,
        rate=float(points.mean()),
    )


def mean_variation(parts: Sequence[Variation]) -> Variation:
    """Mean of several pairs of algorithms, each carried over to even strength: what to expect."""
    even = [at_rate(one, 0.5) for one in parts]
    seeds = float(np.mean([(one.rows + one.columns) / 2 for one in even]))
    return Variation(
        seeds,
        seeds,
        float(np.mean([one.pairs for one in even])),
        float(np.mean([one.games for one in even])),
        float(np.mean([one.games_per_pair for one in even])),
    )


class Shares(NamedTuple):
    """Shares in the variance of all that decides a game in the model; the rest is the game's luck.

    With them ``Φ₂(z, z; share) - p²`` is the covariance of two games that have that part in common,
    where ``p`` is the win rate, ``z = Φ⁻¹(p)`` and ``Φ₂`` the bivariate normal distribution.
    """

    rows: float
    columns: float
    pairs: float
    games: float
    """Variance of a game's score within a pair, relative to that of games without draws."""


def shares_of(variation: Variation) -> Shares:
    """Shares at which the model has these variances."""
    rate = min(max(variation.rate, EXTREME), 1 - EXTREME)
    rows, columns, all_three = (
        _correlation(part, rate)
        for part in (
            variation.rows,
            variation.columns,
            variation.rows + variation.columns + variation.pairs,
        )
    )
    luck = rate * (1 - rate) - _covariance(all_three, rate)
    # Rounding aside, the luck is no more than all of it.
    games = min(1.0, variation.games / max(luck, NO_VARIANCE))
    excess = max(1.0, (rows + columns) / HIGHEST)
    rows, columns = rows / excess, columns / excess
    return Shares(rows, columns, max(0.0, all_three - rows - columns), games)


def at_rate(variation: Variation, rate: float) -> Variation:
    """Variances of the same seeds where the mean score is another one."""
    shares, rate = shares_of(variation), min(max(rate, EXTREME), 1 - EXTREME)
    rows, columns = _covariance(shares.rows, rate), _covariance(shares.columns, rate)
    together = _covariance(sum(shares[:3]), rate)
    return replace(
        variation,
        rows=rows,
        columns=columns,
        pairs=max(0.0, together - rows - columns),
        games=shares.games * (rate * (1 - rate) - together),
        rate=rate,
    )


HIGHEST = 0.999
"""Share from which scores vary more than those of games could."""


def _covariance(share: float, rate: float) -> float:
    z = stats.norm.ppf(rate)
    slope = math.sqrt((1 - share) / (1 + share))
    return float(rate - 2 * special.owens_t(z, slope) - rate**2)


def _correlation(covariance: float, rate: float) -> float:
    """Inverse of :func:`_covariance`."""
    if covariance >= _covariance(HIGHEST, rate):
        return HIGHEST
    return float(optimize.brentq(lambda share: _covariance(share, rate) - covariance, 0, HIGHEST))


def with_endless_games(variation: Variation) -> Variation:
    """The same without the luck of games."""
    return replace(variation, games_per_pair=math.inf)


def power(variation: Variation, difference: float, seeds: int) -> float:
    """Probability that a true win rate of ``1/2 + difference`` is told from 1/2.

    Args:
        variation: variation of the scores, at any win rate.
        difference: from 1/2.
        seeds: number of seeds of each algorithm, at least 2.
    """
    rate = 0.5 + difference
    if seeds > SIMULATED_SEEDS:
        return _expected_power(at_rate(variation, rate), difference, seeds)
    repetitions = min(4000, SIMULATED_SCORES // seeds**2)
    games = variation.games_per_pair
    found = rate_interval(_simulate(shares_of(variation), rate, seeds, games, repetitions))
    return float(((found.low > 0.5) | (found.high < 0.5)).mean())


def _simulate(
    shares: Shares, rate: float, seeds: int, games: float, repetitions: int
) -> npt.NDArray[np.float64]:
    """Scores ``(repetitions, seeds, seeds)`` of the model's tournaments, always the same draws."""
    generator = np.random.default_rng(0)
    luck = 1 - sum(shares[:3])
    strength = stats.norm.ppf(rate) + sum(
        math.sqrt(share) * generator.standard_normal((repetitions, *shape))
        for share, shape in zip(shares, ((seeds, 1), (1, seeds), (seeds, seeds)), strict=False)
    )
    chance = stats.norm.cdf(strength / math.sqrt(luck))
    # Draws take some of a game's luck, as if there had been more games.
    decided = games / max(shares.games, NO_VARIANCE)
    if decided > 1e6:
        return np.asarray(chance)
    number = max(1, round(decided))
    return np.asarray(generator.binomial(number, chance) / number)


def _expected_power(there: Variation, difference: float, seeds: int) -> float:
    """Power as if variances and degrees of freedom were seen without error.

    Args:
        there: variation at the rate ``1/2 + difference``.
        difference: from 1/2.
        seeds: number of seeds of each algorithm.
    """
    row, column = (seeds * part + there.cells for part in (there.rows, there.columns))
    variance = (row + column - there.cells) / seeds**2
    if variance == 0:
        return 1.0
    rate = np.array(0.5 + difference)
    degrees = np.array((seeds - 1) * (row + column) ** 2 / (row**2 + column**2))
    critical = stats.t.ppf(0.975, degrees_at(rate, degrees, 2 * seeds))
    logit, error = logit_and_error(rate, np.array(variance))
    return power_of_t(float(logit / error), float(degrees), float(critical))


def power_of_t(shift: float, degrees: float, critical: float) -> float:
    """Probability that ``|t|`` is above a critical value, on either side of 0.

    Args:
        shift: true difference in standard errors; ``t`` is noncentral by it.
        degrees: degrees of freedom of ``t``.
        critical: value that is to be exceeded.
    """
    # The square of a noncentral t is a noncentral F. scipy's has no value at 0 itself.
    return float(stats.ncf.sf(critical**2, 1, degrees, max(shift**2, 1e-9)))


def seeds_needed(variation: Variation, difference: float, wanted: float = 0.8) -> int | None:
    """Least number of seeds of each algorithm that has the power wanted; None if too many."""
    if not 0 < difference < 0.5:
        raise UserError(f"difference is {difference}: give a number between 0 and 0.5")
    if not 0 < wanted < 1:
        raise UserError(f"power is {wanted}: give a number between 0 and 1")
    if power(variation, difference, MOST_SEEDS) < wanted:
        return None
    low, high = 1, MOST_SEEDS  # one seed never has it, so many do
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (
            (low, middle) if power(variation, difference, middle) >= wanted else (middle, high)
        )
    return high
