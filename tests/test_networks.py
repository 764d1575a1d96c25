import torch

from cmfq.environments.battle import BattleEnvironment, BattleSettings
from cmfq.networks import NetworkSettings, QNetwork

SPECIFICATION = BattleEnvironment(BattleSettings(size=12)).teams[0]


def test_a_counterfactual_is_the_q_value_of_a_one_hot_merged_action() -> None:
    network = QNetwork(SPECIFICATION, NetworkSettings())
    hidden = network.encode(torch.rand(6, 13, 13, 7), torch.rand(6, 34))
    agent = torch.tensor([0, 0, 3, 5])
    action = torch.tensor([1, 20, 0, 7])
    one_hot = torch.nn.functional.one_hot(action, 21).float()
    torch.testing.assert_close(
        network.counterfactual_q_values(hidden, agent, action),
        network.q_values(hidden[agent], one_hot),
    )
    assert network.counterfactual_q_values(hidden, agent[:0], action[:0]).shape == (0, 21)


def test_encoding_leaves_hidden_untouched_by_counterfactuals() -> None:
    network = QNetwork(SPECIFICATION, NetworkSettings())
    with torch.inference_mode():
        hidden = network.encode(torch.rand(2, 13, 13, 7), torch.rand(2, 34))
        before = hidden.clone()
        network.counterfactual_q_values(hidden, torch.tensor([0, 1]), torch.tensor([2, 3]))
    assert torch.equal(hidden, before)
