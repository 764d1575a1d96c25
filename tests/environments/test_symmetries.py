"""The square's symmetries, against MAgent2's engine: a turned game is the same game, turned."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from cmfq.environments.base import IntArray, TeamSpecification
from cmfq.environments.battle import BattleEnvironment, BattleSettings
from cmfq.environments.pursuit import PursuitEnvironment, PursuitSettings
from cmfq.environments.symmetries import Symmetry, symmetries
from cmfq.errors import UserError
from cmfq.learner import LearnerSettings
from cmfq.networks import NetworkSettings
from cmfq.training.settings import TrainSettings

FIELD = BattleSettings(size=64, rules="magent")
"""Red moves first in the turned game too."""
MAP_SIZE = 40
OF_THE_MAP = ("position_x", "position_y", "my_team_minimap", "other_team_minimap")
AMBIGUOUS = ("compass_enemy_x", "compass_enemy_y")
"""Of several enemies that are equally near, any may be the nearest."""


def turn(positions: IntArray, symmetry: Symmetry, body_side: int = 1) -> IntArray:
    turned = positions[:, ::-1].copy() if symmetry.swaps else positions.copy()
    for axis, sign in enumerate(symmetry.signs):
        if sign < 0:
            turned[:, axis] = MAP_SIZE - body_side - turned[:, axis]
    return turned


def kept(names: tuple[str, ...], without: tuple[str, ...] = ()) -> list[int]:
    return [i for i, name in enumerate(names) if name not in (*OF_THE_MAP, *without)]


@pytest.mark.parametrize("index", range(8))
def test_the_turned_game_is_the_game_turned(index: int) -> None:
    rng = np.random.default_rng(0)
    cells = rng.permutation(14 * 14)[:40]
    positions = (np.stack([cells % 14, cells // 14], 1) + 12).astype(np.int32)
    red, blue = positions[:20], positions[20:]
    game = BattleEnvironment(FIELD, (red, blue))
    team = game.teams[0]
    symmetry = symmetries(team)[index]
    turned_game = BattleEnvironment(FIELD, (turn(red, symmetry), turn(blue, symmetry)))
    channels, features = kept(team.channels), kept(team.features, AMBIGUOUS)
    observed, expected = game.reset(3), turned_game.reset(3)
    fought = 0
    for _ in range(25):
        for one, other in zip(observed, expected, strict=True):
            view = symmetry.view(torch.from_numpy(one.view)).numpy()
            np.testing.assert_array_equal(view[..., channels], other.view[..., channels])
            turned = symmetry.features(torch.from_numpy(one.features)).numpy()
            np.testing.assert_allclose(turned[:, features], other.features[:, features], atol=1e-6)
            places = symmetry.positions(torch.from_numpy(one.positions)).numpy()
            np.testing.assert_array_equal(places - places[0], other.positions - other.positions[0])
        actions = [rng.integers(21, size=len(one.ids)).astype(np.int32) for one in observed]
        step = game.step(actions)
        turned_step = turned_game.step([symmetry.actions.numpy()[one] for one in actions])
        for reward, turned_reward in zip(step.rewards, turned_step.rewards, strict=True):
            np.testing.assert_array_equal(reward, turned_reward)
            fought += int((reward > 0).sum())
        observed, expected = step.observations, turned_step.observations
    assert fought > 20


def test_the_first_changes_nothing_and_the_others_differ() -> None:
    team = BattleEnvironment(FIELD).teams[0]
    actions = [tuple(one.actions.tolist()) for one in symmetries(team)]
    assert actions[0] == tuple(range(21))
    assert len(set(actions)) == 8


def test_the_compass_turns_with_the_field() -> None:
    team = BattleEnvironment(FIELD).teams[0]
    names = list(team.features)
    features = torch.zeros(1, len(names))
    features[0, names.index("compass_enemy_x")] = 0.5
    features[0, names.index("compass_enemy_y")] = 0.25
    for symmetry in symmetries(team):
        x, y = (0.25, 0.5) if symmetry.swaps else (0.5, 0.25)
        turned = symmetry.features(features)[0]
        assert turned[names.index("compass_enemy_x")] == x * symmetry.signs[0]
        assert turned[names.index("compass_enemy_y")] == y * symmetry.signs[1]


def test_a_table_by_action_moves_its_columns() -> None:
    team = BattleEnvironment(FIELD).teams[0]
    counts = torch.arange(21.0).reshape(1, 21)
    for symmetry in symmetries(team):
        moved = symmetry.by_action(counts)
        for action, new in enumerate(symmetry.actions.tolist()):
            assert moved[0, new] == action


class Placed(PursuitEnvironment):
    """Pursuit without walls whose predators and prey stand where they are told to."""

    def __init__(self, *positions: IntArray) -> None:
        super().__init__(PursuitSettings(map_size=MAP_SIZE, rules="magent"))
        self._positions = positions

    def _place(self, engine: Any) -> None:
        for handle, positions in zip(engine.get_handles(), self._positions, strict=True):
            engine.add_agents(handle, method="custom", pos=positions)


@pytest.mark.parametrize("index", range(8))
def test_so_is_a_turned_pursuit_with_bodies_of_two_by_two(index: int) -> None:
    rng = np.random.default_rng(0)
    cells = rng.permutation(10 * 10)[:40]
    positions = (2 * np.stack([cells % 10, cells // 10], 1) + 10).astype(np.int32)
    stand = positions[:14], positions[14:]
    game = Placed(*stand)
    ways = [symmetries(team)[index] for team in game.teams]
    sides = [team.body_side for team in game.teams]
    assert sides == [2, 1]
    turned_game = Placed(*(turn(*one) for one in zip(stand, ways, sides, strict=True)))
    observed, expected = game.reset(3), turned_game.reset(3)
    hits = 0
    for _ in range(30):
        for team, way, side, one, other in zip(
            game.teams, ways, sides, observed, expected, strict=True
        ):
            channels, features = kept(team.channels), kept(team.features, AMBIGUOUS)
            view = way.view(torch.from_numpy(one.view)).numpy()
            np.testing.assert_array_equal(view[..., channels], other.view[..., channels])
            turned = way.features(torch.from_numpy(one.features)).numpy()
            np.testing.assert_allclose(turned[:, features], other.features[:, features], atol=1e-6)
            compass = [team.features.index(name) for name in AMBIGUOUS]
            np.testing.assert_allclose(  # as far away, where another is as near
                np.linalg.norm(turned[:, compass], axis=1),
                np.linalg.norm(other.features[:, compass], axis=1),
                atol=1e-6,
            )
            np.testing.assert_array_equal(turn(one.positions, way, side), other.positions)
        actions = [
            rng.integers(len(team.actions), size=len(one.ids)).astype(np.int32)
            for team, one in zip(game.teams, observed, strict=True)
        ]
        step = game.step(actions)
        turned_actions = [
            way.actions.numpy()[taken] for way, taken in zip(ways, actions, strict=True)
        ]
        turned_step = turned_game.step([one.astype(np.int32) for one in turned_actions])
        for reward, turned_reward in zip(step.rewards, turned_step.rewards, strict=True):
            np.testing.assert_array_equal(reward, turned_reward)
            hits += int((reward > 0).sum())
        observed, expected = step.observations, turned_step.observations
    assert hits > 5


def test_who_has_no_directions_is_told_so() -> None:
    team = TeamSpecification("chess", (8, 8), ("board",), (), ("resign", "castle"), 3.0)
    with pytest.raises(
        UserError, match=r"actions with a direction in their name.*leave symmetries"
    ):
        symmetries(team)
    lopsided = replace(team, actions=("stay", "move +1 +0"))
    with pytest.raises(UserError, match="actions in all directions"):
        symmetries(lopsided)


def test_a_place_on_the_map_does_not_go_with_them() -> None:
    with pytest.raises(UserError, match="symmetries and place are both on"):
        TrainSettings(FIELD, learner=LearnerSettings(symmetries=True))
    TrainSettings(
        FIELD, learner=LearnerSettings(symmetries=True), network=NetworkSettings(place=False)
    )
