"""Copies of the learner as opponents: past selves, and the gate."""

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from cmfq.environments.battle import BattleSettings
from cmfq.rollout import Episode
from cmfq.training.copies import GatedSelf, PastSelves, least_missed, weights_of
from cmfq.training.opponent_settings import OpponentSettings
from cmfq.training.self_play import SelfPlay
from cmfq.training.settings import TrainSettings

Tiny = TrainSettings[BattleSettings]


def game(rewards: tuple[float, float], survivors: tuple[int, int] = (0, 0)) -> Episode:
    return Episode(1, (1, 1), rewards, survivors, (0, 0), False, None)


def learners(settings: Tiny) -> dict[str, Any]:
    return {"agent": SelfPlay(settings).sides["agent"].policy}


def shift(players: dict[str, Any], by: float) -> None:
    with torch.no_grad():
        for weight in players["agent"].network.parameters():
            weight.add_(by)


def first_weight(players: Any) -> float:
    return float(next(iter(players["agent"].network.parameters())).detach().flatten()[0])


# Past selves


def test_copies_stay_spread_over_the_whole_run(tiny: Tiny) -> None:
    past = PastSelves(OpponentSettings(past_period=10, past_size=5), learners(tiny))
    assert list(past.copies) == [0]
    for episode in range(4, 404, 4):
        past.follow(episode - 4, episode)
    kept = list(past.copies)
    assert len(kept) == 5
    assert kept == sorted(kept)
    assert kept[-1] == 400
    assert max(np.diff([0, *kept])) <= 3 * min(np.diff([0, *kept]))


@pytest.mark.parametrize(
    ("trained", "size", "first"), [(True, 1, 10), (True, 2, 0), (True, 5, 0), (False, 20, 1)]
)
def test_what_a_run_started_from_stays(tiny: Tiny, trained: bool, size: int, first: int) -> None:
    past = PastSelves(OpponentSettings(past_period=1, past_size=size), learners(tiny), trained)
    for episode in range(10):
        past.follow(episode, episode + 1)
    found = list(past.copies)
    assert (found[0], found[-1], len(found)) == (first, 10, min(size, 10))


def test_which_copy_is_missed_least() -> None:
    assert least_missed([20, 40, 60, 80]) == 20  # all alike: the oldest goes
    assert least_missed([40, 80, 90, 100]) == 90
    assert least_missed([20, 40]) == 20


def test_copies_are_as_the_learner_was(tiny: Tiny) -> None:
    ours = learners(tiny)
    past = PastSelves(OpponentSettings(past_period=1), ours)
    weight = first_weight(ours)
    for episode in (1, 2):
        shift(ours, 1.0)
        past.follow(episode - 1, episode)
    assert [first_weight(copy) for copy in past.copies.values()] == pytest.approx(
        [weight + 1, weight + 2]
    )


def test_a_past_self_that_is_hard_to_beat_is_met_more_often(tiny: Tiny) -> None:
    pool = OpponentSettings(past_choice="hardest", past_period=1)
    opponents = SelfPlay(replace(tiny, opponents=("past",), opponent_pool=pool)).opponents
    opponents.follow(0, 1)
    opponents.follow(1, 2)
    for _ in range(8):
        opponents.results.record("past", 0, 1, game((0, 0), (9, 3)))
        opponents.results.record("past", 0, 2, game((0, 0), (3, 9)))
    drawn = Counter(opponents.draw().past_episode for _ in range(2000))
    # Laplace's estimates are 9/10 and 1/10, so the weights are 0.01 and 0.81.
    assert drawn[2] / 2000 == pytest.approx(0.81 / 0.82, abs=0.01)
    assert drawn[1] > 0


# The gate


def gate(settings: Tiny, **changes: Any) -> tuple[GatedSelf, dict[str, Any], float]:
    ours = learners(settings)
    gated = GatedSelf(OpponentSettings(**changes), ours)
    before = first_weight(ours)
    shift(ours, 1.0)
    return gated, ours, before


def test_the_gate_opens_only_when_the_learner_has_won_enough(tiny: Tiny) -> None:
    gated, _, before = gate(tiny, gate_games=4, gate_win_rate=0.75)
    for margins, opened in (((1, 1, -1, -1), 0), ((1, 1, 1, -1), 1)):
        for index, margin in enumerate(margins):
            assert first_weight(gated.players) == pytest.approx(before), index
            gated.record(margin)
            gated.follow()
        assert gated.openings == opened
    assert first_weight(gated.players) == pytest.approx(before + 1)


@pytest.mark.parametrize(("ties", "opened"), [("half", 0), ("win", 1), ("loss", 0)])
def test_ties_count_at_the_gate_as_told(tiny: Tiny, ties: Any, opened: int) -> None:
    gated, _, _ = gate(tiny, gate_games=2, gate_win_rate=0.6, gate_ties=ties)
    for margin in (0, 0):
        gated.record(margin)
    gated.follow()
    assert gated.openings == opened


def test_the_original_codes_gate_moves_nearly_all_the_way_after_a_round_won(tiny: Tiny) -> None:
    original = OpponentSettings(gate_games=1, gate_win_rate=1, gate_measure="reward", gate_mix=0.99)
    settings = replace(tiny, opponents=("gated",), opponent_pool=original)
    self_play = SelfPlay(settings)
    opponents, policy = self_play.opponents, self_play.sides["agent"].policy
    meeting = next(one for one in (opponents.draw() for _ in range(99)) if one.side == 1)
    before = weights_of({"agent": policy})
    before = {name: weight.clone() for name, weight in before.items()}
    shift({"agent": policy}, 1.0)
    gated = {"agent": meeting.policies[0]}
    for rewards, openings in (((5.0, 5.0), 0), ((6.0, 5.0), 0), ((5.0, 5.1), 1)):
        # the survivors say the contrary: the original code asks who earned more
        opponents.record(meeting, game(rewards, (12, 0)))
        opponents.follow(0, 1)
        assert opponents.gate_openings == openings
    for name, weight in weights_of(gated).items():  # type: ignore[arg-type]
        learner = policy.network.state_dict()[name.partition("/")[2]]
        torch.testing.assert_close(weight, 0.99 * learner + 0.01 * before[name])


def test_a_gate_of_zero_follows_the_learner_every_time(tiny: Tiny) -> None:
    pool = OpponentSettings(gate_games=2, gate_win_rate=0)
    self_play = SelfPlay(replace(tiny, opponents=("gated",), opponent_pool=pool))

    def same() -> bool:
        policy = self_play.sides["agent"].policy
        gated = next(iter(set(map(id, self_play.opponents.draw().policies)) - {id(policy)}))
        theirs = next(p for p in self_play.opponents.draw().policies if id(p) == gated)
        ours = policy.network.state_dict()
        return all(
            torch.equal(ours[name], weight) for name, weight in theirs.network.state_dict().items()
        )

    assert same()
    self_play.run_episodes()
    assert not same()
    rows = self_play.run_episodes()
    assert same()
    assert rows[0].gate_openings == 0  # it opens after the episode
    assert self_play.run_episodes()[0].gate_openings == 1
    assert not same()
