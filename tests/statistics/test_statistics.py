import numpy as np
import pytest
from scipy.stats import binomtest

from cmfq.statistics.intervals import wilson_interval


@pytest.mark.parametrize(("successes", "trials"), [(0, 10), (3, 10), (50, 100), (98, 100), (7, 7)])
def test_wilson_is_scipys(successes: int, trials: int) -> None:
    expected = binomtest(successes, trials).proportion_ci(method="wilson")
    assert wilson_interval(successes, trials) == pytest.approx((expected.low, expected.high))


def test_half_successes_lie_between_whole_ones() -> None:
    below, half, above = (wilson_interval(successes, 20) for successes in (7, 7.5, 8))
    assert below < half < above


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_coverage_is_95_percent(share: float) -> None:
    wins = np.random.default_rng(0).binomial(100, share, size=4000)
    intervals = [wilson_interval(int(win), 100) for win in wins]
    covered = np.mean([low <= share <= high for low, high in intervals])
    assert 0.93 <= covered <= 0.97
