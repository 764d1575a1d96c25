"""Scripted opponents for battle. They use what an agent observes, and nothing else."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from cmfq.environments.base import BoolArray, FloatArray, IntArray, TeamObservation
from cmfq.environments.battle import ATTACKS, MOVES, VIEW_RADIUS
from cmfq.environments.magent import CHANNELS
from cmfq.errors import unknown_name
from cmfq.policies import Decision

OBSTACLE = CHANNELS.index("obstacle")
OWN = CHANNELS.index("my_team_presence")
OWN_MINIMAP = CHANNELS.index("my_team_minimap")
ENEMY = CHANNELS.index("other_team_presence")
ENEMY_HEALTH = CHANNELS.index("other_team_health")
ENEMY_MINIMAP = CHANNELS.index("other_team_minimap")

Value = TypeVar("Value", np.float32, np.bool_)

MOVE_OFFSETS = np.array(MOVES, np.int32)
ATTACK_OFFSETS = np.array(ATTACKS, np.int32)
FAR_AWAY = 1e6
TIE_BREAK = 1e-3

Script = Callable[[TeamObservation, np.random.Generator], IntArray]


def random(observation: TeamObservation, generator: np.random.Generator) -> IntArray:
    """Any action, all alike."""
    return generator.integers(len(MOVES) + len(ATTACKS), size=len(observation.ids), dtype=np.int32)


def rush(observation: TeamObservation, generator: np.random.Generator) -> IntArray:
    """Go straight to the nearest enemy and attack."""
    goal = _nearest_enemy(observation)
    return _attack_or_move(observation, _move_to(goal, generator), generator)


def focus(observation: TeamObservation, generator: np.random.Generator) -> IntArray:
    """Attack the weakest enemy in reach, else go straight to the nearest one."""
    goal = _nearest_enemy(observation)
    health = _at(observation.view[..., ENEMY_HEALTH], ATTACK_OFFSETS)
    return _attack_or_move(observation, _move_to(goal, generator), generator, preference=health)


def swarm(observation: TeamObservation, generator: np.random.Generator) -> IntArray:
    """Like rush, but never wait behind a team-mate: go round to where there is room to fight.

    Far stronger than ``rush``: the whole team fights at once.
    """
    goal = _nearest_enemy(observation)
    view = observation.view
    occupied = view[..., OBSTACLE] + view[..., OWN] + view[..., ENEMY] > 0
    occupied[:, VIEW_RADIUS, VIEW_RADIUS] = False  # one's own cell: to stay is always possible
    blocked = _at(occupied, MOVE_OFFSETS)
    return _attack_or_move(observation, _move_to(goal, generator, blocked), generator)


BOTS: dict[str, Script] = {"random": random, "rush": rush, "focus": focus, "swarm": swarm}


@dataclass(frozen=True)
class Bot:
    """A script as a policy (see :class:`cmfq.policies.Policy`)."""

    script: Script

    def decide(
        self,
        observations: Sequence[TeamObservation],
        generator: np.random.Generator,
        others: Sequence[TeamObservation] = (),
        worlds: Sequence[int] | None = None,
    ) -> list[Decision]:
        """Let the script decide for each team."""
        return [Decision(self.script(observation, generator)) for observation in observations]


def bot(name: str) -> Bot:
    """Look a scripted opponent up by name.

    Raises:
        UserError: there is none of that name.
    """
    if name not in BOTS:
        raise unknown_name("scripted opponent", name, BOTS)
    return Bot(BOTS[name])


def _attack_or_move(
    observation: TeamObservation,
    move: IntArray,
    generator: np.random.Generator,
    preference: FloatArray | float = 0.0,
) -> IntArray:
    """Attack the enemy in reach with the lowest preference value, else move.

    Ties fall at random.
    """
    in_reach = _at(observation.view[..., ENEMY], ATTACK_OFFSETS) > 0
    order = preference + generator.random(in_reach.shape) * TIE_BREAK
    attack = len(MOVES) + np.where(in_reach, order, FAR_AWAY).argmin(1)
    return np.where(in_reach.any(1), attack, move).astype(np.int32)


def _move_to(
    goal: FloatArray, generator: np.random.Generator, blocked: BoolArray | None = None
) -> IntArray:
    """The move ``(agents,)`` that ends nearest to the goal, an offset (x, y), beside it at best."""
    distance = np.linalg.norm(goal[:, None] - MOVE_OFFSETS[None], axis=-1)
    distance[distance == 0] = FAR_AWAY  # an enemy stands there
    distance += generator.random(distance.shape) * TIE_BREAK
    if blocked is not None:
        distance[blocked] = FAR_AWAY
    move: IntArray = distance.argmin(1).astype(np.int32)
    return move


def _nearest_enemy(observation: TeamObservation) -> FloatArray:
    """Offset ``(agents, 2)`` as (x, y) to the nearest enemy seen, else on the minimap."""
    seen = observation.view[..., ENEMY] > 0
    nearest, any_seen = _nearest(seen, np.full((len(seen), 2), VIEW_RADIUS))
    minimap = observation.view[..., ENEMY_MINIMAP]
    own_minimap = observation.view[..., OWN_MINIMAP].reshape(len(seen), -1)
    own_cell = np.stack(np.unravel_index(own_minimap.argmax(1), minimap.shape[1:])[::-1], axis=1)
    on_minimap = minimap > 0
    # The engine adds 1 to the agent's own cell on every minimap; enemies there would be in view.
    on_minimap[np.arange(len(seen)), own_cell[:, 1], own_cell[:, 0]] = False
    direction, _ = _nearest(on_minimap, own_cell)
    offset: FloatArray = np.where(any_seen[:, None], nearest, direction * VIEW_RADIUS)
    return offset


def _nearest(marked: BoolArray, origin: IntArray) -> tuple[FloatArray, BoolArray]:
    """Offset (x, y) from each row's origin to its nearest marked cell, and whether it has one."""
    height, width = marked.shape[1:]
    offset = np.stack(np.meshgrid(np.arange(width), np.arange(height)), -1) - origin[:, None, None]
    distance = np.where(marked, (offset**2).sum(-1), FAR_AWAY).reshape(len(marked), -1)
    nearest = distance.argmin(1)
    rows = np.arange(len(marked))
    found = distance[rows, nearest] < FAR_AWAY
    return offset.reshape(len(marked), -1, 2)[rows, nearest] * found[:, None], found


def _at(grid: npt.NDArray[Value], offsets: IntArray) -> npt.NDArray[Value]:
    """Values ``(agents, offsets)`` of the view at (x, y) offsets from the agent."""
    values: npt.NDArray[Value] = grid[:, VIEW_RADIUS + offsets[:, 1], VIEW_RADIUS + offsets[:, 0]]
    return values
