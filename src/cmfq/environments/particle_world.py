"""The mechanics of MPE's ``simple_tag``: pure functions on any number of worlds at once.

Everything is ``mpe2.simple_tag_v3``'s, to the last bit: from the same state and actions follow the
same positions and velocities. Less would not do, for a crowd is chaotic: with 60 agents, rounding
the state to single precision puts positions off by 1e-5 within 20 steps and by a body's width
within 50, and adding the forces in double precision but in reverse order puts them off by 1e-5
within 120. So states are in double precision, and forces add up in mpe2's order.

Agents are bodies that accelerate; obstacles are bodies that do not move. Arrays have a leading axis
of worlds; agents are first the predators, then the prey.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from cmfq.environments.base import BoolArray, FloatArray, IntArray

DoubleArray = npt.NDArray[np.float64]
RowArray = npt.NDArray[np.intp]

PREDATOR_RADIUS = 0.075
PREY_RADIUS = 0.05
OBSTACLE_RADIUS = 0.2
PREDATOR_ACCELERATION = 3.0
PREY_ACCELERATION = 4.0
TIME_STEP = 0.1
DAMPING = 0.25
"""Share of its velocity that an agent loses in a step."""
CONTACT_FORCE = 100.0
"""Per length that two bodies reach into one another; every agent's mass is 1."""
CONTACT_MARGIN = 1e-3
"""Length of the gap over which the force of a contact sets in."""
REACH = 80 * CONTACT_MARGIN
"""Across a wider gap the force is below ``100 * 0.001 * exp(-80)``, about 1e-36: left out."""
PUSHES = np.array([(0, 0), (-1, 0), (1, 0), (0, -1), (0, 1)], np.float64)
"""``(actions, 2)``: where each action accelerates."""


class WorldState(NamedTuple):
    """Positions and velocities."""

    positions: DoubleArray
    """``(worlds, agents, 2)``: x and y."""
    velocities: DoubleArray
    """``(worlds, agents, 2)``: lengths per 10 steps."""
    obstacles: DoubleArray
    """``(worlds, obstacles, 2)``: x and y."""


def step_physics(
    state: WorldState, actions: IntArray, predators: int, speeds: tuple[float, float]
) -> WorldState:
    """Move all agents of all worlds.

    Args:
        state: as it was.
        actions: ``(worlds, agents)``: rows of ``PUSHES``.
        predators: how many of the agents they are.
        speeds: the greatest of predators and of prey.

    Returns:
        The state one step later.
    """
    teams = [predators, actions.shape[1] - predators]
    acceleration = np.repeat([PREDATOR_ACCELERATION, PREY_ACCELERATION], teams)
    fastest = np.repeat(speeds, teams)
    forces = PUSHES[actions] * acceleration[:, None]
    _add_contacts(forces, state, predators)
    positions = state.positions + state.velocities * TIME_STEP
    velocities = state.velocities * (1 - DAMPING) + forces * TIME_STEP
    squares = np.square(velocities)
    speed = np.sqrt(squares[..., 0] + squares[..., 1])
    world, agent = np.nonzero(speed > fastest)
    too_fast = speed[world, agent][:, None]
    velocities[world, agent] = velocities[world, agent] / too_fast * fastest[agent][:, None]
    return WorldState(positions, velocities, state.obstacles)


def find_catches(state: WorldState, predators: int) -> BoolArray:
    """``(worlds, predators, prey)``: which predator touches which prey."""
    x, y = state.positions[..., 0], state.positions[..., 1]
    squares = np.square(x[:, :predators, None] - x[:, None, predators:])
    squares += np.square(y[:, :predators, None] - y[:, None, predators:])
    return np.sqrt(squares) < PREDATOR_RADIUS + PREY_RADIUS


def observe(state: WorldState, predators: int) -> tuple[FloatArray, FloatArray]:
    """Observations of all agents, in mpe2's order.

    Two numbers each, x and y: its own velocity and position; relative to it, the positions of the
    obstacles, of the other predators and of the other prey; the velocities of the other prey.

    Args:
        state: state of the worlds.
        predators: how many of the agents they are.

    Returns:
        ``(worlds, predators, features)`` and ``(worlds, prey, features)``; the prey's are shorter.
    """
    agents, obstacles = state.positions.shape[1], state.obstacles.shape[1]
    known = np.concatenate(state, axis=1)
    relative = slice(2, 2 + obstacles + agents - 1)
    own = (state.positions[:, :predators, None], state.positions[:, predators:, None])
    observed = []
    for rows, place in zip(_observed_rows(predators, agents, obstacles), own, strict=True):
        seen = known.take(rows, axis=1)  # (worlds, team, entries, 2)
        for axis in range(2):  # two long loops instead of many of length two
            seen[:, :, relative, axis] -= place[..., axis]
        observed.append(seen.reshape(*seen.shape[:2], -1).astype(np.float32))
    return observed[0], observed[1]


def _add_contacts(forces: DoubleArray, state: WorldState, predators: int) -> None:
    """Add to ``(worlds, agents, 2)`` forces those by which bodies in touch push one another."""
    agents, obstacles = forces.shape[1], state.obstacles.shape[1]
    touching, near = _contact_distances(predators, agents, obstacles)
    bodies = np.concatenate([state.positions, state.obstacles], axis=1)
    x, y = bodies[..., 0], bodies[..., 1]
    # Rough distances between all pairs, in single precision, find the few that matter.
    rough = bodies.astype(np.float32)
    squares = np.square(rough[:, :agents, None, 0] - rough[:, None, :, 0])
    squares += np.square(rough[:, :agents, None, 1] - rough[:, None, :, 1])
    close = squares < near
    # Pairs are listed by agent, then by the other body: the order in which mpe2 adds them up.
    # flatnonzero alone: nonzero on three axes is several times as slow.
    world, agent, other = np.unravel_index(np.flatnonzero(close), close.shape)
    away_x = x[world, agent] - x[world, other]
    away_y = y[world, agent] - y[world, other]
    distance = np.sqrt(np.square(away_x) + np.square(away_y))
    gap = distance - touching[agent, other]
    depth = np.logaddexp(0, -gap / CONTACT_MARGIN) * CONTACT_MARGIN
    row = world * agents + agent
    pushed = forces.reshape(-1, 2)
    np.add.at(pushed[:, 0], row, CONTACT_FORCE * away_x / distance * depth)
    np.add.at(pushed[:, 1], row, CONTACT_FORCE * away_y / distance * depth)


@lru_cache(maxsize=8)
def _contact_distances(
    predators: int, agents: int, obstacles: int
) -> tuple[DoubleArray, FloatArray]:
    """``(agents, bodies)``: at what distance pairs touch; the square of that at which they push."""
    counts = [predators, agents - predators, obstacles]
    radii = np.repeat([PREDATOR_RADIUS, PREY_RADIUS, OBSTACLE_RADIUS], counts)
    touching = radii[:agents, None] + radii
    near = np.square(touching + REACH).astype(np.float32)
    np.fill_diagonal(near, -1)  # nobody touches itself
    return touching, near


@lru_cache(maxsize=8)
def _observed_rows(predators: int, agents: int, obstacles: int) -> tuple[RowArray, RowArray]:
    """Which rows of (positions, velocities, obstacles) make up the observations of each team.

    Returns:
        ``(predators, entries)`` and ``(prey, entries)``.
    """
    everyone = np.arange(agents)
    standing = 2 * agents + np.arange(obstacles)
    rows = []
    for agent in everyone:
        others = np.delete(everyone, agent)
        fleeing = others[others >= predators]
        rows.append(np.concatenate([[agents + agent, agent], standing, others, agents + fleeing]))
    return np.stack(rows[:predators]), np.stack(rows[predators:])
