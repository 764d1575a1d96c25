"""MAgent2's adversarial pursuit: slow, large predators hunt fast, small prey; nobody dies.

The game, its walls and its rewards are those of MAgent2's ``adversarial_pursuit_v4``. A predator
attacks one of the eight cells that share an edge with its body. If a prey stands there, the
predator gets the reward and the prey the penalty for a tag, once for every predator that attacks
it. Every attack, hit or miss, costs the predator the attack penalty. All attacks come before all
moves, so an attack on a prey in view does not miss. There is no special reward for surrounding: a
prey that cannot get away is attacked in every step, by all predators that have room beside it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np

from cmfq.environments import strong
from cmfq.environments.base import Body, IntArray, Scenery, Step, TeamObservation
from cmfq.environments.engine import engine_module
from cmfq.environments.magent import MAgentWorld, Rules, rules_title, team_specification
from cmfq.environments.settings import EnvironmentSettings, TrainingDefaults
from cmfq.errors import UserError, require_range, require_types

PREDATOR_SIDE = 2
"""A predator's position is the cell of its body with the least x and y."""
PREDATOR_MOVES = tuple((x, y) for y in (-1, 0, 1) for x in (-1, 0, 1) if abs(x) + abs(y) <= 1)
"""Offset (x, y) of a predator's move 0, 1, ...; y grows downwards."""
_RING = (-1.5, -0.5, 0.5, 1.5)
PREDATOR_ATTACKS = tuple((x, y) for y in _RING for x in _RING if abs(x) + abs(y) == 2)
"""Middle of the cell that action ``len(PREDATOR_MOVES) + 0, 1, ...`` strikes, as (x, y) from the
middle of the predator's body."""
PREY_MOVES = tuple((x, y) for y in (-1, 0, 1) for x in (-1, 0, 1))
"""Offset (x, y) of a prey's move 0, 1, ...."""
PREDATOR_VIEW_RADIUS = 5
PREY_VIEW_RADIUS = 4
CELLS_PER_PREDATOR = 80
CELLS_PER_PREY = 40
"""MAgent2's density."""
WALL_SHARE = 0.03
"""Walls inside the field per cell of it, as many as MAgent2 draws."""
SMALLEST_MAP = 9
LARGEST_MAP = 400
LEAST_ROOM = 0.25
"""Least share of free cells among those that the engine draws to place the last predator or prey:
it ends the process if it finds none in ``map_size²`` draws."""


@dataclass(frozen=True)
class PursuitSettings(EnvironmentSettings):
    """MAgent adversarial pursuit: predators hunt prey until the step limit."""

    kind: ClassVar = "pursuit"

    predators: int = 20
    """Number of predators; each fills 2 by 2 cells."""
    prey: int = 40
    """Number of prey."""
    map_size: int = 0
    """Side of the field in cells; 0 takes the smallest with MAgent2's density: 40 for 20 predators
    and 40 prey, 57 for 40 and 80, 80 for 80 and 160, 120 for 180 and 360."""
    max_steps: int = 500
    """Number of steps of an episode (MAgent2: 500)."""
    attack_penalty: float = -0.2
    """Reward of a predator for every attack, hit or miss (paper: -0.2)."""
    tag_reward: float = 1.0
    """Reward of a predator for an attack that hits a prey (paper: +1)."""
    tagged_penalty: float = -1.0
    """Reward of a prey for every attack that hits it (paper: -1)."""
    rules: Rules = "fair"
    """Rules of the game: fair, the team that moves first is drawn at every step; or magent,
    MAgent2's own game, in which predators always move first."""

    def __post_init__(self) -> None:
        require_types(self)
        require_range(self, 1, 1e6, "max_steps")
        require_range(self, -1e6, 1e6, "attack_penalty", "tag_reward", "tagged_penalty")
        require_range(self, 1, LARGEST_MAP**2 // CELLS_PER_PREDATOR, "predators")
        require_range(self, 1, LARGEST_MAP**2 // CELLS_PER_PREY, "prey")
        if self.map_size:
            require_range(self, SMALLEST_MAP, LARGEST_MAP, "map_size")
            if _least_room(self) < LEAST_ROOM:
                raise UserError(
                    f"map_size {self.map_size} is too small for {self.predators} predators and "
                    f"{self.prey} prey: leave map_size out for {map_size_for(self)}, or take fewer"
                )

    @property
    def title(self) -> str:
        """A few words for headings."""
        rules = rules_title(self.rules)
        return f"pursuit, {self.predators} predators, {self.prey} prey{rules}"

    @property
    def team_sizes(self) -> tuple[int, int]:
        """See :class:`~.settings.EnvironmentSettings`."""
        return self.predators, self.prey

    @property
    def training(self) -> TrainingDefaults:
        """Fewer episodes: each is ten times as long as a battle."""
        return TrainingDefaults({"episodes": 80, "checkpoint_period": 20}, strong=strong.PURSUIT)

    def make(self) -> "PursuitEnvironment":
        """See :class:`~.settings.EnvironmentSettings`."""
        return PursuitEnvironment(self)

    def resized(self, size: int) -> Self:
        """As many predators as asked for, prey in proportion, on a field that fits.

        From 20 predators, 80 make the game four times as large, 180 nine times.
        """
        prey = max(1, round(self.prey * size / self.predators))
        return replace(self, predators=size, prey=prey, map_size=0)


def map_size_for(settings: PursuitSettings) -> int:
    """Smallest field where predators and prey stand no closer than in MAgent2."""
    cells = max(CELLS_PER_PREDATOR * settings.predators, CELLS_PER_PREY * settings.prey)
    return max(SMALLEST_MAP, math.isqrt(cells - 1) + 1)


def map_size_of(settings: PursuitSettings) -> int:
    """Side of the field in cells."""
    return settings.map_size or map_size_for(settings)


def walls_inside(map_size: int) -> int:
    """Number of walls that MAgent2 draws inside a field of this size."""
    return int(map_size * map_size * WALL_SHARE)


class PursuitEnvironment:
    """Pursuit through the MAgent2 engine's array calls (see :class:`~.base.Environment`)."""

    steps_on_threads = True
    """The engine's calls release Python's lock, and each world has an engine of its own."""

    def __init__(self, settings: PursuitSettings) -> None:
        self.settings = settings
        self.map_size = map_size_of(settings)
        self.teams = (
            team_specification(
                "predators",
                PREDATOR_MOVES,
                PREDATOR_ATTACKS,
                view_side=2 * PREDATOR_VIEW_RADIUS,
                view_radius=PREDATOR_VIEW_RADIUS,
                role="predator",
                body_side=PREDATOR_SIDE,
                map_size=self.map_size,
            ),
            team_specification(
                "prey",
                PREY_MOVES,
                (),
                view_side=2 * PREY_VIEW_RADIUS + 1,
                view_radius=PREY_VIEW_RADIUS,
                role="prey",
                map_size=self.map_size,
            ),
        )
        rules = engine_module("environments.adversarial_pursuit.adversarial_pursuit")
        config = rules.get_config(self.map_size, True, None, settings.attack_penalty)
        _, _, values, _ = config.reward_rules[0]
        values[:] = settings.tag_reward, settings.tagged_penalty
        self._world = MAgentWorld(
            config,
            self.teams,
            map_size=self.map_size,
            max_steps=settings.max_steps,
            rules=settings.rules,
        )

    def close(self) -> None:
        """Nothing is held that must be given back."""

    def scenery(self) -> Scenery:
        """See :class:`~.base.Environment`. Walls are the border and what the seed drew."""
        strikes = (*(None for _ in PREDATOR_MOVES), *PREDATOR_ATTACKS)
        bodies = (Body("square", PREDATOR_SIDE, attacks=strikes), Body("square", 1.0))
        bounds = (0, 0, self.map_size, self.map_size)
        return Scenery(bounds, self._world.walls(), np.zeros((0, 3), np.float32), bodies)

    def reset(self, seed: int) -> tuple[TeamObservation, ...]:
        """Walls, predators and prey on free cells, drawn from the seed as MAgent2 draws them."""
        return self._world.reset(seed, self._place)

    def step(self, actions: Sequence[IntArray]) -> Step:
        """See :class:`~.base.Environment`: all attack, then all move."""
        return self._world.step(actions)

    def _place(self, engine: Any) -> None:
        predators, prey = engine.get_handles()
        engine.add_walls(method="random", n=walls_inside(self.map_size))
        engine.add_agents(predators, method="random", n=self.settings.predators)
        engine.add_agents(prey, method="random", n=self.settings.prey)


def _least_room(settings: PursuitSettings) -> float:
    """Share of the places drawn that are sure to be free for the last predator and prey.

    A wall takes at most 4 places from a body of 2 by 2 cells, such a body at most 9.
    """
    side, walls = settings.map_size, walls_inside(settings.map_size)
    for_predators = (side - 3) ** 2 - 4 * walls - 9 * (settings.predators - 1)
    for_prey = (side - 2) ** 2 - walls - 4 * settings.predators - (settings.prey - 1)
    return min(for_predators / (side - 2) ** 2, for_prey / (side - 1) ** 2)
