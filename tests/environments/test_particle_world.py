"""The mechanics against mpe2's, from states of every kind; many worlds against one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mpe2 import simple_tag_v3

from cmfq.environments.particle_world import WorldState, find_catches, observe, step_physics

SPEEDS = (1.0, 1.3)


def draw_state(seed: int, worlds: int, agents: int, obstacles: int, spread: float) -> WorldState:
    draw = np.random.default_rng(seed)
    return WorldState(
        draw.uniform(-spread, spread, (worlds, agents, 2)),
        draw.uniform(-1, 1, (worlds, agents, 2)),
        draw.uniform(-spread, spread, (worlds, obstacles, 2)),
    )


@pytest.mark.parametrize(
    ("spread", "speeds"),
    [(0.15, SPEEDS), (0.6, SPEEDS), (8.0, SPEEDS), (0.6, (0.4, 0.2))],
    ids=["heap", "crowd", "outside", "slow"],
)
def test_from_any_state_all_moves_as_in_mpe2(spread: float, speeds: tuple[float, float]) -> None:
    predators, prey, obstacles, steps = 5, 7, 3, 100
    state = draw_state(1, 1, predators + prey, obstacles, spread)
    game = simple_tag_v3.parallel_env(
        num_good=prey, num_adversaries=predators, num_obstacles=obstacles, max_cycles=steps
    )
    game.reset(seed=0)
    world, scenario = game.unwrapped.world, game.unwrapped.scenario
    for i, agent in enumerate(world.agents):
        agent.state.p_pos, agent.state.p_vel = state.positions[0, i].copy(), state.velocities[0, i]
        agent.max_speed = speeds[i >= predators]
    for i, landmark in enumerate(world.landmarks):
        landmark.state.p_pos = state.obstacles[0, i]
    touched = False
    for actions in np.random.default_rng(2).integers(5, size=(steps, 1, predators + prey)):
        game.step(dict(zip(game.agents, map(int, actions[0]), strict=True)))
        state = step_physics(state, actions, predators, speeds)
        moved = [(agent.state.p_pos, agent.state.p_vel) for agent in world.agents]
        ours = np.stack([state.positions[0], state.velocities[0]], axis=1)
        np.testing.assert_allclose(ours, moved, rtol=0, atol=1e-5)
        seen = [row for team in observe(state, predators) for row in team[0]]
        for agent, row in zip(world.agents, seen, strict=True):
            np.testing.assert_allclose(row, scenario.observation(agent, world), rtol=0, atol=1e-5)
        hunters = world.agents[:predators]
        caught = [scenario.benchmark_data(agent, world) for agent in hunters]
        assert find_catches(state, predators)[0].sum(1).tolist() == caught
        touched |= sum(caught) > 0
    assert touched or spread > 1


@settings(max_examples=30)
@given(
    seed=st.integers(0, 1000),
    worlds=st.integers(1, 5),
    predators=st.integers(1, 6),
    prey=st.integers(1, 6),
    obstacles=st.integers(0, 4),
)
def test_many_worlds_are_as_many_single_ones(
    seed: int, worlds: int, predators: int, prey: int, obstacles: int
) -> None:
    together = draw_state(seed, worlds, predators + prey, obstacles, 0.5)
    alone = [WorldState(*(part[i : i + 1] for part in together)) for i in range(worlds)]
    draw = np.random.default_rng(seed)
    for _ in range(10):
        actions = draw.integers(5, size=(worlds, predators + prey), dtype=np.int32)
        together = step_physics(together, actions, predators, SPEEDS)
        alone = [
            step_physics(state, actions[i : i + 1], predators, SPEEDS)
            for i, state in enumerate(alone)
        ]
    for i, state in enumerate(alone):
        for part, single in zip(together, state, strict=True):
            np.testing.assert_array_equal(part[i], single[0])
        for team, single in zip(
            observe(together, predators), observe(state, predators), strict=True
        ):
            np.testing.assert_array_equal(team[i], single[0])


def test_a_step_leaves_the_state_that_it_started_from_alone() -> None:
    state = draw_state(0, 2, 6, 2, 0.3)
    kept = [part.copy() for part in state]
    step_physics(state, np.ones((2, 6), np.int32), 3, SPEEDS)
    observe(state, 3)
    for part, before in zip(state, kept, strict=True):
        np.testing.assert_array_equal(part, before)


def test_mirrored_worlds_stay_mirrored() -> None:
    state = draw_state(4, 1, 8, 3, 0.4)
    mirrored = WorldState(*(part * (-1, 1) for part in state))
    other = np.array([0, 2, 1, 3, 4])
    for actions in np.random.default_rng(0).integers(5, size=(15, 1, 8)):
        state = step_physics(state, actions, 3, SPEEDS)
        mirrored = step_physics(mirrored, other[actions], 3, SPEEDS)
    np.testing.assert_array_equal(state.positions * (-1, 1), mirrored.positions)


def test_everyone_keeps_to_its_own_greatest_speed() -> None:
    state = draw_state(3, 4, 10, 2, 0.3)
    for _ in range(30):
        state = step_physics(state, np.full((4, 10), 2, np.int32), 4, SPEEDS)
    speed = np.linalg.norm(state.velocities, axis=2)
    assert speed[:, :4].max() == pytest.approx(1.0)
    assert speed[:, 4:].max() == pytest.approx(1.3)
