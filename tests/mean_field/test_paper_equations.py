"""Eq 2, 3, 7, 10 and 11, neighbour by neighbour in plain loops, against the shipped functions."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cmfq.algorithms import ALGORITHMS, MeanFieldSettings
from cmfq.environments.base import TeamSpecification
from cmfq.mean_field.intervention import causal_effects
from cmfq.mean_field.merging import causal_action, mean_action
from cmfq.networks import NetworkSettings, QNetwork

ACTIONS = 5
SPECIFICATION = TeamSpecification("t", (5, 5), ("c",), ("x", "y"), tuple("abcde"), view_radius=2)


HEADS = ["additive", "pairwise"]


def network(seed: int, head: str = "additive", dtype: torch.dtype = torch.float32) -> QNetwork:
    torch.manual_seed(seed)
    settings = NetworkSettings(head, (2, 2), 8, 4, 16)  # type: ignore[arg-type]
    return QNetwork(SPECIFICATION, settings).to(dtype)


def encode(network: QNetwork, agents: int) -> torch.Tensor:
    dtype = next(network.parameters()).dtype
    view, features = torch.rand(agents, 5, 5, 1), torch.rand(agents, 2)
    with torch.no_grad():
        return network.encode(view.to(dtype), features.to(dtype)) * 3


def policy(
    network: QNetwork, hidden: torch.Tensor, merged: list[float], beta: float
) -> list[float]:
    """Eq 3 for one agent."""
    with torch.no_grad():
        q = network.q_values(hidden[None], torch.tensor([merged]).to(hidden))[0].tolist()
    greatest = max(beta * value for value in q)
    exponentials = [math.exp(beta * value - greatest) for value in q]
    return [value / sum(exponentials) for value in exponentials]


def one_hot(action: int) -> list[float]:
    return [float(a == action) for a in range(ACTIONS)]


def oracle(
    network: QNetwork,
    hidden: torch.Tensor,
    neighbour_actions: list[int],
    beta: float,
    epsilon: float,
) -> tuple[list[float], list[float]]:
    """Effect of every neighbour, and the merged action, for one agent."""
    n = len(neighbour_actions)
    mean = [sum(one_hot(k)[a] for k in neighbour_actions) / n for a in range(ACTIONS)]  # Eq 2
    before = policy(network, hidden, mean, beta)
    effects = []
    for k in neighbour_actions:
        after = policy(network, hidden, one_hot(k), beta)
        effects.append(  # Eq 7
            sum(p * math.log(p / q) for p, q in zip(before, after, strict=True) if p > 0)
        )
    total = sum(effect + epsilon for effect in effects)
    weights = [(effect + epsilon) / total for effect in effects]  # Eq 11
    merged = [0.0] * ACTIONS
    for weight, k in zip(weights, neighbour_actions, strict=True):  # Eq 10
        merged[k] += weight
    return effects, merged


@pytest.mark.parametrize("head", HEADS)
@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    neighbours=st.lists(
        st.lists(st.integers(0, ACTIONS - 1), min_size=1, max_size=12), min_size=1, max_size=6
    ),
    beta=st.floats(0.1, 20),
    epsilon=st.sampled_from([0.001, 0.01, 1.0]),
)
def test_effects_and_merged_action_are_those_of_the_equations(
    head: str, seed: int, neighbours: list[list[int]], beta: float, epsilon: float
) -> None:
    net = network(seed, head, torch.float64)
    hidden = encode(net, len(neighbours))
    counts = torch.tensor(
        np.array([np.bincount(row, minlength=ACTIONS) for row in neighbours]), dtype=torch.float64
    )
    with torch.no_grad():
        merged = ALGORITHMS["cmfq"](net, hidden, counts, beta, MeanFieldSettings(epsilon=epsilon))
    assert merged.effects is not None
    for i, actions in enumerate(neighbours):
        effects, expected = oracle(net, hidden[i], actions, beta, epsilon)
        for k, effect in zip(actions, effects, strict=True):
            assert merged.effects[i, k].item() == pytest.approx(effect, abs=1e-5)
        np.testing.assert_allclose(merged.action[i], expected, atol=1e-5)


@pytest.mark.parametrize("head", HEADS)
def test_single_precision_is_close_to_double(head: str) -> None:
    exact, rounded = network(1, head, torch.float64), network(1, head, torch.float64).float()
    hidden = encode(exact, 50)
    counts = torch.randint(0, 4, (50, ACTIONS)).double()
    with torch.no_grad():
        expected = ALGORITHMS["cmfq"](exact, hidden, counts, 10.0, MeanFieldSettings())
        merged = ALGORITHMS["cmfq"](
            rounded, hidden.float(), counts.float(), 10.0, MeanFieldSettings()
        )
    torch.testing.assert_close(merged.action.double(), expected.action, atol=1e-4, rtol=0)
    assert merged.effects is not None
    assert expected.effects is not None
    torch.testing.assert_close(merged.effects.double(), expected.effects, atol=1e-5, rtol=1e-4)


def test_mfq_is_the_mean_of_the_neighbours() -> None:
    counts = torch.tensor([[2.0, 1, 1, 0, 0], [0, 0, 0, 0, 5]])
    net = network(0)
    merged = ALGORITHMS["mfq"](net, encode(net, 2), counts, 1.0, MeanFieldSettings())
    assert merged.action.tolist() == [[0.5, 0.25, 0.25, 0, 0], [0, 0, 0, 0, 1]]


@pytest.mark.parametrize("seed", range(5))
def test_epsilon_towards_infinity_is_mfq(seed: int) -> None:
    net = network(seed)
    hidden = encode(net, 8)
    counts = torch.randint(0, 4, (8, ACTIONS)).float()
    mean = mean_action(counts)
    distances = []
    for epsilon in (0.01, 1.0, 100.0, 10_000.0):
        with torch.no_grad():
            merged = ALGORITHMS["cmfq"](
                net, hidden, counts, 5.0, MeanFieldSettings(epsilon=epsilon)
            )
        distances.append((merged.action - mean).abs().max().item())
    assert distances == sorted(distances, reverse=True)
    assert distances[0] > 1e-3 > distances[-1]
    with torch.no_grad():
        limit = ALGORITHMS["cmfq"](net, hidden, counts, 5.0, MeanFieldSettings(epsilon=math.inf))
    assert torch.equal(limit.action, mean)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_without_neighbours_nobody_acts(algorithm: str) -> None:
    net = network(0)
    counts = torch.zeros(3, ACTIONS)
    counts[1, 2] = 4
    with torch.no_grad():
        merged = ALGORITHMS[algorithm](net, encode(net, 3), counts, 5.0, MeanFieldSettings())
    assert not merged.action[[0, 2]].any()
    assert merged.action.isfinite().all()


def test_a_neighbour_like_the_mean_has_no_effect() -> None:
    net = network(0)
    counts = torch.tensor([[0.0, 0, 7, 0, 0]])
    hidden = encode(net, 1)
    with torch.no_grad():
        effects = causal_effects(
            net.q_values(hidden, mean_action(counts)),
            lambda agent, action: net.counterfactual_q_values(hidden, agent, action),
            counts,
            10.0,
        )
    assert effects.abs().max().item() < 1e-5
    assert causal_action(counts, effects, 0.01).tolist() == [[0, 0, 1, 0, 0]]


def test_actions_that_nobody_took_have_neither_effect_nor_weight() -> None:
    net = network(3)
    counts = torch.tensor([[1.0, 0, 3, 0, 0]])
    with torch.no_grad():
        merged = ALGORITHMS["cmfq"](net, encode(net, 1), counts, 5.0, MeanFieldSettings())
    assert merged.effects is not None
    assert merged.effects[0, [1, 3, 4]].tolist() == [0, 0, 0]
    assert merged.action[0, [1, 3, 4]].tolist() == [0, 0, 0]
    assert merged.action.sum().item() == pytest.approx(1)
