"""Predators and prey: mpe2's own game from the seed on, its rewards, its settings."""

from typing import Any

import numpy as np
import pytest
from mpe2 import simple_tag_v3

from cmfq.environments.base import NO_ACTION, Step, TeamObservation
from cmfq.environments.particle_world import WorldState
from cmfq.environments.particles import (
    ACTIONS,
    ParticlesEnvironment,
    ParticlesSettings,
    rewards,
    start,
)
from cmfq.errors import UserError

SMALL = ParticlesSettings(predators=3, prey=4, obstacles=2, max_steps=5)


def assert_observed(seen: tuple[TeamObservation, ...], expected: dict[str, Any]) -> None:
    rows = [row for team in seen for row in team.features]
    for row, vector in zip(rows, expected.values(), strict=True):
        np.testing.assert_allclose(row, vector, rtol=0, atol=1e-5)


def play(environment: ParticlesEnvironment, seed: int, steps: int) -> list[Step]:
    environment.reset(seed)
    draw = np.random.default_rng(0)
    sizes = environment.settings.predators, environment.settings.prey
    return [
        environment.step([draw.integers(5, size=size, dtype=np.int32) for size in sizes])
        for _ in range(steps)
    ]


@pytest.mark.parametrize(
    ("predators", "prey", "obstacles", "steps"),
    [(20, 40, 20, 20), (6, 8, 3, 200), (3, 1, 2, 300), (1, 1, 0, 300)],
)
def test_a_seed_and_actions_give_mpe2_s_episode(
    predators: int, prey: int, obstacles: int, steps: int
) -> None:
    game = simple_tag_v3.parallel_env(
        num_good=prey, num_adversaries=predators, num_obstacles=obstacles, max_cycles=steps
    )
    world, scenario = game.unwrapped.world, game.unwrapped.scenario
    settings = {"predators": predators, "prey": prey, "obstacles": obstacles, "max_steps": steps}
    own, shared = (
        ParticlesEnvironment(ParticlesSettings(**settings, reward_sharing=sharing))
        for sharing in ("own", "all")
    )
    expected, _ = game.reset(seed=5)
    assert_observed(own.reset(5), expected)
    shared.reset(5)
    draw = np.random.default_rng(7)
    for _ in range(steps):
        actions = draw.integers(5, size=predators + prey, dtype=np.int32)
        expected, paid, _, truncated, _ = game.step(
            dict(zip(game.agents, map(int, actions), strict=True))
        )
        teams = actions[:predators], actions[predators:]
        step, other = own.step(teams), shared.step(teams)
        assert_observed(step.observations, expected)
        catches = [scenario.benchmark_data(agent, world) for agent in world.agents[:predators]]
        np.testing.assert_array_equal(step.rewards[0], 10 * np.array(catches))
        for reward in (np.concatenate(other.rewards), np.append(other.rewards[0], step.rewards[1])):
            np.testing.assert_allclose(reward, list(paid.values()), rtol=0, atol=1e-5)
        assert step.truncated == all(truncated.values())
        assert not step.terminated


def test_the_specification_fits_what_is_observed() -> None:
    environment = ParticlesEnvironment(SMALL)
    seen = environment.reset(0)
    assert [team.role for team in environment.teams] == ["predator", "prey"]
    for specification, team, agents in zip(environment.teams, seen, (3, 4), strict=True):
        assert team.view.shape == (agents, 0, 0, 0)
        assert team.features.shape == (agents, len(specification.features))
        assert len(set(specification.features)) == len(specification.features)
        assert team.features.dtype == team.positions.dtype == np.float32
        assert (team.previous_actions == NO_ACTION).all()
    assert np.concatenate([team.ids for team in seen]).tolist() == list(range(7))


def test_every_entry_is_what_its_name_says() -> None:
    environment = ParticlesEnvironment(SMALL)
    seen = play(environment, 0, 5)[-1].observations
    names = {
        "predator": lambda k: environment._state.positions[0, k],
        "prey": lambda k: environment._state.positions[0, 3 + k],
        "obstacle": lambda k: environment._state.obstacles[0, k],
    }
    for specification, team in zip(environment.teams, seen, strict=True):
        for row, features in enumerate(team.features):
            place = team.positions[row]
            for name, value in zip(specification.features, features, strict=True):
                *entry, axis = name.split("_")
                if entry == ["position"]:
                    expected = place
                elif entry == ["velocity"]:
                    expected = environment._state.velocities[0, team.ids[row]]
                else:
                    moving = entry[-1] == "velocity"
                    kind, number = entry[-3:-1] if moving else entry[-2:]
                    index = int(number) + (entry[0] == "other" and int(number) >= row)
                    expected = names[kind](index) - place
                    if moving:
                        expected = environment._state.velocities[0, 3 + index]
                assert value == pytest.approx(expected["xy".index(axis)], abs=1e-6), name


def test_the_same_seed_gives_the_same_episode_whatever_was_played_before() -> None:
    environment = ParticlesEnvironment(SMALL)
    first, other, again = (play(environment, seed, 5) for seed in (1, 2, 1))
    fresh = play(ParticlesEnvironment(SMALL), 1, 5)
    for a, b, c, d in zip(first, again, fresh, other, strict=True):
        for team in range(2):
            seen = a.observations[team].features
            np.testing.assert_array_equal(seen, b.observations[team].features)
            np.testing.assert_array_equal(seen, c.observations[team].features)
            assert (seen != d.observations[team].features).any()
    for steps in (first, again):
        assert [step.truncated for step in steps] == [False] * 4 + [True]


def test_a_step_shows_who_did_what_and_leaves_earlier_ones_alone() -> None:
    environment = ParticlesEnvironment(SMALL)
    before = environment.reset(3)
    kept = [team.features.copy() for team in before]
    step = environment.step([np.full(3, 2, np.int32), np.full(4, 3, np.int32)])
    assert step.observations[0].previous_actions.tolist() == [2] * 3
    assert step.observations[1].previous_actions.tolist() == [3] * 4
    assert all(alive.all() for alive in step.alive)
    for team, features in zip(before, kept, strict=True):
        np.testing.assert_array_equal(team.features, features)
    with pytest.raises(ValueError, match="3 predators and 4 prey"):
        environment.step([np.zeros(4, np.int32), np.zeros(3, np.int32)])


def test_actions_push_where_their_names_say() -> None:
    for action, name in enumerate(ACTIONS):
        environment = ParticlesEnvironment(ParticlesSettings(1, 1, 0))
        environment.reset(0)
        environment._state = WorldState(
            np.array([[[-0.5, 0], [0.5, 0]]]), np.zeros((1, 2, 2)), np.zeros((1, 0, 2))
        )
        seen = environment.step([np.array([action], np.int32)] * 2).observations
        pushed = [0, 0] if name == "no_action" else [float(part) for part in name.split()[1:]]
        for team, acceleration in zip(seen, (3, 4), strict=True):
            expected = 0.1 * acceleration * np.array(pushed)
            np.testing.assert_allclose(team.features[0, :2], expected, atol=1e-6)


def test_rewards_by_hand() -> None:
    places = [(0, 0), (0.1, 0), (0.8, 0.8), (0.05, 0.01), (0.1, 0.12), (0.95, -1.25), (-500, 1)]
    state = WorldState(np.array([places], float), np.zeros((1, 7, 2)), np.zeros((1, 0, 2)))
    expected = [-20, -10, -0.5 - np.exp(0.5), -10 - 1]
    predators, prey = rewards(state, ParticlesSettings(3, 4, 0))
    assert predators.tolist() == [[10, 20, 0]]
    np.testing.assert_allclose(prey, [expected], rtol=1e-6)
    other = ParticlesSettings(
        3, 4, 0, catch_reward=1, caught_penalty=-3, boundary_penalty=-2, reward_sharing="all"
    )
    predators, prey = rewards(state, other)
    assert predators.tolist() == [[3, 3, 3]]
    np.testing.assert_allclose(prey, [[-6, -3, -0.5 - np.exp(0.5), -2 - 1]], rtol=1e-6)


def test_scenery_shows_the_obstacles_of_the_episode() -> None:
    environment = ParticlesEnvironment(SMALL)
    environment.reset(9)
    scenery = environment.scenery()
    np.testing.assert_allclose(scenery.obstacles[:, :2], start(SMALL, [9]).obstacles[0], rtol=1e-6)
    assert scenery.obstacles[:, 2] == pytest.approx([0.2, 0.2])
    assert [body.size for body in scenery.bodies] == [0.15, 0.1]


@pytest.mark.parametrize(
    "wrong",
    [
        {"predators": 0},
        {"prey": 0},
        {"prey": 1001},
        {"obstacles": -1},
        {"max_steps": 0},
        {"predator_speed": -1},
        {"prey_speed": float("nan")},
        {"catch_reward": -1},
        {"caught_penalty": 10},
        {"boundary_penalty": 10},
        {"reward_sharing": "some"},
    ],
)
def test_settings_that_make_no_world_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=next(iter(wrong))):
        ParticlesSettings(**wrong)
