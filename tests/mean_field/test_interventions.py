"""Every do-operation with every measure, against a loop over neighbours; and the user's own."""

import math

import numpy as np
import pytest
import torch

from cmfq.algorithms import ALGORITHMS, MeanFieldSettings, find_function
from cmfq.environments.base import TeamSpecification
from cmfq.errors import UserError
from cmfq.mean_field.intervention import INTERVENTIONS, MEASURES, Outcome
from cmfq.mean_field.validity import InvalidForAgent
from cmfq.merge import MergeInput, Neighbourhood
from cmfq.networks import Encoding, NetworkSettings, QNetwork

ACTIONS = 4
BETA = 3.0
NEIGHBOURS = [[0], [1, 1, 2], [3, 0, 0, 2, 1], [2, 2]]


def intervened(name: str, actions: list[int], k: int) -> np.ndarray:
    """The merged action after the do-operation, from its definition."""
    one_hot = np.eye(ACTIONS)
    mean = np.mean([one_hot[a] for a in actions], axis=0)
    if name == "replace":
        return one_hot[actions[k]]
    if name == "leave-one-out":
        others = [one_hot[a] for j, a in enumerate(actions) if j != k]
        return np.mean(others, axis=0) if others else np.zeros(ACTIONS)
    return mean + 0.1 * (one_hot[actions[k]] - mean)


def measured(
    name: str, p: np.ndarray, q: np.ndarray, before: np.ndarray, after: np.ndarray
) -> float:
    if name == "kl":
        return sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))
    if name == "reverse-kl":
        return measured("kl", q, p, before, after)
    if name == "jensen-shannon":
        middle = (p + q) / 2
        return (
            measured("kl", p, middle, before, after) + measured("kl", q, middle, before, after)
        ) / 2
    if name == "total-variation":
        return abs(p - q).sum() / 2
    best = int(before.argmax())
    return abs(after[best] - before[best])


def softmax(values: np.ndarray) -> np.ndarray:
    exponentials = np.exp(BETA * (values - values.max()))
    return exponentials / exponentials.sum()


def situation(head: str) -> tuple[QNetwork, MergeInput]:
    torch.manual_seed(0)
    specification = TeamSpecification("t", (5, 5), ("c",), ("x",), tuple("abcd"), 2.0)
    settings = NetworkSettings(head, (2, 2), 8, 4, 16)  # type: ignore[arg-type]
    network = QNetwork(specification, settings).double()
    agents = len(NEIGHBOURS)
    with torch.no_grad():
        encoding = network.encode(
            torch.rand(agents, 5, 5, 1).double(), torch.rand(agents, 1).double()
        )
    encoding = Encoding(5 * encoding.hidden, 5 * encoding.head)
    counts = torch.tensor(
        np.array([np.bincount(actions, minlength=ACTIONS) for actions in NEIGHBOURS])
    ).double()
    near = Neighbourhood(counts, torch.zeros(len(counts), 2))
    return network, MergeInput(encoding, near, BETA, np.random.default_rng(0))


@pytest.mark.parametrize("head", ["additive", "pairwise"])
@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("intervention", INTERVENTIONS)
def test_an_effect_is_that_of_a_loop_over_neighbours(
    intervention: str, measure: str, head: str
) -> None:
    network, given = situation(head)
    settings = MeanFieldSettings(intervention=intervention, effect=measure)
    with torch.no_grad():
        merged = ALGORITHMS["cmfq"].merge(network, given, settings)
    assert merged.effects is not None

    def q_values(i: int, merged_action: np.ndarray) -> np.ndarray:
        row = given.encoding.rows(slice(i, i + 1))
        with torch.no_grad():
            return network.q_values(row, torch.from_numpy(merged_action)[None])[0].numpy()

    some = 0.0
    for i, actions in enumerate(NEIGHBOURS):
        before = q_values(i, np.mean([np.eye(ACTIONS)[a] for a in actions], axis=0))
        for k, action in enumerate(actions):
            after = q_values(i, intervened(intervention, actions, k))
            expected = measured(measure, softmax(before), softmax(after), before, after)
            assert merged.effects[i, action].item() == pytest.approx(expected, abs=1e-6)
            some += expected
    assert some > 1e-4
    torch.testing.assert_close(merged.action.sum(1), torch.ones(len(NEIGHBOURS)).double())


def half_way(neighbours: torch.Tensor) -> tuple[float, float]:
    """A user's own do-operation."""
    return 0.5, 0.5


def largest_change(before: Outcome, after: Outcome, agent: torch.Tensor) -> torch.Tensor:
    """A user's own measure."""
    return (before.log_policy.exp()[agent] - after.log_policy.exp()).abs().amax(-1)


def negative(before: Outcome, after: Outcome, agent: torch.Tensor) -> torch.Tensor:
    return -torch.ones(len(agent))


def not_a_number(before: Outcome, after: Outcome, agent: torch.Tensor) -> torch.Tensor:
    return torch.full((len(agent),), math.nan)


def test_a_users_own_functions_need_no_change_to_the_package() -> None:
    network, given = situation("additive")
    settings = MeanFieldSettings(
        intervention=f"{__name__}:half_way", effect=f"{__name__}:largest_change"
    )
    with torch.no_grad():
        merged = ALGORITHMS["cmfq"].merge(network, given, settings)
    assert merged.effects is not None
    assert merged.effects.max() > 1e-3


@pytest.mark.parametrize("measure", ["negative", "not_a_number"])
def test_effects_that_are_none_name_the_agent(measure: str) -> None:
    network, given = situation("additive")
    settings = MeanFieldSettings(effect=f"{__name__}:{measure}")
    with pytest.raises(InvalidForAgent, match=r"the effect of action 0 is (-1\.0|nan)") as refusal:
        ALGORITHMS["cmfq"].merge(network, given, settings)
    assert refusal.value.row == 0


def test_unknown_names_list_the_known_ones() -> None:
    with pytest.raises(UserError, match="unknown intervention 'replce': did you mean 'replace'"):
        MeanFieldSettings(intervention="replce")
    with pytest.raises(UserError, match="known are kl, reverse-kl, jensen-shannon"):
        MeanFieldSettings(effect="zzz")
    with pytest.raises(UserError, match="effect 'nowhere:f' cannot be imported"):
        find_function("effect", "nowhere:f", MEASURES)


def wrong_shape(before: Outcome, after: Outcome, agent: torch.Tensor) -> torch.Tensor:
    return torch.ones(3)


@pytest.mark.parametrize(
    ("setting", "function"), [("effect", f"{__name__}:wrong_shape"), ("intervention", "os:getcwd")]
)
def test_functions_that_do_not_fit_are_one_sentence(setting: str, function: str) -> None:
    network, given = situation("additive")
    settings = MeanFieldSettings(**{setting: function})
    with pytest.raises(UserError, match=f"{function} cannot be used"):
        ALGORITHMS["cmfq"].merge(network, given, settings)


def test_effects_of_many_actions_are_worked_out_some_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network, seen = situation("additive")
    merge = ALGORITHMS["cmfq"].merge
    whole = merge(network, seen, MeanFieldSettings()).effects
    monkeypatch.setattr("cmfq.mean_field.intervention.LARGEST_OUTCOME", 2 * seen.counts.shape[1])
    some = merge(network, seen, MeanFieldSettings()).effects
    assert whole is not None and some is not None and whole.max() > 0
    torch.testing.assert_close(some, whole)
