"""How many seeds are enough to tell two algorithms apart.

Everything is about the test that
:func:`~cmfq.evaluation.statistics.replication.rate_interval` makes: two algorithms are told apart
when the 95 % interval of the win rate between them leaves out 1/2.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import stats

from cmfq.errors import UserError
from cmfq.evaluation.statistics.replication import degrees_at, logit_and_error, mean_squares

MOST_SEEDS = 1000


@dataclass(frozen=True)
class Variation:
    """Variances of the score of one seed against another."""

    rows: float
    """Between seeds of the one algorithm."""
    columns: float
    """Between seeds of the other one."""
    pairs: float
    """Between pairs of seeds, beyond what each brings along."""
    games: float
    """Of a single game's score within a pair of seeds, checkpoints and sides included."""
    games_per_pair: float
    """Games from which each score is taken."""

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
    )


def mean_variation(parts: Sequence[Variation]) -> Variation:
    """Of several pairs of algorithms: what to expect of another one."""
    seeds = float(np.mean([(one.rows + one.columns) / 2 for one in parts]))
    return Variation(
        seeds,
        seeds,
        float(np.mean([one.pairs for one in parts])),
        float(np.mean([one.games for one in parts])),
        float(np.mean([one.games_per_pair for one in parts])),
    )


def with_endless_games(variation: Variation) -> Variation:
    """The same without the luck of games."""
    return replace(variation, games_per_pair=math.inf)


def power(variation: Variation, difference: float, seeds: int) -> float:
    """Probability that a true win rate of ``1/2 + difference`` is told from 1/2.

    Args:
        variation: of the scores.
        difference: from 1/2.
        seeds: of each algorithm, at least 2.
    """
    row = seeds * variation.rows + variation.cells
    column = seeds * variation.columns + variation.cells
    variance = (row + column - variation.cells) / seeds**2
    if variance == 0:
        return 1.0
    rate = np.array(0.5 + difference)
    degrees = np.array((seeds - 1) * (row + column) ** 2 / (row**2 + column**2))
    critical = stats.t.ppf(0.975, degrees_at(rate, degrees, 2 * seeds))
    logit, error = logit_and_error(rate, np.array(variance))
    # The square of a noncentral t is a noncentral F: both tails at once.
    # scipy's has no value at 0 itself.
    shift = np.maximum((logit / error) ** 2, 1e-9)
    return float(stats.ncf.sf(critical**2, 1, degrees, shift))


def seeds_needed(variation: Variation, difference: float, wanted: float = 0.8) -> int | None:
    """Least number of seeds of each algorithm that has the power wanted; None if too many."""
    if not 0 < difference < 0.5:
        raise UserError(f"difference is {difference}: give a number between 0 and 0.5")
    if not 0 < wanted < 1:
        raise UserError(f"power is {wanted}: give a number between 0 and 1")
    if power(variation, difference, MOST_SEEDS) < wanted:
        return None
    low, high = 1, MOST_SEEDS
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (
            (low, middle) if power(variation, difference, middle) >= wanted else (middle, high)
        )
    return high
