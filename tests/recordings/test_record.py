from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from games import SMALL, Pond, make_policy, record, record_pond

from cmfq.algorithms import ALGORITHMS, MeanFieldSettings
from cmfq.decision import Decision
from cmfq.environments.arrays import ArrayEnvironment
from cmfq.environments.base import Step, TeamObservation
from cmfq.environments.battle import BattleEnvironment, BattleSettings
from cmfq.new_network import new_network
from cmfq.notices import Notice, forget_notices
from cmfq.play.bots import bot
from cmfq.policies import QPolicy
from cmfq.recordings import read
from cmfq.recordings.record import Recorder, record_episode, size_limit
from cmfq.rollout import play_episode, play_episodes


class Witness:
    """Keeps everything as it was."""

    def __init__(self) -> None:
        self.steps: list[tuple[tuple[TeamObservation, ...], tuple[Decision, ...], Step]] = []

    def on_step(
        self,
        observations: tuple[TeamObservation, ...],
        decisions: tuple[Decision, ...],
        step: Step,
    ) -> None:
        self.steps.append((observations, decisions, step))

    def on_truncation(self, *_: object) -> None:
        pass


@pytest.mark.parametrize("max_steps", [5, 400])
def test_a_game_is_read_as_it_was_played(tmp_path: Path, max_steps: int) -> None:
    environment = BattleEnvironment(BattleSettings(size=12, max_steps=max_steps))
    policies = (bot("rush"), make_policy("mfq"))
    witness = Witness()
    with Recorder(environment, policies, name="battle", players=("r", "m"), seed=1) as recorder:
        episode = play_episode(
            environment,
            policies,
            seed=1,
            generator=np.random.default_rng(2),
            observers=(witness, recorder),
        )
    recorder.save(tmp_path / "game.replay")
    replay = read(tmp_path / "game.replay")
    assert replay.ending is not None
    assert (replay.ending.steps, replay.ending.survivors) == (episode.steps, episode.survivors)
    assert replay.ending.terminated == (min(episode.survivors) == 0)
    assert [team.player for team in replay.header.teams] == ["r", "m"]
    assert len(replay.steps) == len(witness.steps)
    for recorded, (observations, decisions, step) in zip(replay.steps, witness.steps, strict=True):
        for team in (0, 1):
            was, saw = recorded[team], observations[team]
            np.testing.assert_array_equal(was.ids, saw.ids)
            np.testing.assert_array_equal(was.positions, saw.positions)
            np.testing.assert_array_equal(was.actions, decisions[team].actions)
            np.testing.assert_array_equal(was.alive, step.alive[team])
            np.testing.assert_array_equal(was.rewards, step.rewards[team])
            assert was.health is not None
            assert saw.health is not None
            np.testing.assert_allclose(was.health, saw.health, rtol=1e-3)
    ours, theirs = replay.header.scenery(), environment.scenery()
    assert ours.bodies == theirs.bodies
    np.testing.assert_array_equal(ours.walls, theirs.walls)


@pytest.mark.parametrize("head", ["additive", "pairwise"])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_what_a_policy_thought_is_what_it_explains(
    tmp_path: Path, algorithm: str, head: str
) -> None:
    policy = make_policy(algorithm, head)
    policy.beta = 2.0  # untrained agents see much the same: let them differ
    environment = BattleEnvironment(BattleSettings(size=12, max_steps=8))
    witness = Witness()
    with Recorder(
        environment, (policy, policy), name="battle", players=("a", "b"), seed=1
    ) as recorder:
        play_episode(
            environment,
            (policy, policy),
            seed=1,
            generator=np.random.default_rng(2),
            observers=(recorder, witness),
        )
    recorder.save(tmp_path / "game.replay")
    replay = read(tmp_path / "game.replay")
    observations, decisions, _ = witness.steps[6]
    for team, (observation, decision) in enumerate(zip(observations, decisions, strict=True)):
        trace = replay.traces(6)[team]
        assert trace is not None
        assert len(trace.pair_agent) > 2 * len(observation.ids), "neighbours act differently"
        np.testing.assert_allclose(trace.merged_actions, decision.merged_actions, atol=5e-4)
        np.testing.assert_array_equal(trace.counts, decision.counts)
        np.testing.assert_allclose(trace.q_values, decision.q_values, rtol=1e-3, atol=1e-3)
        for row, agent in enumerate(observation.ids.tolist()):
            why = policy.explain_decision(observation, decision, agent)
            np.testing.assert_allclose(trace.policy_after[row], why.policy_after, atol=5e-4)
            np.testing.assert_allclose(trace.policy_before[row], why.policy_before, atol=2e-5)
            np.testing.assert_allclose(trace.mean_actions[row], why.mean_action, atol=1e-6)
            pairs = np.flatnonzero(trace.pair_agent == row)
            assert len(pairs) == len(why.counterfactual_policies)
            for pair in pairs:
                name = policy.specification.actions[trace.pair_action[pair]]
                expected = why.counterfactual_policies[name]
                np.testing.assert_allclose(trace.what_if[pair], expected, atol=0.0021)
            for neighbour in why.neighbours:
                action = policy.specification.actions.index(neighbour.action)
                assert trace.effects[row, action] == pytest.approx(
                    neighbour.effect, rel=1e-3, abs=1e-4
                )
        if algorithm == "attention-mfq":
            expected = {
                (agent, neighbour.id): neighbour.weight
                for agent in observation.ids.tolist()
                for neighbour in policy.explain_decision(observation, decision, agent).neighbours
            }
            assert trace.weights is not None
            assert len(trace.weights) == len(expected)
            in_order = [expected[key] for key in sorted(expected)]
            np.testing.assert_allclose(trace.weights, in_order, atol=2e-5)


def test_a_scripted_player_has_nothing_in_mind(fight: Path) -> None:
    replay = read(fight)
    assert replay.header.teams[1].reasoning is None
    assert replay.header.teams[0].reasoning is not None
    ours, theirs = replay.traces(3)
    assert ours is not None
    assert theirs is None


def test_policies_that_share_a_network_are_told_apart(tmp_path: Path) -> None:
    mfq = make_policy("mfq")
    cmfq = make_policy("cmfq")
    cmfq.network = mfq.network
    replay = read(record(tmp_path / "game.replay", (mfq, cmfq)))
    first, second = replay.traces(5)
    assert first is not None
    assert second is not None
    np.testing.assert_allclose(first.merged_actions, first.mean_actions, atol=5e-4)
    assert np.abs(second.merged_actions - second.mean_actions).max() > 0.01


def test_the_first_of_several_worlds_is_recorded(tmp_path: Path) -> None:
    settings = BattleSettings(size=12, max_steps=8)
    worlds = [BattleEnvironment(settings) for _ in range(3)]
    policy = make_policy("cmfq")
    witness = Witness()
    with Recorder(
        worlds[0], (policy, policy), name="battle", players=("a", "b"), seed=1
    ) as recorder:
        play_episodes(
            worlds,
            [(policy, policy)] * 3,
            seeds=[1, 2, 3],
            generator=np.random.default_rng(2),
            observers=[[recorder, witness], [Witness()], [Witness()]],
        )
    recorder.save(tmp_path / "game.replay")
    replay = read(tmp_path / "game.replay")
    observations, decisions, _ = witness.steps[6]
    for team in (0, 1):
        trace = replay.traces(6)[team]
        assert trace is not None
        np.testing.assert_allclose(trace.q_values, decisions[team].q_values, rtol=1e-3, atol=1e-3)
        for row, agent in enumerate(observations[team].ids.tolist()):
            before = policy.explain(observations[team], agent).policy_before
            np.testing.assert_allclose(trace.policy_before[row], before, atol=2e-5)


def test_limits() -> None:
    assert size_limit(2 * 64) == 3_000_000
    assert size_limit(2 * 400) == 24_000_000


class Typed(Pond):
    """A world whose specification is of NumPy's types, and of a radius that no header holds."""

    def __init__(self) -> None:
        super().__init__()
        actions, whole = tuple(np.array(["eat", "wait"])), np.int64(1)
        (team,) = self.teams
        self.teams = (
            replace(team, actions=actions, view_radius=np.float32(1e10), body_side=whole),  # type: ignore[arg-type]
        )


@pytest.mark.parametrize("radius", [None, 1e10])
def test_a_specification_of_numpys_numbers_is_recorded(
    tmp_path: Path, radius: float | None
) -> None:
    world = ArrayEnvironment("pond", Typed(), 10)  # type: ignore[arg-type]
    (team,) = world.teams
    assert (type(team.actions[0]), type(team.view_radius), type(team.body_side)) == (
        str,
        float,
        int,
    )
    network = new_network(team, SMALL, "cmfq")
    policy = QPolicy(team, network, "cmfq", MeanFieldSettings(radius=radius), beta=1.0)
    path, generator = tmp_path / "typed.replay", np.random.default_rng(0)
    record_episode(path, world, [policy], name="pond", players=["p"], seed=0, generator=generator)
    (found,) = read(path).header.teams
    assert found.reasoning is not None
    assert (found.view_radius, found.reasoning.radius) == (None, None)


def test_a_long_peace_keeps_thoughts_of_fewer_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policies = (make_policy("cmfq"), make_policy("cmfq"))
    whole = read(record(tmp_path / "whole.replay", policies, steps=20))
    full = (tmp_path / "whole.replay").stat().st_size
    monkeypatch.setattr("cmfq.recordings.record.SMALLEST_LIMIT", full // 2)
    path = record(tmp_path / "thin.replay", policies, steps=20)
    assert path.stat().st_size <= full // 2
    thin = read(path)
    assert thin.ending == whole.ending
    assert len(thin.steps) == len(whole.steps) == 20
    kept = [step for step in range(20) if thin.traces(step)[0] is not None]
    assert kept in (list(range(0, 20, 2)), list(range(0, 20, 4)))
    ours, theirs = thin.traces(4)[1], whole.traces(4)[1]
    assert ours is not None
    assert theirs is not None
    np.testing.assert_array_equal(ours.what_if, theirs.what_if)


def test_a_game_that_readers_do_not_take_whole_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policies = (bot("rush"), bot("rush"))
    monkeypatch.setattr("cmfq.recordings.format.LEAST_GAME", 2**10)
    monkeypatch.setattr("cmfq.recordings.format.LARGEST_GROWTH", 3)
    forget_notices()
    with pytest.warns(Notice, match="battle has 20 steps of 2 teams, more than readers take"):
        path = record(tmp_path / "game.replay", policies, steps=20)
    found = read(path)
    assert found.ending is None
    assert 0 < len(found.steps) < 20


def test_what_there_is_to_gather_after_the_end_is_not_asked(tmp_path: Path) -> None:
    class Over(Pond):
        def items(self) -> list[tuple[float, float, float]]:
            if self.time == 3:
                raise RuntimeError("the game is over")
            return super().items()

    found = read(record_pond(tmp_path / "pond.replay", Over()))
    assert [None if items is None else len(items) for items in found.items] == [2, 1, 1]


def test_recording_changes_nothing(tmp_path: Path) -> None:
    environment = BattleEnvironment(BattleSettings(size=12, max_steps=30))
    policy = make_policy("cmfq")

    def play(*observers: Recorder) -> object:
        generator = np.random.default_rng(0)
        return play_episode(
            environment, (policy, policy), seed=0, generator=generator, observers=observers
        )

    alone = play()
    with Recorder(
        environment, (policy, policy), name="battle", players=("a", "b"), seed=0
    ) as recorder:
        assert play(recorder) == alone
    assert play() == alone


def test_an_error_in_the_packing_thread_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = BattleEnvironment(BattleSettings(size=12, max_steps=5))
    policies = (bot("rush"), bot("rush"))

    def fail(batch: object) -> bytes:
        raise OSError("no memory left")

    monkeypatch.setattr("cmfq.recordings.record._pack_steps", fail)
    with (
        pytest.raises(OSError, match="no memory left"),
        Recorder(environment, policies, name="battle", players=("a", "b"), seed=0) as recorder,
    ):
        play_episode(
            environment,
            policies,
            seed=0,
            generator=np.random.default_rng(0),
            observers=(recorder,),
        )
