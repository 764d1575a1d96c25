"""Copies of the learners, kept as opponents: past selves, and the gated self."""

import copy
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from cmfq.policies import QPolicy
from cmfq.training.opponent_settings import OpponentSettings
from cmfq.training.role_learner import join_names

LearnedPolicies = Mapping[str, QPolicy]
"""The policy of every role."""


class PastSelves:
    """Copies of the learners from earlier episodes; until the first is due, the initial ones.

    Args:
        settings: period, number and choice.
        learners: learners of every role.
        trained: whether the initial ones have learned already: they stay then, if there may be two.
    """

    def __init__(
        self, settings: OpponentSettings, learners: LearnedPolicies, trained: bool = False
    ) -> None:
        self._settings = settings
        self._learners = learners
        self._trained = trained
        self.copies: dict[int, LearnedPolicies] = {0: copy_players(learners)}
        """By the number of episodes that they had been trained, in ascending order."""

    def follow(self, before: int, episode: int) -> None:
        """Keep a copy if one became due between two numbers of episodes played."""
        period = self._settings.past_period
        if before // period == episode // period:
            return
        if not self._trained:
            self.copies.pop(0, None)  # nothing was learned there: it stands in for the first copy
        self.copies[episode] = copy_players(self._learners)
        size = self._settings.past_size
        if len(self.copies) > size:
            del self.copies[least_missed([one for one in self.copies if one > 0 or size == 1])]

    def draw(self, generator: np.random.Generator, win_rate: Callable[[int], float]) -> int:
        """The episode of a past self, by ``past_choice``.

        Args:
            generator: generator of the draw.
            win_rate: win rate of the learner against the copy of an episode, below 1.
        """
        episodes = list(self.copies)
        weights = np.ones(len(episodes))
        if self._settings.past_choice == "hardest":
            weights = np.array([(1 - win_rate(episode)) ** 2 for episode in episodes])
        return episodes[generator.choice(len(episodes), p=weights / weights.sum())]

    def state(self) -> dict[str, Tensor]:
        """Weights, by ``episode/role/name``."""
        return {
            f"{episode}/{name}": weight
            for episode, players in self.copies.items()
            for name, weight in weights_of(players).items()
        }

    def restore(self, weights: Mapping[str, Mapping[str, Tensor]]) -> None:
        """Become what :meth:`state` saw.

        Args:
            weights: weights of each episode, by ``role/name``.
        """
        self.copies = {}
        for episode in sorted(weights, key=int):
            players = copy_players(self._learners)
            load_weights(players, weights[episode])
            self.copies[int(episode)] = players


class GatedSelf:
    """A copy of the learners that is replaced when they have beaten it.

    Args:
        settings: settings of the gate.
        learners: learners of every role.
    """

    def __init__(self, settings: OpponentSettings, learners: LearnedPolicies) -> None:
        self._settings = settings
        self._learners = learners
        self.players = copy_players(learners)
        self.openings = 0
        """Number of times that it was replaced."""
        self._points: list[float] = []  # of the games since the gate was last decided

    def record(self, margin: float) -> None:
        """Count a game that a learner won (above 0), lost (below 0) or tied."""
        tie = {"half": 0.5, "win": 1.0, "loss": 0.0}[self._settings.gate_ties]
        self._points.append(1.0 if margin > 0 else 0.0 if margin < 0 else tie)

    def follow(self) -> None:
        """Decide the gate if there are games enough."""
        if len(self._points) < self._settings.gate_games:
            return
        beaten = sum(self._points) / len(self._points) >= self._settings.gate_win_rate
        self._points.clear()
        if beaten:
            self.openings += 1
            mix_weights(self.players, self._learners, self._settings.gate_mix)

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Weights by ``role/name``, and a JSON-able rest."""
        return weights_of(self.players), {"points": self._points, "openings": self.openings}

    def restore(self, weights: Mapping[str, Tensor], info: Mapping[str, Any]) -> None:
        """Become what :meth:`state` saw."""
        load_weights(self.players, weights)
        self._points, self.openings = list(info["points"]), info["openings"]


def copy_players(players: LearnedPolicies) -> LearnedPolicies:
    """Policies with networks of their own."""
    return {role: copy.deepcopy(policy) for role, policy in players.items()}


def least_missed(episodes: list[int]) -> int:
    """The episode without which the rest, the last included, are spread most evenly.

    That is the one whose neighbours are nearest to each other; the first's are 0 and the second.

    Args:
        episodes: two or more in ascending order; the last is given back only if it stands alone.
    """
    before = [0, *episodes]
    gaps = [episodes[index + 1] - before[index] for index in range(len(episodes) - 1)]
    return episodes[int(np.argmin(gaps))]


def weights_of(players: LearnedPolicies) -> dict[str, Tensor]:
    """Weights of all roles, by ``role/name`` (see :func:`~.role_learner.join_names`)."""
    return join_names({role: policy.network.state_dict() for role, policy in players.items()})


def load_weights(players: LearnedPolicies, weights: Mapping[str, Tensor]) -> None:
    """Set the weights of all roles to those of :func:`weights_of`."""
    with torch.no_grad():
        for name, weight in weights_of(players).items():
            weight.copy_(weights[name])


def mix_weights(players: LearnedPolicies, others: LearnedPolicies, share: float) -> None:
    """Move every weight to ``share`` of the others' and the rest of its own."""
    theirs = weights_of(others)
    with torch.no_grad():
        for name, weight in weights_of(players).items():
            if share == 1:
                weight.copy_(theirs[name])
            else:
                weight.lerp_(theirs[name], share)
