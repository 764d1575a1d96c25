"""Opponents in training: their names and shares, and how copies of the learner become some."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from cmfq.errors import UserError, require_range, require_types

SELF = "self"
"""The current policies, on both sides; both sides are learned from."""
GATED = "gated"
"""A copy of the learner that is replaced when the learner has beaten it."""
PAST = "past"
"""Copies of the learner from earlier episodes."""


@dataclass(frozen=True)
class OpponentSettings:
    """Copies of the learner as opponents, and measured results against every opponent."""

    result_games: int = 100
    """Number of recent games from which the win rate against an opponent is measured."""
    past_period: int = 20
    """Number of episodes between the copies that are kept as past selves."""
    past_size: int = 20
    """Greatest number of past selves; each takes the memory of one network. Beyond it one is
    dropped, so that the others stay spread over the whole run."""
    past_choice: Literal["uniform", "hardest"] = "uniform"
    """Choice of a past self: uniformly, or in proportion to the square of 1 - win rate against
    it (prioritised fictitious self-play, Vinyals et al. 2019)."""
    learn_from: bool = False
    """Learn from what the opponents experience too, as Q-learning may from anyone's actions
    (demonstrations, Hester et al. 2018, without their supervised loss)."""
    gate_games: int = 20
    """Number of games against the gated self before the win rate decides whether to replace it.
    Games played side by side are decided together, however few would do."""
    gate_win_rate: float = 0.55
    """Win rate from which the gated self is replaced; 0 replaces it every time."""
    gate_ties: Literal["half", "win", "loss"] = "half"
    """Value of a tie in the win rate of the gate: half a win, a win or a loss."""
    gate_measure: Literal["game", "reward"] = "game"
    """Measure that decides a game at the gate: game, as in the environment (survivors in battle),
    or reward, the greater team reward."""
    gate_mix: float = 1.0
    """Weight m of the learner in the new gated self, m · learner + (1 - m) · gated, in every
    network weight; 1 is a copy. The original MFQ code uses 0.99, with gate_games 1, gate_win_rate 1
    and gate_measure reward."""

    def __post_init__(self) -> None:
        require_types(self)
        require_range(self, 1, 1e6, "result_games", "gate_games")
        require_range(self, 1, 1e9, "past_period")
        require_range(self, 1, 1e4, "past_size")
        require_range(self, 0, 1, "gate_win_rate")
        require_range(self, 0, 1, "gate_mix")
        if self.gate_mix == 0:
            raise UserError(
                "gate_mix is 0: the gated self would never change, give a number above 0 and up "
                "to 1"
            )


def parse_mix(entries: Sequence[str]) -> dict[str, float]:
    """Share of every opponent, all together 1, in the order given.

    Args:
        entries: ``name`` or ``name=share``; a share of 1 if none is given, and those of share 0
            are left out. What follows the last ``=`` is a share if it is a number.

    Raises:
        UserError: no entry, a name twice, a share below 0 or not finite, none above 0, or
            a sum that is not finite.
    """
    shares: dict[str, float] = {}
    for entry in entries:
        name, share = _split_share(entry)
        if not name:
            raise UserError(f"opponents has {entry!r}: name an opponent, as in swarm=0.2")
        if not 0 <= share < math.inf:
            raise UserError(
                f"opponents has {entry!r}: give a finite share of at least 0, as in {name}=1"
            )
        if name in shares:
            raise UserError(
                f"opponents has {name!r} twice: give it once, with the sum of its shares"
            )
        shares[name] = share
    total = sum(shares.values())
    if not 0 < total < math.inf:
        given = " ".join(entries)
        wanted = "shares whose sum is finite" if total else "at least one with a share above 0"
        raise UserError(f"opponents is {given!r}: give {wanted}, as in self=0.8 past=0.2")
    return {name: share / total for name, share in shares.items() if share > 0}


def _split_share(entry: str) -> tuple[str, float]:
    name, equals, share = entry.rpartition("=")
    try:
        return (name, float(share)) if equals else (entry, 1.0)
    except ValueError:
        return entry, 1.0
