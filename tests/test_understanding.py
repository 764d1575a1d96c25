"""Explanations and the theory's figures, against what they are made of."""

import math

import numpy as np
import pytest
import torch

from cmfq.algorithms import ALGORITHMS, MeanFieldSettings
from cmfq.decision import Decision
from cmfq.environments.base import TeamObservation, TeamSpecification
from cmfq.environments.battle import BattleEnvironment, BattleSettings
from cmfq.errors import UserError
from cmfq.explanation import Explanation, Neighbour, ask_what_if
from cmfq.networks import AdditiveHead, NetworkSettings
from cmfq.new_network import new_network
from cmfq.policies import QPolicy
from cmfq.theory import check_theory, smoothness
from cmfq.training.self_play import SelfPlay
from cmfq.training.settings import TrainSettings


def policy(
    algorithm: str, head: str = "additive", activation: str = "relu", **mean_field: object
) -> QPolicy:
    settings = TrainSettings(
        BattleSettings(),
        algorithm=algorithm,
        network=NetworkSettings(head, activation=activation),  # type: ignore[arg-type]
        mean_field=MeanFieldSettings(**mean_field),  # type: ignore[arg-type]
    )
    made = SelfPlay(settings).sides["agent"].policy
    with torch.no_grad():  # a fresh network hardly heeds others
        for name, weight in made.network.head.named_parameters():
            if "bias" not in name:
                weight.mul_(5)
    return made


def decisions(
    made: QPolicy, observation: TeamObservation, *others: TeamObservation
) -> list[Decision]:
    return made.decide([observation], np.random.default_rng(0), others)


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


def test_effects_of_rules_without_any_are_the_same_some_at_a_time(
    observation: TeamObservation, monkeypatch: pytest.MonkeyPatch
) -> None:
    (decision,) = decisions(policy("mfq"), observation)
    trace = decision.trace
    assert trace is not None
    with torch.no_grad():
        whole = ask_what_if(trace).effects
        monkeypatch.setattr("cmfq.mean_field.intervention.LARGEST_OUTCOME", 2 * whole.shape[1])
        torch.testing.assert_close(ask_what_if(trace).effects, whole)
    assert whole.max() > 1e-3


def test_an_agent_that_is_not_there_is_refused(observation: TeamObservation) -> None:
    with pytest.raises(UserError, match="no living agent has id 999: the living are 0-"):
        policy("cmfq").explain(observation, 999)


@pytest.mark.parametrize("activation", ["relu", "softplus", "silu"])
def test_the_bound_holds_where_there_is_one(activation: str, observation: TeamObservation) -> None:
    made = policy("cmfq", activation=activation)
    rows = check_theory(made, decisions(made, observation), np.random.default_rng(0))
    assert [row.weights for row in rows] == ["causal", "mean", "random"]
    for row in rows:
        assert row.first_order < 1e-5
        assert row.agents > 20
        assert 0 < row.gap_share < row.remainder_share < row.remainder_share_95
        if activation == "relu":
            assert row.smoothness is None
            assert row.bound_used is None
        else:
            assert row.smoothness is not None
            assert row.remainder < row.smoothness
            assert row.bound_used is not None
            assert 0.001 < row.bound_used <= 1


def test_the_pairwise_head_leaves_nothing(observation: TeamObservation) -> None:
    made = policy("cmfq", "pairwise")
    for row in check_theory(made, decisions(made, observation), np.random.default_rng(0)):
        assert row.smoothness == 0
        assert row.bound_used is None
        assert row.remainder < 1e-12
        assert row.gap_share_95 < 1e-4  # float32: the weights add up to 1 but for rounding


@pytest.mark.parametrize(("activation", "curvature"), [("softplus", 0.25), ("silu", 0.5)])
def test_no_hessian_is_larger_than_l_and_the_worst_is_l(activation: str, curvature: float) -> None:
    torch.manual_seed(0)
    head = AdditiveHead(6, 4, activation).double()  # type: ignore[arg-type]
    bounds = smoothness(head)
    assert bounds is not None

    def largest(hidden: torch.Tensor, merged: torch.Tensor, action: int) -> float:
        hessian = torch.autograd.functional.hessian(
            lambda x: head.q_values(hidden[None], x[None])[0, action], merged
        )
        return float(torch.linalg.eigvalsh(hessian).abs().max())

    for action in range(4):
        for _ in range(50):
            assert largest(3 * torch.randn(6), torch.rand(4).double(), action) <= bounds[action]
    with torch.no_grad():  # every unit at its greatest curvature, all of one sign
        head.output_layer.weight.abs_()
    worst = largest(torch.zeros(6).double(), torch.zeros(4).double(), 2)
    assert worst == pytest.approx(float(bounds[2]), rel=1e-6)


TOY = TeamSpecification("t", (0, 0), (), ("x", "y"), ("a", "b", "c"), 9.0, action_masks=True)


def toy_observation(mask: list[list[bool]], previous: list[int]) -> TeamObservation:
    agents = len(previous)
    rng = np.random.default_rng(2)
    return TeamObservation(
        np.zeros((agents, 0, 0, 0), np.float32),
        rng.random((agents, 2), dtype=np.float32),
        np.arange(agents, dtype=np.int32),
        np.zeros((agents, 2), np.int32),
        np.array(previous, np.int32),
        np.array(mask),
    )


def toy_policy() -> QPolicy:
    torch.manual_seed(3)
    network = new_network(TOY, NetworkSettings("additive", activation="softplus"), "mfq")
    return QPolicy(TOY, network, "mfq", MeanFieldSettings(), beta=1.0)


def test_forbidden_actions_count_for_nothing() -> None:
    """Against a loop over one agent's neighbours and the two actions that it may take."""
    observation = toy_observation([[True, False, True], *[[False, True, False]] * 3], [0, 1, 2, 2])
    made = toy_policy()
    (_, row, _) = check_theory(made, decisions(made, observation), np.random.default_rng(0))
    assert row.agents == 1, "the others have no choice"

    head = made.network.requires_grad_(False).head.double()
    observed = torch.from_numpy(observation.view), torch.from_numpy(observation.features)
    hidden = made.network.trunk(*observed)[:1].double()

    def q(merged: torch.Tensor) -> torch.Tensor:
        return head.q_values(hidden, merged[None])[0, [0, 2]]

    mean = torch.tensor([0, 1 / 3, 2 / 3], dtype=torch.float64)
    gradient = torch.autograd.functional.jacobian(q, mean)
    remainders, gap = [], -q(mean)
    for weight, action in ((1 / 3, 1), (2 / 3, 2)):
        one_hot = torch.eye(3, dtype=torch.float64)[action]
        remainders.append(q(one_hot) - q(mean) - gradient @ (one_hot - mean))
        gap = gap + weight * q(one_hot)
    spread = float(q(mean).std(correction=0))
    greatest = max(float(remainder.abs().max()) for remainder in remainders)
    assert row.remainder == pytest.approx(greatest, rel=1e-4)
    assert row.remainder_share == pytest.approx(greatest / spread, rel=1e-4)
    assert row.gap_share == pytest.approx(float(gap.abs().mean()) / spread, rel=1e-4)


@pytest.mark.parametrize(
    ("mask", "previous"),
    [([[True, True, True]], [0]), ([[True] * 3] * 4, [1] * 4), ([[True] * 3] * 2, [-1, -1])],
)
def test_without_merging_there_is_nothing_to_check(
    mask: list[list[bool]], previous: list[int]
) -> None:
    made = toy_policy()
    decided = decisions(made, toy_observation(mask, previous))
    assert check_theory(made, decided, np.random.default_rng(0)) == []


def test_everyone_includes_the_others() -> None:
    made = toy_policy()
    made.mean_field = MeanFieldSettings(neighbours="everyone")
    alone = toy_observation([[True] * 3], [0])
    others = toy_observation([[True] * 3] * 2, [1, 2])
    assert check_theory(made, decisions(made, alone), np.random.default_rng(0)) == []
    decided = decisions(made, alone, others)
    assert check_theory(made, decided, np.random.default_rng(0))[0].agents == 1


def test_an_explanation_says_at_which_temperatures(observation: TeamObservation) -> None:
    agent = int(observation.ids[0])
    same = policy("cmfq").explain(observation, agent)
    assert same.beta == same.effect_beta > 0
    other = policy("cmfq", effect_beta=3.0).explain(observation, agent)
    assert (other.beta, other.effect_beta) == (same.beta, 3.0)


def told(before: list[float], after: list[float], *neighbours: Neighbour) -> str:
    mean, merged = (np.zeros(2, np.float32) for _ in range(2))
    policies = (np.array(one, np.float32) for one in (before, after))
    return Explanation(
        3, ("stay", "strike"), list(neighbours), mean, merged, *policies, {}, 1.0, 1.0
    ).summary()


def test_the_summary_says_what_weighing_changes() -> None:
    neighbour = Neighbour(8, 1.0, "strike", 0.5, 0.75)
    assert told([0.9, 0.1], [0.2, 0.8], neighbour) == (
        "Weighing the neighbours moves 70% of the policy of agent 3: its likeliest action is "
        "strike (80%) instead of stay (90%); agent 8, which did strike, weighs most (75%)."
    )
    twin, light = Neighbour(9, 2.0, "strike", 0.5, 0.4), Neighbour(5, 1.0, "stay", 0.0, 0.2)
    first = Neighbour(8, 1.0, "strike", 0.5, 0.4)
    assert told([0.9, 0.1], [0.9, 0.1], first, twin, light).endswith(
        "; 2 neighbours weigh most (40% each), one of them agent 8, which did strike."
    )
    assert told([0.9, 0.1], [0.9, 0.1], first, twin).endswith(
        "; its 2 neighbours weigh the same (40% each)."
    )
    assert "is still stay (60%)" in told([0.9, 0.1], [0.6, 0.4], neighbour)
    assert told([0.9, 0.1], [0.9, 0.1]) == (
        "Agent 3 has no neighbour that has acted: it goes by what it sees."
    )
