"""Confidence intervals of a proportion and of a mean."""

import math

import numpy as np
import numpy.typing as npt
from scipy import special


def wilson_interval(
    successes: float, trials: int, confidence_z: float = 1.959963984540054
) -> tuple[float, float]:
    """Wilson's score interval of a proportion (Wilson 1927); 95 % by default.

    Args:
        successes: may hold halves: a draw counts half.
        trials: at least 1.
        confidence_z: quantile of the normal distribution.
    """
    share = successes / trials
    z2 = confidence_z**2 / trials
    centre = share + z2 / 2
    spread = confidence_z * math.sqrt(share * (1 - share) / trials + z2 / (4 * trials))
    low, high = (centre - spread) / (1 + z2), (centre + spread) / (1 + z2)
    return max(0.0, low), min(1.0, high)


def mean_interval(values: npt.NDArray[np.float64], confidence: float = 0.95) -> tuple[float, float]:
    """Student's interval of a mean; from minus to plus infinity for a single value."""
    if len(values) < 2:
        return -math.inf, math.inf
    mean = float(values.mean())
    error = float(values.std(ddof=1)) / math.sqrt(len(values))
    spread = error * float(special.stdtrit(len(values) - 1, 0.5 + confidence / 2))
    return mean - spread, mean + spread
