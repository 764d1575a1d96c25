"""Real PettingZoo environments, as they come: checked, played in and learned from."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pettingzoo
import pytest
from magent2.environments import battlefield_v5, combined_arms_v6, gather_v5, tiger_deer_v4
from mpe2 import simple_spread_v3
from pypzbattlesnake import BattleSnake

from cmfq.algorithms import MeanFieldSettings
from cmfq.environments.check import check_environment
from cmfq.environments.pettingzoo import PettingZooEnvironment, PettingZooSettings
from cmfq.errors import UserError
from cmfq.learner import Learner, LearnerSettings
from cmfq.networks import NetworkSettings
from cmfq.new_network import new_network
from cmfq.policies import QPolicy
from cmfq.replay_buffer import ReplayBuffer
from cmfq.replay_writer import ReplayWriter
from cmfq.rollout import play_episode

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")


@dataclass(frozen=True)
class Case:
    """An environment, and what is known of it."""

    make: Callable[[], Any]
    teams: dict[str, tuple[int, tuple[int, ...], int, int]]
    """Of each team: agents, shape of the view, features, actions."""
    settings: dict[str, Any] = field(default_factory=dict)
    reproducible: bool = True
    deaths: bool = False
    """Somebody dies within the steps that are played."""


def registered(name: str, **options: Any) -> Any:
    """From PettingZoo's own registry."""
    return pettingzoo.make("parallel", name, **options)


CASES = {
    "battlefield": Case(
        lambda: battlefield_v5.parallel_env(extra_features=True, minimap_mode=True),
        {"red": (12, (13, 13, 41), 0, 21), "blue": (12, (13, 13, 41), 0, 21)},
        {"share_roles": True},
    ),
    "combined arms": Case(
        lambda: combined_arms_v6.parallel_env(map_size=20),
        {
            "redmelee": (8, (13, 13, 9), 0, 9),
            "redranged": (4, (13, 13, 9), 0, 25),
            "bluemelee": (8, (13, 13, 9), 0, 9),
            "blueranged": (4, (13, 13, 9), 0, 25),
        },
        {"share_roles": True},
        deaths=True,
    ),
    "gather": Case(gather_v5.parallel_env, {"omnivore": (495, (15, 15, 5), 0, 33)}, deaths=True),
    "tiger and deer": Case(
        tiger_deer_v4.parallel_env,
        {"deer": (101, (), 45, 5), "tiger": (20, (9, 9, 5), 0, 9)},
    ),
    "spread": Case(
        lambda: simple_spread_v3.parallel_env(N=30, max_cycles=10), {"agent": (30, (), 180, 5)}
    ),
    "knights, archers, zombies": Case(
        lambda: registered("butterfly/knights_archers_zombies-v11", num_archers=6, num_knights=4),
        {"archer": (6, (), 175, 6), "knight": (4, (), 175, 6)},
        {"teams": ("archer=archer", "knight=knight")},
    ),
    "pong": Case(
        lambda: registered("butterfly/cooperative_pong-v6"), {"paddle": (2, (19, 32, 3), 0, 3)}
    ),
    "pursuit": Case(lambda: registered("sisl/pursuit-v5"), {"pursuer": (8, (7, 7, 3), 0, 5)}),
    "snakes": Case(  # it draws from a generator that nobody can seed
        lambda: BattleSnake(2, 3, size=(11, 11), render_mode=None),
        {"snake_0": (3, (), 1694, 5), "snake_1": (3, (), 1694, 5)},
        {"share_roles": True},
        reproducible=False,
        deaths=True,
    ),
}
current: Callable[[], Any]


def make() -> Any:
    return current()


def adapt(case: Case, max_steps: int) -> PettingZooEnvironment:
    global current
    current = case.make
    settings = PettingZooSettings(f"{__name__}:make", max_steps, **case.settings)
    return PettingZooEnvironment(settings)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_it_is_what_it_is_and_keeps_the_protocol(case: Case) -> None:
    environment = adapt(case, max_steps=15)
    observed = environment.reset(1)
    found = {
        team.name: (
            len(observation.ids),
            (*team.view_shape, len(team.channels)) if team.channels else (),
            len(team.features),
            len(team.actions),
        )
        for team, observation in zip(environment.teams, observed, strict=True)
    }
    assert found == case.teams
    check_environment(environment, steps=20, reproducible=case.reproducible)
    if not case.reproducible:
        with pytest.raises(UserError, match="the same seed and actions lead to another state"):
            check_environment(environment, steps=20)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_it_is_played_and_learned_from(case: Case) -> None:
    environment = adapt(case, max_steps=15)
    policies: dict[str, QPolicy] = {}
    for team in environment.teams:
        if team.role not in policies:
            network = new_network(team, NetworkSettings(channels=(4, 4), view_units=8), "cmfq")
            policies[team.role] = QPolicy(team, network, "cmfq", MeanFieldSettings(), 1.0)
    roles = [team.role for team in environment.teams]
    replays = {
        role: ReplayBuffer(policy.specification, 0.9, 2**26) for role, policy in policies.items()
    }
    generator = np.random.default_rng(0)
    deaths = 0
    for seed in range(2):
        writers = [
            ReplayWriter(replay, [team for team, one in enumerate(roles) if one == role])
            for role, replay in replays.items()
        ]
        policy_of_teams = [policies[role] for role in roles]
        episode = play_episode(
            environment, policy_of_teams, seed=seed, generator=generator, observers=writers
        )
        assert episode.steps <= 15
        deaths += sum(episode.deaths)
    assert not case.deaths or deaths > 0
    settings = LearnerSettings(batch_size=16, min_updates=1)
    for role, policy in policies.items():
        learner = Learner(policy, settings, generator)
        losses = [learner.update(learner.sample(replays[role])).item() for _ in range(2)]
        assert np.isfinite(losses).all()
