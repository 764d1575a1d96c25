import numpy as np
import pytest
import torch

from cmfq.algorithms import MeanFieldSettings
from cmfq.environments.base import TeamObservation
from cmfq.environments.battle import MOVES, BattleEnvironment, BattleSettings
from cmfq.policies import QPolicy
from cmfq.rollout import decide
from cmfq.training.self_play import SelfPlay
from cmfq.training.settings import TrainSettings


def policy(**mean_field: object) -> QPolicy:
    settings = MeanFieldSettings(**mean_field)  # type: ignore[arg-type]
    return SelfPlay(TrainSettings(BattleSettings(), mean_field=settings)).sides["agent"].policy


@pytest.fixture
def observations() -> tuple[TeamObservation, ...]:
    """Both teams after a few random steps."""
    environment = BattleEnvironment(BattleSettings(size=64))
    rng = np.random.default_rng(0)
    seen = environment.reset(0)
    for _ in range(8):  # until the teams see each other
        actions = [rng.integers(13, size=len(o.ids)).astype(np.int32) for o in seen]
        for team in actions:
            team[::2] = MOVES.index((2, 0))
        seen = environment.step(actions).observations
    return seen


def test_two_teams_in_one_call_are_two_teams(observations: tuple[TeamObservation, ...]) -> None:
    """Deciding together changes neither neighbourhoods nor merged actions."""
    learned = policy()
    together = learned.decide(observations, np.random.default_rng(0))
    for decision, observation in zip(together, observations, strict=True):
        alone = learned.decide([observation], np.random.default_rng(0))[0]
        np.testing.assert_array_equal(decision.counts, alone.counts)
        np.testing.assert_allclose(decision.merged_actions, alone.merged_actions, atol=1e-5)
        assert decision.actions.shape == observation.ids.shape
    # The first team's draws come first, so it acts alike too.
    alone = learned.decide([observations[0]], np.random.default_rng(0))[0]
    np.testing.assert_array_equal(together[0].actions, alone.actions)


def test_everyone_is_the_same_crowd_however_the_teams_are_controlled(
    observations: tuple[TeamObservation, ...],
) -> None:
    learned = policy(neighbours="everyone")
    together = learned.decide(observations, np.random.default_rng(0))
    for team in (0, 1):
        alone = learned.decide(
            [observations[team]], np.random.default_rng(0), [observations[1 - team]]
        )[0]
        np.testing.assert_array_equal(together[team].counts, alone.counts)
    only_mates = policy().decide(observations, np.random.default_rng(0))
    assert together[0].counts is not None
    assert only_mates[0].counts is not None
    assert (together[0].counts >= only_mates[0].counts).all()
    assert together[0].counts.sum() > only_mates[0].counts.sum()


def test_the_view_bounds_the_neighbourhood_unless_told_otherwise(
    observations: tuple[TeamObservation, ...],
) -> None:
    by_default = policy().neighbourhood(observations[:1]).counts
    np.testing.assert_array_equal(
        by_default, policy(radius=6.0).neighbourhood(observations[:1]).counts
    )
    everywhere = policy(radius=float("inf")).neighbourhood(observations[:1]).counts
    assert (everywhere.sum(1) == len(observations[0].ids) - 1).all()
    assert not policy(radius=0.0).neighbourhood(observations[:1]).counts.any()


def test_each_policy_is_asked_once(observations: tuple[TeamObservation, ...]) -> None:
    one, other = policy(), policy(epsilon=1.0)
    rng = np.random.default_rng
    (mixed,) = decide([(one, other)], [observations], rng(0))
    generator = rng(0)
    np.testing.assert_array_equal(
        mixed[0].actions, one.act(observations[0], generator, [observations[1]])
    )
    np.testing.assert_array_equal(
        mixed[1].actions, other.act(observations[1], generator, [observations[0]])
    )


def test_acting_is_a_function_of_the_generator(observations: tuple[TeamObservation, ...]) -> None:
    learned = policy()
    first = learned.act(observations[0], np.random.default_rng(5))
    assert first.dtype == np.int32
    np.testing.assert_array_equal(first, learned.act(observations[0], np.random.default_rng(5)))
    assert (first != learned.act(observations[0], np.random.default_rng(6))).any()


def test_a_team_without_agents_decides_nothing() -> None:
    empty = BattleEnvironment(BattleSettings(size=12)).reset(0)[0]
    empty = TeamObservation(*(None if c is None else c[:0] for c in empty))
    assert policy().act(empty, np.random.default_rng(0)).shape == (0,)


@pytest.mark.parametrize("algorithm", ["attention-mfq", "cmfq", "mfq"])
def test_a_decision_says_why_for_its_own_team(
    algorithm: str, observations: tuple[TeamObservation, ...]
) -> None:
    settings = TrainSettings(BattleSettings(), algorithm=algorithm)
    learned = SelfPlay(settings).sides["agent"].policy
    together = learned.decide(observations, np.random.default_rng(0))
    for decision, observation in zip(together, observations, strict=True):
        trace = decision.trace
        alone = learned.decide([observation], np.random.default_rng(0))[0].trace
        assert trace is not None
        assert alone is not None
        assert trace.network is learned.network
        assert trace.beta == learned.beta
        torch.testing.assert_close(trace.encoding, alone.encoding)
        np.testing.assert_array_equal(trace.neighbourhood.counts, decision.counts)
        np.testing.assert_array_equal(trace.neighbourhood.positions, observation.positions)
        np.testing.assert_array_equal(trace.merged.action, decision.merged_actions)
        assert (trace.merged.effects is None) == (decision.effects is None) == (algorithm != "cmfq")
        found, weights = trace.neighbourhood.interactions, trace.merged.weights
        if algorithm != "attention-mfq":
            assert found is None
            assert weights is None
            continue
        assert found is not None
        assert weights is not None
        np.testing.assert_array_equal(observation.previous_actions[found.neighbour], found.action)
        merged = np.zeros_like(decision.merged_actions)
        np.add.at(merged, (found.agent, found.action), weights)
        np.testing.assert_allclose(merged, trace.merged.action, atol=1e-5)


def test_a_copied_decision_keeps_nothing_of_the_rest_of_its_call(
    observations: tuple[TeamObservation, ...],
) -> None:
    decision = policy().decide([*observations] * 4, np.random.default_rng(0))[5]
    kept = decision.copy()
    assert kept.trace is not None
    assert decision.trace is not None
    torch.testing.assert_close(kept.trace.encoding, decision.trace.encoding)
    torch.testing.assert_close(kept.trace.merged, decision.trace.merged)
    np.testing.assert_array_equal(kept.actions, decision.actions)
    for tensor in (*kept.trace.encoding, *kept.trace.merged, *kept.trace.neighbourhood):
        if isinstance(tensor, torch.Tensor):
            rows = len(decision.actions)
            assert tensor.untyped_storage().nbytes() == tensor.nbytes
            assert len(tensor) == rows
    assert all(column is None or column.base is None for column in kept[:5])


def test_large_teams_are_encoded_in_parts_and_decided_alike(
    observations: tuple[TeamObservation, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    learned = policy()
    whole = learned.decide(observations, np.random.default_rng(0))
    monkeypatch.setattr("cmfq.policies.ENCODED_ROWS", 50)
    parts = learned.decide(observations, np.random.default_rng(0))
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_allclose(one.merged_actions, other.merged_actions, atol=1e-5)
        assert (one.actions == other.actions).mean() > 0.99
