"""Weights and neighbours that are none are refused, with the agent that they belong to."""

import numpy as np
import pytest
import torch

from cmfq.algorithms import ALGORITHMS, Algorithm
from cmfq.environments.battle import BattleEnvironment, BattleSettings
from cmfq.errors import UserError
from cmfq.mean_field.neighbourhood import Interactions, count_actions
from cmfq.mean_field.validity import InvalidForAgent, check_weights
from cmfq.merge import Merged, MergeInput
from cmfq.play.bots import bot
from cmfq.rollout import play_episode
from cmfq.training.self_play import SelfPlay
from cmfq.training.settings import TrainSettings


@pytest.mark.parametrize("row", [[0.5, 0.6], [-0.2, 0.1], [float("nan"), 1.0], [1.0, 1.0]])
def test_weights_that_do_not_add_up(row: list[float]) -> None:
    good = [[0.0, 0.0], [0.25, 0.75], [1.0, 0.0]]
    check_weights(torch.tensor(good))
    check_weights(torch.zeros(0, 2))
    with pytest.raises(InvalidForAgent, match="the weights of its neighbours add up to") as refusal:
        check_weights(torch.tensor([*good, row]))
    assert refusal.value.row == 3


def test_a_neighbour_that_is_dead() -> None:
    pairs = Interactions(np.array([0, 1, 2]), np.array([1, 2, 3]), np.array([0, 0, 0]))
    assert count_actions(pairs, 4, 1).sum() == 3
    with pytest.raises(InvalidForAgent, match="row 3 is named as its neighbour, and only 3") as no:
        count_actions(pairs, 3, 1)
    assert no.value.row == 2


def test_in_play_the_agent_and_the_step_are_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def lopsided(network: object, situation: MergeInput, settings: object) -> Merged:
        weights = 0.9 * situation.counts / situation.counts.sum(-1, keepdim=True).clamp(min=1)
        return Merged(weights)

    monkeypatch.setitem(ALGORITHMS, "lopsided", Algorithm(lopsided))
    settings = TrainSettings(BattleSettings(size=12), algorithm="lopsided")
    policy = SelfPlay(settings).sides["agent"].policy
    with pytest.raises(UserError, match=r"step 1, agent 0: the weights of its .* up to 0\.9"):
        play_episode(
            BattleEnvironment(settings.environment),
            [policy, bot("rush")],
            seed=0,
            generator=np.random.default_rng(0),
        )
