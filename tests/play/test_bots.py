"""Bots act on what they observe; each rule on a field where the right action is known."""

import numpy as np
import pytest

from cmfq.environments.base import TeamObservation
from cmfq.environments.battle import ATTACKS, MOVES
from cmfq.environments.magent import CHANNELS
from cmfq.errors import UserError
from cmfq.play.bots import BOTS, bot

CHANNEL = {name: index for index, name in enumerate(CHANNELS)}


def observe(
    enemies: dict[tuple[int, int], float] | None = None,
    mates: tuple[tuple[int, int], ...] = (),
    minimap_enemies: tuple[tuple[int, int], ...] = (),
    health: float = 1.0,
) -> TeamObservation:
    """One agent, at cell (6, 6) of the minimap; offsets as (x, y)."""
    view = np.zeros((1, 13, 13, 7), np.float32)
    view[0, 6, 6, CHANNEL["my_team_presence"]] = 1
    view[0, 6, 6, CHANNEL["my_team_health"]] = health
    view[0, 6, 6, [CHANNEL["my_team_minimap"], CHANNEL["other_team_minimap"]]] = 1
    for (x, y), health in (enemies or {}).items():
        view[0, 6 + y, 6 + x, CHANNEL["other_team_presence"]] = 1
        view[0, 6 + y, 6 + x, CHANNEL["other_team_health"]] = health
    for x, y in mates:
        view[0, 6 + y, 6 + x, CHANNEL["my_team_presence"]] = 1
    for x, y in minimap_enemies:
        view[0, 6 + y, 6 + x, CHANNEL["other_team_minimap"]] = 0.1
    return TeamObservation(
        view,
        np.zeros((1, 34), np.float32),
        np.zeros(1, np.int32),
        np.zeros((1, 2), np.int32),
        np.full(1, -1, np.int32),
    )


def act(name: str, observation: TeamObservation, seed: int = 0) -> tuple[str, tuple[int, int]]:
    action = int(BOTS[name](observation, np.random.default_rng(seed))[0])
    if action < len(MOVES):
        return "move", MOVES[action]
    return "attack", ATTACKS[action - len(MOVES)]


@pytest.mark.parametrize("name", ["hold", "rush", "focus", "swarm", "skirmish"])
@pytest.mark.parametrize("offset", ATTACKS)
def test_an_enemy_in_reach_is_attacked(name: str, offset: tuple[int, int]) -> None:
    assert act(name, observe({offset: 0.5, (4, 4): 0.1})) == ("attack", offset)


@pytest.mark.parametrize("seed", range(5))
def test_focus_and_skirmish_pick_the_weakest(seed: int) -> None:
    enemies = {(-1, 0): 0.9, (1, 1): 0.2, (0, 1): 0.4}
    for name in ("focus", "skirmish"):
        assert act(name, observe(enemies), seed) == ("attack", (1, 1))
    chosen = {act("rush", observe(enemies), seed)[1] for seed in range(40)}
    assert chosen == set(enemies)


@pytest.mark.parametrize("name", ["rush", "focus", "swarm", "skirmish"])
def test_the_nearest_enemy_in_view_is_approached_not_run_into(name: str) -> None:
    assert act(name, observe({(5, 0): 1, (0, -6): 1})) == ("move", (2, 0))
    assert act(name, observe({(0, 2): 1}))[1] in {(-1, 1), (0, 1), (1, 1)}


@pytest.mark.parametrize("name", ["rush", "focus", "swarm", "skirmish"])
def test_enemies_out_of_view_are_found_on_the_minimap(name: str) -> None:
    assert act(name, observe(minimap_enemies=((0, -5), (6, 6)))) == ("move", (0, -2))
    assert act(name, observe(minimap_enemies=((-3, 0),))) == ("move", (-2, 0))


def test_only_swarm_goes_round_its_mates() -> None:
    blocked = observe({(4, 0): 1}, mates=((2, 0),))
    assert act("rush", blocked) == ("move", (2, 0))
    assert act("swarm", blocked)[1] in {(1, 0), (1, -1), (1, 1)}


def test_hold_stays() -> None:
    for observation in (observe(), observe({(2, 0): 1}), observe(minimap_enemies=((3, 3),))):
        assert act("hold", observation) == ("move", (0, 0))


def test_skirmishers_retreat_when_hurt_but_strike_who_follows() -> None:
    enemies = {(3, 0): 1.0}
    assert act("skirmish", observe(enemies, health=0.5)) == ("move", (2, 0))
    assert act("skirmish", observe(enemies, health=0.4)) == ("move", (-2, 0))
    assert act("skirmish", observe({(1, 0): 1.0}, health=0.1)) == ("attack", (1, 0))


@pytest.mark.parametrize("seed", range(5))
def test_skirmishers_keep_beside_their_mates(seed: int) -> None:
    """Of the moves that end as near to the enemy, the one beside a mate."""
    for mate, move in (((1, -2), (1, -1)), ((1, 2), (1, 1))):
        blocked = observe({(5, 0): 1}, mates=(mate, (2, 0), (1, 0)))
        assert act("skirmish", blocked, seed) == ("move", move)


def test_random_uses_every_action() -> None:
    rng = np.random.default_rng(0)
    actions = {int(BOTS["random"](observe(), rng)[0]) for _ in range(600)}
    assert actions == set(range(21))


def test_an_unknown_bot_is_refused() -> None:
    with pytest.raises(UserError, match="unknown scripted opponent 'rushh': did you mean 'rush'"):
        bot("rushh")
