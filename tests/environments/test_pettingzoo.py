"""The adapter against toys whose observations say who and when, and all that is refused."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from hypothesis import given, settings
from hypothesis import strategies as st
from toys import Toy, make

from cmfq.algorithms import ALGORITHMS, MeanFieldSettings
from cmfq.environments.base import NO_ACTION, Step, TeamObservation
from cmfq.environments.check import check_environment
from cmfq.environments.pettingzoo import PettingZooEnvironment, PettingZooSettings
from cmfq.errors import EnvironmentFailed, UserError
from cmfq.networks import NetworkSettings
from cmfq.new_network import new_network
from cmfq.policies import QPolicy
from cmfq.replay_buffer import ReplayBuffer
from cmfq.replay_writer import ReplayWriter
from cmfq.rollout import play_episode

SMALL = NetworkSettings("additive", (4, 4), 8, 4, 16)


def adapt(make_env: Callable[[], Any], **settings: Any) -> PettingZooEnvironment:
    """Put a toy behind the adapter."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(f"{__name__}.made", make_env)
        return PettingZooEnvironment(PettingZooSettings(f"{__name__}:made", **settings))


def made() -> Toy:
    return Toy()


def act(observations: tuple[TeamObservation, ...]) -> list[np.ndarray]:
    return [observation.ids % 3 for observation in observations]


def play(environment: PettingZooEnvironment, seed: int = 0) -> list[Step]:
    observations = environment.reset(seed)
    steps = []
    while not steps or not (steps[-1].terminated or steps[-1].truncated):
        steps.append(environment.step(act(observations)))
        observations = steps[-1].observations
    return steps


def test_agents_come_and_go() -> None:
    environment = adapt(Toy)
    assert [team.name for team in environment.teams] == ["red", "blue"]
    steps = play(environment)
    numbers = [[team.features[:, 0].tolist() for team in step.observations] for step in steps]
    assert numbers == [
        [[0, 1], [2]],
        [[0, 1, 3], [2]],
        [[0, 3], [2, 4]],
        [[0, 3, 5], [2]],
        [[0, 5], [2, 6]],
        [[0, 5], [2, 6]],
        [[0, 5], [2, 6]],
        [[0, 5], [2, 6]],
    ]
    assert [step.truncated for step in steps] == [False] * 7 + [True]
    assert not any(step.terminated for step in steps)
    died = [[(~lives).sum() for lives in step.alive] for step in steps]
    assert died == [[0, 0], [0, 0], [1, 0], [0, 1], [1, 0], [0, 0], [0, 0], [0, 0]]


@st.composite
def plans(draw: st.DrawFn) -> dict[str, tuple[int, int | None, int | None]]:
    """Of up to 8 agents, one of them there at the start."""
    plan = {}
    for number in range(draw(st.integers(1, 8))):
        born = draw(st.integers(0, 4)) if number else 0
        ends = st.none() | st.integers(born + 1, 6)
        team = draw(st.sampled_from(["red", "blue"])) if number else "red"
        plan[f"{team}_{number}"] = (born, draw(ends), draw(ends))
    return plan


@settings(max_examples=60)
@given(plan=plans())
def test_every_row_is_the_agent_that_it_says(plan: dict) -> None:
    environment = adapt(make(plan=plan, possible_agents=list(plan)), max_steps=7)
    check_environment(environment, steps=20)
    observations = environment.reset(0)
    for time in range(7):
        actions = act(observations)
        step = environment.step(actions)
        gone = {
            number
            for number, (_, dies, leaves) in enumerate(plan.values())
            if time + 1 in (dies, leaves)
        }
        dies = {number for number, (_, dies, _) in enumerate(plan.values()) if dies == time + 1}
        for before, taken, rewards, alive, after in zip(
            observations, actions, step.rewards, step.alive, step.observations, strict=True
        ):
            numbers = before.features[:, 0]
            np.testing.assert_array_equal(before.ids, numbers)
            np.testing.assert_allclose(rewards, numbers + time / 100, rtol=1e-6)
            lost = dies if step.truncated and time < 6 else gone
            assert alive.tolist() == [number not in lost for number in numbers]
            joined = len(after.ids) - alive.sum()
            expected = [*taken[alive], *[NO_ACTION] * joined]
            assert after.previous_actions.tolist() == expected
            assert (after.features[:, 1] == time + 1).all()
        observations = step.observations
        if step.terminated or step.truncated:
            break
    left = sum(len(observation.ids) for observation in observations)
    assert step.terminated == (left == 0)
    assert step.truncated == (left > 0)


def test_what_the_replay_holds_of_them_happened() -> None:
    environment = adapt(Toy)
    policies = [
        QPolicy(team, new_network(team, SMALL, "cmfq"), "cmfq", MeanFieldSettings(), 1.0)
        for team in environment.teams
    ]
    replays = [ReplayBuffer(team, 0.9, 2**20) for team in environment.teams]
    writers = [ReplayWriter(replay, [team]) for team, replay in enumerate(replays)]
    generator = np.random.default_rng(0)
    play_episode(environment, policies, seed=0, generator=generator, observers=writers)
    plan = list(Toy.plan.values())
    for replay in replays:
        batch = replay.sample(300, generator)
        numbers, times = batch.features.T
        torch.testing.assert_close(batch.rewards, numbers + times / 100)
        lives = batch.discounts > 0
        dies = torch.tensor([plan[int(n)][1] == t + 1 for n, t in zip(numbers, times, strict=True)])
        assert torch.equal(lives, ~dies)  # those cut off at the end have a future
        assert torch.equal(batch.next_features[lives, 0], numbers[lives])
        assert torch.equal(batch.next_features[lives, 1], times[lives] + 1)


def test_everyone_dead_is_the_end() -> None:
    steps = play(adapt(make(plan={"a_0": (0, 2, None), "a_1": (0, 3, None)})))
    assert [(step.terminated, step.truncated) for step in steps] == [
        (False, False),
        (False, False),
        (True, False),
    ]
    assert steps[-1].observations[0].features.shape == (0, 2)


def test_an_episode_may_be_cut_short() -> None:
    steps = play(adapt(Toy, max_steps=3))
    assert [step.truncated for step in steps] == [False, False, True]
    assert steps[-1].observations[1].features[:, 0].tolist() == [2, 4]
    assert steps[-1].observations[1].previous_actions.tolist() == [2, NO_ACTION]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_team_may_be_empty_for_a_while(algorithm: str) -> None:
    plan = {"a_0": (0, None, None), "b_0": (3, 5, None), "b_1": (7, None, None)}
    environment = adapt(make(plan=plan, possible_agents=list(plan)), max_steps=9)
    policies = [
        QPolicy(team, new_network(team, SMALL, algorithm), algorithm, MeanFieldSettings(), 1.0)
        for team in environment.teams
    ]
    generator = np.random.default_rng(0)
    episode = play_episode(environment, policies, seed=0, generator=generator)
    assert episode.agent_steps == 9 + 2 + 2


def test_the_seed_is_passed_on() -> None:
    environment = adapt(Toy)
    environment.reset(37)
    assert environment.world.seed == 37


class Masked(Toy):
    """Action 1 is forbidden to even agents; ``where`` it is said differs."""

    where = "infos"
    actions = spaces.Discrete(3, start=4)

    def observation_space(self, agent: object) -> spaces.Space[Any]:
        plain = super().observation_space(agent)
        mask = spaces.Box(0, 1, (3,), np.int8)
        return plain if self.where == "infos" else spaces.Dict(observation=plain, action_mask=mask)

    def mask(self, agent: str) -> np.ndarray:
        return np.array([1, self.numbers[agent] % 2, 1], np.int8)

    def reset(self, seed: int | None = None, options: object = None) -> tuple[dict, dict]:
        observations, infos = super().reset(seed)
        return observations, self.inform(infos)

    def observe(self, agents: list) -> dict:
        observed = super().observe(agents)
        if self.where == "infos":
            return observed
        return {
            agent: {"observation": one, "action_mask": self.mask(agent)}
            for agent, one in observed.items()
        }

    def inform(self, infos: dict) -> dict:
        if self.where != "infos":
            return infos
        return {agent: {"action_mask": self.mask(agent)} for agent in infos}

    def step(self, actions: dict) -> tuple[dict, dict, dict, dict, dict]:
        assert all(self.mask(agent)[action - 4] for agent, action in actions.items())
        *answer, infos = super().step(actions)
        return (*answer, self.inform(infos))  # type: ignore[return-value]


@pytest.mark.parametrize("where", ["infos", "observations"])
def test_masks_are_honoured(where: str) -> None:
    environment = adapt(type("Made", (Masked,), {"where": where}), max_steps=8)
    team = environment.teams[0]
    assert team.action_masks
    assert team.actions == ("action_4", "action_5", "action_6")
    assert team.features == ("feature_0", "feature_1")
    observed = environment.reset(0)[0]
    assert observed.action_mask is not None
    assert observed.action_mask.tolist() == [[True, False, True], [True, True, True]]
    check_environment(environment)
    policies = [
        QPolicy(team, new_network(team, SMALL, "cmfq"), "cmfq", MeanFieldSettings(), 1e-3)
        for team in environment.teams
    ]
    for seed in range(10):  # the toy refuses what is forbidden
        play_episode(environment, policies, seed=seed, generator=np.random.default_rng(seed))


def test_teams_can_be_given() -> None:
    environment = adapt(Toy, teams=("others=blue", "first=red_0", "rest="))
    observations = environment.reset(0)
    assert [team.name for team in environment.teams] == ["others", "first", "rest"]
    assert [team.ids.tolist() for team in observations] == [[2], [0], [1]]


def places(world: Toy, agents: list[str]) -> list[tuple[float, float]]:
    return [(10.0 * world.numbers[agent], world.time) for agent in agents]


def test_positions_may_be_told() -> None:
    environment = adapt(Toy, positions=f"{__name__}:places")
    before = environment.reset(0)
    left, top, right, bottom = environment.scenery().bounds
    assert left < 0 < 20 < right
    assert top < 0 < bottom
    step = environment.step(act(before))
    assert step.observations[0].positions.tolist() == [[0, 1], [10, 1]]
    assert step.observations[1].positions.tolist() == [[20, 1]]
    check_environment(environment)


def test_without_positions_everyone_is_a_neighbour() -> None:
    plan = {f"a_{number}": (0, None, None) for number in range(7)}
    environment = adapt(make(plan=plan))
    observed = environment.reset(0)
    assert len(np.unique(observed[0].positions, axis=0)) == 7
    left, top, right, bottom = environment.scenery().bounds
    assert (observed[0].positions > [left, top]).all()
    assert (observed[0].positions < [right, bottom]).all()
    team = environment.teams[0]
    policy = QPolicy(team, new_network(team, SMALL, "mfq"), "mfq", MeanFieldSettings(), 1.0)
    counts = policy.neighbourhood(environment.step(act(observed)).observations).counts
    assert (counts.sum(1) == 6).all()


def test_teams_share_roles_if_asked() -> None:
    assert [team.role for team in adapt(Toy).teams] == ["red", "blue"]
    assert [team.role for team in adapt(Toy, share_roles=True).teams] == ["red-blue"] * 2


def test_teams_that_share_a_role_share_its_names() -> None:
    def names(self: Toy, agent: str) -> list[str]:
        return ["stay", "go", "hit blue" if agent[:3] == "red" else "hit red"]

    assert adapt(make(action_names=names)).teams[1].actions == ("stay", "go", "hit red")
    sentence = "differ in actions: 'hit blue' and 'hit red'; make them equal, or leave share_roles"
    with pytest.raises(UserError, match=f"red and blue have the role red-blue, but {sentence}"):
        adapt(make(action_names=names), share_roles=True)


def raises(self: Toy, *_: object, **__: object) -> Any:
    raise ZeroDivisionError("a bug")


def late(what: Callable[[Toy], None]) -> Callable[[], Toy]:
    """Toys that do something else before the second step of an episode."""

    def step(self: Toy, actions: dict) -> tuple:
        if self.time == 1:
            what(self)
        return Toy.step(self, actions)

    return make(step=step)


def without(index: int, value: object) -> Callable[[], Toy]:
    """Toys that answer the first step with something amiss."""

    def step(self: Toy, actions: dict) -> tuple:
        answer = list(Toy.step(self, actions))
        if isinstance(answer[index], dict):
            answer[index] = {**answer[index], "red_1": value}
            if value is None:
                del answer[index]["red_1"]
        return tuple(answer)

    return make(step=step)


@pytest.mark.parametrize(
    ("world", "message"),
    [
        (late(raises), "step 1 of the episode with seed 5: ZeroDivisionError: a bug"),
        (without(1, None), "step 0 .*: it gave no reward for agent 'red_1'"),
        (without(1, np.nan), "step 0 .*: agent 'red_1' was given the reward nan: give one number"),
        (without(1, [1.0, 2.0]), r"step 0 .*: agent 'red_1' was given the reward \[1.0, 2.0\]"),
        (without(1, "much"), "step 0 .*: agent 'red_1' was given the reward 'much'"),
        (without(1, "1"), "step 0 .*: agent 'red_1' was given the reward '1': give one number"),
        (
            without(1, np.array(["1"])),
            r"step 0 .*: agent 'red_1' was given the reward array\(\['1'",
        ),
        (without(2, None), "step 0 .*: terminations has .* none for agent 'red_1': give"),
        (without(3, None), "step 0 .*: truncations has .* none for agent 'red_1': give"),
        (
            without(2, "yes"),
            "step 0 .*: terminations of agent 'red_1' is 'yes': give True or False",
        ),
        (without(3, [None]), r"step 0 .*: truncations of agent 'red_1' is \[None\]: give True or"),
        (without(2, 0.5), "step 0 .*: terminations of agent 'red_1' is 0.5: give True or False"),
        (
            without(2, np.array([1, 0])),
            r"step 0 .*: terminations of agent 'red_1' is array\(\[1, 0",
        ),
        (
            without(0, ["1", "0"]),
            r"step 0 .*: agent 'red_1': feature is \['1', '0'\]: give numbers",
        ),
        (
            without(0, np.ma.masked_array([1, 0])),
            "step 0 .*: agent 'red_1': feature is masked_array.*: give numbers of shape",
        ),
        (
            without(0, np.array(["1", "0"])),
            "step 0 .*: agent 'red_1': feature is array.*: give num",
        ),
        (
            without(0, np.zeros(3)),
            r"step 0 .*: agent 'red_1': feature has shape \(3,\), and its space promises \(2,\)",
        ),
        (without(0, np.array([0, np.inf])), "step 0 .*: agent 'red_1': feature_1 is inf, not a"),
        (
            make(plan={"a_0": (0, None, None), "a_1": (0, None, 1), "b_0": (1, None, None)}),
            "step 0 .*: agent 'b_0' appeared with Box.* name the agent in possible_agents",
        ),
    ],
)
def test_a_failure_names_environment_seed_and_step(world: Callable[[], Toy], message: str) -> None:
    environment = adapt(world)
    with pytest.raises(EnvironmentFailed, match=f"{__name__}:made failed in {message}") as failure:
        play(environment, seed=5)
    assert "\n" not in str(failure.value)


@pytest.mark.parametrize("flag", [0, np.int64(0), np.array(False), np.array([0.0]), np.False_])
def test_flags_may_be_numbers(flag: object) -> None:
    assert len(play(adapt(without(2, flag)))) == len(play(adapt(make())))


def test_who_is_over_by_one_flag_needs_no_other() -> None:
    def step(self: Toy, actions: dict) -> tuple:
        answer = Toy.step(self, actions)
        for agent in [agent for agent, over in answer[2].items() if over]:
            del answer[3][agent]
        return answer

    assert len(play(adapt(make(step=step)))) == len(play(adapt(make())))


def test_names_that_no_file_holds_are_refused() -> None:
    world = make(plan={"\ud800_0": (0, None, 8), "b_0": (0, None, 8)})
    with pytest.raises(
        UserError, match=r"a team has the name '\\ud800' .*: give text of valid Unicode"
    ):
        adapt(world)


def test_a_reset_may_fail() -> None:
    environment = adapt(Toy)
    environment.world.reset = lambda seed: raises(environment.world)
    with pytest.raises(EnvironmentFailed, match="made failed in reset of the episode with seed 3"):
        environment.reset(3)


class AgentByAgent(Toy):
    def agent_iter(self) -> None: ...


def spaced(space: spaces.Space[Any]) -> Callable[[], Toy]:
    return make(observation_space=lambda self, agent: space)


@pytest.mark.parametrize(
    ("world", "more", "message"),
    [
        (
            make(actions=spaces.Box(-1, 1, (2,))),
            {},
            (r"'red_0' are Box\(-1.0.* give a Discrete space"),
        ),
        (
            make(actions=spaces.MultiDiscrete([2, 2])),
            {},
            r"are MultiDiscrete\(\[2 2\]\): give",
        ),
        (spaced(spaces.Text(3)), {}, "an observation is Text"),
        (spaced(spaces.Graph(spaces.Discrete(2), None)), {}, "an observation is Graph"),
        (make(plan={"a_0": (1, None, None)}), {}, "there are no agents: reset must return"),
        (make(reset=lambda self, seed: {}), {}, "reset does not return a pair"),
        (make(observation_space=raises), {}, "does not give the spaces of agent 'red_0'"),
        (AgentByAgent, {}, r"in turn \(AEC\): return pettingzoo.utils.aec_to_parallel"),
        (lambda: 3, {}, "returns int, which has no reset and no step and"),
        (lambda: raises(Toy()), {}, "cannot be made: ZeroDivisionError: a bug"),
        (Toy, {"teams": ("red=red",)}, "'blue_0' is in no team of red=red: add a team"),
        (Toy, {"teams": ("red=red", "all=", "x=y")}, "team 'x' has no agents: no name begins with"),
        (Toy, {"teams": ("red",)}, "teams has 'red': write name=pattern"),
        (Toy, {"teams": ("red=(",)}, "is not a regular expression"),
        (Toy, {"positions": "math:nowhere"}, "positions 'math:nowhere' cannot be imported"),
        (Toy, {"max_steps": 0}, "max_steps is 0: give a number from 1"),
    ],
)
def test_what_is_not_supported_is_said_in_a_sentence(
    world: Callable[[], Any],
    more: dict[str, Any],
    message: str,
) -> None:
    with pytest.raises(UserError, match=message) as failure:
        adapt(world, **more)
    assert "\n" not in str(failure.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere.at_all:make", "environment 'nowhere.at_all:make' cannot be imported: No module"),
        ("math:nothing", "environment 'math:nothing' cannot be imported: module 'math' has no"),
        ("math:pi", "environment 'math:pi' is not a function"),
        ("math", "environment is 'math': name it as module:function"),
    ],
)
def test_a_name_that_leads_nowhere_is_said(name: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        PettingZooEnvironment(PettingZooSettings(name))


def test_modules_of_the_working_directory_are_found(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "somewhere.py").write_text("make_env = int\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", ["/nowhere"])
    with pytest.raises(UserError, match="returns int"):
        PettingZooEnvironment(PettingZooSettings("somewhere:make_env"))


class Mixed(Toy):
    """Red and blue see differently, and so do two kinds of red."""

    def observation_space(self, agent: Any) -> spaces.Space[Any]:
        return spaces.Box(-np.inf, np.inf, (3 if agent == "red_1" else 2,))

    def observe(self, agents: list) -> dict:
        return {
            agent: np.resize(observation, self.observation_space(agent).shape)
            for agent, observation in super().observe(agents).items()
        }


def test_unequal_spaces_part_a_team_or_are_refused() -> None:
    environment = adapt(Mixed)
    names = [(team.name, len(team.features)) for team in environment.teams]
    assert names == [("red-1", 2), ("red-2", 3), ("blue", 2)]
    roles = [team.role for team in adapt(Mixed, share_roles=True).teams]
    assert roles == ["red-1-blue", "red-2", "red-1-blue"]
    with pytest.raises(
        UserError, match=(r"'all' has agents with different spaces: agent 'red_0' has .*\(2,\)")
    ):
        adapt(Mixed, teams=("all=",))


def test_agents_may_be_numbers() -> None:
    environment = adapt(make(plan={0: (0, None, 3), 1: (0, 2, None), 2: (1, None, 3)}))
    assert [team.name for team in environment.teams] == ["agent"]
    assert [len(step.observations[0].ids) for step in play(environment)] == [3, 2, 2]
