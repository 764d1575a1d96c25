"""Statistics of results, as pure functions."""

import math


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
