"""Attention over neighbours, against a loop and a dense matrix."""

import math

import numpy as np
import torch

from cmfq.mean_field.attention import attention_weights, weighted_action
from cmfq.mean_field.neighbourhood import find_interactions


def test_weights_and_merged_action_are_those_of_a_dense_softmax() -> None:
    rng = np.random.default_rng(0)
    agents, units, actions = 30, 8, 5
    positions = rng.integers(0, 12, (agents, 2)).astype(np.int32)
    groups = rng.integers(0, 2, agents)
    previous = rng.integers(-1, actions, agents)
    found = find_interactions(positions, groups, previous, 4.0)
    agent, neighbour, action = (torch.from_numpy(column.astype(np.int64)) for column in found)
    torch.manual_seed(0)
    queries, keys = torch.randn(agents, units), torch.randn(agents, units)
    weights = attention_weights(queries, keys, agent, neighbour)
    merged = weighted_action(weights, agent, action, (agents, actions))
    for i in range(agents):
        mine = [
            k for k in range(agents)
            if k != i and groups[k] == groups[i] and previous[k] >= 0
            and math.dist(positions[i], positions[k]) <= 4
        ]  # fmt: skip
        assert sorted(neighbour[agent == i].tolist()) == mine
        if not mine:
            assert not merged[i].any()
            continue
        dense = torch.softmax(keys[mine] @ queries[i] / math.sqrt(units), dim=0)
        expected = torch.zeros(actions)
        for weight, k in zip(dense, mine, strict=True):
            expected[previous[k]] += weight
        torch.testing.assert_close(merged[i], expected)
        torch.testing.assert_close(weights[agent == i].sum(), torch.tensor(1.0))


def test_gradients_flow_to_queries_and_keys() -> None:
    queries, keys = torch.randn(3, 4, requires_grad=True), torch.randn(3, 4, requires_grad=True)
    agent, neighbour = torch.tensor([0, 0, 1]), torch.tensor([1, 2, 2])
    weights = attention_weights(queries, keys, agent, neighbour)
    weighted_action(weights, agent, torch.tensor([0, 1, 0]), (3, 2))[0, 0].backward()
    assert queries.grad is not None
    assert queries.grad[0].abs().sum() > 0
    assert keys.grad is not None
    assert keys.grad[1].abs().sum() > 0


def test_large_scores_stay_finite() -> None:
    agent, neighbour = torch.tensor([0, 0]), torch.tensor([1, 2])
    weights = attention_weights(
        torch.full((3, 4), 1e4), torch.tensor([[0.0] * 4, [1e4] * 4, [0.0] * 4]), agent, neighbour
    )
    assert weights.tolist() == [1.0, 0.0]
