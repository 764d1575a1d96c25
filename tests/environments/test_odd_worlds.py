"""PettingZoo environments that others write: what is taken without guessing, and what is not."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pettingzoo
import pytest
from gymnasium import spaces
from pettingzoo.utils import turn_based_aec_to_parallel
from test_check import TEAM, Sound
from test_pettingzoo import SMALL, play
from toys import Toy, make

from cmfq.algorithms import MeanFieldSettings
from cmfq.environments.base import GREATEST_REWARD, NO_ACTION, TeamObservation
from cmfq.environments.check import check_environment
from cmfq.environments.pettingzoo import PettingZooEnvironment, PettingZooSettings
from cmfq.errors import EnvironmentFailed, UserError
from cmfq.learner import Learner, LearnerSettings
from cmfq.new_network import new_network
from cmfq.notices import Notice, forget_notices
from cmfq.policies import QPolicy
from cmfq.replay_buffer import ReplayBuffer
from cmfq.replay_writer import ReplayWriter
from cmfq.rollout import play_episode, play_episodes

current: Callable[[], Any]
EIGHT = {"a_0": (0, None, 8), "a_1": (0, None, 8), "a_2": (0, None, 8)}


def made() -> Any:
    return current()


def adapt(world: Callable[[], Any], **settings: Any) -> PettingZooEnvironment:
    global current
    current = world
    return PettingZooEnvironment(PettingZooSettings(f"{__name__}:made", **settings))


def changed(change: Callable[[Toy, list], None], **attributes: Any) -> Callable[[], Toy]:
    """Toys whose answer to every step is changed in place."""

    def step(self: Toy, actions: dict) -> tuple:
        answer = list(Toy.step(self, actions))
        change(self, answer)
        return tuple(answer)

    return make(**{"plan": EIGHT, "step": step, **attributes})


def numbers_of(environment: PettingZooEnvironment) -> list[list[float]]:
    """Who is there after each step of an episode."""
    return [
        [number for team in step.observations for number in team.features[:, 0].tolist()]
        for step in play(environment)
    ]


def learned(environment: PettingZooEnvironment, worlds: int = 1) -> list[tuple]:
    """Number, time, reward and discount of each transition that the replay may draw."""
    team = environment.teams[0]
    policy = QPolicy(team, new_network(team, SMALL, "mfq"), "mfq", MeanFieldSettings(), 1.0)
    replay = ReplayBuffer(team, 0.5, 2**20, worlds * len(environment.teams))
    generator = np.random.default_rng(0)
    play_episodes(
        [environment, *(adapt(current) for _ in range(worlds - 1))],
        [[policy] * len(environment.teams)] * worlds,
        seeds=range(worlds),
        generator=generator,
        observers=[[ReplayWriter(replay, range(len(environment.teams)))] for _ in range(worlds)],
    )
    batch = replay.sample(600, generator)
    columns = *batch.features.T, batch.rewards, batch.discounts
    return sorted(set(zip(*(column.tolist() for column in columns), strict=True)))


# The last step of an episode


def unseen(*agents: str) -> Callable[[Toy, list], None]:
    def change(toy: Toy, answer: list) -> None:
        if toy.time == 8:
            answer[0] = {agent: one for agent, one in answer[0].items() if agent not in agents}

    return change


@pytest.mark.parametrize("worlds", [1, 3])
def test_without_last_observations_nothing_is_bootstrapped_from(worlds: int) -> None:
    environment = adapt(changed(unseen(*EIGHT)))
    check_environment(environment, steps=20)
    last = play(environment)[-1]
    assert (last.terminated, last.truncated) == (True, False)
    assert last.rewards[0] == pytest.approx([0.07, 1.07, 2.07])
    rows = learned(environment, worlds)
    assert [discount for *_, time, _, discount in rows] == [
        0.5 if time < 7 else 0 for _, time, *_ in rows
    ]
    assert len(rows) == 24  # the last step's reward is learned from


def test_those_whose_last_observation_is_there_have_a_future() -> None:
    environment = adapt(changed(unseen("a_1")))
    check_environment(environment, steps=20)
    last = play(environment)[-1]
    assert (last.terminated, last.truncated) == (False, True)
    assert last.alive[0].tolist() == [True, False, True]
    assert last.observations[0].features.tolist() == [[0, 8], [2, 8]]
    at_the_end = {
        number: discount for number, time, _, discount in learned(environment) if time == 7
    }
    assert at_the_end == {0: 0.5, 1: 0, 2: 0.5}


@pytest.mark.parametrize("nothing", [None, [], {}])
def test_observations_may_be_nothing_at_all_at_the_end(nothing: Any) -> None:
    def change(toy: Toy, answer: list) -> None:
        if toy.time == 8:
            answer[0] = nothing

    assert len(play(adapt(changed(change)))) == 8


def test_all_may_be_said_to_be_over_in_one_word() -> None:
    for terminated in (True, False):

        def change(toy: Toy, answer: list, terminated: bool = terminated) -> None:
            assert toy.time <= 8, "it goes on after its end"
            over = {"__all__": toy.time == 8}
            answer[2], answer[3] = (over, {}) if terminated else ({}, over)
            toy.agents = list(EIGHT)

        steps = play(adapt(changed(change)))
        assert [step.terminated for step in steps] == [False] * 7 + [terminated]
        assert [step.truncated for step in steps] == [False] * 7 + [not terminated]


# Infos and answers of other kinds


@pytest.mark.parametrize("infos", [None, [], {}, {"a_0": None}, dict.fromkeys(EIGHT), "none"])
def test_infos_may_be_anything(infos: Any) -> None:
    def reset(self: Toy, seed: int | None = None, options: object = None) -> tuple:
        return Toy.reset(self, seed)[0], infos

    def change(toy: Toy, answer: list) -> None:
        answer[4] = infos

    environment = adapt(changed(change, reset=reset))
    assert not environment.teams[0].action_masks
    assert len(play(environment)) == 8


@pytest.mark.parametrize(
    ("index", "value", "message"),
    [
        (1, 3.0, "rewards are 3.0: give a dict"),
        (2, False, "terminations are False: give a dict"),
        (3, None, "truncations are None: give a dict"),
    ],
)
def test_answers_that_are_no_dictionaries_are_named(index: int, value: Any, message: str) -> None:
    def change(toy: Toy, answer: list) -> None:
        answer[index] = value

    with pytest.raises(EnvironmentFailed, match=f"step 0 .*: {message}"):
        play(adapt(changed(change)))


def test_an_answer_of_four_parts_is_named() -> None:
    world = make(step=lambda self, actions: Toy.step(self, actions)[:4])
    with pytest.raises(EnvironmentFailed, match="step does not return observations, rewards, term"):
        play(adapt(world))


def test_an_agent_listed_twice_is_named() -> None:
    world = changed(lambda toy, answer: toy.agents.append("a_0"))
    with pytest.raises(EnvironmentFailed, match=r"step 0 .*: agent 'a_0' is in agents twice"):
        play(adapt(world))


class Speechless(Exception):
    """Its message cannot be had."""

    def __str__(self) -> str:
        raise ValueError("no words")

    __repr__ = __str__


def test_an_error_without_words_is_named() -> None:
    def fail(toy: Toy, answer: list) -> None:
        raise Speechless

    with pytest.raises(EnvironmentFailed, match=r"step 0 .*: Speechless$"):
        play(adapt(changed(fail)))


def test_an_environment_that_exits_is_named() -> None:
    def leave(toy: Toy, answer: list) -> None:
        raise SystemExit(3)

    with pytest.raises(EnvironmentFailed, match=r"step 0 .*: it called sys.exit\(3\)"):
        play(adapt(changed(leave)))
    with pytest.raises(UserError, match=r"cannot be made: it called sys.exit\(3\)"):
        adapt(lambda: leave(Toy(), []))


@pytest.mark.parametrize(
    "one",
    [lambda r: np.array([r]), lambda r: np.array(r), lambda r: [r], lambda r: np.full((1, 1), r)],
)
def test_a_reward_may_be_an_array_of_one_number(one: Callable[[float], Any]) -> None:
    def every(toy: Toy, answer: list) -> None:
        answer[1] = {agent: one(reward) for agent, reward in answer[1].items()}

    def first(toy: Toy, answer: list) -> None:
        answer[1] = {**answer[1], "a_0": one(answer[1]["a_0"])}

    for change in (every, first):
        steps = play(adapt(changed(change)))
        assert steps[3].rewards[0] == pytest.approx([0.03, 1.03, 2.03])
        assert steps[3].rewards[0].shape == (3,)


@pytest.mark.parametrize("value", [None, [1.0, 2.0], np.nan, np.inf, 1e30, -2e9, "2", [], {}])
def test_a_reward_that_is_no_number_is_named_with_its_agent(value: Any) -> None:
    def change(toy: Toy, answer: list) -> None:
        if toy.time == 3:
            answer[1] = {**answer[1], "a_1": value if value != "2" else "two"}

    said = r"step 2 .*: agent 'a_1' was given the reward .*: give one number from -1e\+09 to 1e\+09"
    with pytest.raises(EnvironmentFailed, match=said):
        play(adapt(changed(change)))


# Agents that are over and stay, that leave and come back, that pause


def test_who_is_over_is_over_whatever_the_list_says() -> None:
    plan = {"a_0": (0, 3, None), "a_1": (0, None, 8), "a_2": (0, None, 5)}

    def stay(flag: bool) -> Callable[[], Toy]:
        def change(toy: Toy, answer: list) -> None:
            gone = [agent for agent in plan if agent not in toy.agents]
            toy.agents = list(plan)
            answer[1] |= {agent: 100.0 for agent in plan if agent not in answer[1]}
            if flag:
                answer[2] |= {one: True for one in gone if one == "a_0"}
                answer[3] |= {one: True for one in gone if one == "a_2"}
            else:  # no flags for those that were over before, nor anything to see
                answer[0] = {one: seen for one, seen in answer[0].items() if seen[0] in (0, 1, 2)}

        def step(self: Toy, actions: dict) -> tuple:
            assert set(actions) == set(self.agents)  # who is listed is sent an action
            self.agents = [agent for agent in self.agents if not over(self, agent)]
            answer = list(Toy.step(self, {one: actions[one] for one in self.agents}))
            change(self, answer)
            return tuple(answer)

        def over(toy: Toy, agent: str) -> bool:
            _, dies, leaves = plan[agent]
            return min(one for one in (dies, leaves, 99) if one) <= toy.time

        return make(plan=plan, step=step)

    for flag in (True, False):
        environment = adapt(stay(flag))
        check_environment(environment, steps=20)
        assert numbers_of(environment) == [[0, 1, 2]] * 2 + [[1, 2]] * 2 + [[1]] * 4
        steps = play(environment)
        assert steps[-1].truncated
        assert sum(float(step.rewards[0].sum()) for step in steps) < 50


def respawning(toy: Toy, answer: list) -> None:
    """Agent 1 dies in the third step, and is there again after the fifth."""
    if toy.time == 3:
        answer[2]["a_1"] = True
        toy.agents.remove("a_1")
    if toy.time == 5:
        toy.agents.insert(1, "a_1")
        answer[0] |= toy.observe(["a_1"])


def test_an_agent_that_comes_back_is_a_new_row() -> None:
    environment = adapt(changed(respawning))
    with pytest.warns(
        Notice, match=r"agent 'a_1' is back in step 4 of the episode with seed 0"
    ) as w:
        steps = play(environment)
    assert len(w) == 1
    ids = [step.observations[0].ids.tolist() for step in steps]
    assert ids == [[0, 1, 2]] * 2 + [[0, 2]] * 2 + [[0, 2, 3]] * 4
    assert steps[2].alive[0].tolist() == [True, False, True]
    assert steps[4].observations[0].features[:, 0].tolist() == [0, 2, 1]
    assert steps[4].observations[0].previous_actions[-1] == NO_ACTION
    check_environment(environment, steps=30)
    rows = learned(environment)
    of_it = [(time, discount) for number, time, _, discount in rows if number == 1]
    assert of_it == [(0, 0.5), (1, 0.5), (2, 0), (5, 0.5), (6, 0.5), (7, 0.5)]


def test_many_returns_have_places_and_ids_of_their_own() -> None:
    def change(toy: Toy, answer: list) -> None:
        if toy.time < 40:
            toy.agents = ["a_0"] if toy.time % 2 else list(EIGHT)
            answer[0] = toy.observe(toy.agents)

    plan = dict.fromkeys(EIGHT, (0, None, 40))
    environment = adapt(changed(change, plan=plan))
    with pytest.warns(Notice, match="'a_1' is back in step 1"):
        check_environment(environment, steps=40)
    steps = play(environment)
    ids = {one for step in steps for one in step.observations[0].ids.tolist()}
    assert len(ids) == 1 + 2 * 19
    *_, right, bottom = environment.scenery().bounds
    for step in steps:
        positions = step.observations[0].positions
        assert len(np.unique(positions, axis=0)) == len(positions)
        assert (positions < [right, bottom]).all(), "they stay on the grid"


def test_agents_that_pause_join_again() -> None:
    """All are listed, and two of three are given an observation, in turn."""

    def change(toy: Toy, answer: list) -> None:
        if toy.time < 8:
            pauses = f"a_{toy.time % 3}"
            answer[0] = {one: seen for one, seen in answer[0].items() if one != pauses}

    def none(toy: Toy, answer: list) -> None:
        if toy.time < 8:
            answer[0] = {**answer[0], f"a_{toy.time % 3}": None}

    for world in (changed(change), changed(none)):
        environment = adapt(world)
        forget_notices()
        with pytest.warns(Notice, match="is better given an observation all along"):
            numbers = numbers_of(environment)
        there = [sorted(one) for one in numbers]
        assert there == [[0, 2], [0, 1], [1, 2], [0, 2], [0, 1], [1, 2], [0, 2], [0, 2]]


def test_a_step_in_which_nobody_may_act_is_refused() -> None:
    def change(toy: Toy, answer: list) -> None:
        if toy.time == 2:
            answer[0] = {}

    with pytest.raises(EnvironmentFailed, match=r"step 1 .*: 3 agents are in agents, 'a_0' first"):
        play(adapt(changed(change)))


# Masks


def masked(mask: Callable[[Toy, str], Any], **attributes: Any) -> Callable[[], Toy]:
    def reset(self: Toy, seed: int | None = None, options: object = None) -> tuple:
        observations, infos = Toy.reset(self, seed)
        return observations, {agent: {"action_mask": mask(self, agent)} for agent in infos}

    def change(toy: Toy, answer: list) -> None:
        answer[4] = {agent: {"action_mask": mask(toy, agent)} for agent in answer[4]}

    return changed(change, reset=reset, **attributes)


def test_who_may_do_nothing_waits() -> None:
    sent: list[dict] = []

    def mask(toy: Toy, agent: str) -> np.ndarray:
        return np.array([0, 1, 1], np.int8) * ((int(agent[2:]) + toy.time) % 2)

    def step(self: Toy, actions: dict) -> tuple:
        sent.append(actions)
        return spoiled.step(self, actions)  # type: ignore[attr-defined]

    spoiled = masked(mask)
    environment = adapt(type("Counting", (spoiled,), {"step": step}))  # type: ignore[misc]
    observed = environment.reset(0)[0]
    assert observed.action_mask is not None
    assert observed.action_mask.tolist() == [
        [True, False, False],
        [False, True, True],
        [True, False, False],
    ]
    step_ = environment.step([np.array([0, 2, 0], np.int32)])
    assert sent[-1] == {"a_0": 0, "a_1": 2, "a_2": 0}
    after = step_.observations[0]
    assert after.previous_actions.tolist() == [NO_ACTION, 2, NO_ACTION]  # waiting is no action
    assert after.action_mask is not None
    assert after.action_mask[:, 0].tolist() == [False, True, False]
    check_environment(environment)
    rows = learned(environment)
    assert {discount for *_, discount in rows} == {0.5}  # values lead through the waiting


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (np.ones(2, np.int8), r"action_mask has shape \(2,\), and its actions need \(3,\)"),
        (np.ones((1, 3), np.int8), r"action_mask has shape \(1, 3\)"),
        (None, r"action_mask is None: give numbers of shape \(3,\), as its actions need"),
        (np.array([0, 0.5, 1]), "action_mask_1 is 0.5: give 0 or 1"),
    ],
)
def test_masks_of_another_kind_are_refused_with_their_agent(mask: Any, message: str) -> None:
    def of(toy: Toy, agent: str) -> Any:
        return mask if toy.time == 2 and agent == "a_1" else np.ones(3, np.int8)

    with pytest.raises(EnvironmentFailed, match=f"step 1 .*: agent 'a_1': {message}"):
        play(adapt(masked(of)))
    with pytest.raises(EnvironmentFailed, match=f"step 1 .*: agent 'a_1': {message}"):
        check_environment(adapt(masked(of)))


def test_a_mask_that_is_there_only_later_is_refused() -> None:
    def change(toy: Toy, answer: list) -> None:
        answer[4] = {agent: {"action_mask": np.ones(3)} for agent in answer[4]}

    with pytest.raises(EnvironmentFailed, match=r"step 0 .*'a_0' holds an action mask, and at the"):
        play(adapt(changed(change)))


def test_a_space_of_masks_that_does_not_fit_is_refused() -> None:
    space = spaces.Dict(observation=spaces.Box(-1, 1, (2,)), action_mask=spaces.MultiBinary(4))
    world = make(observation_space=lambda self, agent: space)
    with pytest.raises(UserError, match=r"of agent 'red_0' has shape \(4,\), but there are 3 act"):
        adapt(world)


def connect_four() -> Any:
    return turn_based_aec_to_parallel(pettingzoo.make("aec", "classic/connect_four-v3"))


def test_a_game_in_turns_is_played_through_pettingzoos_converter() -> None:
    environment = adapt(connect_four)
    check_environment(environment, steps=60)
    observed = environment.reset(3)[0]
    over, turn = False, 0
    while not over:
        mask = observed.action_mask
        assert mask is not None
        waits = [row.tolist() == [True] + [False] * 6 for row in mask]
        assert waits[1 - turn % 2]
        actions = mask.argmax(1).astype(np.int32)
        step = environment.step([actions])
        over = step.terminated
        observed, turn = step.observations[0], turn + 1
    assert sorted(step.rewards[0].tolist()) in ([-1, 1], [0, 0])


@pytest.mark.parametrize("start", [-1, 2**33])
def test_actions_may_begin_with_any_number(start: int) -> None:
    sent: list[dict] = []
    world = changed(lambda toy, answer: None, actions=spaces.Discrete(3, start=start))

    def step(self: Toy, actions: dict) -> tuple:
        sent.append(actions)
        return world.step(self, actions)  # type: ignore[attr-defined]

    play(adapt(type("Counting", (world,), {"step": step})))  # type: ignore[misc]
    assert sent[0] == {"a_0": start, "a_1": start + 1, "a_2": start + 2}


# Numbers


def test_numbers_outside_of_their_space_are_said_once() -> None:
    space = spaces.Box(-1, 10, (2,), np.float32)  # the time is up to 8, a number of an agent 2
    wrong = spaces.Box(-1, 1, (2,), np.float32)
    assert (
        len(play(adapt(changed(lambda toy, answer: None, observation_space=lambda *_: space)))) == 8
    )
    environment = adapt(changed(lambda toy, answer: None, observation_space=lambda *_: wrong))
    with pytest.warns(Notice) as said:
        play(environment, seed=5)
        play(environment, seed=6)
    assert len(said) == 1
    assert str(said[0].message).startswith(
        f"environment {__name__}:made: agent 'a_2' in reset of the episode with seed 5: feature_0 "
        "is 2, outside of its space"
    )


def somewhere(world: Toy, agents: list) -> Any:
    return somewhere.found(agents)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (lambda agents: [(1, 2, 3)] * len(agents), r"gave an array of shape \(3, 3\) for 3 agents"),
        (lambda agents: [(0, 1), (np.nan, 2), (3, 4)], r"gave \[nan, 2.0\] for agent 'a_1'"),
        (lambda agents: [(0, 1), (2, 3), (4, 1e300)], r"gave \[4.0, inf\] for agent 'a_2'"),
        (lambda agents: [(3e38, 1)] * 3, r"agent 'a_0': give two numbers from -1e\+09 to 1e\+09"),
    ],
)
def test_positions_that_are_none_are_refused(found: Any, message: str) -> None:
    somewhere.found = found  # type: ignore[attr-defined]
    environment = adapt(make(plan=EIGHT), positions=f"{__name__}:somewhere")
    with pytest.raises(EnvironmentFailed, match=f"failed in reset .*{message}"):
        environment.reset(0)


# Names


NAMES: dict[str, list[Any]] = {
    "tuples": [(side, i) for side in ("red", "blue") for i in range(4)],
    "suffixes": [f"unit_{i}_{side}" for side in ("red", "blue") for i in range(4)],
    "letters": [f"prey_{letter}" for letter in "abcdefgh"],
}


@pytest.mark.parametrize("names", NAMES.values(), ids=NAMES)
def test_teams_of_one_are_said_and_can_be_grouped(names: list) -> None:
    world = make(plan=dict.fromkeys(names, (0, None, 3)))
    with pytest.warns(
        Notice, match=r"8 teams have one agent each.*--group-by spaces.*--teams name"
    ):
        assert len(adapt(world).teams) == 8
    environment = adapt(world, group_by="spaces")
    assert [team.name for team in environment.teams] == ["agent"]
    assert len(environment.reset(0)[0].ids) == 8
    check_environment(environment, steps=10)


def test_equal_spaces_make_teams_and_others_make_others() -> None:
    def space(self: Toy, agent: str) -> spaces.Space[Any]:
        return spaces.Box(-np.inf, np.inf, (3 if agent.startswith("wolf") else 2,))

    def observe(self: Toy, agents: list) -> dict:
        return {one: np.zeros(space(self, one).shape) for one in agents}

    plan = dict.fromkeys(("wolf_a", "hare_a", "wolf_b", "hare_b", "hare_c"), (0, None, 3))
    world = make(plan=plan, observation_space=space, observe=observe)
    environment = adapt(world, group_by="spaces")
    assert [team.name for team in environment.teams] == ["agent-1", "agent-2"]
    assert [len(one.ids) for one in environment.reset(0)] == [2, 3]
    with pytest.warns(Notice, match="3 teams have one agent each"):
        adapt(world)
    by_pattern = adapt(world, teams=("wolves=wolf", "hares=hare"), group_by="spaces")
    assert [team.name for team in by_pattern.teams] == ["wolves", "hares"]


def test_two_teams_of_one_are_nothing_to_speak_of() -> None:
    assert len(adapt(make(plan={"first": (0, None, 3), "second": (0, None, 3)})).teams) == 2


# Closing


@pytest.mark.parametrize("kind", [np.array, tuple, iter])
def test_possible_agents_may_be_of_any_kind(kind: Callable[[list], Any]) -> None:
    world = make(plan=EIGHT, possible_agents=property(lambda self: kind(list(EIGHT))))
    assert [team.name for team in adapt(world).teams] == ["a"]


@pytest.mark.parametrize("sides", [["a"], "a", {"x": None}, {"x": "a"}])
def test_sides_of_another_kind_are_refused(sides: Any) -> None:
    with pytest.raises(UserError, match=r'metadata\["sides"\] is .*: give a dict with a list'):
        adapt(make(metadata={"sides": sides}))


def test_what_reset_gives_may_be_a_list() -> None:
    world = changed(lambda toy, answer: None, reset=lambda self, seed: list(Toy.reset(self, seed)))
    assert len(play(adapt(world))) == 8


def test_rewards_of_the_greatest_size_are_learned_from() -> None:
    def change(toy: Toy, answer: list) -> None:
        answer[1] = dict.fromkeys(answer[1], GREATEST_REWARD)

    environment = adapt(changed(change))
    team = environment.teams[0]
    policy = QPolicy(team, new_network(team, SMALL, "mfq"), "mfq", MeanFieldSettings(), 1.0)
    replay, generator = ReplayBuffer(team, 0.99, 2**20), np.random.default_rng(0)
    writer = ReplayWriter(replay, [0])
    play_episode(environment, [policy], seed=0, generator=generator, observers=[writer])
    learner = Learner(policy, LearnerSettings(batch_size=16, discount=0.99), generator)
    for _ in range(5):
        assert np.isfinite(learner.update(learner.sample(replay)).item())
    assert all(weights.isfinite().all() for weights in policy.network.parameters())


class InPlace(Sound):
    """It returns the same arrays in every step, with other numbers."""

    def observe(self) -> tuple[TeamObservation, ...]:
        first, second = super().observe()
        if not self.time:
            self.features = np.zeros_like(second.features)
        self.features[:] = self.time
        return first, second._replace(features=self.features)


def test_an_environment_may_change_its_arrays_in_place() -> None:
    global current
    current = InPlace
    environment = PettingZooSettings(f"{__name__}:made").make()
    before = environment.reset(0)
    step = environment.step([np.zeros(len(one.ids), np.int32) for one in before])
    assert (before[1].features == 0).all()
    assert (step.observations[1].features == 1).all()


def test_too_many_actions_are_refused_before_they_are_named() -> None:
    world = make(actions=spaces.Discrete(10**10))
    with pytest.raises(UserError, match=r"'red_0' has 10000000000 actions, but at most 65536"):
        adapt(world)


class Closing(Toy):
    closed = 0
    fails: BaseException | None = None

    def close(self) -> None:
        type(self).closed += 1
        if self.fails:
            raise self.fails


def test_an_environment_is_closed_once() -> None:
    class World(Closing):
        pass

    environment = adapt(World)
    environment.close()
    environment.close()
    assert World.closed == 1
    adapt(Toy).close()  # has no close


class ClosingTeams(Sound):
    closed = 0

    def close(self) -> None:
        type(self).closed += 1


@pytest.mark.parametrize(
    ("of", "attributes", "settings", "message"),
    [
        (Closing, {"actions": spaces.Box(-1, 1, (2,))}, {}, "Discrete"),
        (Closing, {"agent_iter": None}, {}, "act in turn"),
        (Closing, {"step": None}, {}, "has no step"),
        (Closing, {}, {"positions": "math:nowhere"}, "positions 'math:nowhere' cannot be imported"),
        (ClosingTeams, {}, {"share_roles": True}, "share_roles is True: .* leave this option out"),
        (ClosingTeams, {"teams": (TEAM, TEAM)}, {}, "team names are a, a"),
        (ClosingTeams, {"teams": (replace(TEAM, name=5),)}, {}, "has the name 5 for .*: give text"),
        (ClosingTeams, {"teams": (replace(TEAM, actions=(1, 2)),)}, {}, "has the name 1 for .*"),
        (
            ClosingTeams,
            {"teams": (replace(TEAM, view_shape=None),)},
            {},
            "has teams that cannot be",
        ),
        (ClosingTeams, {"teams": property(lambda self: 1 // 0)}, {}, "failed in teams: ZeroDivisi"),
        (ClosingTeams, {"reset": lambda *_: ()}, {}, "failed in reset .* there are no agents"),
    ],
)
def test_an_environment_that_turns_out_unfit_is_closed(
    of: type, attributes: dict, settings: dict, message: str
) -> None:
    global current
    current = type("World", (of,), attributes)
    with pytest.raises(UserError, match=message):
        PettingZooSettings(f"{__name__}:made", **settings).make()
    assert current.closed == 1


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError("the port is gone"), "OSError: the port is gone"),
        (SystemExit(0), r"it called sys.exit\(0\)"),
        (Speechless(), "Speechless$"),
    ],
)
def test_a_failure_to_close_loses_nothing(error: BaseException, told: str) -> None:
    class World(Closing):
        fails = error

    with pytest.warns(Notice, match=f"it failed in close: {told}"):
        adapt(World).close()
