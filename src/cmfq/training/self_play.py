"""Self-play: play episodes, learn from them, again (Algorithm 1)."""

import math
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from cmfq.environments.base import Environment, TeamSpecification
from cmfq.environments.pettingzoo import PettingZooSettings
from cmfq.environments.registry import make_environment
from cmfq.errors import UserError, unknown_name
from cmfq.policies import Policy, QPolicy
from cmfq.replay import ReplayWriter
from cmfq.rollout import Episode, Observer, play_episodes
from cmfq.storage import plain
from cmfq.training.head import settle_head
from cmfq.training.settings import TrainSettings
from cmfq.training.side import Side, join_names, split_names, tensors_of

Watch = Callable[[Environment, Sequence[Policy], int], AbstractContextManager[Observer]]
"""``(environment, policies, seed) -> observer``, entered before the episode and left after it."""


@dataclass(frozen=True)
class EpisodeMetrics:
    """One row of a run's metrics. Lists hold one entry per team."""

    episode: int
    """Counted from 1."""
    steps: int
    agent_steps: int
    rewards: list[float]
    kills: list[int]
    """Agents of the other teams that died."""
    survivors: list[int]
    truncated: bool
    """The step limit ended it."""
    damage: list[float] | None
    """Hit points that agents of the other teams lost; none where agents have no hit points."""
    attacks_unhurt: list[float | None] | None
    """Share of attacks among the actions of agents with full hit points and an enemy in reach."""
    attacks_hurt: list[float | None] | None
    """The same of agents with less than half of their hit points."""
    loss: float | None
    """Mean squared TD error of the updates after it, over all roles; none if there was none."""
    role_losses: list[float | None]
    """The same for each role."""
    updates: int
    """Of the networks, since the run began."""
    beta: float
    playing_seconds: float
    learning_seconds: float


class SelfPlay:
    """The state of a training run between two episodes, and how to go on from it."""

    def __init__(self, settings: TrainSettings[Any]) -> None:
        torch.set_num_threads(settings.threads)
        seeds = np.random.SeedSequence(settings.seed)
        network_seed, episode_seed, acting_seed, learning_seed = seeds.spawn(4)
        self.environments = [
            make_environment(settings.environment) for _ in range(settings.environments)
        ]
        self.teams = self.environments[0].teams
        self.settings = settings = settle_head(settings, self.teams)
        roles = {team.role: team for team in self.teams}
        _check_roles(settings, roles, self.teams)
        self._generators = {
            "episode": np.random.default_rng(episode_seed),
            "acting": np.random.default_rng(acting_seed),
        }
        self.sides: dict[str, Side] = {}
        """The learner of each role."""
        for role, specification in roles.items():
            generator = np.random.default_rng(learning_seed)
            self.sides[role] = Side(specification, settings, network_seed, generator)
            network_seed, learning_seed = seeds.spawn(2)
        self.episode = 0
        """Episodes played."""

    def run_episodes(self, watch: Watch | None = None) -> list[EpisodeMetrics]:
        """Play one episode in every world, then learn from as many sampled rows as they earned.

        Args:
            watch: gives an observer of the first world.

        Raises:
            UserError: a loss or a weight is no longer finite, or the environment failed.
        """
        settings = self.settings
        for side in self.sides.values():
            side.policy.beta = side.opponent.beta = settings.exploration.beta(self.episode)
            side.learner.set_learning_rate(self.episode / settings.episodes)
        policies, learning_teams = self._players()
        observers: list[list[Observer]] = [
            [
                ReplayWriter(side.replay, [team for team in learning_teams if self._is(role, team)])
                for role, side in self.sides.items()
            ]
            for _ in range(min(settings.environments, settings.episodes - self.episode))
        ]
        seeds = [int(self._generators["episode"].integers(2**31)) for _ in observers]
        started = time.perf_counter()
        with ExitStack() as watched:
            if watch:
                watcher = watch(self.environments[0], policies, seeds[0])
                observers[0].append(watched.enter_context(watcher))
            played = play_episodes(
                self.environments[: len(observers)],
                [policies] * len(observers),
                seeds=seeds,
                generator=self._generators["acting"],
                observers=observers,
            )
        playing_seconds = time.perf_counter() - started
        losses = {
            role: side.learn(
                sum(
                    episode.agent_steps_of[team]
                    for episode in played
                    for team in learning_teams
                    if self._is(role, team)
                ),
                len(played),
            )
            for role, side in self.sides.items()
        }
        learning_seconds = time.perf_counter() - started - playing_seconds
        self._check_finite(losses)
        return [
            self._metrics(episode, losses, playing_seconds, learning_seconds, len(played))
            for episode in played
        ]

    def averaged_policies(self) -> dict[str, QPolicy]:
        """Of each role, as checkpoints hold them."""
        return {role: side.learner.averaged_policy() for role, side in self.sides.items()}

    def _is(self, role: str, team: int) -> bool:
        return self.teams[team].role == role

    def _players(self) -> tuple[list[QPolicy], list[int]]:
        """Who plays which team in this episode, and which teams are learned from."""
        policies = [self.sides[team.role].policy for team in self.teams]
        teams = list(range(len(self.teams)))
        if self.settings.opponent == "shared":
            return policies, teams
        (side,) = self.sides.values()
        if self.episode % self.settings.snapshot_period == 0:
            side.opponent.network.load_state_dict(side.policy.network.state_dict())
        learning = self.episode % len(teams)
        return [side.policy if team == learning else side.opponent for team in teams], [learning]

    def _check_finite(self, losses: dict[str, list[float]]) -> None:
        for role, side in self.sides.items():
            if not side.is_finite(losses[role]):
                raise UserError(
                    f"the loss or a weight became non-finite in episode {self.episode + 1}: what "
                    "was saved before is kept; train again in another folder with a learning_rate "
                    f"below {self.settings.learner.learning_rate}"
                )

    def _metrics(
        self,
        played: Episode,
        losses: dict[str, list[float]],
        playing_seconds: float,
        learning_seconds: float,
        episodes: int,
    ) -> EpisodeMetrics:
        """Of the next episode; what several shared, they share out evenly."""
        self.episode += 1
        sides = self.sides.values()
        combat = played.combat
        damage = sum(one.damage_taken for one in combat or ())
        every_loss = [loss for role_losses in losses.values() for loss in role_losses]
        return EpisodeMetrics(
            episode=self.episode,
            steps=played.steps,
            agent_steps=played.agent_steps,
            rewards=list(played.rewards),
            kills=[sum(played.deaths) - own for own in played.deaths],
            survivors=list(played.survivors),
            truncated=played.truncated,
            damage=[damage - one.damage_taken for one in combat] if combat else None,
            attacks_unhurt=[one.share_unhurt for one in combat] if combat else None,
            attacks_hurt=[one.share_hurt for one in combat] if combat else None,
            loss=_mean(every_loss),
            role_losses=[_mean(role_losses) for role_losses in losses.values()],
            updates=sum(side.learner.updates for side in sides),
            beta=next(iter(sides)).policy.beta,
            playing_seconds=playing_seconds / episodes,
            learning_seconds=learning_seconds / episodes,
        )

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """All that the next episode depends on: tensors, and a JSON-able rest.

        After the last episode nothing is learned any more, and the replay, by far the largest part,
        is left out.
        """
        more = self.episode < self.settings.episodes
        states = {role: side.state(with_replay=more) for role, side in self.sides.items()}
        return join_names({role: tensors for role, (tensors, _) in states.items()}), {
            "settings": plain(self.settings),
            "episode": self.episode,
            "sides": {role: info for role, (_, info) in states.items()},
            "generators": {
                name: generator.bit_generator.state for name, generator in self._generators.items()
            },
        }

    def restore(self, tensors: dict[str, Tensor], info: dict[str, Any]) -> None:
        """Become what :meth:`state` saw: the run goes on as if it had never stopped."""
        own = split_names(tensors)
        self.episode = info["episode"]
        for role, side in self.sides.items():
            side.restore(tensors_of(role, own), info["sides"][role])
            side.policy.beta = self.settings.exploration.beta(max(0, self.episode - 1))
        for name, generator in self._generators.items():
            generator.bit_generator.state = info["generators"][name]


def _check_roles(
    settings: TrainSettings[Any],
    roles: dict[str, TeamSpecification],
    teams: tuple[TeamSpecification, ...],
) -> None:
    for role in settings.algorithms:
        if role not in roles:
            raise unknown_name("role in algorithms", role, roles)
    environment, radius = settings.environment, settings.mean_field.radius
    placeless = isinstance(environment, PettingZooSettings) and not environment.positions
    if placeless and radius is not None and radius < math.inf:
        raise UserError(
            f"radius is {radius}: nothing says where agents are, give --positions module:function, "
            "or leave radius out"
        )
    if settings.opponent == "snapshot" and not len(teams) == 2 == 1 + len(roles):
        raise UserError(
            "opponent is snapshot: that needs two teams of one role, and the roles are "
            f"{', '.join(team.role for team in teams)}; leave it at shared"
        )
    actions = {team.actions for team in teams}
    if settings.mean_field.neighbours == "everyone" and len(actions) > 1:
        raise UserError(
            f"neighbours is everyone: {' and '.join(roles)} have different actions, which cannot "
            "be averaged; leave it at team"
        )


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None
