"""Effects of factors on a response, by least squares."""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

from cmfq.statistics.replication import Estimate, degrees_of_freedom, mean_squares

FloatArray = npt.NDArray[np.float64]


class Effects(NamedTuple):
    """Effects on a response of the cells of a design, with 95 % intervals."""

    mean: Estimate
    """Over the whole design, in the middle between all levels."""
    changes: tuple[Estimate, ...]
    """Change by each factor: mean at its second level less mean at its first."""


def fit_effects(
    design: npt.NDArray[np.int64],
    response: FloatArray,
    confidence: float = 0.95,
    episodes: FloatArray | None = None,
) -> Effects:
    """Mean and main effects, with Student's intervals from what they leave over.

    The rest holds the luck of training (every cell has seeds of its own) and interactions, so the
    intervals hold for other seeds, and are cautious where factors interact. Where all cells play
    the same episodes, what these give to all cells alike is in no difference between cells, but it
    is in the mean: its interval is wider by the variance between episodes. Changes then hold for
    these episodes: what a factor does in some of them alone is in all of its cells.

    Args:
        design: ``(cells, factors)`` of 0 and 1.
        response: ``(cells,)``.
        confidence: confidence of the intervals.
        episodes: ``(cells, episodes)``, whose means are the response, if all cells play the same
            ones. With a single one the mean has no interval.

    Raises:
        ValueError: there are not more cells than there are things to estimate.
    """
    cells, factors = design.shape
    freedom = cells - factors - 1
    if freedom < 1:
        raise ValueError(
            f"{cells} cells leave no degrees of freedom to estimate the errors of {factors} effects"
        )
    table = np.hstack([np.ones((cells, 1)), design - 0.5])
    found, *_ = np.linalg.lstsq(table, response, rcond=None)
    variance = ((response - table @ found) ** 2).sum() / freedom
    errors = np.sqrt(variance * np.diag(np.linalg.inv(table.T @ table)))
    quantile = (1 + confidence) / 2
    reach = special.stdtrit(freedom, quantile) * errors
    if episodes is not None:
        reach[0] = _reach_of_mean(errors[0] ** 2, freedom, episodes, quantile)
    mean, *changes = (
        Estimate(float(value), float(value - far), float(value + far))
        for value, far in zip(found, reach, strict=True)
    )
    return Effects(mean, tuple(changes))


def _reach_of_mean(variance: float, freedom: int, episodes: FloatArray, quantile: float) -> float:
    """Half the length of the mean's interval with the luck of episodes that all cells share.

    Cells and episodes are the rows and columns of a two-way layout, whose rows have the variance
    and the degrees of freedom that the factors leave over.
    """
    cells, many = episodes.shape
    if many == 1:
        return math.nan
    squares = mean_squares(episodes)
    row = np.maximum(variance * cells * many, squares.cells)
    column = np.maximum(squares.columns, squares.cells)
    both = (row + column - squares.cells) / (cells * many)
    degrees = degrees_of_freedom(row, column, freedom, many - 1)
    return float(special.stdtrit(degrees, quantile) * np.sqrt(both))
