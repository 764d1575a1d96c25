import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cmfq.mean_field.neighbourhood import count_neighbour_actions, find_interactions

ACTIONS = 4


def count_one_by_one(
    positions: np.ndarray, groups: np.ndarray, actions: np.ndarray, radius: float
) -> np.ndarray:
    counts = np.zeros((len(positions), ACTIONS))
    for i in range(len(positions)):
        for k in range(len(positions)):
            apart = np.hypot(*(positions[i] - positions[k]).astype(float))
            if i != k and groups[i] == groups[k] and apart <= radius and actions[k] >= 0:
                counts[i, actions[k]] += 1
    return counts


@settings(max_examples=60)
@given(
    agents=st.integers(0, 40),
    radius=st.sampled_from([0.0, 1.0, 1.5, 6.0, 40.0, np.inf]),
    seed=st.integers(0, 1000),
)
def test_counts_are_those_of_a_loop_over_pairs(agents: int, radius: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    positions = rng.integers(0, 20, (agents, 2)).astype(np.int32)
    groups = rng.integers(0, 3, agents)
    actions = rng.integers(-1, ACTIONS, agents).astype(np.int32)
    counts = count_neighbour_actions(positions, groups, actions, ACTIONS, radius)
    np.testing.assert_array_equal(counts, count_one_by_one(positions, groups, actions, radius))


@pytest.mark.parametrize("radius", [6.0, np.inf])
def test_nobody_is_counted_before_having_acted(radius: float) -> None:
    positions = np.zeros((5, 2), np.int32)
    nobody = np.full(5, -1, np.int32)
    counts = count_neighbour_actions(positions, np.zeros(5, int), nobody, ACTIONS, radius)
    assert counts.shape == (5, ACTIONS)
    assert not counts.any()


def test_the_radius_is_part_of_the_neighbourhood() -> None:
    positions = np.array([[0, 0], [3, 4], [3, 5]], np.int32)
    actions = np.array([0, 1, 2], np.int32)
    counts = count_neighbour_actions(positions, np.zeros(3, int), actions, ACTIONS, 5.0)
    assert counts.tolist() == [[0, 1, 0, 0], [1, 0, 1, 0], [0, 1, 0, 0]]


@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_without_a_limit_the_farthest_are_neighbours_too(dtype: type) -> None:
    rng = np.random.default_rng(0)
    for _ in range(100):
        positions = (40 * rng.random((2, 2))).astype(dtype)
        found = find_interactions(positions, np.zeros(2, int), np.zeros(2, np.int32), np.inf)
        assert sorted(found.agent.tolist()) == [0, 1]


@settings(max_examples=40)
@given(
    side=st.integers(1, 4),
    radius=st.sampled_from([1.0, 2.5, 4.5, 5.0, np.inf]),
    seed=st.integers(0, 1000),
)
def test_large_bodies_are_near_when_any_of_their_cells_is(
    side: int, radius: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    corners = rng.integers(0, 20, (25, 2)).astype(np.int32)
    groups = rng.integers(0, 2, 25)
    found = find_interactions(corners, groups, np.zeros(25, np.int32), radius, side)
    cells = np.array([(x, y) for x in range(side) for y in range(side)])
    expected = {
        (i, k)
        for i in range(25)
        for k in range(25)
        if i != k
        and groups[i] == groups[k]
        and np.hypot(*(corners[k] + cells - corners[i] - (side - 1) / 2).T).min() <= radius
    }
    assert set(zip(found.agent.tolist(), found.neighbour.tolist(), strict=True)) == expected
    assert len(found.agent) == len(expected)
