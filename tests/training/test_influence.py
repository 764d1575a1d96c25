"""Influence of neighbours in the rows of a run, against explanations agent by agent."""

import math
from collections import defaultdict
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

import cmfq
from cmfq.algorithms import MeanFieldSettings
from cmfq.decision import Decision
from cmfq.environments.base import Step, TeamObservation
from cmfq.environments.battle import BattleEnvironment, BattleSettings
from cmfq.environments.pursuit import PursuitSettings
from cmfq.networks import NetworkSettings
from cmfq.new_network import new_network
from cmfq.play.bots import bot
from cmfq.policies import Policy, QPolicy
from cmfq.rollout import play_episode
from cmfq.training.influence import FIRST, PERIOD, InfluenceTally
from cmfq.training.self_play import SelfPlay
from cmfq.training.settings import TrainSettings


class Oracle:
    """Adds up what the policy's explanations say of every agent of red."""

    def __init__(self, policy: QPolicy) -> None:
        self.policy, self.steps = policy, 0
        self.effective: list[float] = []
        self.entropy: list[float] = []
        self.changed: list[bool] = []
        self.effects: dict[str, list[float]] = defaultdict(list)
        self.shares: dict[str, list[float]] = defaultdict(list)

    def on_step(
        self,
        observations: tuple[TeamObservation, ...],
        decisions: tuple[Decision, ...],
        step: Step,
    ) -> None:
        self.steps += 1
        if (self.steps - 1) % PERIOD == FIRST:
            for agent in observations[0].ids.tolist():
                self.add(self.policy.explain_decision(observations[0], decisions[0], agent))

    def add(self, why: cmfq.Explanation) -> None:
        weights = [one.weight for one in why.neighbours]
        if not weights:
            return
        self.effective.append(1 / sum(w**2 for w in weights))
        self.entropy.append(-sum(w * math.log(w) for w in weights if w > 0))
        self.changed.append(bool(why.policy_before.argmax() != why.policy_after.argmax()))
        for one in why.neighbours:
            self.effects[one.action].append(one.effect)
            self.shares[one.action].append(one.weight * len(weights))

    def on_truncation(self, *told: object) -> None:
        pass


def policy_of(algorithm: str) -> QPolicy:
    """A policy of battle whose Q-values are far enough apart that neighbours matter."""
    team = BattleEnvironment(BattleSettings(size=16, formation="random")).teams[0]
    settings = NetworkSettings("pairwise", (4, 4), 8, 4, 16)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        network = new_network(team, settings, algorithm)
        for weights in network.parameters():
            weights.data *= 2
    return QPolicy(team, network, algorithm, MeanFieldSettings(), beta=1.0)


def measured(policy: Policy, *observers: Any) -> dict[str, Any]:
    """What is measured of the policy, in red, in a game against itself."""
    environment = BattleEnvironment(BattleSettings(size=16, formation="random", max_steps=26))
    tally = InfluenceTally(environment.teams)
    generator = np.random.default_rng(0)
    play_episode(
        environment, [policy] * 2, seed=0, generator=generator, observers=[tally, *observers]
    )
    return {name: values[0] for name, values in tally.measures().items()}


def means(values: dict[str, list[float]]) -> dict[str, Any]:
    return {key: pytest.approx(float(np.mean(one)), rel=1e-3) for key, one in values.items()}


@pytest.mark.parametrize("algorithm", ["cmfq", "random-weights", "attention-mfq"])
def test_measures_are_means_over_the_neighbours_of_every_agent(algorithm: str) -> None:
    policy = policy_of(algorithm)
    oracle = Oracle(policy)
    found = measured(policy, oracle)
    assert len(oracle.effective) > 30
    neighbours = sum(map(len, oracle.shares.values())) / len(oracle.effective)
    assert found["effective_neighbours"] == pytest.approx(np.mean(oracle.effective), rel=1e-4)
    assert found["effective_neighbours"] < 0.999 * neighbours, "the weights differ"
    assert found["weight_entropy"] == pytest.approx(np.mean(oracle.entropy), rel=1e-4)
    assert found["changed_by_weights"] == pytest.approx(np.mean(oracle.changed))
    if algorithm == "attention-mfq":
        assert found["effect_by_action"] is None
        assert found["weight_by_action"] == means(oracle.shares)
    else:
        assert any(oracle.changed), "some decisions change"
        assert found["weight_by_action"] is None
        assert found["effect_by_action"] == means(oracle.effects)


def test_weights_that_are_all_alike_change_nothing() -> None:
    policy = policy_of("mfq")
    oracle = Oracle(policy)
    found = measured(policy, oracle)
    numbers = [round(one) for one in oracle.effective]
    assert found["effective_neighbours"] == pytest.approx(np.mean(numbers), rel=1e-5)
    assert found["weight_entropy"] == pytest.approx(np.mean(np.log(numbers)), abs=1e-5)
    assert found["changed_by_weights"] == 0
    assert found["effect_by_action"] is found["weight_by_action"] is None


@pytest.mark.parametrize("policy", [bot("rush"), policy_of("iql")], ids=["script", "iql"])
def test_who_weighs_nobody_has_no_measures(policy: Policy) -> None:
    assert set(measured(policy).values()) == {None}


def test_numbers_by_hand() -> None:
    """One agent with three neighbours: two left, one right; one that has none."""
    team = cmfq.TeamSpecification("green", (0, 0), (), ("x",), ("left", "right"), 1.0)
    tally = InfluenceTally([team])
    counts = np.array([[2, 1], [0, 0]], np.float32)
    merged = np.array([[0.5, 0.5], [0, 0]], np.float32)
    effects = np.array([[0.25, 0.5], [0, 0]], np.float32)
    network = torch.nn.Module()
    network.q_values = lambda encoding, mean: torch.tensor([[0.0, 1.0], [0.0, 1.0]])  # type: ignore[assignment]
    decision = Decision(np.zeros(2, np.int32), counts, merged, effects, np.eye(2, dtype=np.float32))
    trace: Any = type("Trace", (), {"rows": lambda self, start, end: self})()
    trace.network, trace.encoding = network, None
    trace.merged = cmfq.Merged(torch.from_numpy(merged))
    trace.neighbourhood = type("Counts", (), {"counts": torch.from_numpy(counts)})()
    for _ in range(FIRST + 1):
        tally.on_step((), (decision._replace(together=trace),), None)  # type: ignore[arg-type]
    (found,) = ({name: one for name, (one,) in tally.measures().items()},)
    assert found["effective_neighbours"] == pytest.approx(1 / (2 * 0.25**2 + 0.5**2))
    assert found["weight_entropy"] == pytest.approx(1.5 * math.log(2))
    assert found["changed_by_weights"] == 1.0
    assert found["effect_by_action"] == {"left": 0.25, "right": 0.5}


def test_training_is_the_same_whether_it_is_measured_or_not(
    tiny: TrainSettings[BattleSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = replace(tiny, environments=2, opponents=("self", "past=2"))
    one, other = SelfPlay(settings), SelfPlay(settings)
    rows = [*one.run_episodes(), *one.run_episodes()]
    monkeypatch.setattr(InfluenceTally, "on_step", lambda *told: None)
    others = [*other.run_episodes(), *other.run_episodes()]
    assert [row.effective_neighbours for row in others] == [[None, None]] * 4
    assert all(None not in row.effective_neighbours for row in rows)
    (tensors, info), (expected, known) = one.state(), other.state()
    assert info == known
    weights = [name for name in tensors if "/replay/" not in name]  # it has rows not yet filled in
    assert any(name.startswith("agent/network/") for name in weights)
    assert all(torch.equal(tensors[name], expected[name]) for name in weights)


def test_frames_have_a_column_of_each_team_and_action(tmp_path: Any) -> None:
    settings = TrainSettings(BattleSettings(size=16, formation="random", max_steps=8), episodes=1)
    metrics = cmfq.train(settings, run=tmp_path / "run").metrics()
    assert 1 <= metrics["effective_neighbours/red"][0] <= 15
    assert 0 < metrics["effect_by_action/blue/stay"][0] < 10
    assert "attacks_by_health/red/75-100" in metrics


def test_teams_of_other_roles_have_their_own_actions() -> None:
    settings = TrainSettings(PursuitSettings(predators=6, prey=12, max_steps=8), episodes=1)
    (row,) = SelfPlay(settings).run_episodes()
    assert row.attacks_by_health is None
    predators, prey = row.effect_by_action
    assert predators is not None
    assert prey is not None
    assert not any(action.startswith("tag") for action in prey)
