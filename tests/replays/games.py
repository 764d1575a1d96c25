"""Games for the tests of replays."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from cmfq.algorithms import MeanFieldSettings
from cmfq.environments.battle import BattleEnvironment, BattleSettings
from cmfq.networks import NetworkSettings
from cmfq.new_network import new_network
from cmfq.policies import Policy, QPolicy
from cmfq.replays.record import record_episode

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
