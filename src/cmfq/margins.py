"""Who has more: the difference of two scores, of which rounding alone decides nothing."""

import math

ROUNDING = 1e-6
"""Greatest difference of two sums of rewards that counts as none, for each unit of the greater one
and at least this much: 32 bits hold a reward to 6e-8, and rewards that cancel leave such errors."""


def margin_between(ours: float, theirs: float) -> float:
    """What one side has more than another; 0 where it is a rounding error of their sums."""
    alike = math.isclose(ours, theirs, rel_tol=ROUNDING, abs_tol=ROUNDING)
    return 0.0 if alike else ours - theirs
