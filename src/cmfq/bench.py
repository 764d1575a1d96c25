"""Where the time of training goes: environment, acting, learning, for each algorithm and size."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import ParamSpec, TypeVar

import numpy as np

from cmfq.decision import Decision
from cmfq.environments.base import (
    Environment,
    IntArray,
    Scenery,
    Step,
    TeamObservation,
    TeamSpecification,
)
from cmfq.environments.battle import BattleSettings
from cmfq.policies import Policy
from cmfq.replay_writer import ReplayWriter
from cmfq.rollout import play_episode
from cmfq.training.self_play import SelfPlay
from cmfq.training.settings import TrainSettings

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class BenchRow:
    """Milliseconds per environment step, both teams together."""

    algorithm: str
    agents: int
    """A side."""
    threads: int
    environment_ms: float
    acting_ms: float
    learning_ms: float
    """Writing the replay, sampling it, and the updates."""
    agent_steps_per_second: float
    """Of all agents of both teams, all three together."""


def measure(settings: TrainSettings[BattleSettings], episodes: int = 1) -> BenchRow:
    """Train for whole episodes with a fresh network, under which hardly anybody dies.

    Args:
        settings: settings of the run to measure; its exploration stays at its start.
        episodes: to measure, after one short episode to warm up.
    """
    _warm_up(settings)
    with closing(SelfPlay(settings)) as self_play:
        return _measure(self_play, episodes)


def _measure(self_play: SelfPlay, episodes: int) -> BenchRow:
    """Play and learn as training does, with clocks."""
    settings = self_play.settings
    environment = _TimedEnvironment(self_play.environments[0])
    (side,) = self_play.sides.values()
    policy = _TimedPolicy(side.policy)
    generator = np.random.default_rng(settings.seed)
    batch_size, ratio = settings.learner.batch_size, settings.learner.replay_ratio
    steps = agent_steps = 0
    owed = 0.0
    started = time.perf_counter()
    for episode in range(episodes):
        writer = ReplayWriter(side.replay, (0, 1))
        played = play_episode(
            environment, (policy, policy), seed=episode, generator=generator, observers=[writer]
        )
        steps += played.steps
        agent_steps += played.agent_steps
        owed += played.agent_steps * ratio
        while owed >= batch_size:
            batch = side.learner.sample(side.replay)
            side.learner.update(batch)
            owed -= len(batch.actions)
    total = time.perf_counter() - started
    learning = total - environment.clock.seconds - policy.clock.seconds
    return BenchRow(
        settings.algorithm,
        settings.environment.team_sizes[0],
        settings.threads,
        environment_ms=1e3 * environment.clock.seconds / steps,
        acting_ms=1e3 * policy.clock.seconds / steps,
        learning_ms=1e3 * learning / steps,
        agent_steps_per_second=agent_steps / total,
    )


def measure_all(
    algorithms: Sequence[str], sizes: Sequence[int], threads: int, steps: int
) -> Iterator[BenchRow]:
    """One row per algorithm and size."""
    for size in sizes:
        for algorithm in algorithms:
            yield measure(
                TrainSettings(
                    environment=BattleSettings(size=size, max_steps=steps),
                    algorithm=algorithm,
                    threads=threads,
                )
            )


def _warm_up(settings: TrainSettings[BattleSettings]) -> None:
    short = replace(settings.environment, max_steps=20)
    with closing(SelfPlay(replace(settings, environment=short))) as self_play:
        self_play.run_episodes()


class _Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def time(self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        started = time.perf_counter()
        result = call(*args, **kwargs)
        self.seconds += time.perf_counter() - started
        return result


class _TimedEnvironment:
    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self.clock = _Clock()

    @property
    def teams(self) -> tuple[TeamSpecification, ...]:
        return self._environment.teams

    def reset(self, seed: int) -> tuple[TeamObservation, ...]:
        return self.clock.time(self._environment.reset, seed)

    def step(self, actions: Sequence[IntArray]) -> Step:
        return self.clock.time(self._environment.step, actions)

    def close(self) -> None:
        self._environment.close()

    def scenery(self) -> Scenery:
        return self._environment.scenery()


class _TimedPolicy:
    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self.clock = _Clock()

    def decide(
        self,
        observations: Sequence[TeamObservation],
        generator: np.random.Generator,
        others: Sequence[TeamObservation] = (),
        worlds: Sequence[int] | None = None,
    ) -> list[Decision]:
        return self.clock.time(self._policy.decide, observations, generator, others, worlds)
