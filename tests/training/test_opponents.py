"""Opponents in training: the mix, its draws, who learns, and what cannot play is refused."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import cmfq
from cmfq.cli import main
from cmfq.decision import Decision
from cmfq.environments.base import TeamObservation
from cmfq.environments.battle import BattleEnvironment, BattleSettings
from cmfq.environments.pursuit import PursuitSettings
from cmfq.environments.signal import SignalSettings
from cmfq.errors import UserError
from cmfq.play.bots import Bot
from cmfq.play.players import load_player
from cmfq.rollout import play_episodes
from cmfq.training.checkpoint import save_policies
from cmfq.training.demonstrator import Demonstrator
from cmfq.training.opponent_settings import OpponentSettings, parse_mix
from cmfq.training.self_play import SelfPlay
from cmfq.training.settings import TrainSettings

Tiny = TrainSettings[BattleSettings]


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


# The mix


def test_shares_are_normalised_and_names_keep_their_order() -> None:
    assert parse_mix(["self=2", "past=1", "swarm"]) == {"self": 0.5, "past": 0.25, "swarm": 0.25}
    assert parse_mix(["swarm=0", "runs/a=b=3"]) == {"runs/a=b": 1.0}
    assert parse_mix(["runs/a=b"]) == {"runs/a=b": 1.0}


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ((), "opponents is '': give at least one"),
        (("self=0", "past=0"), "give at least one with a share above 0"),
        (("swarm=-1",), "has 'swarm=-1': give a finite share of at least 0"),
        (("swarm=nan",), "has 'swarm=nan': give a finite share of at least 0"),
        (("swarm=inf",), "has 'swarm=inf': give a finite share of at least 0"),
        (("self=1e308", "past=1e308"), "'self=1e308 past=1e308': give shares whose sum is finite"),
        (("=3",), "has '=3': name an opponent"),
        (("self", "self=2"), "has 'self' twice"),
    ],
)
def test_a_mix_that_makes_no_sense_is_one_sentence(
    tiny: Tiny, entries: tuple[str, ...], message: str
) -> None:
    with pytest.raises(UserError, match=message) as refusal:
        replace(tiny, opponents=entries)
    assert "\n" not in str(refusal.value)


def test_settings_of_copies_have_ranges() -> None:
    for name, value in (
        ("gate_win_rate", 1.1),
        ("gate_mix", 0),
        ("past_size", 0),
        ("gate_games", 0),
    ):
        with pytest.raises(UserError, match=f"{name} is {value}"):
            OpponentSettings(**{name: value})  # type: ignore[arg-type]


# Draws


def test_opponents_and_sides_are_drawn_by_their_shares(tiny: Tiny) -> None:
    settings = replace(tiny, opponents=("self=1", "past=1", "swarm=2"))
    drawn = [SelfPlay(settings, load_player).opponents for _ in range(2)]
    meetings = [drawn[0].draw() for _ in range(2000)]
    names = Counter(meeting.opponent for meeting in meetings)
    assert names["self"] == pytest.approx(500, abs=80)
    assert names["past"] == pytest.approx(500, abs=80)
    assert names["swarm"] == pytest.approx(1000, abs=90)
    sides = Counter(meeting.side for meeting in meetings if meeting.opponent == "swarm")
    assert sides[0] == pytest.approx(sides[1], abs=130)
    again = [drawn[1].draw() for _ in range(2000)]
    assert [(one.title, one.side) for one in again] == [(one.title, one.side) for one in meetings]


def test_the_learner_plays_its_side_and_learns_from_no_other(tiny: Tiny) -> None:
    opponents = SelfPlay(replace(tiny, opponents=("self", "swarm")), load_player).opponents
    seen = set()
    for meeting in (opponents.draw() for _ in range(50)):
        scripted = [isinstance(policy, Bot) for policy in meeting.policies]
        assert [team for team in (0, 1) if not scripted[team]] == list(meeting.learning)
        seen.add((meeting.opponent, meeting.learning, meeting.side))
    assert seen == {("self", (0, 1), None), ("swarm", (0,), 0), ("swarm", (1,), 1)}


def test_only_rows_of_the_learners_own_teams_are_kept(tiny: Tiny) -> None:
    learner = replace(tiny.learner, replay_bytes=2**25)
    settings = replace(tiny, opponents=("rush",), environments=3, learner=learner)
    self_play = SelfPlay(settings, load_player)
    rows = self_play.run_episodes()
    sides = [row.side for row in rows]
    assert set(sides) <= {0, 1}
    lived = sum(row.agent_steps for row in rows)
    replay = self_play.sides["agent"].replay
    assert 0.3 * lived < len(replay) < 0.7 * lived
    # Of 12 agents, 25 steps and the observation that follows, fewer where some died.
    assert len(replay) <= 3 * 12 * 26
    assert rows[0].updates >= 3 * tiny.learner.min_updates


def test_what_opponents_live_through_can_be_learned_from(tiny: Tiny) -> None:
    pool = replace(tiny.opponent_pool, learn_from=True)
    settings = replace(tiny, opponents=("rush",), opponent_pool=pool)
    self_play = SelfPlay(settings, load_player)
    (row,) = self_play.run_episodes()
    replay = self_play.sides["agent"].replay
    after_the_last = sum(row.survivors) if row.truncated else 0
    assert len(replay) == row.agent_steps + after_the_last
    batch = replay.sample(200, np.random.default_rng(0))
    # Each row has the learner's view of the crowd, whoever acted: ǎ where there are neighbours.
    has_neighbours = batch.counts.sum(1) > 0
    assert has_neighbours.any()
    np.testing.assert_allclose(batch.merged_actions[has_neighbours].sum(1), 1, atol=1e-5)


def test_a_stored_policy_is_learned_from_as_the_learner_sees_it(tiny: Tiny, tmp_path: Path) -> None:
    """IQL merges nothing: what MFQ learns from its steps has the mean of the neighbours."""
    cmfq.train(replace(tiny, algorithm="iql", episodes=1), run=tmp_path / "iql")
    settings = replace(
        tiny,
        algorithm="mfq",
        opponents=(str(tmp_path / "iql"),),
        opponent_pool=replace(tiny.opponent_pool, learn_from=True),
    )
    self_play = SelfPlay(settings, load_player)
    (row,) = self_play.run_episodes()
    batch = self_play.sides["agent"].replay.sample(400, np.random.default_rng(0))
    mean = batch.counts / batch.counts.sum(1, keepdim=True).clamp(min=1)
    np.testing.assert_allclose(batch.merged_actions, mean, atol=1e-5)
    # Nothing that the learner merged was decided for the other side.
    assert row.side is not None
    assert row.effective_neighbours[row.side] is not None
    assert row.effective_neighbours[1 - row.side] is None


def test_a_demonstrator_acts_as_its_player_and_sees_as_its_learner(tiny: Tiny) -> None:
    self_play = SelfPlay(tiny)
    learner = self_play.sides["agent"].policy
    observations = self_play.environments[0].reset(0)
    shown = Demonstrator(Constant(7), learner)
    (decision,) = shown.decide(observations[:1], np.random.default_rng(0), observations[1:], [0, 0])
    (seen,) = learner.decide(observations[:1], np.random.default_rng(0), observations[1:], [0, 0])
    assert set(decision.actions.tolist()) == {7}
    assert seen.counts is not None
    assert decision.counts is not None
    np.testing.assert_array_equal(decision.counts, seen.counts)
    assert seen.merged_actions is not None
    assert decision.merged_actions is not None
    np.testing.assert_array_equal(decision.merged_actions, seen.merged_actions)


class Constant:
    """Always the same action; remembers how often it was asked, and for how many teams."""

    def __init__(self, action: int) -> None:
        self.action = action
        self.asked: list[int] = []

    def decide(
        self,
        observations: Sequence[TeamObservation],
        generator: np.random.Generator,
        others: Sequence[TeamObservation] = (),
        worlds: Sequence[int] | None = None,
    ) -> list[Decision]:
        self.asked.append(len(observations))
        assert worlds is not None
        assert len(worlds) == len(observations) + len(others)
        return [Decision(np.full(len(one.ids), self.action, np.int32)) for one in observations]


class Watching:
    def __init__(self) -> None:
        self.actions: list[tuple[int, ...]] = []

    def on_step(self, observations: object, decisions: tuple[Decision, ...], step: object) -> None:
        self.actions.append(tuple(int(one.actions[0]) for one in decisions))

    def on_truncation(self, observations: object, decisions: object) -> None:
        pass


def test_every_world_has_its_own_players_and_each_is_asked_once_a_step() -> None:
    worlds = [BattleEnvironment(BattleSettings(size=12, max_steps=4)) for _ in range(3)]
    one, two, three = (Constant(action) for action in (6, 5, 7))
    watching = [Watching() for _ in worlds]
    play_episodes(
        worlds,
        [(one, two), (three, one), (one, one)],
        seeds=[1, 2, 3],
        generator=rng(),
        observers=[[one] for one in watching],
    )
    assert [set(world.actions) for world in watching] == [{(6, 5)}, {(7, 6)}, {(6, 6)}]
    assert one.asked[:4] == [4] * 4
    assert two.asked[:4] == three.asked[:4] == [1] * 4


def test_a_run_with_itself_alone_is_as_it_was_before_there_were_mixes(tiny: Tiny) -> None:
    """Other mixes draw from a generator of their own: the first self game is the same game."""
    alone, mixed = SelfPlay(tiny), SelfPlay(replace(tiny, opponents=("self=1e9", "past")))
    ours, theirs = alone.run_episodes()[0], mixed.run_episodes()[0]
    assert (ours.rewards, ours.loss) == (theirs.rewards, theirs.loss)
    assert ours.win_rates == {}
    assert ours.win_rate is None


# Roles


def test_each_role_meets_the_other_roles_opponents_and_learns_alone(
    pursuit: TrainSettings[PursuitSettings],
) -> None:
    self_play = SelfPlay(pursuit, load_player)
    sizes = dict.fromkeys(self_play.sides, 0)
    for _ in range(12):
        (row,) = self_play.run_episodes()
        for index, (role, side) in enumerate(self_play.sides.items()):
            learned = row.side in (None, index)
            assert (row.role_losses[index] is not None) == learned
            assert (len(side.replay) > sizes[role]) == learned
            sizes[role] = len(side.replay)
    assert {name.partition("/")[0] for name in row.win_rates} == {"predator", "prey"}
    assert any(name.partition("/")[2].startswith("past ") for name in row.win_rates)


# What is refused


def test_opponents_that_cannot_play_are_refused_before_anything_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], tiny: Tiny
) -> None:
    policy = SelfPlay(tiny).sides["agent"].policy
    file = tmp_path / "battle.safetensors"
    save_policies(file, {"agent": policy}, tiny.network, environment=tiny.environment, episode=1)
    for environment, arguments, message in (
        ("battle", ["--opponents", "swarn"], "opponents has 'swarn': there is no player"),
        ("battle", ["--opponents", "swarm=x"], "opponents has 'swarm=x': there is no player"),
        (
            "pursuit",
            ["--opponents", "swarm"],
            "has 'swarm': 'swarm' plays battle, not pursuit: giv",
        ),
        ("battle", ["--opponents", "greedy"], "'greedy' plays pursuit, not battle: give a run fol"),
        ("signal", ["--opponents", "greedy"], "one team and no opponents"),
        ("pursuit", ["--opponents", str(file)], "was trained on battle: it cannot play pursuit"),
        ("pursuit", ["--opponents", "gated"], "needs two sides of the same roles"),
        ("battle", ["--opponents", "gated", "--episodes", "5"], "the gate would never open"),
        ("battle", ["--opponents", "gated=0.01", "self"], "the gate would never open"),
        ("battle", ["--opponents", "no_such_module:f"], "'no_such_module:f' cannot be imported"),
        ("battle", ["--opponents", "math:pi"], "'math:pi' is not a function"),
        ("battle", ["--opponents", "math:sqrt"], "cannot be called with a team's specification"),
        ("battle", ["--opponents", "builtins:repr"], "returned str, which has no method decide"),
        ("signal", ["--opponents", "past"], "this game has one team and no opponents"),
    ):
        command = ["train", environment, *arguments, "--run", str(tmp_path / "run")]
        assert main(command) == 2
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1
        assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("begun", [False, True])
def test_only_a_resumed_run_is_told_what_it_needs(tiny: Tiny, begun: bool) -> None:
    with pytest.raises(UserError) as refusal:
        SelfPlay(replace(tiny, opponents=("nobody",)), load_player, begun)
    sentence = str(refusal.value)
    assert sentence.count("module:name") == 1
    assert "zoo:pursuit" not in sentence
    assert sentence.endswith("(in battle)") != begun
    assert ("a resumed run needs the opponents with which it began: restore" in sentence) == begun
    assert sentence.endswith("among which self, gated and past need no file") == begun


def test_without_a_loader_named_opponents_are_refused(tiny: Tiny) -> None:
    with pytest.raises(UserError, match=r"load_player=cmfq\.play\.players"):
        SelfPlay(replace(tiny, opponents=("swarm",)))


def test_one_team_alone_has_no_opponent() -> None:
    with pytest.raises(UserError, match="one team"):
        SelfPlay(TrainSettings(SignalSettings(), opponents=("self", "past")))
