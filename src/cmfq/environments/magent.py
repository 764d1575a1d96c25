"""Common parts of the games of the MAgent2 engine: access to it, whole arrays at a time.

The rules and rewards are the engine's; PettingZoo's dictionaries, which cost about ten times as
much, are left out. Every array is filled fresh: the engine's own calls reuse theirs between steps.
"""

import ctypes
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from cmfq.environments.base import (
    NO_ACTION,
    FloatArray,
    IntArray,
    PositionArray,
    Step,
    TeamObservation,
    TeamSpecification,
    require_running,
)
from cmfq.environments.engine import engine_module
from cmfq.environments.frames import Frame

Rules = Literal["fair", "magent"]
"""``fair``: the team that moves first is drawn at every step. ``magent``: MAgent2's own game, in
which the first team always moves first."""

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
COMPASS = (
    "compass_enemy_x",
    "compass_enemy_y",
    "compass_mates_x",
    "compass_mates_y",
    "compass_strength",
)
"""Features that mean the same on a map of any size: where the nearest enemy and the middle of the
own team are, each as a vector ``v / (|v| + COMPASS_CELLS)``, and the own team's share of all."""
COMPASS_CELLS = 6.0
_ORDER_STREAM = 1
"""Tells the draws of the order of moves from others of the same seed."""
KEPT_MEMORY = 24 << 20
"""Bytes of a block that is asked for and given back, untouched, when a world is made. The C library
hands freed memory back to the system beyond twice the largest block freed so far; with small blocks
alone it would do so at every step (measured at 400 a side: four times the engine's own time)."""

Offsets = Sequence[tuple[float, float]]
Array = npt.NDArray[Any]


def rules_title(rules: Rules) -> str:
    """End of a title that names the rules; empty for fair ones."""
    return "" if rules == "fair" else ", MAgent2's own rules"


def team_specification(
    name: str,
    moves: Offsets,
    attacks: Offsets,
    *,
    view_side: int,
    view_radius: float,
    role: str = "agent",
    body_side: int = 1,
    map_size: int = 0,
) -> TeamSpecification:
    """Specification of a team of the engine.

    Args:
        name: name of the team.
        moves: where each of the first actions moves to, as (x, y); y grows downwards.
        attacks: where each of the further actions strikes, as (x, y) from the body's middle.
        view_side: side of the view, in cells; its middle is the body's middle.
        view_radius: how far an agent sees from there: what is farther is blank in the view.
        role: role of the team.
        body_side: cells along each side of an agent's body.
        map_size: side of the field in cells.
    """
    actions = tuple(
        [f"move {x:+g} {y:+g}" if (x, y) != (0, 0) else "stay" for x, y in moves]
        + [f"attack {x:+g} {y:+g}" for x, y in attacks]
    )
    features = (
        *(f"id_bit_{bit}" for bit in range(ID_BITS)),
        *(f"previous_{action}" for action in actions),
        "previous_reward",
        "position_x",
        "position_y",
        *COMPASS,
    )
    view_shape = (view_side, view_side)
    return TeamSpecification(
        name,
        view_shape,
        CHANNELS,
        features,
        actions,
        view_radius,
        role,
        body_side=body_side,
        map_size=map_size,
    )


class MAgentWorld:
    """A game of the engine, stepped with whole arrays. Several can stand side by side."""

    def __init__(
        self,
        config: Any,
        teams: tuple[TeamSpecification, ...],
        *,
        map_size: int,
        max_steps: int,
        full_health: int | None = None,
        rules: Rules = "fair",
        frames: Sequence[Frame | None] = (None, None),
        transposed: bool = False,
    ) -> None:
        """Make the world; it is empty until :meth:`reset`.

        Args:
            config: the engine's rules.
            teams: teams of its groups, in their order.
            map_size: side of the field in cells.
            max_steps: an episode is cut off after this many steps.
            full_health: hit points at the start, for observations; ``None`` where nobody is hurt.
            rules: who moves first.
            frames: how each team sees the field and acts in it; ``None``: as the engine does.
            transposed: whether the map lies in the engine on its side.
        """
        np.empty(KEPT_MEMORY, np.uint8)
        self._config = config
        self._library = engine_module("c_lib")._LIB
        self._engine = self._new_engine()
        self._handles = self._engine.get_handles()
        self._teams = teams
        self._map_size = map_size
        self._max_steps = max_steps
        self._full_health = full_health
        self._fair = rules == "fair"
        self._frames = frames
        self._transposed = transposed
        self._second_first = np.zeros(0, np.bool_)
        self._previous_actions: list[IntArray] = []
        self._steps = 0
        self._over = False

    def reset(self, seed: int, place: Callable[[Any], None]) -> tuple[TeamObservation, ...]:
        """Start an episode on an empty field, which ``place`` fills; draws come from ``seed``.

        The engine takes 0 and 1 for the same seed. It is made afresh, in a tenth of a millisecond:
        nothing of the episode before is left, nor the memory that its own reset leaks on large maps
        (7 KiB each time).
        """
        self._engine = self._new_engine()
        self._handles = self._engine.get_handles()
        self._engine.set_seed(seed)
        self._engine.reset()
        place(self._engine)
        self._steps, self._over = 0, False
        self._second_first = np.zeros(self._max_steps, np.bool_)
        if self._fair:
            generator = np.random.default_rng((seed, _ORDER_STREAM))
            self._second_first = generator.random(self._max_steps) < 0.5
        self._previous_actions = [
            np.full(self._engine.get_num(handle), NO_ACTION, np.int32) for handle in self._handles
        ]
        return self._observe()

    def _new_engine(self) -> Any:
        return engine_module("gridworld").GridWorld(self._config)

    def step(self, actions: Sequence[IntArray]) -> Step:
        """Attack, in an order that the engine draws, then move, one team after the other.

        The dead do neither. Within a team, moves are made in the order of its rows.
        """
        require_running(over=self._over)
        taken = [np.ascontiguousarray(team, np.int32) for team in actions]
        # All are checked before any is set: the engine would keep the first team's for later.
        for team, previous, specification in zip(
            taken, self._previous_actions, self._teams, strict=True
        ):
            _require_actions(team, len(previous), len(specification.actions))
        handed = list(zip(self._handles, taken, self._frames, strict=True))
        # The engine moves agents in the order in which their actions were handed to it.
        for handle, team, frame in handed[::-1] if self._second_first[self._steps] else handed:
            self._engine.set_action(handle, team if frame is None else frame.actions[team])
        over = self._engine.step()
        rewards, alive = [], []
        for handle, team in zip(self._handles, taken, strict=True):
            rewards.append(np.empty(len(team), np.float32))
            self._library.env_get_reward(self._engine.game, handle, rewards[-1].ctypes)
            alive.append(self._ask(handle, b"alive", np.empty(len(team), np.bool_)))
        self._engine.clear_dead()
        self._previous_actions = [team[living] for team, living in zip(taken, alive, strict=True)]
        self._steps += 1
        truncated = not over and self._steps >= self._max_steps
        self._over = over or truncated
        return Step(self._observe(), tuple(rewards), tuple(alive), over, truncated)

    def walls(self) -> IntArray:
        """``(walls, 2)``: x and y of the cells that nobody enters, the field's border too.

        Raises:
            ValueError: no episode was started: the engine would end the process.
        """
        if not self._previous_actions:
            raise ValueError("the field has no walls before the first reset")
        found = self._ask(-1, b"walls_info", np.empty((self._map_size**2 + 1, 2), np.int32))
        return self._on_map(found[1 : 1 + found[0, 0]])

    def _observe(self) -> tuple[TeamObservation, ...]:
        sizes = [len(previous) for previous in self._previous_actions]
        positions = [
            self._on_map(self._ask(handle, b"pos", np.empty((size, 2), np.int32)))
            for handle, size in zip(self._handles, sizes, strict=True)
        ]
        observations = []
        for team, (handle, previous) in enumerate(
            zip(self._handles, self._previous_actions, strict=True)
        ):
            view, features = self._views_and_features(handle, len(previous))
            own, others = positions[team], positions[:team] + positions[team + 1 :]
            if 0 in sizes:  # the engine divides a lost team's minimap by its size
                np.nan_to_num(view, copy=False)
            stand = own, np.concatenate(others)
            if (frame := self._frames[team]) is not None:
                mine, theirs = stand
                stand = (
                    frame.positions(mine, self._map_size),
                    frame.positions(theirs, self._map_size),
                )
                view, features = frame.see(view, features, *stand, self._map_size)
            theirs_wider = self._teams[1 - team].body_side - self._teams[team].body_side
            features[:, -len(COMPASS) :] = compass(*stand, theirs_wider / 2)
            health = None
            if self._full_health is not None:
                middle = view.shape[1] // 2
                health = view[:, middle, middle, OWN_HEALTH] * self._full_health
            observations.append(
                TeamObservation(
                    view,
                    features,
                    self._ask(handle, b"id", np.empty(len(previous), np.int32)),
                    own,
                    previous,
                    health=health,
                )
            )
        return tuple(observations)

    def _on_map(self, positions: IntArray) -> IntArray:
        """Positions ``(rows, 2)`` in the engine as positions on the map, in memory of their own."""
        return np.ascontiguousarray(positions[:, ::-1]) if self._transposed else positions.copy()

    def _views_and_features(self, handle: Any, agents: int) -> tuple[FloatArray, FloatArray]:
        view = np.empty((agents, *self._engine.view_space[handle.value]), np.float32)
        (known,) = self._engine.feature_space[handle.value]
        features = np.empty((agents, known + len(COMPASS)), np.float32)
        if agents:  # asked about an empty group, the engine reads freed memory
            answer = np.empty((agents, known), np.float32)
            buffers = (ctypes.c_void_p * 2)(view.ctypes.data, answer.ctypes.data)
            self._library.env_get_observation(self._engine.game, handle, buffers)
            features[:, :known] = answer
        return view, features

    def _ask(self, handle: Any, what: bytes, answer: Array) -> Array:
        self._library.env_get_info(self._engine.game, handle, what, answer.ctypes)
        return answer


def compass(own: PositionArray, others: PositionArray, offset: float = 0.0) -> FloatArray:
    """:data:`COMPASS` of each agent, ``(agents, 5)``; vectors are 0 where there is nobody.

    Args:
        own: ``(agents, 2)``, where the agents of the team stand.
        others: ``(enemies, 2)``, where all enemies stand.
        offset: added to where they stand: positions are corners of bodies, and directions are from
            middle to middle.
    """
    answer = np.zeros((len(own), len(COMPASS)), np.float32)
    if len(own) and len(others):
        others = others + offset
        tree = cKDTree(others, compact_nodes=False, balanced_tree=False)
        answer[:, 0:2] = _shortened(others[tree.query(own)[1]] - own)
    if len(own) > 1:
        answer[:, 2:4] = _shortened((own.sum(0) - own) / (len(own) - 1) - own)
    answer[:, 4] = len(own) / max(1, len(own) + len(others))
    return answer


def _shortened(vectors: Array) -> Array:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    shortened: Array = vectors / (length + COMPASS_CELLS)
    return shortened


def _require_actions(taken: IntArray, agents: int, actions: int) -> None:
    if taken.shape != (agents,):
        raise ValueError(f"{agents} agents live, actions of shape {taken.shape} were given")
    # As unsigned numbers the negative ones are the greatest: one look finds both.
    if agents and taken.view(np.uint32).max() >= actions:
        raise ValueError(f"actions are from 0 to {actions - 1}: {taken.tolist()} were given")
