"""Eq 2, 3, 7, 10 and 11, neighbour by neighbour in plain loops, against the shipped functions."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cmfq.algorithms import ALGORITHMS, MeanFieldSettings
from cmfq.environments.base import TeamSpecification
from cmfq.mean_field.merging import mean_action
from cmfq.merge import Merged, MergeInput, Neighbourhood
from cmfq.networks import Encoding, NetworkSettings, QNetwork

ACTIONS = 5
SPECIFICATION = TeamSpecification("t", (5, 5), ("c",), ("x", "y"), tuple("abcde"), view_radius=2)


HEADS = ["additive", "pairwise"]


def network(seed: int, head: str = "additive", dtype: torch.dtype = torch.float32) -> QNetwork:
    torch.manual_seed(seed)
    settings = NetworkSettings(head, (2, 2), 8, 4, 16)  # type: ignore[arg-type]
    return QNetwork(SPECIFICATION, settings).to(dtype)


def encode(network: QNetwork, agents: int) -> Encoding:
    dtype = next(network.parameters()).dtype
    view, features = torch.rand(agents, 5, 5, 1), torch.rand(agents, 2)
    with torch.no_grad():
        encoding = network.encode(view.to(dtype), features.to(dtype))
    return Encoding(encoding.hidden * 3, encoding.head * 3)


def row(encoding: Encoding, i: int) -> Encoding:
    return encoding.rows(slice(i, i + 1))


def merge(
    algorithm: str,
    network: QNetwork,
    encoding: Encoding,
    counts: torch.Tensor,
    beta: float,
    **settings: object,
) -> Merged:
    """The shipped rule, on counts alone."""
    near = Neighbourhood(counts, torch.zeros(len(counts), 2))
    situation = MergeInput(encoding, near, beta, np.random.default_rng(0))
    with torch.no_grad():
        return ALGORITHMS[algorithm].merge(
            network,
            situation,
            MeanFieldSettings(**settings),  # type: ignore[arg-type]
        )


BY_COUNTS = [name for name, algorithm in ALGORITHMS.items() if not algorithm.neighbours]


def policy(network: QNetwork, encoding: Encoding, merged: list[float], beta: float) -> list[float]:
    """Eq 3 for one agent."""
    with torch.no_grad():
        q = network.q_values(encoding, torch.tensor([merged]).to(encoding.hidden))[0].tolist()
    greatest = max(beta * value for value in q)
    exponentials = [math.exp(beta * value - greatest) for value in q]
    return [value / sum(exponentials) for value in exponentials]


def one_hot(action: int) -> list[float]:
    return [float(a == action) for a in range(ACTIONS)]


def oracle(
    network: QNetwork,
    encoding: Encoding,
    neighbour_actions: list[int],
    beta: float,
    epsilon: float,
) -> tuple[list[float], list[float]]:
    """Effect of every neighbour, and the merged action, for one agent."""
    n = len(neighbour_actions)
    mean = [sum(one_hot(k)[a] for k in neighbour_actions) / n for a in range(ACTIONS)]  # Eq 2
    before = policy(network, encoding, mean, beta)
    effects = []
    for k in neighbour_actions:
        after = policy(network, encoding, one_hot(k), beta)
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
@settings(max_examples=40)
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
    encoding = encode(net, len(neighbours))
    counts = torch.tensor(
        np.array([np.bincount(actions, minlength=ACTIONS) for actions in neighbours]),
        dtype=torch.float64,
    )
    merged = merge("cmfq", net, encoding, counts, beta, epsilon=epsilon)
    assert merged.effects is not None
    for i, actions in enumerate(neighbours):
        effects, expected = oracle(net, row(encoding, i), actions, beta, epsilon)
        for k, effect in zip(actions, effects, strict=True):
            assert merged.effects[i, k].item() == pytest.approx(effect, abs=1e-5)
        np.testing.assert_allclose(merged.action[i], expected, atol=1e-5)


@pytest.mark.parametrize("head", HEADS)
def test_single_precision_is_close_to_double(head: str) -> None:
    exact, rounded = network(1, head, torch.float64), network(1, head, torch.float64).float()
    encoding = encode(exact, 50)
    counts = torch.randint(0, 4, (50, ACTIONS)).double()
    expected = merge("cmfq", exact, encoding, counts, 10.0)
    single = Encoding(encoding.hidden.float(), encoding.head.float())
    merged = merge("cmfq", rounded, single, counts.float(), 10.0)
    torch.testing.assert_close(merged.action.double(), expected.action, atol=1e-4, rtol=0)
    assert merged.effects is not None
    assert expected.effects is not None
    torch.testing.assert_close(merged.effects.double(), expected.effects, atol=1e-5, rtol=1e-4)


def test_mfq_is_the_mean_of_the_neighbours() -> None:
    counts = torch.tensor([[2.0, 1, 1, 0, 0], [0, 0, 0, 0, 5]])
    net = network(0)
    merged = merge("mfq", net, encode(net, 2), counts, 1.0)
    assert merged.action.tolist() == [[0.5, 0.25, 0.25, 0, 0], [0, 0, 0, 0, 1]]


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("seed", range(5))
def test_epsilon_towards_infinity_is_mfq(seed: int, head: str) -> None:
    net = network(seed, head)
    encoding = encode(net, 8)
    counts = torch.randint(0, 4, (8, ACTIONS)).float()
    mean = mean_action(counts)
    distances = []
    for epsilon in (0.01, 1.0, 100.0, 10_000.0):
        merged = merge("cmfq", net, encoding, counts, 5.0, epsilon=epsilon)
        distances.append((merged.action - mean).abs().max().item())
    assert distances == sorted(distances, reverse=True)
    assert distances[0] > 1e-3 > distances[-1]
    limit = merge("cmfq", net, encoding, counts, 5.0, epsilon=math.inf)
    assert torch.equal(limit.action, mean)


@pytest.mark.parametrize("algorithm", BY_COUNTS)
def test_without_neighbours_nobody_acts(algorithm: str) -> None:
    net = network(0)
    counts = torch.zeros(3, ACTIONS)
    counts[1, 2] = 4
    merged = merge(algorithm, net, encode(net, 3), counts, 5.0)
    assert not merged.action[[0, 2]].any()
    assert merged.action.isfinite().all()


def test_a_neighbour_like_the_mean_has_no_effect() -> None:
    net = network(0)
    counts = torch.tensor([[0.0, 0, 7, 0, 0]])
    merged = merge("cmfq", net, encode(net, 1), counts, 10.0)
    assert merged.effects is not None
    assert merged.effects.abs().max().item() < 1e-5
    assert merged.action.tolist() == [[0, 0, 1, 0, 0]]


def test_actions_that_nobody_took_have_neither_effect_nor_weight() -> None:
    net = network(3)
    counts = torch.tensor([[1.0, 0, 3, 0, 0]])
    merged = merge("cmfq", net, encode(net, 1), counts, 5.0)
    assert merged.effects is not None
    assert merged.effects[0, [1, 3, 4]].tolist() == [0, 0, 0]
    assert merged.action[0, [1, 3, 4]].tolist() == [0, 0, 0]
    assert merged.action.sum().item() == pytest.approx(1)


def test_random_effects_are_fresh_for_every_interaction_and_uniform() -> None:
    """With c neighbours of one action, c draws: their mean has a variance of 1 / (12 c)."""
    net = network(0)
    counts = torch.tensor([[0.0, 1, 4, 0, 16]]).repeat(4000, 1)
    merged = merge("random-weights", net, encode(net, 4000), counts, 5.0)
    effects = merged.effects
    assert effects is not None
    assert not effects[:, [0, 3]].any()
    for action, c in ((1, 1), (2, 4), (4, 16)):
        assert effects[:, action].mean().item() == pytest.approx(0.5, abs=0.02)
        assert effects[:, action].var().item() == pytest.approx(1 / (12 * c), rel=0.1)
    weights = counts * (effects + 0.01)
    torch.testing.assert_close(merged.action, weights / weights.sum(1, keepdim=True))
