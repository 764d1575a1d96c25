"""Predators that chase, prey that flee: each rule where the right action is known, and in play."""

import numpy as np
import pytest

from cmfq.environments.base import TeamObservation
from cmfq.environments.magent import CHANNELS
from cmfq.environments.pursuit import (
    PREDATOR_ATTACKS,
    PREDATOR_MOVES,
    PREY_MOVES,
    PursuitEnvironment,
    PursuitSettings,
)
from cmfq.play.bots import SCRIPTS, Script

GREEDY = SCRIPTS["pursuit"]["greedy"]
CHANNEL = {name: index for index, name in enumerate(CHANNELS)}
Cells = tuple[tuple[float, float], ...]


def observe(side: int, own: Cells, **seen: Cells) -> TeamObservation:
    """One agent; offsets from its middle as (x, y), on the minimap from its cell (3, 3)."""
    view = np.zeros((1, side, side, 7), np.float32)
    view[0, 3, 3, [CHANNEL["my_team_minimap"], CHANNEL["other_team_minimap"]]] = 1
    for channel, cells in {"my_team_presence": own, **seen}.items():
        middle = 3 if channel.endswith("minimap") else (side - 1) / 2
        for x, y in cells:
            view[0, int(middle + y), int(middle + x), CHANNEL[channel]] += 1
    ids = np.zeros(1, np.int32)
    positions = np.zeros((1, 2), np.int32)
    return TeamObservation(view, np.zeros((1, 0), np.float32), ids, positions, ids)


def predator(seed: int = 0, **seen: Cells) -> tuple[str, tuple[float, float]]:
    body = ((-0.5, -0.5), (0.5, -0.5), (-0.5, 0.5), (0.5, 0.5))
    observation = observe(10, body, **seen)
    action = int(GREEDY["predator"](observation, np.random.default_rng(seed))[0])
    if action < len(PREDATOR_MOVES):
        return "move", PREDATOR_MOVES[action]
    return "strike", PREDATOR_ATTACKS[action - len(PREDATOR_MOVES)]


def prey(seed: int = 0, **seen: Cells) -> tuple[int, int]:
    observation = observe(9, ((0, 0),), **seen)
    return PREY_MOVES[int(GREEDY["prey"](observation, np.random.default_rng(seed))[0])]


@pytest.mark.parametrize("cell", PREDATOR_ATTACKS)
def test_a_prey_in_reach_is_struck(cell: tuple[float, float]) -> None:
    assert predator(other_team_presence=(cell, (3.5, 3.5))) == ("strike", cell)


def test_all_prey_in_reach_are_struck_alike() -> None:
    cells = ((1.5, 0.5), (-0.5, 1.5))
    struck = {predator(seed, other_team_presence=cells) for seed in range(30)}
    assert struck == {("strike", cell) for cell in cells}


def test_the_nearest_prey_is_approached() -> None:
    assert predator(other_team_presence=((3.5, 0.5), (-0.5, -4.5))) == ("move", (1, 0))
    corner = {predator(seed, other_team_presence=((1.5, 1.5),)) for seed in range(30)}
    assert corner == {("move", (1, 0)), ("move", (0, 1))}  # a corner is out of reach
    assert predator(other_team_minimap=((0, -3),)) == ("move", (0, -1))


def test_a_predator_does_not_walk_into_what_is_in_its_way() -> None:
    target = ((4.5, 0.5),)
    for blocking in ("obstacle", "my_team_presence"):
        for cell in ((1.5, -0.5), (1.5, 0.5)):
            seen = {blocking: (cell,), "other_team_presence": target}
            assert predator(**seen) != ("move", (1, 0))


@pytest.mark.parametrize("seed", range(5))
def test_prey_step_away_from_predators_and_walls_onto_free_cells(seed: int) -> None:
    assert prey(seed, other_team_presence=((2, 2), (3, 2), (2, 3), (3, 3))) == (-1, -1)
    behind = tuple((x, -1) for x in (-1, 0, 1))
    assert prey(seed, other_team_presence=((0, 2),), my_team_presence=behind)[1] == 0
    assert prey(seed, obstacle=tuple((-2, y) for y in range(-4, 5)))[0] == 1
    assert prey(seed) == (0, 0)


def play(hunt: Script, flee: Script) -> np.ndarray:
    """Mean reward of a predator and of a prey in a step."""
    environment = PursuitEnvironment(PursuitSettings(max_steps=150))
    generator = np.random.default_rng(1)
    observations = environment.reset(1)
    total = np.zeros(2)
    while True:
        step = environment.step(
            [hunt(observations[0], generator), flee(observations[1], generator)]
        )
        observations = step.observations
        total += [reward.mean() for reward in step.rewards]
        if step.truncated:
            return total / 150


def anything(observation: TeamObservation, generator: np.random.Generator) -> np.ndarray:
    actions = {10: len(PREDATOR_MOVES) + len(PREDATOR_ATTACKS), 9: len(PREY_MOVES)}
    side = observation.view.shape[1]
    return generator.integers(actions[side], size=len(observation.ids), dtype=np.int32)


def test_greedy_predators_and_fleeing_prey_do_better_than_random_ones() -> None:
    greedy, flee = GREEDY["predator"], GREEDY["prey"]
    easy, hard = play(greedy, anything), play(greedy, flee)
    assert play(anything, anything)[0] < 0
    assert easy[0] > 0.3
    assert 0 < hard[0] < 0.7 * easy[0]
    assert easy[1] < 1.4 * hard[1]
