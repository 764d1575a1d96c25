"""Who is whose neighbour, ``N(i)``, and what the neighbours did.

A merged action depends on the neighbours through *how many of them took which action*. So all that
the algorithms need of a neighbourhood is one row of counts per agent.
"""

import numpy as np
from jaxtyping import Float32, Int
from numpy import ndarray as Array
from scipy.spatial import cKDTree


def neighbour_pairs(
    positions: Int[Array, "agents 2"], groups: Int[Array, " agents"], radius: float
) -> tuple[Int[Array, " pairs"], Int[Array, " pairs"]]:
    """All pairs (agent, neighbour) of the same group at most ``radius`` apart (Euclidean).

    Nobody is its own neighbour. Time and memory grow with the number of pairs, not with the square
    of the number of agents.

    Returns:
        Rows of the agents, and beside each the row of one of its neighbours.
    """
    span = float(np.ptp(positions)) if len(positions) else 0.0
    apart = groups[:, None] * (span + radius + 1)  # a third axis: other groups are out of reach
    tree = cKDTree(np.hstack([positions, apart]), compact_nodes=False, balanced_tree=False)
    pairs = tree.query_pairs(radius, output_type="ndarray")
    return np.concatenate([pairs[:, 0], pairs[:, 1]]), np.concatenate([pairs[:, 1], pairs[:, 0]])


def count_neighbour_actions(
    positions: Int[Array, "agents 2"],
    groups: Int[Array, " agents"],
    previous_actions: Int[Array, " agents"],
    actions: int,
    radius: float,
) -> Float32[Array, "agents actions"]:
    """How many of each agent's neighbours took each action in the step before.

    Neighbours that have not acted yet (``previous_actions`` is negative: everybody at ``t = 0``)
    are not counted. So at ``t = 0``, as for an agent without neighbours, the row is zero.

    Args:
        positions: where the agents stand, in any unit.
        groups: only agents of the same group are neighbours (a team, or everyone in a world).
        previous_actions: what each agent did in the step before, negative for nothing yet.
        actions: number of actions.
        radius: how far neighbours reach; infinite: the whole group.
    """
    agents = len(positions)
    if np.isinf(radius):
        return _count_group_actions(groups, previous_actions, actions)
    agent, neighbour = neighbour_pairs(positions, groups, radius)
    action = previous_actions[neighbour]
    acted = action >= 0
    cells = agent[acted] * actions + action[acted]
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
