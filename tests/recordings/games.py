"""Games for the tests of replays."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from cmfq.algorithms import MeanFieldSettings
from cmfq.environments.arrays import ArrayEnvironment
from cmfq.environments.base import (
    Body,
    IntArray,
    Scenery,
    Step,
    TeamObservation,
    TeamSpecification,
)
from cmfq.environments.battle import BattleEnvironment, BattleSettings
from cmfq.environments.signal import SignalEnvironment, SignalSettings
from cmfq.networks import NetworkSettings
from cmfq.new_network import new_network
from cmfq.play.players import random_player
from cmfq.policies import Policy, QPolicy
from cmfq.recordings.record import record_episode

SMALL = NetworkSettings("additive", (4, 4), 8, 4, 16)


def make_policy(algorithm: str, head: str = "additive") -> QPolicy:
    """An untrained policy whose neighbours matter: its numbers are far from even."""
    torch.manual_seed(1)
    specification = BattleEnvironment(BattleSettings(size=12)).teams[0]
    network = new_network(specification, replace(SMALL, head=head), algorithm)
    return QPolicy(specification, network, algorithm, MeanFieldSettings(), beta=10.0)


def record(
    path: Path,
    policies: tuple[Policy, Policy],
    *,
    players: tuple[str, str] = ("A", "B"),
    size: int = 12,
    steps: int = 8,
) -> Path:
    """A battle of these two."""
    record_episode(
        path,
        BattleEnvironment(BattleSettings(size=size, max_steps=steps)),
        policies,
        name="battle",
        players=players,
        seed=3,
        generator=np.random.default_rng(5),
    )
    return path


def record_signal(path: Path, algorithm: str) -> tuple[QPolicy, TeamObservation]:
    """A game in which talkers say something else than they decide, and listeners say nothing.

    Returns:
        Who played it, and what the team observes at step 1.
    """
    environment = SignalEnvironment(SignalSettings(clusters=2, listeners=2, babblers=2))
    (team,) = environment.teams
    torch.manual_seed(1)
    network = new_network(team, SMALL, algorithm)
    policy = QPolicy(team, network, algorithm, MeanFieldSettings(), beta=10.0)
    generator = np.random.default_rng(5)
    record_episode(
        path, environment, [policy], name="signal", players=["p"], seed=3, generator=generator
    )
    environment.reset(3)
    nothing = np.zeros(environment.settings.team_sizes[0], np.int32)
    return policy, environment.step([nothing]).observations[0]


class Pond:
    """A frog eats one of two flies in the first step."""

    def __init__(self) -> None:
        self.teams = (TeamSpecification("frogs", (0, 0), (), ("hunger",), ("eat", "wait"), np.inf),)

    def reset(self, seed: int) -> tuple[TeamObservation, ...]:
        self.time = 0
        return self._observe()

    def step(self, actions: Sequence[IntArray]) -> Step:
        self.time += 1
        nothing, alive = np.zeros(1, np.float32), np.ones(1, bool)
        over = self.time == 3
        return Step(self._observe(), (nothing,), (alive,), terminated=over, truncated=False)

    def _observe(self) -> tuple[TeamObservation, ...]:
        view, feature = np.zeros((1, 0, 0, 0), np.float32), np.zeros((1, 1), np.float32)
        place, frog = np.full((1, 2), 5, np.float32), np.zeros(1, np.int32)
        did = np.full(1, -1 if self.time == 0 else 0, np.int32)
        return (TeamObservation(view, feature, frog, place, did),)

    def scenery(self) -> Scenery:
        nothing = np.zeros((0, 2), np.float32), np.zeros((0, 3), np.float32)
        return Scenery((0.0, 0.0, 10.0, 10.0), *nothing, (Body("circle", 1.0),))

    def items(self) -> list[tuple[float, float, float]]:
        return [(2, 2, 0.5), (8, 8, 1)][self.time > 0 :]


class Walk(Pond):
    """A frog that goes some units to the right in every step, and draws no field.

    Args:
        start: x and y of its first position.
        stride: units of a step.
    """

    def __init__(self, start: float = 0.0, stride: float = 1.0) -> None:
        super().__init__()
        self.start, self.stride = start, stride

    def __getattribute__(self, name: str) -> object:
        if name in ("scenery", "items"):
            raise AttributeError(name)
        return super().__getattribute__(name)

    def _observe(self) -> tuple[TeamObservation, ...]:
        (observed,) = super()._observe()
        place = [[self.start + self.time * self.stride, self.start]]
        return (observed._replace(positions=np.array(place, np.float32)),)


def record_pond(path: Path, pond: Pond | None = None) -> Path:
    world = ArrayEnvironment("pond", pond or Pond(), 10)  # type: ignore[arg-type]
    record_episode(
        path,
        world,
        [random_player(world.teams[0])],
        name="pettingzoo",
        players=["anybody"],
        seed=0,
        generator=np.random.default_rng(0),
    )
    return path
