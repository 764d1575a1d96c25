"""Neighbourhoods ``N(i)``: who is whose neighbour, and what the neighbours did.

Weights that depend on a neighbour's action alone need of a neighbourhood only *how many neighbours
took which action*: one row of counts per agent. Attention looks at each neighbour, and needs the
interactions themselves.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int, Real
from numpy import ndarray as Array
from scipy.spatial import cKDTree

from cmfq.mean_field.validity import check_neighbours


class Interactions(NamedTuple):
    """Pairs of an agent and a neighbour that acted in the step before, in no order."""

    agent: Int[Array, " pairs"]
    """Row of the agent."""
    neighbour: Int[Array, " pairs"]
    """Row of its neighbour."""
    action: Int[Array, " pairs"]
    """Action of the neighbour."""


def find_interactions(
    positions: Real[Array, "agents 2"],
    groups: Int[Array, " agents"],
    previous_actions: Int[Array, " agents"],
    radius: float,
    body_side: int = 1,
) -> Interactions:
    """All pairs of the same group at most ``radius`` apart (Euclidean).

    Distances go from an agent's middle to the middle of the nearest cell of the other's body: for
    bodies of one cell, and for points, that is the distance between the two positions.

    Nobody is its own neighbour. Neighbours that have not acted yet (``previous_actions`` is
    negative: everybody at ``t = 0``) are left out. Time and memory grow with the number of pairs.

    Args:
        positions: where the agents stand, in any unit.
        groups: only agents of the same group are neighbours (a team, or everyone in a world).
        previous_actions: what each agent did in the step before, negative for nothing yet.
        radius: how far neighbours reach; infinite: the whole group.
        body_side: cells along each side of every agent's square body.
    """
    span = float(np.hypot(*np.ptp(positions, axis=0))) if len(positions) else 0.0
    radius = min(radius, span * (1 + 1e-6))  # rounding must not lose the two farthest apart
    apart = groups[:, None] * (2 * span + 1)  # a third axis: other groups are out of reach
    tree = cKDTree(np.hstack([positions, apart]), compact_nodes=False, balanced_tree=False)
    wide = (body_side - 1) / 2  # from the middle of a body to that of its outermost cells
    one, other = tree.query_pairs(radius + wide * np.sqrt(2), output_type="ndarray").T
    if wide:
        between = np.abs(positions[one] - positions[other]) - wide
        near = np.hypot(*np.maximum(between, wide % 1).T) <= radius
        one, other = one[near], other[near]
    agent, neighbour = np.concatenate([one, other]), np.concatenate([other, one])
    action = previous_actions[neighbour]
    acted = action >= 0
    return Interactions(agent[acted], neighbour[acted], action[acted])


def count_neighbour_actions(
    positions: Real[Array, "agents 2"],
    groups: Int[Array, " agents"],
    previous_actions: Int[Array, " agents"],
    actions: int,
    radius: float,
    body_side: int = 1,
) -> Float32[Array, "agents actions"]:
    """Number of each agent's neighbours that took each action in the step before.

    At ``t = 0``, as for an agent without neighbours, the row is zero. Arguments as in
    :func:`find_interactions`.
    """
    if np.isinf(radius):
        return _count_group_actions(groups, previous_actions, actions)
    found = find_interactions(positions, groups, previous_actions, radius, body_side)
    return count_actions(found, len(positions), actions)


def count_actions(
    interactions: Interactions, agents: int, actions: int
) -> Float32[Array, "agents actions"]:
    """Sum interactions up: how many of each agent's neighbours took each action.

    Raises:
        InvalidForAgent: a neighbour is nobody who lives.
    """
    check_neighbours(interactions.agent, interactions.neighbour, agents)
    cells = interactions.agent * actions + interactions.action
    counts = np.bincount(cells, minlength=agents * actions)
    return counts.reshape(agents, actions).astype(np.float32)


def _count_group_actions(
    groups: Int[Array, " agents"], previous_actions: Int[Array, " agents"], actions: int
) -> Float32[Array, "agents actions"]:
    """Everyone in the group but oneself, without forming a pair."""
    own = np.zeros((len(groups), actions), np.float32)
    acted = np.flatnonzero(previous_actions >= 0)
    own[acted, previous_actions[acted]] = 1
    total = np.zeros((groups.max(initial=0) + 1, actions), np.float32)
    np.add.at(total, groups, own)
    counts: Float32[Array, "agents actions"] = total[groups] - own
    return counts
