"""Results by side: does the side decide more than the player?

Let ``p`` be A's win rate as the first side and ``q`` as the second. The player's effect is how far
the mean of both is from 1/2, ``|(p + q) / 2 - 1/2|``; the side's is how far the first side's win
rate is from 1/2 whoever plays it, ``|(p - q) / 2|``. The side's is larger exactly where ``p`` and
``q`` lie on opposite sides of 1/2: then the same side wins most games, whoever plays it. So that is
said if the 95 % intervals of both leave out 1/2, on opposite sides.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from cmfq.play.outcomes import Layout, Outcome, estimate_of, on_side, points_of
from cmfq.statistics.replication import Estimate


@dataclass(frozen=True)
class SideResult:
    """Games in which A played one of the sides."""

    games: int
    wins: int
    draws: int
    losses: int
    win_rate: Estimate
    """Win rate of A; a draw counts half. Interval over seeds, or over games for one pair."""
    margin: Estimate
    """Survivors or rewards of A less B's; the interval likewise."""


@dataclass(frozen=True)
class BySide:
    """Results of A against B by the side that A played."""

    first: SideResult
    second: SideResult
    first_side: Estimate
    """Win rate of the first side, whoever played it, over as many games of A there as of B; 1/2 in
    a fair game."""

    @property
    def side_decides(self) -> bool:
        """Whether the side decides more than the player, beyond chance."""
        p, q = self.first.win_rate, self.second.win_rate
        return (p.low > 0.5 and q.high < 0.5) or (p.high < 0.5 and q.low > 0.5)


def by_side(games: Layout) -> BySide | None:
    """Split games by side; ``None`` if a pair of seeds has no game on one of them."""
    first, second = (_of_side(games, side) for side in (0, 1))
    if first is None or second is None:
        return None
    firsts = estimate_of(
        [[_halves(cell) for cell in row] for row in games],
        lambda one: points_of(one if one.side == 0 else one.swapped()),
        share=True,
    )
    assert firsts is not None
    return BySide(first, second, firsts)


def side_sentence(found: BySide, a: str, b: str) -> str | None:
    """One sentence if the side decides more than the player, else none."""
    if not found.side_decides:
        return None
    rate, p, q = found.first_side, found.first.win_rate, found.second.win_rate
    return (
        f"The side decides more than the player between {a} and {b}: the first side won "
        f"{rate.value:.0%} of the games ({100 * rate.low:.0f} to {100 * rate.high:.0f} %), no "
        f"matter who played it; {a} won {p.value:.0%} as first and {q.value:.0%} as second."
    )


def _halves(games: Sequence[Outcome]) -> list[Outcome]:
    """Games of A with equal numbers on both sides: the earliest on each."""
    sides = [[one for one in games if one.side == side] for side in (0, 1)]
    return [one for both in zip(*sides, strict=False) for one in both]


def _of_side(games: Layout, side: int) -> SideResult | None:
    rate = estimate_of(games, on_side(side, points_of), share=True)
    margin = estimate_of(games, on_side(side, lambda one: one.margin), share=False)
    if rate is None or margin is None:
        return None
    ours = [one.margin for row in games for cell in row for one in cell if one.side == side]
    wins, draws = sum(one > 0 for one in ours), sum(one == 0 for one in ours)
    return SideResult(
        len(ours),
        wins,
        draws,
        len(ours) - wins - draws,
        rate,
        margin,
    )
