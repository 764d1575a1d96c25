"""Explanations and the theory's figures, against what they are made of."""

import math

import numpy as np
import pytest
import torch

from cmfq.algorithms import ALGORITHMS, MeanFieldSettings
from cmfq.environments.base import TeamObservation
from cmfq.environments.battle import BattleEnvironment, BattleSettings
from cmfq.errors import UserError
from cmfq.networks import NetworkSettings
from cmfq.policies import QPolicy
from cmfq.theory import check_theory
from cmfq.training.self_play import SelfPlay
from cmfq.training.settings import TrainSettings


def policy(algorithm: str, head: str = "additive", **mean_field: object) -> QPolicy:
    settings = TrainSettings(
        BattleSettings(),
        algorithm=algorithm,
        network=NetworkSettings(head),  # type: ignore[arg-type]
        mean_field=MeanFieldSettings(**mean_field),  # type: ignore[arg-type]
    )
    made = SelfPlay(settings).sides["agent"].policy
    with torch.no_grad():  # a fresh network hardly heeds others
        for name, weight in made.network.head.named_parameters():
            if "bias" not in name:
                weight.mul_(5)
    return made


@pytest.fixture(scope="module")
def observation() -> TeamObservation:
    environment = BattleEnvironment(BattleSettings(size=36))
    rng = np.random.default_rng(0)
    seen = environment.reset(0)
    for _ in range(6):
        seen = environment.step(
            [rng.integers(21, size=len(o.ids)).astype(np.int32) for o in seen]
        ).observations
    return seen[0]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_weights_make_the_merged_action(algorithm: str, observation: TeamObservation) -> None:
    made = policy(algorithm)
    agent = int(observation.ids[7])
    told = made.explain(observation, agent, np.random.default_rng(3))
    near = [
        int(other)
        for other, position in zip(observation.ids, observation.positions, strict=True)
        if other != agent and math.dist(position, observation.positions[7]) <= 6
    ]
    assert sorted(neighbour.id for neighbour in told.neighbours) == sorted(near)
    merged = np.zeros(21)
    for neighbour in told.neighbours:
        merged[told.actions.index(neighbour.action)] += neighbour.weight
        row = observation.ids.tolist().index(neighbour.id)
        assert told.actions[observation.previous_actions[row]] == neighbour.action
    np.testing.assert_allclose(merged, told.merged_action, atol=1e-5)
    decided = made.decide([observation], np.random.default_rng(3))[0]
    assert decided.merged_actions is not None
    np.testing.assert_allclose(told.merged_action, decided.merged_actions[7], atol=1e-5)
    for probabilities in (told.policy_before, told.policy_after):
        assert probabilities.sum() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("intervention", ["replace", "leave-one-out"])
def test_effects_are_the_divergences_of_the_policies_shown(
    intervention: str, observation: TeamObservation
) -> None:
    told = policy("cmfq", intervention=intervention).explain(observation, int(observation.ids[0]))
    before = told.policy_before.astype(float)
    assert told.neighbours
    for neighbour in told.neighbours:
        after = told.counterfactual_policies[neighbour.action].astype(float)
        divergence = float((before * np.log(before / after)).sum())
        assert neighbour.effect == pytest.approx(divergence, abs=1e-4)
    weights = [neighbour.weight for neighbour in told.neighbours]
    assert weights == sorted(weights, reverse=True)


def test_an_agent_that_is_not_there_is_refused(observation: TeamObservation) -> None:
    with pytest.raises(UserError, match="no living agent has id 999: the living are 0-"):
        policy("cmfq").explain(observation, 999)


@pytest.mark.parametrize("head", ["additive", "pairwise"])
def test_the_theory_holds_and_is_exact_for_the_pairwise_head(
    head: str, observation: TeamObservation
) -> None:
    rows = check_theory(policy("cmfq", head), [observation], np.random.default_rng(0))
    assert [row.weights for row in rows] == ["causal", "mean", "random"]
    for row in rows:
        assert row.first_order < 1e-5
        assert row.inside == 1
        if head == "pairwise":
            assert row.gap < 1e-5
            assert row.remainder < 1e-4
        else:
            assert row.gap > 1e-4
            assert row.smoothness > 0.01
