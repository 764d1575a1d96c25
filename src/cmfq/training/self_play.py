"""Self-play: play an episode, learn from it, again (Algorithm 1)."""

import copy
import math
import time
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import torch
from torch import Tensor

from cmfq.environments.battle import BattleEnvironment
from cmfq.errors import UserError
from cmfq.learner import Learner
from cmfq.policies import QPolicy, new_network
from cmfq.replay import Replay, ReplayWriter
from cmfq.rollout import play_episode
from cmfq.training.settings import TrainSettings


@dataclass(frozen=True)
class EpisodeMetrics:
    """One row of a run's metrics. Lists hold one entry per team."""

    episode: int
    """Counted from 1."""
    steps: int
    agent_steps: int
    rewards: list[float]
    """Sum over the team's agents and all steps."""
    kills: list[int]
    survivors: list[int]
    loss: float | None
    """Mean squared TD error of the episode's updates; none if there was no update."""
    updates: int
    """Of the network, since the run began."""
    beta: float
    playing_seconds: float
    learning_seconds: float


class SelfPlay:
    """The state of a training run between two episodes, and how to go on from it."""

    def __init__(self, settings: TrainSettings) -> None:
        torch.set_num_threads(settings.threads)
        network_seed, episode_seed, acting_seed, learning_seed = np.random.SeedSequence(
            settings.seed
        ).spawn(4)
        self.settings = settings
        self.environment = BattleEnvironment(settings.environment)
        specification = self.environment.teams[0]
        with torch.random.fork_rng():
            torch.manual_seed(int(network_seed.generate_state(1)[0]))
            network = new_network(specification, settings.network, settings.algorithm)
        beta = settings.exploration.beta(0)
        self.policy = QPolicy(specification, network, settings.algorithm, settings.mean_field, beta)
        self.opponent = self.policy
        if settings.opponent == "snapshot":
            self.opponent = copy.deepcopy(self.policy)
        self._generators = {
            "episode": np.random.default_rng(episode_seed),
            "acting": np.random.default_rng(acting_seed),
            "learning": np.random.default_rng(learning_seed),
        }
        self.learner = Learner(self.policy, settings.learner, self._generators["learning"])
        self.replay = Replay(
            specification, settings.learner.discount, settings.learner.replay_bytes
        )
        if settings.learner.batch_size > self.replay.capacity:
            raise UserError(
                f"batch_size is {settings.learner.batch_size}: the replay holds "
                f"{self.replay.capacity} agent-steps, give less, or raise replay_bytes"
            )
        self.episode = 0
        """Episodes played."""
        self._owed_rows = 0.0

    def run_episode(self) -> EpisodeMetrics:
        """Play one episode, then learn from as many sampled rows as it earned.

        Raises:
            UserError: the loss or a weight is no longer finite.
        """
        settings = self.settings
        self.policy.beta = self.opponent.beta = settings.exploration.beta(self.episode)
        self.learner.set_learning_rate(self.episode / settings.episodes)
        policies, learning_teams = self._players()
        started = time.perf_counter()
        played = play_episode(
            self.environment,
            policies,
            seed=int(self._generators["episode"].integers(2**31)),
            generator=self._generators["acting"],
            observers=[ReplayWriter(self.replay, learning_teams)],
        )
        playing_seconds = time.perf_counter() - started
        self.episode += 1
        share = len(learning_teams) / len(policies)
        losses = self._learn(played.agent_steps * share)
        return EpisodeMetrics(
            episode=self.episode,
            steps=played.steps,
            agent_steps=played.agent_steps,
            rewards=list(played.rewards),
            kills=list(reversed(played.losses)),
            survivors=list(played.survivors),
            loss=sum(losses) / len(losses) if losses else None,
            updates=self.learner.updates,
            beta=self.policy.beta,
            playing_seconds=playing_seconds,
            learning_seconds=time.perf_counter() - started - playing_seconds,
        )

    def _players(self) -> tuple[tuple[QPolicy, QPolicy], tuple[int, ...]]:
        """Who plays which team in this episode, and which teams are learned from."""
        if self.opponent is self.policy:
            return (self.policy, self.policy), (0, 1)
        if self.episode % self.settings.snapshot_period == 0:
            self.opponent.network.load_state_dict(self.policy.network.state_dict())
        if self.episode % 2 == 0:
            return (self.policy, self.opponent), (0,)
        return (self.opponent, self.policy), (1,)

    def _learn(self, new_rows: float) -> list[float]:
        settings = self.settings.learner
        self._owed_rows += max(
            new_rows * settings.replay_ratio, settings.min_updates * settings.batch_size
        )
        losses = []
        while self._owed_rows >= settings.batch_size:
            losses.append(self.learner.update(self.learner.sample(self.replay)))
            self._owed_rows -= settings.batch_size
        weights = self.policy.network.parameters()
        if not all(map(math.isfinite, losses)) or not all(w.isfinite().all() for w in weights):
            raise UserError(
                f"the loss or a weight became non-finite in episode {self.episode}: what was "
                "saved before is kept; train again in another folder with a learning_rate below "
                f"{settings.learning_rate}"
            )
        return losses

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """All that the next episode depends on: tensors, and a JSON-able rest."""
        parts = {
            "network": self.policy.network.state_dict(),
            "target_network": self.learner.target_network.state_dict(),
            "average": self.learner.average.state_dict(),
            "optimiser": _flatten(self.learner.optimiser.state_dict()["state"]),
            "replay": self.replay.state(),
        }
        if self.opponent is not self.policy:
            parts["opponent"] = self.opponent.network.state_dict()
        tensors = {
            f"{part}/{name}": tensor
            for part, named in parts.items()
            for name, tensor in named.items()
        }
        return tensors, {
            "settings": msgspec.to_builtins(self.settings),
            "episode": self.episode,
            "updates": self.learner.updates,
            "owed_rows": self._owed_rows,
            "generators": {
                name: generator.bit_generator.state for name, generator in self._generators.items()
            },
        }

    def restore(self, tensors: dict[str, Tensor], info: dict[str, Any]) -> None:
        """Become what :meth:`state` saw: the run goes on as if it had never stopped."""
        parts: dict[str, dict[str, Tensor]] = {}
        for path, tensor in tensors.items():
            part, name = path.split("/", 1)
            parts.setdefault(part, {})[name] = tensor
        self.policy.network.load_state_dict(parts["network"])
        self.learner.target_network.load_state_dict(parts["target_network"])
        self.learner.average.load_state_dict(parts["average"])
        optimiser = self.learner.optimiser
        optimiser.load_state_dict(
            {**optimiser.state_dict(), "state": _unflatten(parts.get("optimiser", {}))}
        )
        self.replay.restore(parts["replay"])
        if self.opponent is not self.policy:
            self.opponent.network.load_state_dict(parts["opponent"])
        self.episode = info["episode"]
        self.policy.beta = self.settings.exploration.beta(max(0, self.episode - 1))
        self.learner.updates = info["updates"]
        self._owed_rows = info["owed_rows"]
        for name, generator in self._generators.items():
            generator.bit_generator.state = info["generators"][name]


def _flatten(state: dict[int, dict[str, Tensor]]) -> dict[str, Tensor]:
    return {f"{index}/{key}": value for index, row in state.items() for key, value in row.items()}


def _unflatten(tensors: dict[str, Tensor]) -> dict[int, dict[str, Tensor]]:
    state: dict[int, dict[str, Tensor]] = {}
    for path, tensor in tensors.items():
        index, key = path.split("/")
        state.setdefault(int(index), {})[key] = tensor
    return state
