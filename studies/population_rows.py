"""Games of policies that are made of several training runs: what ``studies.populations`` stores."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from cmfq.play.by_side import BySide
from cmfq.statistics.replication import Estimate
from cmfq.text import counted

SIZE = 64
KEPT = ("margin", "steps", "truncated")
"""Yardsticks that rows keep beside the damage: survivors less the opponent's, steps of a game, and
the share of games that the step limit ended."""


@dataclass(frozen=True)
class Row:
    """Games of a policy against a scripted player."""

    runs: tuple[str, ...]
    """Runs that it is made of: one, or a population."""
    checkpoints: int
    """Last checkpoints of each run that play together."""
    training: str
    """Preset of the runs, and what they change of it."""
    opponent: str
    size: int
    games: int
    win_rate: Estimate
    damage: Estimate
    """Logarithm of damage dealt over damage taken."""
    until: int = 0
    """Episodes after which the runs played so; 0: after all."""
    sides: BySide | None = None
    """Results by the side that the policy played; None: not kept, as in older rows, or without
    games on one of the sides."""
    yardsticks: Mapping[str, Estimate] = field(default_factory=dict)
    """Means over games of those in :data:`KEPT`; empty: not kept, as in older rows."""
    least_attacks_hurt: float | None = None
    """Runs were left out whose hurt agents attacked less than that; None: none were."""
    left_out: tuple[str, ...] = ()
    """These runs."""

    @property
    def without_weak(self) -> bool:
        """Whether weak runs are left out, if there are any."""
        return self.least_attacks_hurt is not None

    @property
    def case(self) -> tuple[object, ...]:
        """What tells it from others."""
        how = self.runs, self.checkpoints, self.opponent, self.size, self.games, self.until
        return *how, self.least_attacks_hurt


def together(runs: int, without_weak: bool = False) -> str:
    """How runs play, in words."""
    words = f"{runs} runs together" if runs > 1 else "single runs"
    return f"{words}, without weak ones" if without_weak else words


def mean_and_range(rates: Sequence[float] = ()) -> str:
    """Mean, range and number of the win rates of some policies."""
    if not rates:
        return "not played"
    ends = f"{min(rates):.0%} to {max(rates):.0%}, " if len(rates) > 1 else ""
    return f"{np.mean(rates):.0%} ({ends}{counted(len(rates), 'policy', 'policies')})"


def names_of(runs: Sequence[str]) -> str:
    """Names of runs; of seeds that follow each other, the first and the last."""
    first, last = runs[0], runs[-1]
    name, dash, seed = first.rpartition("-")
    if len(runs) > 2 and seed.isdecimal():
        following = [f"{name}{dash}{int(seed) + number}" for number in range(len(runs))]
        if list(runs) == following:
            return f"{first} to {last}"
    return ", ".join(runs)
