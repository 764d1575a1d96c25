"""Scripts for battle."""

import numpy as np

from cmfq.environments.base import BoolArray, FloatArray, IntArray, TeamObservation
from cmfq.environments.battle import ATTACKS, MOVES, STAY, VIEW_RADIUS
from cmfq.play.bots.senses import (
    ENEMY,
    ENEMY_HEALTH,
    OWN,
    OWN_HEALTH,
    at,
    cells_after,
    least,
    nearest_enemy,
    occupied,
)
from cmfq.policies import Script

MOVE_OFFSETS = np.array(MOVES, np.float32)
ATTACK_OFFSETS = np.array(ATTACKS, np.float32)
BODY = np.zeros((1, 2), np.float32)
HURT = 0.45
"""Share of the hit points below which a skirmisher retreats."""
COHESION = 0.1
"""Cells that a skirmisher stays behind for every team-mate that it then stands beside."""
_AFTER_MOVES = cells_after(MOVE_OFFSETS, 2 * VIEW_RADIUS + 1)
BESIDE = _AFTER_MOVES < 2
"""Which cells of the view are beside an agent after each of its moves."""
BESIDE[len(BESIDE) // 2] = False  # where it stood itself


def random(observation: TeamObservation, generator: np.random.Generator) -> IntArray:
    """Any action, all alike."""
    return generator.integers(len(MOVES) + len(ATTACKS), size=len(observation.ids), dtype=np.int32)


def hold(observation: TeamObservation, generator: np.random.Generator) -> IntArray:
    """Stay where one is, and attack who comes."""
    stay = np.full(len(observation.ids), STAY, np.int32)
    return _attack_or_move(observation, stay, generator)


def rush(observation: TeamObservation, generator: np.random.Generator) -> IntArray:
    """Go straight to the nearest enemy and attack."""
    return _attack_or_move(observation, _approach(observation, generator), generator)


def focus(observation: TeamObservation, generator: np.random.Generator) -> IntArray:
    """Attack the weakest enemy in reach, else go straight to the nearest one."""
    move = _approach(observation, generator)
    return _attack_or_move(observation, move, generator, preference=_health(observation))


def swarm(observation: TeamObservation, generator: np.random.Generator) -> IntArray:
    """Like rush, but never wait behind a team-mate: go round to where there is room to fight.

    Far stronger than ``rush``: the whole team fights at once.
    """
    move = _approach(observation, generator, _blocked(observation))
    return _attack_or_move(observation, move, generator)


def skirmish(observation: TeamObservation, generator: np.random.Generator) -> IntArray:
    """Attack the weakest in reach; else close up beside team-mates or, hurt, fall back.

    About as strong as ``swarm``.
    """
    view, agents = observation.view, len(observation.ids)
    hurt = view[:, VIEW_RADIUS, VIEW_RADIUS, OWN_HEALTH] < HURT
    distance = _ends(nearest_enemy(observation))
    mates = view[..., OWN].reshape(agents, -1) @ BESIDE
    cost = np.where(hurt[:, None], -distance, distance - COHESION * mates)
    move = least(cost, _blocked(observation), generator)
    return _attack_or_move(observation, move, generator, preference=_health(observation))


BOTS: dict[str, Script] = {
    "random": random,
    "hold": hold,
    "rush": rush,
    "focus": focus,
    "swarm": swarm,
    "skirmish": skirmish,
}


def _attack_or_move(
    observation: TeamObservation,
    move: IntArray,
    generator: np.random.Generator,
    preference: FloatArray | float = 0.0,
) -> IntArray:
    """Attack the enemy in reach with the lowest preference value, else move.

    Ties fall at random.
    """
    in_reach = at(observation.view[..., ENEMY], ATTACK_OFFSETS) > 0
    attack = len(MOVES) + least(np.zeros(in_reach.shape) + preference, ~in_reach, generator)
    return np.where(in_reach.any(1), attack, move).astype(np.int32)


def _approach(
    observation: TeamObservation,
    generator: np.random.Generator,
    blocked: BoolArray | None = None,
) -> IntArray:
    """The move ``(agents,)`` that ends nearest to the nearest enemy, beside it at best."""
    distance = _ends(nearest_enemy(observation))
    on_top = distance == 0
    return least(distance, on_top if blocked is None else on_top | blocked, generator)


def _ends(goal: FloatArray) -> FloatArray:
    """Distance ``(agents, moves)`` of each move's end from the goal, an offset."""
    distance: FloatArray = np.linalg.norm(goal[:, None] - MOVE_OFFSETS, axis=-1)
    return distance


def _blocked(observation: TeamObservation) -> BoolArray:
    """Moves ``(agents, moves)`` into a cell that is taken; to stay is always possible."""
    return at(occupied(observation.view, BODY), MOVE_OFFSETS)


def _health(observation: TeamObservation) -> FloatArray:
    """Hit points where each attack strikes, ``(agents, attacks)``."""
    return at(observation.view[..., ENEMY_HEALTH], ATTACK_OFFSETS)
