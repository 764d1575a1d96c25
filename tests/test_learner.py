"""The update, against numbers worked out apart from it and a world with a known optimum."""

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
import torch

from cmfq.algorithms import ALGORITHMS, MeanFieldSettings, queries_and_keys
from cmfq.batch import Batch
from cmfq.environments.base import TeamObservation, TeamSpecification
from cmfq.learner import Learner, LearnerSettings, averaging_rate
from cmfq.merge import MergeInput, Neighbourhood
from cmfq.networks import Encoding, NetworkSettings, QNetwork
from cmfq.new_network import new_network
from cmfq.policies import QPolicy

SPECIFICATION = TeamSpecification("t", (5, 5), ("c",), ("s0", "s1"), ("stay", "switch"), 2)
DISCOUNT = 0.8


def policy(algorithm: str, seed: int = 0) -> QPolicy:
    torch.manual_seed(seed)
    network = new_network(SPECIFICATION, NetworkSettings("additive", (2, 2), 8, 8, 32), algorithm)
    return QPolicy(SPECIFICATION, network, algorithm, MeanFieldSettings(), beta=5.0)


def learner_of(algorithm: str, settings: LearnerSettings) -> Learner:
    return Learner(policy(algorithm), settings, np.random.default_rng(0))


def random_batch(size: int, seed: int = 0) -> Batch:
    torch.manual_seed(seed)
    counts = torch.randint(0, 4, (2, size, 2)).float()
    return Batch(
        view=torch.rand(size, 5, 5, 1),
        features=torch.rand(size, 2),
        positions=torch.randint(0, 6, (size, 2)).float(),
        previous_actions=torch.randint(0, 2, (size,)),
        actions=torch.randint(0, 2, (size,)),
        rewards=torch.randn(size),
        discounts=torch.where(torch.rand(size) < 0.3, 0.0, DISCOUNT),
        counts=counts[0],
        merged_actions=torch.rand(size, 2).softmax(1),
        next_view=torch.rand(size, 5, 5, 1),
        next_features=torch.rand(size, 2),
        next_positions=torch.randint(0, 6, (size, 2)).float(),
        next_previous_actions=torch.randint(0, 2, (size,)),
        next_counts=counts[1],
        next_merged_actions=torch.rand(size, 2).softmax(1),
    )


def row(encoding: Encoding, i: int) -> Encoding:
    return encoding.rows(slice(i, i + 1))


def perturb(network: QNetwork) -> None:
    """Move the weights at random: networks that were copies of each other are so no more."""
    with torch.no_grad():
        for weight in network.parameters():
            weight.add_(0.1 * torch.randn_like(weight))


def values_of_next_step(target_q: list[float], q: list[float], beta: float) -> dict[str, float]:
    """``v(s')`` of one agent by every rule, from its Q-values there in both networks."""
    weights = [math.exp(beta * value) for value in target_q]
    return {
        "max": max(target_q),
        "double": target_q[q.index(max(q))],
        "boltzmann": sum(w * v for w, v in zip(weights, target_q, strict=True)) / sum(weights),
    }


@pytest.mark.parametrize("target_value", ["max", "double", "boltzmann"])
@pytest.mark.parametrize("merged_action", ["stored", "recomputed"])
@pytest.mark.parametrize("target_merged_action", ["stored", "next"])
def test_the_loss_is_eq_12_and_13_with_the_value_and_the_merged_actions_asked_for(
    target_merged_action: str, merged_action: str, target_value: str
) -> None:
    learner = learner_of(
        "cmfq",
        LearnerSettings(
            merged_action=merged_action,  # type: ignore[arg-type]
            target_merged_action=target_merged_action,  # type: ignore[arg-type]
            target_value=target_value,  # type: ignore[arg-type]
        ),
    )
    torch.manual_seed(1)  # the two networks then differ in the best action of about half the rows
    perturb(learner.policy.network)
    perturb(learner.target_network)
    batch = random_batch(50)
    batch = batch._replace(rewards=batch.rewards + 4)  # errors of one sign: differences add up
    network, target = learner.policy.network, learner.target_network

    def merge(network: QNetwork, encoding: Encoding, counts: torch.Tensor) -> torch.Tensor:
        near = Neighbourhood(counts, torch.zeros(len(counts), 2))
        situation = MergeInput(encoding, near, 5.0, np.random.default_rng(0))
        return ALGORITHMS["cmfq"].merge(network, situation, MeanFieldSettings()).action

    with torch.no_grad():
        hidden = network.encode(batch.view, batch.features)
        next_hidden = target.encode(batch.next_view, batch.next_features)
        merged, next_merged = batch.merged_actions, batch.next_merged_actions
        if merged_action == "recomputed":
            merged = merge(network, hidden, batch.counts)
            next_merged = merge(target, next_hidden, batch.next_counts)
        if target_merged_action == "stored":
            next_merged = merged
        online_hidden = network.encode(batch.next_view, batch.next_features)
        losses: dict[str, float] = dict.fromkeys(("max", "double", "boltzmann"), 0.0)
        for i in range(50):
            q = network.q_values(row(hidden, i), merged[i : i + 1])[0, batch.actions[i]]
            values = values_of_next_step(
                target.q_values(row(next_hidden, i), next_merged[i : i + 1])[0].tolist(),
                network.q_values(row(online_hidden, i), next_merged[i : i + 1])[0].tolist(),
                beta=5.0,
            )
            for rule, value in values.items():
                error = q - (batch.rewards[i] + batch.discounts[i] * value)
                losses[rule] += error.item() ** 2 / 50
    loss = learner.update(batch).item()
    assert loss == pytest.approx(losses.pop(target_value), rel=1e-4)
    assert min(abs(loss - other) / loss for other in losses.values()) > 1e-3


def test_attention_merges_over_the_living_of_the_same_step_and_learns_how() -> None:
    """Prediction and target against loops over each step's rows."""
    learner = learner_of("attention-mfq", LearnerSettings())
    batch = random_batch(24)._replace(groups=torch.arange(24) // 8)
    network, target = learner.policy.network, learner.target_network
    lives = batch.discounts > 0

    def merged_actions(next_step: bool) -> torch.Tensor:
        view = batch.next_view if next_step else batch.view
        features = batch.next_features if next_step else batch.features
        positions = batch.next_positions if next_step else batch.positions
        previous = batch.next_previous_actions if next_step else batch.previous_actions
        net = target if next_step else network
        encoding = net.encode(view, features)
        queries, keys = queries_and_keys(net, encoding)
        merged = torch.zeros(24, 2)
        for i in range(24):
            mine = [
                k for k in range(24)
                if k != i and k // 8 == i // 8 and torch.dist(positions[i], positions[k]) <= 2
                and (not next_step or (lives[k] and lives[i]))
            ]  # fmt: skip
            if mine:
                weights = torch.softmax(keys[mine] @ queries[i] / 32**0.5, 0)
                for weight, k in zip(weights, mine, strict=True):
                    merged[i, previous[k]] += weight
        return merged

    with torch.no_grad():
        hidden = network.encode(batch.view, batch.features)
        next_hidden = target.encode(batch.next_view, batch.next_features)
        q = network.q_values(hidden, merged_actions(False))
        best = target.q_values(next_hidden, merged_actions(True)).max(1).values
    chosen = q.gather(1, batch.actions[:, None]).squeeze(1)
    expected = (chosen - (batch.rewards + batch.discounts * best)).square().mean().item()
    before = network.query_layer.weight.detach().clone()
    assert learner.update(batch).item() == pytest.approx(expected, rel=1e-4)
    assert not torch.equal(network.query_layer.weight, before)


def test_the_target_network_follows_every_c_updates() -> None:
    learner = learner_of("mfq", LearnerSettings(target_period=3))
    before = {k: v.clone() for k, v in learner.target_network.state_dict().items()}
    for update in range(1, 7):
        learner.update(random_batch(20, seed=update))
        same = {
            k: torch.equal(v, before[k]) for k, v in learner.target_network.state_dict().items()
        }
        if update % 3:
            assert all(same.values())
        else:
            assert not all(same.values())
            before = {k: v.clone() for k, v in learner.policy.network.state_dict().items()}


def test_a_soft_target_moves_by_its_rate_at_every_update_and_is_never_a_copy() -> None:
    """``θ⁻ + τ (θ - θ⁻)`` with the ``θ`` after the update, at multiples of the period too."""
    learner = learner_of("mfq", LearnerSettings(target_rate=0.25, target_period=2))
    perturb(learner.target_network)
    for update in range(4):
        before = [weight.detach().clone() for weight in learner.target_network.parameters()]
        learner.update(random_batch(20, seed=update))
        weights = zip(
            before,
            learner.policy.network.parameters(),
            learner.target_network.parameters(),
            strict=True,
        )
        for old, online, target in weights:
            torch.testing.assert_close(target, old + 0.25 * (online - old))
            assert not torch.equal(target, online)


def test_the_average_is_exponential_once_its_window_is_full() -> None:
    learner = learner_of("mfq", LearnerSettings(average_updates=1))
    learner.update(random_batch(20, seed=9))
    learner.settings = LearnerSettings(average_updates=4)
    learner.updates = 100
    weight = learner.policy.network.head.output_layer.weight
    averaged = learner.averaged_policy().network.head.output_layer.weight
    expected = averaged.detach().clone()
    for update in range(6):
        learner.update(random_batch(20, seed=update))
        expected = 0.75 * expected + 0.25 * weight.detach()
    torch.testing.assert_close(averaged, expected)
    assert learner.averaged_policy().algorithm == "mfq"


def shares(updates: int, settings: LearnerSettings) -> npt.NDArray[np.float64]:
    """Shares of the average: first the weights before the first update, then after each."""
    share = np.zeros(updates + 1)
    share[0] = 1.0
    for update in range(1, updates + 1):
        rate = averaging_rate(update, settings)
        share *= 1 - rate
        share[update] = rate
    return share


@pytest.mark.parametrize("degree", [0.0, 2.0, 4.5])
def test_the_average_forgets_by_its_degree(degree: float) -> None:
    settings = LearnerSettings(average_updates=10**9, average_degree=degree)
    share, updates = shares(3000, settings), np.arange(3001)
    assert share[0] == 0
    assert share @ updates / 3000 == pytest.approx((degree + 1) / (degree + 2), abs=2e-3)
    expected = updates[1000:] ** degree / (updates**degree)[1:].sum()
    np.testing.assert_allclose(share[1000:], expected, rtol=2e-2)


@pytest.mark.parametrize("updates", [1, 2, 20, 400])
def test_nothing_of_the_first_weights_is_left_in_a_short_run(updates: int) -> None:
    """Less than a plain average of all weights would leave of each, and none of the initial."""
    share = shares(updates, LearnerSettings())
    assert share[0] == 0
    assert share.sum() == pytest.approx(1)
    assert share[1] <= 1 / updates
    assert (np.diff(share) >= 0).all()
    assert share @ np.arange(updates + 1) >= 0.85 * updates  # its weights are recent ones


def test_the_first_average_is_the_weights_after_the_first_update() -> None:
    learner = learner_of("mfq", LearnerSettings())
    learner.update(random_batch(20, seed=0))
    averaged = learner.averaged_policy().network.state_dict()
    for name, weight in learner.policy.network.state_dict().items():
        torch.testing.assert_close(averaged[name], weight)


def test_the_learning_rate_falls_linearly() -> None:
    learner = learner_of("mfq", LearnerSettings(learning_rate=1e-3, final_learning_rate=2e-4))
    for progress, expected in ((0.0, 1e-3), (0.5, 6e-4), (1.0, 2e-4)):
        learner.set_learning_rate(progress)
        assert learner.optimiser.rate == pytest.approx(expected)


def corridor(state: int, action: int) -> tuple[float, int]:
    """Two states. Staying in state 1 pays 1, staying in 0 pays 0.1; switching costs 0.5."""
    if action == 1:
        return -0.5, 1 - state
    return (1.0 if state == 1 else 0.1), state


OPTIMUM = {  # by hand: from 1 stay for ever, 1 / (1 - 0.8) = 5; from 0 switch, -0.5 + 0.8 * 5
    (1, 0): 5.0,
    (0, 1): 3.5,
    (0, 0): 0.1 + 0.8 * 3.5,
    (1, 1): -0.5 + 0.8 * 3.5,
}


def learn_the_corridor(algorithm: str, settings: LearnerSettings) -> tuple[Learner, torch.Tensor]:
    """A learner after 800 updates in that world, and its ``Q``, a row per state."""
    learner = learner_of(algorithm, settings)
    rng = np.random.default_rng(0)
    for _ in range(800):
        state, action = rng.integers(2, size=64), rng.integers(2, size=64)
        outcome = [corridor(s, a) for s, a in zip(state, action, strict=True)]
        previous = rng.integers(2, size=(2, 64))
        one_hot = torch.eye(2)
        counts = torch.from_numpy(rng.integers(0, 3, (2, 64, 2))).float()
        learner.update(
            Batch(
                view=torch.zeros(64, 5, 5, 1),
                features=one_hot[state],
                positions=torch.zeros(64, 2),
                previous_actions=torch.from_numpy(previous[0]),
                actions=torch.from_numpy(action),
                rewards=torch.tensor([reward for reward, _ in outcome]),
                discounts=torch.full((64,), DISCOUNT),
                counts=counts[0],
                merged_actions=torch.zeros(64, 2),
                next_view=torch.zeros(64, 5, 5, 1),
                next_features=one_hot[[following for _, following in outcome]],
                next_positions=torch.zeros(64, 2),
                next_previous_actions=torch.from_numpy(previous[1]),
                next_counts=counts[1],
                next_merged_actions=torch.zeros(64, 2),
                groups=torch.arange(64) // 2,
            )
        )
    network = learner.policy.network
    with torch.no_grad():
        hidden = network.encode(torch.zeros(2, 5, 5, 1), torch.eye(2))
        crowd = learner.policy.find_neighbourhood(
            np.zeros((2, 2)), np.zeros(2, int), np.array([0, 1])
        )
        merged = learner.policy.merge(network, hidden, crowd, rng)
        q_values = network.q_values(hidden, merged.action)
    return learner, q_values


LEARNING = LearnerSettings(
    learning_rate=3e-3, discount=DISCOUNT, target_period=20, merged_action="recomputed"
)


def test_the_action_gap_lowers_what_is_not_best_and_leaves_the_best() -> None:
    """A gap ``g`` becomes ``g / (1 - α)``, and ``g + α`` where that is more than 1."""
    _, q_values = learn_the_corridor("mfq", replace(LEARNING, action_gap=0.3))
    expected = torch.tensor([[3.5 - 0.6 / 0.7, 3.5], [5.0, 5.0 - (2.7 + 0.3)]])
    assert torch.allclose(q_values, expected, atol=0.15)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_algorithm_finds_the_optimum_of_a_world_where_others_do_not_matter(
    algorithm: str,
) -> None:
    learner, q_values = learn_the_corridor(algorithm, LEARNING)
    for (state, action), value in OPTIMUM.items():
        assert q_values[state, action].item() == pytest.approx(value, abs=0.25)

    observation = TeamObservation(
        np.zeros((2, 5, 5, 1), np.float32),
        np.eye(2, dtype=np.float32),
        np.arange(2, dtype=np.int32),
        np.zeros((2, 2), np.int32),
        np.array([0, 1], np.int32),
    )
    learner.policy.beta = 100.0
    actions = learner.policy.act(observation, np.random.default_rng(0))
    assert actions.tolist() == [1, 0]
