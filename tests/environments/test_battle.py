"""The array adapter against the real ``battle_v4``, agent by agent, and the facts bots rely on."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from magent2.environments import battle_v4

from cmfq.environments.base import NO_ACTION, Step, TeamObservation
from cmfq.environments.battle import (
    ATTACKS,
    MOVES,
    BattleEnvironment,
    BattleSettings,
    Formation,
    agents_a_side,
    map_size_for,
)
from cmfq.environments.check import check_environment
from cmfq.environments.magent import CHANNELS
from cmfq.errors import UserError

TOWARDS_ENEMY = (MOVES.index((1, 0)), MOVES.index((-1, 0)))


def brawl(observation: TeamObservation, team: int, rng: np.random.Generator) -> np.ndarray:
    """Random actions that close in and attack often enough for many to die."""
    agents = len(observation.ids)
    wild = rng.integers(len(MOVES) + len(ATTACKS), size=agents)
    attack = rng.integers(len(MOVES), len(MOVES) + len(ATTACKS), size=agents)
    kind = rng.random(agents)
    chosen = np.where(kind < 0.3, wild, np.where(kind < 0.75, attack, TOWARDS_ENEMY[team]))
    return chosen.astype(np.int32)


@settings(max_examples=3)
@given(seed=st.integers(0, 2**31 - 1), size=st.sampled_from([36, 64]))
def test_every_agent_fares_as_in_the_parallel_environment(seed: int, size: int) -> None:
    steps = 250
    environment = BattleEnvironment(BattleSettings(size=size, max_steps=steps, rules="magent"))
    reference = battle_v4.parallel_env(
        map_size=map_size_for(size), max_cycles=steps, minimap_mode=True, extra_features=True
    )
    engine = reference.unwrapped.env
    rng = np.random.default_rng(seed)

    observations = environment.reset(seed)
    reference.reset(seed=seed)
    # magent2 0.3.4 counts its teams before it places them, and so hands the second team the first
    # team's actions in the first step after a reset.
    reference.unwrapped.team_sizes = [size, size]
    names = reference.unwrapped.possible_agents
    last_action = dict.fromkeys(names, NO_ACTION)
    deaths = 0
    for _ in range(steps):
        for handle, observation in zip(engine.get_handles(), observations, strict=True):
            np.testing.assert_array_equal(observation.ids, engine.get_agent_id(handle))
            np.testing.assert_array_equal(observation.positions, engine.get_pos(handle))
            view, features = engine.get_observation(handle)
            np.testing.assert_array_equal(observation.view, view)
            np.testing.assert_array_equal(observation.features[:, :-5], features)  # and a compass
            expected = [last_action[names[i]] for i in observation.ids]
            assert observation.previous_actions.tolist() == expected
        assert [names[i] for o in observations for i in o.ids] == reference.unwrapped.agents

        actions = [brawl(observation, team, rng) for team, observation in enumerate(observations)]
        by_name = {
            names[i]: int(action)
            for observation, taken in zip(observations, actions, strict=True)
            for i, action in zip(observation.ids, taken, strict=True)
        }
        _, rewards, terminations, truncations, _ = reference.step(by_name)
        step = environment.step(actions)
        last_action |= by_name
        for team, observation in enumerate(observations):
            for row, agent in enumerate(observation.ids):
                name = names[agent]
                assert step.rewards[team][row] == np.float32(rewards[name])
                if not step.terminated:
                    assert step.alive[team][row] == (not terminations[name])
            survivors = observation.ids[step.alive[team]]
            np.testing.assert_array_equal(step.observations[team].ids, survivors)
            deaths += int((~step.alive[team]).sum())
        assert step.truncated == (all(truncations.values()) and not step.terminated)
        observations = step.observations
        if step.terminated or step.truncated:
            break
    assert deaths >= 3
    assert step.terminated == (min(len(o.ids) for o in observations) == 0)


def test_an_annihilated_team_ends_the_game_with_empty_rows() -> None:
    environment = BattleEnvironment(BattleSettings(size=3, max_steps=2000))
    rng = np.random.default_rng(1)
    observations = environment.reset(3)
    stay = MOVES.index((0, 0))
    while True:
        idle = np.full(len(observations[1].ids), stay, np.int32)
        step = environment.step([_hunt(observations[0], observations[1], rng), idle])
        observations = step.observations
        if step.terminated or step.truncated:
            break
    assert step.terminated
    assert not step.truncated
    assert observations[1].view.shape == (0, 13, 13, 7)
    assert observations[1].ids.shape == (0,)
    assert len(observations[0].ids) == 3


def _hunt(hunters: TeamObservation, prey: TeamObservation, rng: np.random.Generator) -> np.ndarray:
    actions = []
    for position in hunters.positions:
        offsets = prey.positions - position
        offset = offsets[np.abs(offsets).sum(1).argmin()]
        if np.abs(offset).max() <= 1:
            actions.append(len(MOVES) + ATTACKS.index((int(offset[0]), int(offset[1]))))
        else:
            ahead = np.sign(offset) * (rng.random(2) < 0.7)
            actions.append(MOVES.index((int(ahead[0]), int(ahead[1]))))
    return np.array(actions, np.int32)


def test_an_episode_is_a_function_of_its_seed_and_actions() -> None:
    def play(environment: BattleEnvironment, seed: int) -> list[float]:
        rng = np.random.default_rng(0)
        observations = environment.reset(seed)
        totals = []
        for _ in range(120):
            step = environment.step([brawl(o, team, rng) for team, o in enumerate(observations)])
            observations = step.observations
            totals.append(float(sum(reward.sum() for reward in step.rewards)))
            if step.terminated:
                break
        return totals

    environment = BattleEnvironment(BattleSettings(size=36))
    first = play(environment, 7)
    assert play(environment, 8) != first
    assert play(environment, 7) == first
    assert play(BattleEnvironment(BattleSettings(size=36)), 7) == first


def test_moves_and_attacks_are_named_by_their_offsets() -> None:
    names = BattleEnvironment(BattleSettings(size=64)).teams[0].actions
    assert len(names) == 21
    assert names[MOVES.index((0, -2))] == "move +0 -2"
    assert names[MOVES.index((0, 0))] == "stay"
    assert names[len(MOVES) + ATTACKS.index((-1, 1))] == "attack -1 +1"


def test_moves_go_where_they_say() -> None:
    for action, (x, y) in enumerate(MOVES):
        step, before = _step_on_an_open_field(action)
        moved = step.observations[0].positions[0] - before[0].positions[0]
        assert moved.tolist() == [x, y]


def _step_on_an_open_field(
    action: int, enemy: tuple[int, int] = (10, 10)
) -> tuple[Step, tuple[TeamObservation, ...]]:
    """One agent at (20, 20) acts; a team-mate stands at (+2, +1), an enemy where asked."""
    red = np.array([[20, 20], [22, 21]])
    blue = np.array([[20 + enemy[0], 20 + enemy[1]], [35, 35], [35, 36]])
    environment = BattleEnvironment(BattleSettings(size=64), positions=(red, blue))
    before = environment.reset(0)
    stay = MOVES.index((0, 0))
    actions = [np.array([action, stay], np.int32), np.full(3, stay, np.int32)]
    return environment.step(actions), before


def test_views_and_attacks_share_their_axes() -> None:
    """An enemy at (x, y) stands at ``view[6 + y, 6 + x]`` and is hit by the attack so named."""
    enemy, mate = CHANNELS.index("other_team_presence"), CHANNELS.index("my_team_presence")
    for attack, (x, y) in enumerate(ATTACKS):
        step, before = _step_on_an_open_field(len(MOVES) + attack, (x, y))
        assert before[0].view[0, 6 + y, 6 + x, enemy] == 1
        assert before[0].view[0, 6 + 1, 6 + 2, mate] == 1
        assert step.rewards[0][0] == pytest.approx(0.2 - 0.1 - 0.005, abs=1e-5)


@pytest.mark.parametrize(("size", "map_size"), [(64, 40), (81, 45), (100, 50), (400, 100)])
def test_sizes_are_those_of_the_maps(size: int, map_size: int) -> None:
    assert map_size_for(size) == map_size
    environment = BattleEnvironment(BattleSettings(size=size))
    assert [len(team.ids) for team in environment.reset(0)] == [size, size]


def test_any_map_size_has_the_agents_that_magent_places() -> None:
    for map_size in [*range(12, 60), 77, 100, 121]:
        size = agents_a_side(map_size)
        environment = BattleEnvironment(BattleSettings(size=size, map_size=map_size))
        assert [len(team.ids) for team in environment.reset(0)] == [size, size], map_size


def test_a_size_without_a_map_names_the_nearest() -> None:
    with pytest.raises(UserError, match="70 agents a side: the nearest sizes are 64 and 81"):
        BattleSettings(size=70)
    with pytest.raises(UserError, match="map_size 50 holds 100 agents a side, not 64"):
        BattleSettings(size=64, map_size=50)


def test_rewards_are_settings() -> None:
    environment = BattleEnvironment(
        BattleSettings(size=12, step_reward=-1, attack_penalty=-10, attack_opponent_reward=0)
    )
    environment.reset(0)
    attack = np.full(12, len(MOVES), np.int32)
    stay = np.full(12, MOVES.index((0, 0)), np.int32)
    step = environment.step([attack, stay])
    assert step.rewards[0].tolist() == [-11] * 12
    assert step.rewards[1].tolist() == [-1] * 12


def test_observations_outlive_the_steps_after_them() -> None:
    """The engine's own buffers are reused; what the adapter hands out is not."""
    environment = BattleEnvironment(BattleSettings(size=36))
    rng = np.random.default_rng(0)
    observations = environment.reset(0)
    kept = observations[0].view.copy()
    first = observations
    for _ in range(60):
        step = environment.step([brawl(o, team, rng) for team, o in enumerate(observations)])
        observations = step.observations
    np.testing.assert_array_equal(first[0].view, kept)


@given(
    seed=st.integers(0, 2**31 - 1),
    size=st.integers(1, 50),
    map_size=st.sampled_from([0, 12, 13, 40]),
)
@settings(max_examples=30)
def test_a_random_formation_is_mirrored_and_drawn_from_the_seed(
    seed: int, size: int, map_size: int
) -> None:
    chosen = BattleSettings(size=size, map_size=map_size, formation="random")
    environment = BattleEnvironment(chosen)
    red, blue = environment.reset(seed)
    assert len(red.ids) == len(blue.ids) == size
    np.testing.assert_array_equal(red.positions + blue.positions, environment.map_size - 1)
    again = BattleEnvironment(chosen).reset(seed)
    np.testing.assert_array_equal(again[0].positions, red.positions)


def test_random_formations_differ_and_prefer_no_side() -> None:
    environment = BattleEnvironment(BattleSettings(size=70, formation="random"))
    assert environment.map_size == 45  # of 81 a side in lines
    starts = np.stack([environment.reset(seed)[0].positions for seed in range(100)])
    assert len(np.unique(starts, axis=0)) == 100
    assert starts.min() == 1
    assert starts.max() == 43
    assert np.abs(starts.mean((0, 1)) - 22).max() < 1  # a deviation is 0.15


def test_the_fullest_random_field_holds_everybody() -> None:
    for map_size, size in ((12, 50), (13, 60)):
        chosen = BattleSettings(size=size, map_size=map_size, formation="random")
        assert [len(team.ids) for team in BattleEnvironment(chosen).reset(0)] == [size, size]
        with pytest.raises(UserError, match=f"{map_size} by {map_size} holds from 1 to {size}"):
            BattleSettings(size=size + 1, map_size=map_size, formation="random")


def test_teams_start_where_they_are_put_in_any_numbers() -> None:
    red, blue = np.array([[1, 1], [9, 4], [2, 1]]), np.array([[10, 10]])
    field = BattleSettings(size=1, map_size=12, formation="random", max_steps=9)
    environment = BattleEnvironment(field, positions=(red, blue))
    for seed in (0, 1):
        observations = environment.reset(seed)
        np.testing.assert_array_equal(observations[0].positions, red)
        np.testing.assert_array_equal(observations[1].positions, blue)


@pytest.mark.parametrize(
    ("red", "sentence"),
    [
        ([[0, 5]], r"position \(0, 5\) of red is in the wall or outside .* from 1 to 38"),
        ([[5, 5], [5, 39]], r"position \(5, 39\) of red is in the wall"),
        ([[5, 5], [6, 5], [5, 5]], r"2 agents have the position \(5, 5\)"),
        ([[7, 7]], r"2 agents have the position \(7, 7\)"),
        ([[5.5, 5.0]], r"positions of red are float64 of shape \(1, 2\)"),
        ([[1, 2, 3]], r"of shape \(1, 3\): give whole numbers of shape \(agents, 2\)"),
        (np.zeros((0, 2), int), r"of shape \(0, 2\)"),
    ],
)
def test_positions_that_cannot_be_taken_are_refused(red: list, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        BattleEnvironment(BattleSettings(), positions=(np.array(red), np.array([[7, 7]])))


def test_an_unknown_formation_is_refused() -> None:
    with pytest.raises(UserError, match="unknown formation 'rando': did you mean 'random'"):
        BattleSettings(formation="rando")  # type: ignore[arg-type]


def test_actions_that_do_not_fit_are_refused_and_leave_nothing_behind() -> None:
    environment = BattleEnvironment(BattleSettings(size=12))
    environment.reset(0)
    stay, move = (np.full(12, MOVES.index(offset), np.int32) for offset in ((0, 0), (1, 0)))
    for wrong in (stay[:11], np.full(12, 21, np.int32), np.full(12, -1, np.int32)):
        with pytest.raises(ValueError, match="actions"):
            environment.step([move, wrong])
    before = BattleEnvironment(BattleSettings(size=12)).reset(0)
    after = environment.step([stay, stay]).observations
    np.testing.assert_array_equal(after[0].positions, before[0].positions)


def test_the_last_ones_see_no_undefined_numbers() -> None:
    """The engine divides the minimap of an annihilated team by zero."""
    red, blue = np.array([[x, y] for x in (19, 20, 21) for y in (20, 22)]), np.array([[20, 21]])
    environment = BattleEnvironment(BattleSettings(), positions=(red, blue))
    observations = environment.reset(0)
    step = environment.step([_hunt(*observations, np.random.default_rng(0)), np.array([6])])
    assert step.terminated
    assert len(step.observations[1].ids) == 0
    assert np.isfinite(step.observations[0].view).all()


@pytest.mark.parametrize("formation", ["lines", "random"])
def test_battle_keeps_the_promises_of_an_environment(formation: Formation) -> None:
    check_environment(BattleEnvironment(BattleSettings(size=36, formation=formation)))


def test_scenery_is_there_from_the_first_reset_on() -> None:
    environment = BattleEnvironment(BattleSettings(size=12))
    with pytest.raises(ValueError, match="before the first reset"):
        environment.scenery()
    environment.reset(0)
    assert len(environment.scenery().walls) > 0
