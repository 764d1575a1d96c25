"""Who has more: the difference of two scores, of which rounding alone decides nothing."""

import math

ROUNDING = 1e-6
"""Greatest difference of two sums of rewards, for each unit of the greater one, that is none: 32
bits hold a reward to 6e-8."""


def margin_between(ours: float, theirs: float) -> float:
    """What one side has more than another; 0 where it is a rounding error of their sums."""
    return 0.0 if math.isclose(ours, theirs, rel_tol=ROUNDING) else ours - theirs
