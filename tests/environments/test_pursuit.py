"""The array adapter against the real ``adversarial_pursuit_v4``, and the facts bots rely on."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from magent2.environments import adversarial_pursuit_v4

from cmfq.environments.base import NO_ACTION, Step, TeamObservation
from cmfq.environments.check import check_environment
from cmfq.environments.magent import CHANNELS
from cmfq.environments.pursuit import (
    PREDATOR_ATTACKS,
    PREDATOR_MOVES,
    PREY_MOVES,
    PursuitEnvironment,
    PursuitSettings,
    map_size_of,
)
from cmfq.errors import UserError
from cmfq.mean_field.neighbourhood import count_neighbour_actions

ACTIONS = (len(PREDATOR_MOVES) + len(PREDATOR_ATTACKS), len(PREY_MOVES))
STAY = (PREDATOR_MOVES.index((0, 0)), PREY_MOVES.index((0, 0)))
OBSTACLE, OTHER = CHANNELS.index("obstacle"), CHANNELS.index("other_team_presence")


def draw(observations: tuple[TeamObservation, ...], rng: np.random.Generator) -> list[np.ndarray]:
    return [
        rng.integers(actions, size=len(observation.ids), dtype=np.int32)
        for observation, actions in zip(observations, ACTIONS, strict=True)
    ]


@settings(max_examples=8)
@given(
    seed=st.integers(0, 2**31 - 1),
    field=st.sampled_from([(40, 20, 40), (57, 40, 81), (80, 80, 160), (120, 180, 360)]),
)
def test_every_agent_fares_as_in_the_parallel_environment(
    seed: int, field: tuple[int, int, int]
) -> None:
    steps = 200 if field[0] < 80 else 30
    map_size, predators, prey = field
    environment = PursuitEnvironment(
        PursuitSettings(
            predators=predators, prey=prey, map_size=map_size, max_steps=steps, rules="magent"
        )
    )
    reference = adversarial_pursuit_v4.parallel_env(
        map_size=map_size, max_cycles=steps, minimap_mode=True, extra_features=True
    )
    engine = reference.unwrapped.env
    rng = np.random.default_rng(seed)

    observations = environment.reset(seed)
    reference.reset(seed=seed)
    # magent2 0.3.4 counts its teams before it places them, and so hands the second team the first
    # team's actions in the first step after a reset.
    reference.unwrapped.team_sizes = [predators, prey]
    names = reference.unwrapped.possible_agents
    np.testing.assert_array_equal(environment.scenery().walls, engine._get_walls_info())
    previous = [np.full(predators, NO_ACTION), np.full(prey, NO_ACTION)]
    tags = 0
    for number in range(1, steps + 1):
        for team, handle in enumerate(engine.get_handles()):
            observation = observations[team]
            np.testing.assert_array_equal(observation.ids, engine.get_agent_id(handle))
            np.testing.assert_array_equal(observation.positions, engine.get_pos(handle))
            np.testing.assert_array_equal(observation.previous_actions, previous[team])
            view, features = engine.get_observation(handle)
            np.testing.assert_array_equal(observation.view, view)
            np.testing.assert_array_equal(observation.features[:, :-5], features)  # and a compass

        actions = draw(observations, rng)
        everyone = np.concatenate(actions).tolist()
        _, rewards, terminations, truncations, _ = reference.step(
            dict(zip(names, everyone, strict=True))
        )
        step = environment.step(actions)
        expected = np.array([rewards[name] for name in names], np.float32)
        np.testing.assert_array_equal(np.concatenate(step.rewards), expected)
        assert np.concatenate(step.alive).all()
        assert not any(terminations.values())
        assert not step.terminated
        assert step.truncated == all(truncations.values()) == (number == steps)
        tags += int((step.rewards[1] < 0).sum())
        observations, previous = step.observations, actions
    assert tags >= 3


@pytest.mark.parametrize(
    ("predators", "prey", "map_size"),
    [(20, 40, 40), (80, 160, 80), (180, 360, 120), (40, 80, 57), (1, 1, 9), (7, 200, 90)],
)
def test_everybody_is_placed_on_the_smallest_field_as_dense_as_magents(
    predators: int, prey: int, map_size: int
) -> None:
    chosen = PursuitSettings(predators=predators, prey=prey)
    assert map_size_of(chosen) == map_size
    environment = PursuitEnvironment(chosen)
    hunters, hunted = environment.reset(5)
    assert (len(hunters.ids), len(hunted.ids)) == (predators, prey)
    bodies = np.concatenate([_body(hunters.positions), hunted.positions])
    taken = np.concatenate([bodies, environment.scenery().walls])
    assert len(np.unique(taken, axis=0)) == len(taken)
    assert len(environment.scenery().walls) == 4 * (map_size - 1) + int(map_size**2 * 0.03)


def test_a_game_grows_in_proportion() -> None:
    grown = PursuitSettings(map_size=50, max_steps=9).resized(180)
    assert grown == PursuitSettings(predators=180, prey=360, max_steps=9)
    assert PursuitSettings(predators=10, prey=1).resized(3).prey == 1


@pytest.mark.parametrize("map_size", [9, 15, 40])
def test_the_fullest_fields_can_be_placed(map_size: int) -> None:
    """The engine ends the process where it finds no room: the settings refuse before."""
    predators = prey = 0
    for number in range(1, 1000):
        try:
            PursuitSettings(predators=number, prey=1, map_size=map_size)
            predators = number
            PursuitSettings(predators=1, prey=number, map_size=map_size)
            prey = number
        except UserError:
            break
    assert predators >= map_size**2 // 80
    for counts in ((predators, 1), (1, prey)):
        environment = PursuitEnvironment(PursuitSettings(*counts, map_size=map_size))
        for seed in range(20):
            placed = environment.reset(seed)
            assert tuple(len(team.ids) for team in placed) == counts


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"map_size": 20}, "map_size 20 is too small for 20 predators and 40 prey: .* 40,"),
        ({"map_size": 8}, "map_size is 8: give a number from 9 to 400"),
        ({"predators": 0}, "predators is 0: give a number from 1 to 2000"),
        ({"prey": 5000}, "prey is 5000: give a number from 1 to 4000"),
        ({"tag_reward": float("nan")}, "tag_reward is nan"),
    ],
)
def test_what_cannot_be_played_is_refused(wrong: dict[str, float], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        PursuitSettings(**wrong)


def _body(positions: np.ndarray) -> np.ndarray:
    """The four cells of each predator."""
    cells = np.array([(0, 0), (1, 0), (0, 1), (1, 1)])
    return (positions[:, None] + cells).reshape(-1, 2)


def start(
    predators: list[tuple[int, int]], prey: list[tuple[int, int]], **rewards: float
) -> tuple[Callable[[list[int], list[int]], Step], tuple[TeamObservation, ...]]:
    """A field without walls inside, and how to step it."""
    environment = PursuitEnvironment(PursuitSettings(map_size=40, **rewards))

    def place(engine) -> None:
        for handle, cells in zip(engine.get_handles(), (predators, prey), strict=True):
            engine.add_agents(handle, method="custom", pos=cells)

    observations = environment._world.reset(0, place)
    return lambda *actions: environment.step([np.array(a, np.int32) for a in actions]), observations


def test_moves_go_where_they_are_named() -> None:
    names = [team.actions for team in PursuitEnvironment(PursuitSettings()).teams]
    for action, (x, y) in enumerate(PREDATOR_MOVES):
        step, _ = start([(20, 20)], [(30, 30)])
        assert step([action], [STAY[1]]).observations[0].positions.tolist() == [[20 + x, 20 + y]]
        assert names[0][action] == ("stay" if x == y == 0 else f"move {x:+d} {y:+d}")
    for action, (x, y) in enumerate(PREY_MOVES):
        step, _ = start([(30, 30)], [(20, 20)])
        assert step([STAY[0]], [action]).observations[1].positions.tolist() == [[20 + x, 20 + y]]
        assert names[1][action] == ("stay" if x == y == 0 else f"move {x:+d} {y:+d}")


def test_attacks_strike_where_they_are_named_and_views_share_their_axes() -> None:
    """A predator's middle is its corner + (1, 1), that of a cell its corner + (0.5, 0.5)."""
    names = PursuitEnvironment(PursuitSettings()).teams[0].actions
    assert names[len(PREDATOR_MOVES)] == "attack -0.5 -1.5"
    around = [
        (20 + x, 20 + y)
        for x in range(-1, 3)
        for y in range(-1, 3)
        if not (x in (0, 1) and y in (0, 1))
    ]
    for attack, (x, y) in enumerate(PREDATOR_ATTACKS):
        struck = (int(20 + 1 + x - 0.5), int(20 + 1 + y - 0.5))
        step, before = start([(20, 20)], around)
        result = step([len(PREDATOR_MOVES) + attack], [STAY[1]] * len(around))
        assert result.rewards[0].tolist() == pytest.approx([0.8])
        assert result.rewards[1].tolist() == [-1.0 if cell == struck else 0.0 for cell in around]
        assert before[0].view[0, int(4.5 + y), int(4.5 + x), OTHER] == 1
    step, before = start([(20, 20)], [(18, 23)])
    assert before[0].view[0, 7, 2, OTHER] == 1
    assert np.argwhere(before[1].view[0, ..., OTHER]).tolist() == [[1, 6], [2, 6], [2, 7]]


def test_neighbours_are_the_team_mates_in_view() -> None:
    """Every offset that a view holds: a predator is two cells wide, a prey one."""
    mine = CHANNELS.index("my_team_presence")
    for team, (side, reach) in enumerate(((2, 6), (1, 5))):
        seen, found = set(), set()
        for x in range(-reach, reach + 1):
            for y in range(-reach, reach + 1):
                if max(abs(x), abs(y)) < side:
                    continue
                placed = [[(5, 5)], [(30, 30)]]
                placed[team] = [(20, 20), (20 + x, 20 + y)]
                observation = start(*placed)[1][team]
                specification = PursuitEnvironment(PursuitSettings()).teams[team]
                if observation.view[0, ..., mine].sum() > side**2:
                    seen.add((x, y))
                counts = count_neighbour_actions(
                    observation.positions,
                    np.zeros(2, int),
                    np.zeros(2, np.int32),
                    1,
                    float(specification.view_radius),
                    specification.body_side,
                )
                if counts[0, 0]:
                    found.add((x, y))
        assert found == seen
        assert len(seen) > 40


def test_every_strike_pays_and_a_miss_costs_the_penalty() -> None:
    left = len(PREDATOR_MOVES) + PREDATOR_ATTACKS.index((-1.5, -0.5))
    right = len(PREDATOR_MOVES) + PREDATOR_ATTACKS.index((1.5, -0.5))
    step, _ = start(
        [(18, 20), (21, 20), (5, 5)],
        [(20, 20), (30, 30)],
        attack_penalty=-0.5,
        tag_reward=3,
        tagged_penalty=-2,
    )
    result = step([right, left, left], [PREY_MOVES.index((0, -1)), STAY[1]])
    assert result.rewards[0].tolist() == [2.5, 2.5, -0.5]  # who flees is struck before it moves
    assert result.rewards[1].tolist() == [-4.0, 0.0]
    assert result.observations[1].positions[0].tolist() == [20, 19]


def test_scenery_shows_walls_where_agents_see_them() -> None:
    environment = PursuitEnvironment(PursuitSettings())
    hunters, _ = environment.reset(11)
    walls = {tuple(cell) for cell in environment.scenery().walls.tolist()}
    seen = 0
    for position, view in zip(hunters.positions.tolist(), hunters.view, strict=True):
        for row, column in np.argwhere(view[..., OBSTACLE]).tolist():
            seen += 1
            assert (position[0] + column - 4, position[1] + row - 4) in walls
    assert seen > 20
    predator, prey = environment.scenery().bodies
    assert (predator.size, prey.size) == (2, 1)
    assert predator.attacks == (*(None for _ in PREDATOR_MOVES), *PREDATOR_ATTACKS)
    assert prey.attacks == ()


def test_an_episode_is_a_function_of_its_seed_and_actions() -> None:
    def play(environment: PursuitEnvironment, seed: int, steps: int = 60) -> list[np.ndarray]:
        rng = np.random.default_rng(0)
        observations = environment.reset(seed)
        history = [environment.scenery().walls]
        for _ in range(steps):
            history += [part for team in observations for part in team[:5]]
            step = environment.step(draw(observations, rng))
            observations = step.observations
            history += step.rewards
        return history

    def same(one: list[np.ndarray], other: list[np.ndarray]) -> bool:
        return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))

    environment = PursuitEnvironment(PursuitSettings())
    first = play(environment, 7)
    assert not same(first, play(environment, 8))
    big = PursuitEnvironment(PursuitSettings().resized(180))
    play(big, 3, steps=7)
    assert same(first, play(environment, 7))
    assert same(first, play(PursuitEnvironment(PursuitSettings()), 7))
    assert not np.array_equal(first[0], play(environment, 8)[0])  # the walls, too


@pytest.mark.parametrize("predators", [3, 180])
def test_pursuit_keeps_the_promises_of_an_environment(predators: int) -> None:
    check_environment(PursuitEnvironment(PursuitSettings(max_steps=30).resized(predators)))
