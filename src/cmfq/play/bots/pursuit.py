"""Scripts for pursuit: predators that chase, prey that flee."""

import numpy as np

from cmfq.environments.base import IntArray, TeamObservation
from cmfq.environments.pursuit import (
    PREDATOR_ATTACKS,
    PREDATOR_MOVES,
    PREDATOR_SIDE,
    PREY_MOVES,
    PREY_VIEW_RADIUS,
)
from cmfq.play.bots.senses import (
    ENEMY,
    OBSTACLE,
    at,
    cells_after,
    least,
    nearest_enemy,
    occupied,
)
from cmfq.policies import Script

CHASES = np.array(PREDATOR_MOVES, np.float32)
STRIKES = np.array(PREDATOR_ATTACKS, np.float32)
ESCAPES = np.array(PREY_MOVES, np.float32)
BODY = (np.indices((PREDATOR_SIDE, PREDATOR_SIDE)).reshape(2, -1).T - 0.5).astype(np.float32)
"""Cells of a predator's body, off its middle."""
PREY_BODY = np.zeros((1, 2), np.float32)
NEARNESS = 1 / np.maximum(cells_after(ESCAPES, 2 * PREY_VIEW_RADIUS + 1), 1)
"""Nearness ``1 / distance`` of each cell that a prey views, after each of its moves."""


def greedy(observation: TeamObservation, generator: np.random.Generator) -> IntArray:
    """Strike a prey in reach, else step to where the nearest one would be in reach."""
    view = observation.view
    gap = nearest_enemy(observation)[:, None] - CHASES
    short_of = np.linalg.norm(gap[:, :, None] - STRIKES, axis=-1).min(-1)
    footprint = (CHASES[:, None] + BODY).reshape(-1, 2)
    taken = at(occupied(view, BODY), footprint).reshape(len(view), len(CHASES), -1)
    move = least(short_of, np.asarray(taken.any(-1)), generator)
    in_reach = at(view[..., ENEMY], STRIKES) > 0
    strike = len(CHASES) + least(np.zeros(in_reach.shape), ~in_reach, generator)
    return np.where(in_reach.any(1), strike, move).astype(np.int32)


def flee(observation: TeamObservation, generator: np.random.Generator) -> IntArray:
    """Step to where the predators and walls in view are least near; with none in view, stay.

    Prey that do not fear walls end in corners.
    """
    view = observation.view
    dreaded = ((view[..., ENEMY] + view[..., OBSTACLE]) > 0).reshape(len(view), -1)
    taken = at(occupied(view, PREY_BODY), ESCAPES)
    move = least(dreaded @ NEARNESS, taken, generator)
    return np.where(dreaded.any(1), move, PREY_MOVES.index((0, 0))).astype(np.int32)


BOTS: dict[str, dict[str, Script]] = {"greedy": {"predator": greedy, "prey": flee}}
