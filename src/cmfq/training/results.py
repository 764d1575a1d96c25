"""Results of a run's learners against each of their opponents, over the latest games."""

from collections import deque
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from cmfq.environments.base import TeamSpecification
from cmfq.environments.settings import Measure
from cmfq.margins import margin_between
from cmfq.rollout import Episode

Key = tuple[str, str, int | None]
"""Roles of the learners' side (empty where both sides have the same), opponent, and for one past
self the episode that it is from."""


def title_of(opponent: str, past_episode: int | None) -> str:
    """``past 40``, or the opponent's name alone."""
    return opponent if past_episode is None else f"{opponent} {past_episode}"


class Results:
    """Results against each opponent: 1 for a game won, 0.5 for a tie, 0 for a game lost.

    Where both sides have the same roles, the side with more of what decides the game has won it.
    Where they do not, rewards of different roles cannot be compared: there a game counts as won in
    which the learners' side earned more than its mean over the latest games, whoever played.

    Args:
        teams: teams of the environment.
        sides: teams of each side; empty where there is no opponent.
        decided_by: what decides a game.
        games: latest games that count.
    """

    def __init__(
        self,
        teams: Sequence[TeamSpecification],
        sides: tuple[list[int], list[int]],
        decided_by: Measure,
        games: int,
    ) -> None:
        first, second = ([teams[team].role for team in side] for side in sides)
        self.alike = sorted(first) == sorted(second)
        """Whether both sides have the same roles."""
        self.roles = tuple(" and ".join(dict.fromkeys(side)) for side in (first, second))
        """Roles of each side."""
        self._sides = sides
        self._decided_by = decided_by
        self._games = games
        self._results: dict[Key, deque[float]] = {}
        self._rewards: dict[str, deque[float]] = {}  # of each side's roles, where these differ

    def record(
        self, opponent: str, side: int | None, past_episode: int | None, played: Episode
    ) -> None:
        """Count a game.

        Args:
            opponent: who played the other side.
            side: side of the learners; none if they played both, which gives no result.
            past_episode: episode of a past self.
            played: the game.
        """
        if side is None:
            if not self.alike:
                self._less_its_mean(0, played), self._less_its_mean(1, played)
            return
        if self.alike:
            margin = self.margin(side, played, self._decided_by)
        else:
            margin = self._less_its_mean(side, played)
        for one in dict.fromkeys((None, past_episode)):  # past selves together, and this one
            window = self._results.setdefault(self._key(side, opponent, one), self._window())
            window.append((float(np.sign(margin)) + 1) / 2)

    def margin(self, side: int, played: Episode, measure: Measure) -> float:
        """Survivors or rewards of a side, less those of the other."""
        values = played.survivors if measure == "survivors" else played.rewards
        ours, theirs = (sum(values[team] for team in self._sides[one]) for one in (side, 1 - side))
        return margin_between(ours, theirs)

    def _less_its_mean(self, side: int, played: Episode) -> float:
        """Reward of a side, less its mean over the games before, to which it is added."""
        reward = sum(played.rewards[team] for team in self._sides[side])
        before = self._rewards.setdefault(self.roles[side], self._window())
        margin = margin_between(reward, sum(before) / len(before)) if before else 0.0
        before.append(reward)
        return margin

    def _window(self) -> deque[float]:
        return deque(maxlen=self._games)

    def _key(self, side: int, opponent: str, past_episode: int | None) -> Key:
        return "" if self.alike else self.roles[side], opponent, past_episode

    def expected(self, side: int, opponent: str, past_episode: int | None) -> float:
        """Win rate of learners on a side, as if one game more was won and one more lost."""
        results = self._results.get(self._key(side, opponent, past_episode), ())
        return (sum(results) + 1) / (len(results) + 2)

    def win_rates(self) -> dict[str, float]:
        """Win rate against each opponent.

        Past selves count together, and each that is still kept for itself. Where the sides have
        different roles, names are ``role/opponent``.
        """
        return {
            f"{roles}/{title_of(name, past)}" if roles else title_of(name, past): (
                sum(results) / len(results)
            )
            for (roles, name, past), results in self._results.items()
        }

    def overall(self) -> float | None:
        """Win rate against all opponents together; none before the first game against one."""
        every = [one for key, results in self._results.items() if key[2] is None for one in results]
        return sum(every) / len(every) if every else None

    def forget_past(self, kept: Collection[int]) -> None:
        """Forget the past selves that are kept no more."""
        self._results = {
            key: results
            for key, results in self._results.items()
            if key[2] is None or key[2] in kept
        }

    def state(self) -> dict[str, Any]:
        """Everything that was counted, JSON-able."""
        return {
            "results": [[*key, list(results)] for key, results in self._results.items()],
            "rewards": {roles: list(rewards) for roles, rewards in self._rewards.items()},
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Become what :meth:`state` saw."""
        self._results = {
            (roles, name, past): deque(results, maxlen=self._games)
            for roles, name, past, results in state["results"]
        }
        self._rewards = {
            roles: deque(rewards, maxlen=self._games) for roles, rewards in state["rewards"].items()
        }
