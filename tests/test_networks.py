import pytest
import torch

from cmfq.environments.battle import BattleEnvironment, BattleSettings
from cmfq.errors import UserError
from cmfq.networks import NetworkSettings, QNetwork

SPECIFICATION = BattleEnvironment(BattleSettings(size=12)).teams[0]


@pytest.mark.parametrize("activation", ["relu", "softplus", "silu"])
@pytest.mark.parametrize("head", ["additive", "pairwise"])
def test_a_counterfactual_is_the_q_value_of_a_one_hot_merged_action(
    head: str, activation: str
) -> None:
    chosen = NetworkSettings(head, activation=activation)  # type: ignore[arg-type]
    network = QNetwork(SPECIFICATION, chosen)
    encoding = network.encode(torch.rand(6, 13, 13, 7), torch.rand(6, 34))
    mean = torch.rand(6, 21).softmax(1)
    agent = torch.tensor([0, 0, 3, 5])
    action = torch.tensor([1, 20, 0, 7])
    one_hot = torch.nn.functional.one_hot(action, 21).float()
    torch.testing.assert_close(
        network.counterfactual_q_values(encoding, mean, agent, action),
        network.q_values(encoding.rows(agent), one_hot),
    )
    keep, add = torch.rand(6), torch.rand(6)
    mixed = keep[agent, None] * mean[agent] + add[agent, None] * one_hot
    torch.testing.assert_close(
        network.counterfactual_q_values(encoding, mean, agent, action, keep, add),
        network.q_values(encoding.rows(agent), mixed),
    )
    nobody = network.counterfactual_q_values(encoding, mean, agent[:0], action[:0])
    assert nobody.shape == (0, 21)


def test_the_pairwise_head_is_linear_in_the_merged_action() -> None:
    """Eq 2 and Eq 8 exactly: the value of an average is the average of the values."""
    network = QNetwork(SPECIFICATION, NetworkSettings("pairwise"))
    encoding = network.encode(torch.rand(4, 13, 13, 7), torch.rand(4, 34))
    weights = torch.rand(4, 21).softmax(1)
    pairs = [network.q_values(encoding, torch.eye(21)[b].expand(4, -1)) for b in range(21)]
    average = sum(weights[:, b, None] * pairs[b] for b in range(21))
    torch.testing.assert_close(network.q_values(encoding, weights), average)
    alone = network.q_values(encoding, torch.zeros(4, 21))
    torch.testing.assert_close(alone, encoding.head[:, :21])


@pytest.mark.parametrize("head", ["additive", "pairwise"])
def test_counterfactuals_leave_the_encoding_untouched(head: str) -> None:
    network = QNetwork(SPECIFICATION, NetworkSettings(head))  # type: ignore[arg-type]
    with torch.inference_mode():
        encoding = network.encode(torch.rand(2, 13, 13, 7), torch.rand(2, 34))
        before = encoding.head.clone()
        mean, pair = torch.rand(2, 21), torch.tensor([0, 1])
        network.counterfactual_q_values(encoding, mean, pair, pair)
        network.counterfactual_q_values(encoding, mean, pair, pair, 0.5, 0.5)
    assert torch.equal(encoding.head, before)


@pytest.mark.parametrize("head", ["additive", "pairwise"])
@pytest.mark.parametrize("activation", ["relu", "softplus", "silu"])
def test_the_joint_layer_has_the_activation_asked_for(head: str, activation: str) -> None:
    chosen = NetworkSettings(head, activation=activation)  # type: ignore[arg-type]
    network = QNetwork(SPECIFICATION, chosen)
    encoding = network.encode(torch.rand(3, 13, 13, 7), torch.rand(3, 34))
    merged = torch.rand(3, 21).softmax(1)
    hidden = encoding.hidden
    if head == "additive":
        hidden = hidden + network.head.merged_action_layer(merged)  # type: ignore[union-attr]
    active = {
        "relu": hidden.clamp(min=0),
        "softplus": hidden.exp().log1p(),
        "silu": hidden / (1 + (-hidden).exp()),
    }[activation]
    expected = network.head.output_layer(active)
    if head == "pairwise":
        own, table = expected[:, :21], expected[:, 21:].reshape(-1, 21, 21)
        expected = own + torch.einsum("nb,nba->na", merged, table)
    torch.testing.assert_close(network.q_values(encoding, merged), expected)


def test_an_activation_that_is_not_there_is_refused() -> None:
    with pytest.raises(UserError, match=r"unknown activation 'tanh': .* softplus, silu"):
        NetworkSettings(activation="tanh")  # type: ignore[arg-type]


@pytest.mark.parametrize("turned", [False, True])
def test_channels_that_are_no_inputs_change_nothing_in_any_order_of_memory(turned: bool) -> None:
    network = QNetwork(SPECIFICATION, NetworkSettings(place=False))
    view, features = torch.rand(6, 13, 13, 7), torch.rand(6, 34)
    view = view.transpose(1, 2) if turned else view
    inputs = [
        channel for channel, name in enumerate(SPECIFICATION.channels) if "minimap" not in name
    ]
    assert len(inputs) == 5
    changed = torch.rand_like(view)
    changed[..., inputs] = view[..., inputs]
    given = []

    def keep(module: torch.nn.Module, arguments: tuple[torch.Tensor]) -> None:
        given.append(arguments[0])

    network.trunk.first_convolution.register_forward_pre_hook(keep)
    one, other = network.encode(view, features), network.encode(changed, features)
    assert torch.equal(one.hidden, other.hidden)
    plain = view[..., inputs].permute(0, 3, 1, 2)
    assert torch.equal(given[0], plain)
    assert given[0].stride() == plain.stride(), "rounding follows the order in memory"
