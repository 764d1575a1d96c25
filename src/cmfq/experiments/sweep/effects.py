"""Effects of factors on a response, by least squares."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

from cmfq.statistics.replication import Estimate

FloatArray = npt.NDArray[np.float64]


class Effects(NamedTuple):
    """Effects on a response of the cells of a design, with 95 % intervals."""

    mean: Estimate
    """Over the whole design, in the middle between all levels."""
    changes: tuple[Estimate, ...]
    """Change by each factor: mean at its second level less mean at its first."""


def fit_effects(
    design: npt.NDArray[np.int64], response: FloatArray, confidence: float = 0.95
) -> Effects:
    """Mean and main effects, with Student's intervals from what they leave over.

    The rest holds the luck of training (every cell has seeds of its own) and interactions, so the
    intervals hold for other seeds, and are cautious where factors interact.

    Args:
        design: ``(cells, factors)`` of 0 and 1.
        response: ``(cells,)``.
        confidence: confidence of the intervals.

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
    reach = special.stdtrit(freedom, (1 + confidence) / 2) * errors
    mean, *changes = (
        Estimate(float(value), float(value - far), float(value + far))
        for value, far in zip(found, reach, strict=True)
    )
    return Effects(mean, tuple(changes))
