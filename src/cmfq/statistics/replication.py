"""Statistics over training seeds: what another pair of seeds would give, not another game.

Scores stand in an array ``(..., rows, columns)``: row ``i`` and column ``j`` hold the mean score of
seed ``i`` of one algorithm in its games against seed ``j`` of another. Both are samples of what the
two algorithms could have become, so the scores are those of a two-way crossed random-effects
layout: ``score = mean + row + column + cell``, where a cell holds how two seeds suit each other
and the luck of their games. What there is only once, like a scripted opponent, is one column, and
the statement then holds for that opponent alone. Leading axes hold repetitions, for simulations.

``docs/statistics.md`` says in plain words what follows from this, and how well it works.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

FloatArray = npt.NDArray[np.float64]

UNEVEN = 2.5
"""Weight of the correction for sides of different numbers of seeds in :func:`degrees_of_freedom`,
chosen by simulation (``docs/results/coverage``)."""
NO_VARIANCE = 1e-12
"""Variance below which differences between seeds come from rounding."""


class Interval(NamedTuple):
    """An estimate and its confidence limits, each of the shape of the leading axes."""

    value: FloatArray
    low: FloatArray
    high: FloatArray


class Estimate(NamedTuple):
    """A number with its 95 % interval; nan where nothing was replicated."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, interval: Interval) -> "Estimate":
        """From arrays without axes."""
        return cls(*map(float, interval))

    @property
    def alike(self) -> bool:
        """The interval has no width but rounding: all values were equal.

        They do not say how far others could be from them.
        """
        return self.high - self.low < 2 * math.sqrt(NO_VARIANCE)

    def leaves_out(self, value: float) -> bool:
        """Whether the interval lies on one side of a value; one without width leaves out none."""
        return not self.alike and (self.low > value or self.high < value)

    def swapped(self, total: float = 0.0) -> "Estimate":
        """Estimate of the other side, where both sides' numbers have a fixed sum."""
        return Estimate(total - self.value, total - self.high, total - self.low)


class MeanSquares(NamedTuple):
    """Mean squares of the two-way layout; 0 where there are no degrees of freedom."""

    rows: FloatArray
    columns: FloatArray
    cells: FloatArray


def mean_squares(scores: FloatArray) -> MeanSquares:
    """Mean squares of rows, of columns and of what both leave over (their interaction)."""
    rows, columns = scores.shape[-2:]
    grand = scores.mean((-2, -1), keepdims=True)
    row = scores.mean(-1, keepdims=True) - grand
    column = scores.mean(-2, keepdims=True) - grand
    rest = scores - grand - row - column
    return MeanSquares(
        columns * (row**2).sum((-2, -1)) / max(1, rows - 1),
        rows * (column**2).sum((-2, -1)) / max(1, columns - 1),
        (rest**2).sum((-2, -1)) / max(1, (rows - 1) * (columns - 1)),
    )


def variance_of_mean(scores: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Variance of the mean score over draws of both seeds, and its degrees of freedom.

    Raises:
        ValueError: there is one row and one column, and so nothing to estimate it from.
    """
    rows, columns = scores.shape[-2:]
    if rows == columns == 1:
        raise ValueError("one score says nothing about its variance")
    return variance_from(mean_squares(scores), rows, columns)


def variance_from(squares: MeanSquares, rows: int, columns: int) -> tuple[FloatArray, FloatArray]:
    """Variance of the mean score and its degrees of freedom, from the layout's mean squares.

    The estimate is the one by expected mean squares, with no component below 0.
    """
    row = np.maximum(squares.rows, squares.cells)
    column = np.maximum(squares.columns, squares.cells)
    variance = (row + column - squares.cells) / (rows * columns)
    return variance, degrees_of_freedom(row, column, rows - 1, columns - 1)


def degrees_of_freedom(
    row: FloatArray, column: FloatArray, row_freedom: int, column_freedom: int
) -> FloatArray:
    """Degrees of freedom of the variance of a mean over both sides' seeds.

    With ``w`` and ``v`` the shares of rows and columns in ``row + column`` and ``r`` and ``c``
    their degrees of freedom, Satterthwaite's (1946) are ``1 / (w²/r + v²/c)``. These are too many
    where one side has fewer seeds: if those few happen to lie close together, the variance is too
    small and looks sure. So ``UNEVEN · w v |1/r - 1/c|`` is added to the denominator.

    Args:
        row: mean squares of rows, at least those of cells.
        column: mean squares of columns, at least those of cells.
        row_freedom: 0 for a single row: then the columns decide.
        column_freedom: 0 for a single column: then the rows decide.
    """
    if min(row_freedom, column_freedom) == 0:
        return np.full(np.shape(row), float(max(row_freedom, column_freedom)))
    total = np.where(row + column > 0, row + column, 1.0)
    w, v = row / total, column / total
    r, c = 1 / row_freedom, 1 / column_freedom
    inverse = w**2 * r + v**2 * c + UNEVEN * w * v * abs(r - c)
    # Where nothing varies the shares are 0; there are never fewer than the smaller side has.
    inverse = np.where((inverse == 0) | (inverse > max(r, c)), max(r, c), inverse)
    return np.asarray(1 / inverse)


def mean_interval(scores: FloatArray, confidence: float = 0.95) -> Interval:
    """Interval of a mean score of any scale, by Student's t."""
    variance, degrees = variance_of_mean(scores)
    value = scores.mean((-2, -1))
    reach = special.stdtrit(degrees, (1 + confidence) / 2) * np.sqrt(variance)
    return Interval(value, value - reach, value + reach)


def difference(ours: Sequence[float], theirs: Sequence[float]) -> Estimate:
    """How much greater the mean of ours is, over draws of both sides' seeds; a value a seed.

    Without bounds where a side has one seed: how far another seed would be from it is not known,
    and its games are not the other side's.
    """
    scores = np.subtract.outer(np.asarray(ours, float), np.asarray(theirs, float))
    if min(scores.shape) == 1:
        return Estimate(float(scores.mean()), -math.inf, math.inf)
    return Estimate.of(mean_interval(scores))


def rate_interval(scores: FloatArray, confidence: float = 0.95) -> Interval:
    """Interval of a mean of scores from 0 to 1, such as a win rate; it stays within 0 to 1.

    Symmetric on the logit scale, by Student's t, after a half success and a half failure have been
    added to the *effective number of trials*: as many independent trials as would have given this
    variance. Near 0 and 1 it has fewer degrees of freedom (:func:`degrees_at`). Scores that are all
    alike show no variance: there it is Wilson's interval, with one trial for each seed.
    """
    value = scores.mean((-2, -1))
    variance, degrees = variance_of_mean(scores)
    trials = _seeds(scores)
    logit, error = logit_and_error(value, variance)
    reach = special.stdtrit(degrees_at(value, degrees, trials), (1 + confidence) / 2) * error
    alike = variance < NO_VARIANCE
    z2 = special.ndtri((1 + confidence) / 2) ** 2 / trials
    centre, spread = value + z2 / 2, np.sqrt(z2 * (value * (1 - value) + z2 / 4))
    low = np.where(alike, (centre - spread) / (1 + z2), _logistic(logit - reach))
    high = np.where(alike, (centre + spread) / (1 + z2), _logistic(logit + reach))
    return Interval(value, np.clip(low, 0, value), np.clip(high, value, 1))


def confidence_above_half(scores: FloatArray) -> FloatArray:
    """Confidence that the mean of scores from 0 to 1 is above 1/2.

    It is 0.975 where the 95 % interval of :func:`rate_interval` begins at 1/2.
    """
    value = scores.mean((-2, -1))
    variance, degrees = variance_of_mean(scores)
    trials = _seeds(scores)
    logit, error = logit_and_error(value, variance)
    wilson = special.ndtr((value - 0.5) * 2 * np.sqrt(trials))
    students = special.stdtr(degrees_at(value, degrees, trials), logit / error)
    return np.asarray(np.where(variance < NO_VARIANCE, wilson, students))


def logit_and_error(rate: FloatArray, variance: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Logit of a rate and its standard error, half a success and half a failure added."""
    trials = rate * (1 - rate) / np.maximum(variance, NO_VARIANCE)
    rate = (rate * trials + 0.5) / (trials + 1)
    return np.log(rate / (1 - rate)), 1 / np.sqrt((trials + 1) * rate * (1 - rate))


def degrees_at(rate: FloatArray, degrees: FloatArray, seeds: int) -> FloatArray:
    """Degrees of freedom of a rate's variance: fewer below 28 % and above 72 %, at least 1.

    There scores crowd at one end, and a few seeds that do not decide what variance is seen: often
    too little, just when the rate is too far out. How many are taken off was chosen by
    simulation, so that intervals hold the truth about 95 times in 100 (``docs/results/coverage``).

    Args:
        rate: from 0 to 1.
        degrees: degrees of its variance, as estimated.
        seeds: seeds of both sides; a success and a failure are added before the rate is judged.
    """
    rate = (rate * seeds + 1) / (seeds + 2)
    return np.maximum(1.0, degrees * np.minimum(1.0, 5 * rate * (1 - rate)))


def majority(scores: FloatArray) -> FloatArray:
    """1 where a seed won more than half against the other one, 0 if less, 1/2 if as much.

    Its mean estimates the probability that a random seed of one algorithm is better than a random
    seed of the other.
    """
    return np.where(scores > 0.5, 1.0, np.where(scores < 0.5, 0.0, 0.5))


def _seeds(scores: FloatArray) -> int:
    """Number of seeds of both sides, without the side that is one fixed opponent."""
    return sum(n for n in scores.shape[-2:] if n > 1)


def _logistic(x: FloatArray) -> FloatArray:
    return np.asarray(1 / (1 + np.exp(-x)))
