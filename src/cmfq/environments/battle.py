"""MAgent2's battle: two teams on a square field; the one with more survivors wins.

The game, its formation and its rewards are MAgent2's own ``battle_v4``; only the way in differs:
the engine is asked for whole arrays, about ten times as fast as PettingZoo's dictionaries.
"""

import ctypes
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from magent2.c_lib import _LIB as ENGINE
from magent2.environments import battle_v4

from cmfq.environments.base import (
    NO_ACTION,
    Body,
    FloatArray,
    IntArray,
    Scenery,
    Step,
    TeamObservation,
    TeamSpecification,
)
from cmfq.errors import UserError, require_range

MOVES = tuple((x, y) for y in range(-2, 3) for x in range(-2, 3) if abs(x) + abs(y) <= 2)
"""Where action 0, 1, ... moves to, as (x, y) from the agent's cell; y grows downwards."""
STAY = MOVES.index((0, 0))
ATTACKS = tuple((x, y) for y in range(-1, 2) for x in range(-1, 2) if (x, y) != (0, 0))
"""Which cell action ``len(MOVES) + 0, 1, ...`` attacks, as (x, y) from the agent's cell."""
ATTACK_RADIUS = 1.5
VIEW_RADIUS = 6
FULL_HEALTH = 10
"""Hit points at the start. Channel ``my_team_health`` is a share of it."""
CHANNELS = (
    "obstacle",
    "my_team_presence",
    "my_team_health",
    "my_team_minimap",
    "other_team_presence",
    "other_team_health",
    "other_team_minimap",
)
OWN_HEALTH = CHANNELS.index("my_team_health")
ID_BITS = 10
FORMATION_GAP = 3
"""Cells between the middle of the field and each formation."""
SMALLEST_MAP = 12
LARGEST_MAP = 400
"""Of the maps that a size is looked up among: 6,400 agents a side."""


@dataclass(frozen=True)
class BattleSettings:
    """MAgent battle: two mirrored formations, annihilation or a step limit."""

    size: int = 64
    """Agents a side; MAgent2's maps have 64, 81, 100, 121, ..., 400, ..., 6400."""
    map_size: int = 0
    """Side of the field in cells; 0 takes the smallest map that holds ``size`` a side."""
    max_steps: int = 400
    """An episode is cut off after this many steps."""
    step_reward: float = -0.005
    """For every step (paper: -0.005)."""
    attack_penalty: float = -0.1
    """For every attack, hit or miss (paper: -0.1)."""
    dead_penalty: float = -0.1
    """For dying (paper: -0.1)."""
    attack_opponent_reward: float = 0.2
    """For an attack that hits an opponent (MAgent2's default; the paper names none)."""

    def __post_init__(self) -> None:
        require_range(self, 1, 1e6, "max_steps")
        rewards = ("step_reward", "attack_penalty", "dead_penalty", "attack_opponent_reward")
        require_range(self, -1e6, 1e6, *rewards)
        if self.map_size:
            require_range(self, SMALLEST_MAP, LARGEST_MAP, "map_size")
        if self.map_size and agents_a_side(self.map_size) != self.size:
            raise UserError(
                f"map_size {self.map_size} holds {agents_a_side(self.map_size)} agents a side, "
                f"not {self.size}: leave map_size out, or give that size"
            )
        if not self.map_size:
            map_size_for(self.size)

    @property
    def title(self) -> str:
        """A few words for headings."""
        return f"battle, {self.size} a side"

    def with_size(self, size: int) -> "BattleSettings":
        """The same game with another number of agents a side."""
        return BattleSettings(**{**vars(self), "size": size, "map_size": 0})


def agents_a_side(map_size: int) -> int:
    """How many agents MAgent2 places on each side of a field of this size.

    Two square formations, two cells between agents; what would stand in a wall is left out.
    """
    side = 2 * int(math.sqrt(map_size * map_size * 0.04))
    inside = range(1, map_size - 1)
    top = (map_size - side) // 2
    rows = sum(y in inside for y in range(top, top + side, 2))
    left = map_size // 2 - FORMATION_GAP - side
    columns = sum(x in inside for x in range(left, left + side, 2))
    return rows * columns


def map_size_for(size: int) -> int:
    """Smallest map with exactly ``size`` agents a side (64 -> 40, 81 -> 45, 100 -> 50, 400 -> 100).

    Raises:
        UserError: no map has this size; the nearest ones are named.
    """
    smallest = {agents_a_side(m): m for m in range(LARGEST_MAP, SMALLEST_MAP - 1, -1)}
    if size not in smallest:
        nearest = sorted(sorted(smallest, key=lambda known: abs(known - size))[:2])
        raise UserError(
            f"no battle map has {size} agents a side: the nearest sizes are "
            f"{' and '.join(map(str, nearest))}"
        )
    return smallest[size]


def map_size_of(settings: BattleSettings) -> int:
    """Side of the field in cells."""
    return settings.map_size or map_size_for(settings.size)


class BattleEnvironment:
    """Battle through the MAgent2 engine's array calls (see :class:`~.base.Environment`)."""

    def __init__(self, settings: BattleSettings) -> None:
        self.settings = settings
        self.map_size = map_size_of(settings)
        self._game = battle_v4.parallel_env(
            map_size=self.map_size,
            max_cycles=settings.max_steps,
            minimap_mode=True,
            extra_features=True,
            step_reward=settings.step_reward,
            attack_penalty=settings.attack_penalty,
            dead_penalty=settings.dead_penalty,
            attack_opponent_reward=settings.attack_opponent_reward,
        ).unwrapped
        self._engine = self._game.env
        self._handles = self._engine.get_handles()
        self._previous_actions: list[IntArray] = []
        self._steps = 0
        actions = tuple(
            [f"move {x:+d} {y:+d}" if (x, y) != (0, 0) else "stay" for x, y in MOVES]
            + [f"attack {x:+d} {y:+d}" for x, y in ATTACKS]
        )
        features = (
            *(f"id_bit_{bit}" for bit in range(ID_BITS)),
            *(f"previous_{action}" for action in actions),
            "previous_reward",
            "position_x",
            "position_y",
        )
        side = 2 * VIEW_RADIUS + 1
        self.teams = tuple(
            TeamSpecification(name, (side, side), CHANNELS, features, actions, VIEW_RADIUS)
            for name in ("red", "blue")
        )

    def scenery(self) -> Scenery:
        """See :class:`~.base.Environment`."""
        body = Body("square", 1.0, FULL_HEALTH, (*(None for _ in MOVES), *ATTACKS))
        walls: IntArray = self._engine._get_walls_info().copy()
        side = self.map_size
        return Scenery((0, 0, side, side), walls, np.zeros((0, 3), np.float32), (body, body))

    def reset(self, seed: int) -> tuple[TeamObservation, ...]:
        """Both teams in MAgent2's formation. The seed decides the order in which blows fall."""
        self._engine.set_seed(seed)
        self._engine.reset()
        self._game.generate_map()
        self._steps = 0
        self._previous_actions = [
            np.full(self._engine.get_num(handle), NO_ACTION, np.int32) for handle in self._handles
        ]
        return self._observe()

    def step(self, actions: Sequence[IntArray]) -> Step:
        """Move, then attack, then bury the dead."""
        for handle, taken, previous in zip(
            self._handles, actions, self._previous_actions, strict=True
        ):
            if taken.shape != previous.shape:
                raise ValueError(f"{len(previous)} agents live, {len(taken)} actions were given")
            self._engine.set_action(handle, np.ascontiguousarray(taken, np.int32))
        over = self._engine.step()
        rewards = tuple(self._engine.get_reward(handle) for handle in self._handles)
        alive = tuple(self._engine.get_alive(handle) for handle in self._handles)
        self._engine.clear_dead()
        self._previous_actions = [
            taken[living] for taken, living in zip(actions, alive, strict=True)
        ]
        self._steps += 1
        truncated = not over and self._steps >= self.settings.max_steps
        return Step(self._observe(), rewards, alive, over, truncated)

    def _observe(self) -> tuple[TeamObservation, ...]:
        observations = []
        for handle, previous in zip(self._handles, self._previous_actions, strict=True):
            view, features = _views_and_features(self._engine, handle, len(previous))
            observations.append(
                TeamObservation(
                    view,
                    features,
                    self._engine.get_agent_id(handle),
                    self._engine.get_pos(handle),
                    previous,
                    health=view[:, VIEW_RADIUS, VIEW_RADIUS, OWN_HEALTH] * FULL_HEALTH,
                )
            )
        return tuple(observations)


def _views_and_features(engine: Any, handle: Any, agents: int) -> tuple[FloatArray, FloatArray]:
    """Fill fresh arrays: the engine's own ``get_observation`` reuses its buffers between steps."""
    view = np.empty((agents, *engine.view_space[handle.value]), np.float32)
    features = np.empty((agents, *engine.feature_space[handle.value]), np.float32)
    if agents == 0:
        return view, features  # asked about an empty group, the engine reads freed memory
    pointer = ctypes.POINTER(ctypes.c_float)
    buffers = (pointer * 2)(view.ctypes.data_as(pointer), features.ctypes.data_as(pointer))
    ENGINE.env_get_observation(engine.game, handle, buffers)
    return view, features
