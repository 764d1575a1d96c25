"""Games of a policy against itself: watched, or with one side's merged actions exchanged."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from cmfq.decision import Decision
from cmfq.environments.base import Step, TeamObservation
from cmfq.environments.keeping import opened
from cmfq.environments.settings import EnvironmentSettings
from cmfq.errors import UserError
from cmfq.play.games import play_between
from cmfq.policies import QPolicy
from cmfq.rollout import Observer, play_episode
from studies.reliance.exchange import Seen, look


class Averaging:
    """Watches a game, and what the mean merged action in it is."""

    def __init__(self, actions: int) -> None:
        self._total = np.zeros(actions)
        self._number = 0

    def on_step(
        self,
        observations: tuple[TeamObservation, ...],
        decisions: tuple[Decision, ...],
        step: Step,
    ) -> None:
        """Add what every team merged."""
        for decision in decisions:
            assert decision.merged_actions is not None
            self._total += decision.merged_actions.sum(0)
            self._number += int(decision.merged_actions.any(1).sum())

    def on_truncation(
        self, observations: tuple[TeamObservation, ...], decisions: tuple[Decision, ...]
    ) -> None:
        """Nothing is done any more."""

    def mean(self) -> Tensor:
        """``(actions,)``: of the merged actions that are not zero."""
        return torch.from_numpy(self._total / max(1, self._number)).float()


class Looking:
    """Watches a game that a policy plays against itself, and looks at every team in every step."""

    def __init__(
        self, policy: QPolicy, others: Sequence[QPolicy], generator: np.random.Generator
    ) -> None:
        self._policy = policy
        self._others = others
        self._generator = generator
        self.decisions = 0
        self._seen: list[Seen] = []

    def on_step(
        self,
        observations: tuple[TeamObservation, ...],
        decisions: tuple[Decision, ...],
        step: Step,
    ) -> None:
        """Look at every team."""
        for decision in decisions:
            self.decisions += len(decision.actions)
            self._seen.append(look(self._policy, self._others, decision, self._generator))

    def on_truncation(
        self, observations: tuple[TeamObservation, ...], decisions: tuple[Decision, ...]
    ) -> None:
        """Nothing is done any more."""

    def all_seen(self) -> Seen:
        """In all steps."""
        return Seen._make(torch.cat(columns, dim=-1) for columns in zip(*self._seen, strict=True))


def watch(
    policy: QPolicy,
    settings: EnvironmentSettings,
    games: int,
    entropy: Sequence[int],
    observer: Observer,
) -> None:
    """Let a policy play against itself."""
    generator = np.random.default_rng(entropy)
    with opened(settings) as environment:
        teams = [policy] * len(environment.teams)
        for _ in range(games):
            seed = int(generator.integers(2**31))
            play_episode(environment, teams, seed=seed, generator=generator, observers=[observer])


class Played(NamedTuple):
    """Games of an altered policy against the one that it was made from."""

    win_rate: float
    """Win rate of the altered policy; a draw counts half."""
    margin: float
    """Its survivors less the other's, mean."""
    first_wins: float
    """Share that the first team won, whoever played it; a draw counts half."""


def play(
    altered: QPolicy,
    policy: QPolicy,
    settings: EnvironmentSettings,
    games: int,
    entropy: Sequence[int],
) -> Played:
    """Play, sides swapped every game."""
    role = policy.specification.role
    with opened(settings) as environment:
        if [team.role for team in environment.teams] != [role] * 2:
            raise UserError("this game does not have two equal teams: give runs of a game that has")
        played = [
            play_between(
                environment, {role: altered}, {role: policy}, game, entropy=(*entropy, game)
            )
            for game in range(games)
        ]
    margins = np.array([game.a_survivors - game.b_survivors for game in played])
    points = (1 + np.sign(margins)) / 2
    second = np.array([game.a_side for game in played])
    return Played(
        float(points.mean()),
        float(margins.mean()),
        float(np.where(second, 1 - points, points).mean()),
    )
