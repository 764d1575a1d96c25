"""Roles, each with its own learner, and many worlds at once."""

from contextlib import closing
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from cmfq.algorithms import MeanFieldSettings
from cmfq.batch import Batch
from cmfq.combat import Combat
from cmfq.environments.battle import BattleEnvironment, BattleSettings
from cmfq.environments.particles import ParticlesSettings
from cmfq.environments.pursuit import PursuitSettings
from cmfq.environments.signal import SignalSettings
from cmfq.errors import UserError
from cmfq.learner import LearnerSettings
from cmfq.objective import ObjectiveSettings
from cmfq.play.bots import bot
from cmfq.rollout import Episode, play_episode, play_episodes
from cmfq.training.self_play import SelfPlay
from cmfq.training.settings import ExplorationSettings, TrainSettings


def play(seeds: list[int]) -> list[Episode]:
    worlds = [BattleEnvironment(BattleSettings(size=12, max_steps=60)) for _ in seeds]
    return play_episodes(
        worlds,
        [[bot("rush"), bot("swarm")]] * len(seeds),
        seeds=seeds,
        generator=np.random.default_rng(0),
        observers=[()] * len(worlds),
    )


class Steps:
    """Counts what it is told of."""

    def __init__(self) -> None:
        self.seen = self.cut_off = 0

    def on_step(self, *told: object) -> None:
        self.seen += 1

    def on_truncation(self, *told: object) -> None:
        self.cut_off += 1


def test_worlds_side_by_side_end_each_at_its_own_time() -> None:
    limits = [5, 9, 60, 2]
    peace, war = [bot("hold")] * 2, [bot("rush"), bot("hold")]
    counts = [Steps() for _ in limits]
    played = play_episodes(
        [BattleEnvironment(BattleSettings(size=12, max_steps=limit)) for limit in limits],
        [peace, peace, war, peace],
        seeds=[1, 2, 3, 4],
        generator=np.random.default_rng(0),
        observers=[[count] for count in counts],
    )
    fight = played.pop(2)
    assert 9 < fight.steps < 60 and 0 in fight.survivors and not fight.truncated
    assert [episode.steps for episode in played] == [5, 9, 2]
    assert all(episode.truncated and episode.survivors == (12, 12) for episode in played)
    assert [count.seen for count in counts] == [5, 9, fight.steps, 2]
    assert [count.cut_off for count in counts] == [1, 1, 0, 1]


def test_one_world_of_many_is_the_world_alone() -> None:
    alone = play_episode(
        BattleEnvironment(BattleSettings(size=12, max_steps=60)),
        [bot("rush"), bot("swarm")],
        seed=1,
        generator=np.random.default_rng(0),
    )
    assert play([1]) == [alone]


def test_everyone_in_a_world_is_everyone_in_that_world(tiny: TrainSettings[BattleSettings]) -> None:
    mean_field = replace(tiny.mean_field, neighbours="everyone", radius=float("inf"))
    self_play = SelfPlay(replace(tiny, environments=2, mean_field=mean_field))
    policy = self_play.sides["agent"].policy
    worlds = [world.reset(seed) for seed, world in enumerate(self_play.environments)]
    stay = [np.full(12, 6, np.int32)] * 2
    (red, blue), (other_red, _) = (
        world.step(stay).observations for world in self_play.environments
    )
    assert len(worlds) == 2
    counts = policy.neighbourhood([red, other_red], [blue], [0, 1, 0]).counts.sum(1)
    assert counts[:12].tolist() == [23.0] * 12
    assert counts[12:].tolist() == [11.0] * 12


def test_many_worlds_learn_as_much_and_count_every_episode(
    tiny: TrainSettings[BattleSettings],
) -> None:
    learner = replace(tiny.learner, replay_bytes=2**25)
    self_play = SelfPlay(replace(tiny, environments=4, learner=learner))
    rows = [*self_play.run_episodes(), *self_play.run_episodes()]
    assert [row.episode for row in rows] == [1, 2, 3, 4, 5, 6]  # of 6: the second time only 2
    assert rows[0].updates >= 4 * tiny.learner.min_updates
    side = self_play.sides["agent"]
    assert len(side.replay) > sum(row.agent_steps for row in rows)


def test_a_restored_run_has_the_temperature_that_its_last_round_was_played_with(
    tiny: TrainSettings[BattleSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    exploration = ExplorationSettings(beta_episodes=20)
    learner = replace(tiny.learner, replay_bytes=2**25)
    settings = replace(tiny, episodes=6, environments=4, exploration=exploration, learner=learner)
    for played in (4, 6):
        with closing(SelfPlay(settings)) as whole, closing(SelfPlay(settings)) as restored:
            while whole.episode < played:
                whole.run_episodes()
            beta = whole.averaged_policies()["agent"].beta
            assert beta == exploration.beta(0 if played == 4 else 4)
            restored.restore(*whole.state())
            assert restored.averaged_policies()["agent"].beta == beta
            if played == 4:  # as after a round that could not be played

                def fails(*_: object) -> None:
                    raise UserError("the game cannot be played")

                monkeypatch.setattr(restored, "_play", fails)
                with pytest.raises(UserError, match="cannot be played"):
                    restored.run_episodes()
                assert restored.averaged_policies()["agent"].beta == beta


def test_rows_say_what_damage_each_team_did(
    tiny: TrainSettings[BattleSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    red, blue = Combat(30.0, 8, 6, 4, 1), Combat(50.0, 10, 5, 0, 0)

    def play_otherwise(*worlds: Any, **how: Any) -> list[Episode]:
        (episode,) = play_episodes(*worlds, **how)
        return [episode._replace(deaths=(3, 5), combat=(red, blue))]

    monkeypatch.setattr("cmfq.training.self_play.play_episodes", play_otherwise)
    (row,) = SelfPlay(tiny).run_episodes()
    assert (row.damage, row.kills, row.truncated) == ([50.0, 30.0], [5, 3], True)
    assert (row.attacks_unhurt, row.attacks_hurt) == ([0.75, 0.5], [0.25, None])


def test_rows_of_worlds_without_hit_points_have_no_damage() -> None:
    (row,) = SelfPlay(TrainSettings(PursuitSettings(max_steps=2))).run_episodes()
    assert (row.damage, row.attacks_unhurt, row.attacks_hurt) == (None, None, None)


def test_one_world_is_as_before(tiny: TrainSettings[BattleSettings]) -> None:
    """The same draws, whether worlds are named or not."""
    one, same = SelfPlay(tiny), SelfPlay(replace(tiny, environments=1))
    one.run_episodes()
    same.run_episodes()
    ours = one.sides["agent"].policy.network.state_dict()
    theirs = same.sides["agent"].policy.network.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_roles_and_opponents_that_do_not_go_together(tiny: TrainSettings[BattleSettings]) -> None:
    with pytest.raises(UserError, match="unknown role in algorithms 'predator'"):
        SelfPlay(replace(tiny, algorithms={"predator": "mfq"}))
    with pytest.raises(UserError, match="unknown algorithm 'mfqq'"):
        replace(tiny, algorithms={"agent": "mfqq"})
    with pytest.raises(UserError, match="has 'past': this game has one team and no opponents"):
        SelfPlay(TrainSettings(SignalSettings(), opponents=("past",)))


def test_a_role_can_have_another_algorithm(tiny: TrainSettings[BattleSettings]) -> None:
    self_play = SelfPlay(replace(tiny, algorithms={"agent": "iql"}))
    assert self_play.sides["agent"].policy.algorithm == "iql"


def test_a_replay_too_small_for_its_worlds_is_refused(tiny: TrainSettings[BattleSettings]) -> None:
    for settings, sentence in (
        (
            replace(tiny, environments=200, episodes=200),
            r"replay_bytes is 8388608: .* holds 3233 agent-steps, but battle, 12 a side needs 4824,"
            r" for 400 team\(s\) of 12 that play at once; raise it",
        ),
        (
            replace(tiny, environments=4, sizes=(12, 400), sizes_join="in-turn"),
            r"holds 3233 agent-steps, but battle, 400 a side needs 4000, for 8 team\(s\) of 400",
        ),
    ):
        with pytest.raises(UserError, match=sentence):
            SelfPlay(settings)
    SelfPlay(replace(settings, sizes=(12, 289), episodes=2)).close()


def test_the_learning_rate_falls_to_the_last_one_after_the_last_episode(
    tiny: TrainSettings[BattleSettings],
) -> None:
    self_play = SelfPlay(replace(tiny, episodes=4))
    rates = []
    for _ in range(4):
        self_play.run_episodes()
        rates.append(self_play.sides["agent"].learner.optimiser.rate)
    assert rates == pytest.approx([3e-4, 2.5e-4, 2e-4, 1.5e-4])


def test_where_all_is_left_out_nothing_can_be_learned(tiny: TrainSettings[BattleSettings]) -> None:
    left_out = replace(tiny, objective=ObjectiveSettings(death="left-out"))
    one_step = replace(left_out, environment=replace(tiny.environment, max_steps=1))
    with pytest.raises(UserError, match="no step of the games so far can be learned from"):
        SelfPlay(one_step).run_episodes()


@pytest.mark.parametrize("algorithm", ["attention-mfq", "mfq"])
def test_steps_of_which_all_is_left_out_are_not_sampled(
    tiny: TrainSettings[BattleSettings], algorithm: str
) -> None:
    """Of two steps the last is left out, and one step of twelve agents is a batch."""
    settings = replace(
        tiny,
        algorithm=algorithm,
        environment=replace(tiny.environment, max_steps=2),
        objective=ObjectiveSettings(death="left-out"),
        learner=replace(tiny.learner, batch_size=8, min_updates=20),
    )
    (row,) = SelfPlay(settings).run_episodes()
    assert row.updates >= 13
    assert row.loss is not None
    assert np.isfinite(row.loss)


def test_next_states_of_different_times_are_refused(tiny: TrainSettings[BattleSettings]) -> None:
    settings = replace(
        tiny,
        objective=ObjectiveSettings(death="left-out"),
        learner=replace(tiny.learner, n_steps=3),
    )
    SelfPlay(settings).run_episodes()
    with pytest.raises(UserError, match="n_steps is 3 and death is left-out: attention-mfq needs"):
        SelfPlay(replace(settings, algorithm="attention-mfq"))


def test_everyone_is_a_neighbour_where_all_act_alike() -> None:
    everyone = MeanFieldSettings(neighbours="everyone")
    particles = ParticlesSettings(predators=3, prey=4, obstacles=1, max_steps=4)
    learner = LearnerSettings(batch_size=8, min_updates=1, replay_bytes=2**24)
    self_play = SelfPlay(TrainSettings(particles, mean_field=everyone, learner=learner))
    self_play.run_episodes()
    counts = self_play.sides["predator"].replay.sample(50, np.random.default_rng(0)).counts
    assert set(counts.sum(1).tolist()) == {0.0, 6.0}  # nobody has acted at first, then all others
    with pytest.raises(UserError, match="neighbours is everyone: predator and prey have different"):
        SelfPlay(TrainSettings(PursuitSettings(), mean_field=everyone))


@pytest.mark.parametrize("algorithm", ["cmfq", "attention-mfq"])
def test_updates_are_paid_for_by_the_rows_that_they_learned_from(
    tiny: TrainSettings[BattleSettings], algorithm: str
) -> None:
    """Attention draws whole steps of 12 agents: 70 rows asked for are 72 or a little more."""
    learner = replace(tiny.learner, batch_size=70, min_updates=9, replay_ratio=1e-6)
    self_play = SelfPlay(replace(tiny, algorithm=algorithm, learner=learner))
    side = self_play.sides["agent"]
    rows, update = [], side.learner.update

    def counted(batch: Batch) -> Tensor:
        rows.append(len(batch.actions))
        return update(batch)

    side.learner.update = counted  # type: ignore[method-assign]
    episodes = tiny.episodes
    for _ in range(episodes):
        self_play.run_episodes()
    earned = episodes * 9 * 70
    assert earned - 70 < sum(rows) < earned + 12
    if algorithm == "cmfq":
        assert len(rows) == episodes * 9
    else:
        assert {70} < set(rows) | {70} <= set(range(70, 82))
        assert len(rows) < episodes * 9
