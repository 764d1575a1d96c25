"""Fair games: nobody always moves first, both sides see the same game, and old runs keep theirs."""

import json
from pathlib import Path

import numpy as np
import pytest

from cmfq.environments.base import TeamObservation
from cmfq.environments.battle import (
    ATTACKS,
    MOVES,
    BattleEnvironment,
    BattleSettings,
    frames_of,
)
from cmfq.environments.magent import COMPASS_CELLS, Rules, compass
from cmfq.environments.pursuit import PursuitEnvironment, PursuitSettings
from cmfq.play.bots import bot
from cmfq.training.run import Run

RULES: tuple[Rules, ...] = ("fair", "magent")
STAY = MOVES.index((0, 0))


def mirror(positions: np.ndarray, map_size: int) -> np.ndarray:
    """Left to right."""
    return np.stack([map_size - 1 - positions[:, 0], positions[:, 1]], axis=1)


@pytest.mark.parametrize("map_size", [40, 100])
def test_a_frame_maps_every_action_to_one_of_its_sort(map_size: int) -> None:
    offsets = (*MOVES, *ATTACKS)
    red, blue = frames_of(map_size, "fair")
    assert (red is None) == (map_size == 40)
    for mirrored, frame in ((False, red), (True, blue)):
        if frame is None:
            continue
        assert sorted(frame.actions) == list(range(len(offsets)))
        for action, (x, y) in enumerate(offsets):
            engines = int(frame.actions[action])
            on_map = (-x if mirrored else x, y)
            assert offsets[engines] == (on_map if map_size == 40 else on_map[::-1])
            assert (engines < len(MOVES)) == (action < len(MOVES))


@pytest.mark.parametrize("map_size", [40, 50, 100])
def test_blue_sees_what_red_would_see_in_the_mirrored_game(map_size: int) -> None:
    """Against the engine: the same fight with the sides exchanged, mirrored left to right."""
    rng = np.random.default_rng(0)
    cells = rng.permutation(8 * 8)[:30]
    corner = np.array([map_size // 2 - 6, map_size // 2 - 3])
    x_and_y = np.stack([cells % 8, cells // 8], 1) + corner
    red, blue = x_and_y[:18], x_and_y[18:]
    field = BattleSettings(size=1, map_size=map_size, formation="random")
    game = BattleEnvironment(field, (red, blue))
    mirrored = BattleEnvironment(field, (mirror(blue, map_size), mirror(red, map_size)))
    # Neither the order of moves nor of blows may matter, so one agent alone acts in each step.
    observed, expected = game.reset(5), mirrored.reset(6)
    for step in range(30):
        for seen, same in zip(observed, expected[::-1], strict=True):
            np.testing.assert_array_equal(seen.view, same.view)
            np.testing.assert_allclose(seen.features[:, 10:], same.features[:, 10:], atol=1e-6)
            np.testing.assert_array_equal(seen.previous_actions, same.previous_actions)
            np.testing.assert_array_equal(seen.positions, mirror(same.positions, map_size))
        actions = [np.full(len(one.ids), STAY, np.int32) for one in observed]
        acting = actions[step % 2]
        acting[rng.integers(len(acting))] = rng.integers(len(MOVES) + len(ATTACKS))
        observed = game.step(actions).observations
        expected = mirrored.step(actions[::-1]).observations


@pytest.mark.parametrize("size", [64, 400])
def test_a_game_with_the_sides_and_the_order_exchanged_is_the_mirrored_game(size: int) -> None:
    """All agents of both teams move, so many want one cell; on large maps, stripe by stripe."""
    rng = np.random.default_rng(1)
    game, mirrored = (BattleEnvironment(BattleSettings(size=size)) for _ in range(2))
    observed, expected = game.reset(5), mirrored.reset(5)
    mirrored._world._second_first = ~game._world._second_first
    ahead = [MOVES.index(offset) for offset in ((2, 0), (1, 1), (1, -1), (1, 0), (0, 1), (-1, 0))]
    for _ in range(25):
        actions = [rng.choice(ahead, size).astype(np.int32) for _ in observed]
        observed = game.step(actions).observations
        expected = mirrored.step(actions[::-1]).observations
        for seen, same in zip(observed, expected[::-1], strict=True):
            np.testing.assert_array_equal(seen.positions, mirror(same.positions, game.map_size))
            np.testing.assert_array_equal(seen.view, same.view)
    assert (observed[0].view[..., 4] > 0).any(), "the teams met"


@pytest.mark.parametrize("map_size", [40, 45, 100])
def test_lines_are_mirror_images_agent_by_agent(map_size: int) -> None:
    size = {40: 64, 45: 81, 100: 400}[map_size]
    red, blue = BattleEnvironment(BattleSettings(size=size)).reset(0)
    np.testing.assert_array_equal(blue.positions, mirror(red.positions, map_size))
    np.testing.assert_array_equal(red.view, blue.view)


def first_movers(rules: Rules, seed: int, steps: int) -> list[int]:
    """Which team gets the cell that both want, step after step."""
    won = []
    for step in range(steps):
        settings = BattleSettings(size=1, map_size=12, formation="random", rules=rules)
        environment = BattleEnvironment(settings, (np.array([[4, 5]]), np.array([[6, 5]])))
        environment.reset(seed)
        idle = [np.array([STAY], np.int32)] * 2
        for _ in range(step):
            environment.step(idle)
        forward = MOVES.index((1, 0))
        back = forward if rules == "fair" else MOVES.index((-1, 0))  # in blue's own frame
        both = environment.step([np.array([forward], np.int32), np.array([back], np.int32)])
        positions = [one.positions[0, 0] for one in both.observations]
        assert sorted(positions) in ([4, 5], [5, 6])
        won.append(0 if positions[0] == 5 else 1)
    return won


def test_who_moves_first_is_drawn_at_every_step_from_the_seed() -> None:
    drawn = first_movers("fair", 3, 24)
    assert drawn == first_movers("fair", 3, 24)
    assert drawn != first_movers("fair", 4, 24)
    assert 5 < sum(drawn) < 19
    assert first_movers("magent", 3, 6) == [0] * 6


def play(rules: Rules, games: int) -> list[int]:
    """Margins of red between equal scripts."""
    script, margins = bot("swarm").script, []
    for seed in range(games):
        environment = BattleEnvironment(BattleSettings(size=36, rules=rules))
        rng = np.random.default_rng(seed)
        observations = environment.reset(seed)
        while True:
            step = environment.step([script(one, rng) for one in observations])
            observations = step.observations
            if step.terminated or step.truncated:
                break
        margins.append(len(observations[0].ids) - len(observations[1].ids))
    return margins


def test_between_equals_the_side_decides_magents_game_and_not_the_fair_one() -> None:
    unfair, fair = play("magent", 12), play("fair", 40)
    assert sum(margin > 0 for margin in unfair) <= 2
    assert 10 <= sum(margin > 0 for margin in fair) <= 30  # a fair coin leaves this once in 1,000


def test_the_order_of_pursuit_is_drawn_too() -> None:
    """Two games that differ by the order alone part where somebody got a cell first."""
    positions = []
    for rules in RULES:
        settings = PursuitSettings(map_size=24, predators=5, prey=12, rules=rules)
        environment = PursuitEnvironment(settings)
        rng = np.random.default_rng(0)
        observations = environment.reset(1)
        for _ in range(150):
            actions = [
                rng.integers(len(team.actions), size=len(seen.ids)).astype(np.int32)
                for team, seen in zip(environment.teams, observations, strict=True)
            ]
            observations = environment.step(actions).observations
        positions.append([one.positions.tolist() for one in observations])
    assert positions[0] != positions[1]


def test_a_compass_by_hand() -> None:
    own, others = np.array([[0, 0], [4, 0]]), np.array([[0, 8], [100, 100], [0, -30]])
    seen = compass(own, others)
    np.testing.assert_allclose(seen[0], [0, 8 / (8 + COMPASS_CELLS), 0.4, 0, 0.4], atol=1e-6)
    towards = np.array([-4, 8]) / (np.hypot(4, 8) + COMPASS_CELLS)
    np.testing.assert_allclose(seen[1], [*towards, -0.4, 0, 0.4], atol=1e-6)
    nobody = np.zeros((0, 2), int)
    np.testing.assert_array_equal(compass(own[:1], nobody), [[0, 0, 0, 0, 1]])
    assert compass(nobody, own).shape == (0, 5)


def test_runs_of_before_keep_their_game_and_their_inputs(tmp_path: Path) -> None:
    """A run.json without these settings was written when the game was MAgent2's own."""
    run = tmp_path / "run"
    run.mkdir()
    stored = {
        "environment": "battle",
        "settings": {"environment": {"size": 36}, "network": {"head": "pairwise"}},
        "versions": {"cmfq": "0.1.0"},
    }
    (run / "run.json").write_text(json.dumps(stored))
    settings = Run.open(run).description().settings
    assert settings.environment.rules == "magent"
    assert settings.network.ids
    stored["settings"] = {"environment": {"size": 36, "rules": "fair"}, "network": {"ids": False}}
    (run / "run.json").write_text(json.dumps(stored))
    settings = Run.open(run).description().settings
    assert settings.environment.rules == "fair"
    assert not settings.network.ids


def test_positions_stay_in_the_maps_frame_and_actions_go_where_blue_looks() -> None:
    settings = BattleSettings(size=1, map_size=12, formation="random")
    environment = BattleEnvironment(settings, (np.array([[2, 2]]), np.array([[8, 8]])))
    environment.reset(0)
    ahead = np.array([MOVES.index((2, 0))], np.int32)
    after: tuple[TeamObservation, ...] = environment.step([ahead, ahead]).observations
    assert after[0].positions.tolist() == [[4, 2]]
    assert after[1].positions.tolist() == [[6, 8]]


def test_an_agent_and_its_mirror_image_stand_in_one_stripe_of_the_engine() -> None:
    """On large maps: its columns are the map's rows, which mirroring left to right keeps."""
    environment = BattleEnvironment(BattleSettings(size=400))
    red, blue = environment.reset(0)
    in_engine = [
        environment._world._ask(handle, b"pos", np.empty((400, 2), np.int32))
        for handle in environment._world._handles
    ]
    np.testing.assert_array_equal(in_engine[0][:, 0], in_engine[1][:, 0])
    for seen, engines in zip((red, blue), in_engine, strict=True):
        np.testing.assert_array_equal(seen.positions, engines[:, ::-1])
