"""Time that training takes: environment, acting, learning, for each algorithm and size."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from threading import Lock
from typing import ParamSpec, TypeVar

import numpy as np

from cmfq.decision import Decision
from cmfq.devices import Arithmetic, wait_for
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
from cmfq.rollout import play_episodes
from cmfq.training.self_play import SelfPlay
from cmfq.training.settings import TrainSettings

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class BenchRow:
    """Milliseconds per environment step, both teams and all worlds together."""

    algorithm: str
    agents: int
    """A side."""
    threads: int
    device: str
    arithmetic: Arithmetic
    environments: int
    """Episodes side by side: times are of a step of all of them."""
    environment_ms: float
    acting_ms: float
    learning_ms: float
    """Writing the replay, sampling it, and the updates."""
    agent_steps_per_second: float
    """Agent-steps a second of both teams, in all worlds, all three parts together."""


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
    stepping = _Clock()
    environments = [_TimedEnvironment(one, stepping) for one in self_play.environments]
    (side,) = self_play.sides.values()
    policy = _TimedPolicy(side.policy)
    generator = np.random.default_rng(settings.seed)
    batch_size, ratio = settings.learner.batch_size, settings.learner.replay_ratio
    steps = agent_steps = 0
    owed = 0.0
    started = time.perf_counter()
    for episode in range(episodes):
        played = play_episodes(
            environments,
            [(policy, policy) for _ in environments],
            seeds=[episode * len(environments) + world for world in range(len(environments))],
            generator=generator,
            observers=[[ReplayWriter(side.replay, (0, 1))] for _ in environments],
            threads=settings.threads,
        )
        steps += max(one.steps for one in played)
        new = sum(one.agent_steps for one in played)
        agent_steps += new
        owed += new * ratio
        while owed >= batch_size:
            owed -= side.learner.learn(side.replay)[1]
    wait_for(side.policy.device)
    total = time.perf_counter() - started
    learning = total - stepping.seconds - policy.clock.seconds
    return BenchRow(
        settings.algorithm,
        settings.environment.team_sizes[0],
        settings.threads,
        settings.device,
        settings.arithmetic,
        settings.environments,
        environment_ms=1e3 * stepping.seconds / steps,
        acting_ms=1e3 * policy.clock.seconds / steps,
        learning_ms=1e3 * learning / steps,
        agent_steps_per_second=agent_steps / total,
    )


def measure_all(
    algorithms: Sequence[str],
    sizes: Sequence[int],
    threads: int,
    steps: int,
    device: str = "cpu",
    environments: int = 1,
    arithmetic: Arithmetic = "float32",
) -> Iterator[BenchRow]:
    """One row per algorithm and size."""
    for size in sizes:
        for algorithm in algorithms:
            yield measure(
                TrainSettings(
                    environment=BattleSettings(size=size, max_steps=steps),
                    algorithm=algorithm,
                    threads=threads,
                    device=device,
                    arithmetic=arithmetic,
                    environments=environments,
                )
            )


def _warm_up(settings: TrainSettings[BattleSettings]) -> None:
    short = replace(settings.environment, max_steps=20)
    with closing(SelfPlay(replace(settings, environment=short))) as self_play:
        self_play.run_episodes()


class _Clock:
    """Seconds in which at least one call was under way; calls on several threads count once."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._lock = Lock()
        self._under_way = 0
        self._started = 0.0

    def time(self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        with self._lock:
            if not self._under_way:
                self._started = time.perf_counter()
            self._under_way += 1
        try:
            return call(*args, **kwargs)
        finally:
            with self._lock:
                self._under_way -= 1
                if not self._under_way:
                    self.seconds += time.perf_counter() - self._started


class _TimedEnvironment:
    def __init__(self, environment: Environment, clock: _Clock) -> None:
        self._environment = environment
        self.clock = clock
        self.steps_on_threads = getattr(environment, "steps_on_threads", False)

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
