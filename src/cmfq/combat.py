"""Damage and attacks of an episode: how a fight went, beyond who won it.

For worlds whose agents have hit points (``TeamObservation.health``). Everything is read off
observations and actions, whole teams at a time, so that it costs a few per cent of a game.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from cmfq.environments.base import (
    Body,
    BoolArray,
    Environment,
    FloatArray,
    IntArray,
    Step,
    TeamObservation,
    TeamSpecification,
)

ENEMY_CHANNEL = "other_team_presence"
"""Channel of a view that marks cells with enemies."""
HURT = 0.5
"""Share of the full hit points below which an agent counts as hurt."""
UNHURT = 0.999
"""Share of the full hit points from which an agent counts as unhurt: all, but for rounding."""
QUARTERS = ("0-25", "25-50", "50-75", "75-100")
"""Quarters of the full hit points, in per cent; a bound belongs to the quarter above it."""
Shares = dict[str, float | None]
"""Share of the chances that were taken, by quarter; ``None`` if there was no chance."""


@dataclass(frozen=True)
class Combat:
    """Damage and attacks of a team, or of all teams of a player, in one episode.

    A *chance* is a decision of an agent with an enemy in a cell that it could strike; it is *taken*
    if the agent attacks, wherever it strikes.
    """

    damage_taken: float
    """Hit points lost: every fall of an agent's health from one step to the next, and all that an
    agent had left in the step in which it died. What an agent recovers is not subtracted."""
    chances_unhurt: int
    """Chances of agents with full hit points."""
    attacks_unhurt: int
    """Attacks made on these chances."""
    chances_hurt: int
    """Chances of agents with less than half of their hit points."""
    attacks_hurt: int
    """Attacks made on these chances."""

    @property
    def share_unhurt(self) -> float | None:
        """Share of the chances of unhurt agents that were taken; ``None`` if there was none."""
        return self.attacks_unhurt / self.chances_unhurt if self.chances_unhurt else None

    @property
    def share_hurt(self) -> float | None:
        """Share of the chances of hurt agents that were taken; ``None`` if there was none."""
        return self.attacks_hurt / self.chances_hurt if self.chances_hurt else None


def total_combat(parts: Sequence[Combat]) -> Combat:
    """Sum of the teams of a player; all zero for no team."""
    return Combat(
        sum(part.damage_taken for part in parts),
        sum(part.chances_unhurt for part in parts),
        sum(part.attacks_unhurt for part in parts),
        sum(part.chances_hurt for part in parts),
        sum(part.attacks_hurt for part in parts),
    )


class CombatTally:
    """Counts the combat of an episode, step by step."""

    def __init__(self, environment: Environment) -> None:
        """Begin an episode that ``environment`` has started."""
        bodies = environment.scenery().bodies
        self._teams = [
            _Team(body, one) for body, one in zip(bodies, environment.teams, strict=True)
        ]

    def add(
        self, observations: Sequence[TeamObservation], actions: Sequence[IntArray], step: Step
    ) -> None:
        """Count one step: what the teams saw, did, and what came of it."""
        for team, before, chosen, alive, after in zip(
            self._teams, observations, actions, step.alive, step.observations, strict=True
        ):
            team.add(before, chosen, alive, after)

    def totals(self) -> tuple[Combat, ...]:
        """Combat of each team so far."""
        return tuple(
            Combat(team.damage_taken, *team.counts[0], *team.counts[1]) for team in self._teams
        )

    def attacks_by_health(self) -> tuple[Shares, ...]:
        """Share of its chances that each team took so far, by quarter of the agents' hit points."""
        return tuple(team.attacks_by_health() for team in self._teams)


def combat_tally(
    environment: Environment, observations: Sequence[TeamObservation]
) -> CombatTally | None:
    """A tally for an episode that has just begun; ``None`` where agents have no hit points."""
    if any(one.health is None for one in observations):
        return None
    return CombatTally(environment)


class _Team:
    """Counts of one team."""

    def __init__(self, body: Body, specification: TeamSpecification) -> None:
        self.damage_taken = 0.0
        self.counts = [[0, 0], [0, 0]]
        """Chances and attacks of the unhurt, and of the hurt."""
        self._quarters = np.zeros((len(QUARTERS), 2), int)
        """Chances not taken, and attacks, of each quarter."""
        self._full_health = body.full_health
        self._reach = _reach(body, specification) if body.full_health else None

    def add(
        self,
        before: TeamObservation,
        actions: IntArray,
        alive: BoolArray,
        after: TeamObservation,
    ) -> None:
        assert before.health is not None
        assert after.health is not None
        self.damage_taken += _health_lost(before.health, alive, after.health)
        if self._reach is None:
            return
        rows, columns, channel, attacks = self._reach
        chances = (before.view[:, rows, columns, channel] > 0).any(1)
        if not chances.any():
            return
        health, attacked = before.health[chances], attacks[actions[chances]]
        unhurt = health >= UNHURT * self._full_health
        hurt = health < HURT * self._full_health
        for counts, which in zip(self.counts, (unhurt, hurt), strict=True):
            counts[0] += int(np.count_nonzero(which))
            counts[1] += int(np.count_nonzero(which & attacked))
        quarter = (health * (len(QUARTERS) / self._full_health)).astype(int)
        cells = quarter.clip(0, len(QUARTERS) - 1) * 2 + attacked
        self._quarters += np.bincount(cells, minlength=self._quarters.size).reshape(-1, 2)

    def attacks_by_health(self) -> Shares:
        return {
            name: int(taken) / int(left + taken) if left + taken else None
            for name, (left, taken) in zip(QUARTERS, self._quarters, strict=True)
        }


class _Reach(NamedTuple):
    """Cells of a team's view that its attacks strike."""

    rows: npt.NDArray[np.intp]
    """``(attacks,)``."""
    columns: npt.NDArray[np.intp]
    channel: int
    """Channel that shows enemies."""
    attacks: BoolArray
    """``(actions,)``: which actions are attacks."""


def _reach(body: Body, specification: TeamSpecification) -> _Reach | None:
    """``None`` if nobody attacks, or the view does not show where enemies are."""
    strikes = [offset for offset in body.attacks if offset is not None]
    if not strikes or ENEMY_CHANNEL not in specification.channels:
        return None
    height, width = specification.view_shape
    # Offsets are (x, y) from the body's middle, which is the view's middle.
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    columns, rows = (np.array(strikes) + middle).astype(np.intp).T
    channel = specification.channels.index(ENEMY_CHANNEL)
    return _Reach(rows, columns, channel, np.array([one is not None for one in body.attacks]))


def _health_lost(before: FloatArray, alive: BoolArray, after: FloatArray) -> float:
    """Hit points ``before`` a step that its agents lost in it; who joined stands behind them."""
    left = np.zeros_like(before)
    left[alive] = after[: np.count_nonzero(alive)]
    return float(np.maximum(before - left, 0).sum(dtype=np.float64))
