"""MAgent2's battle: two teams on a square field; the one with more survivors wins.

The engine and its rewards are those of ``battle_v4``, called with whole arrays, about ten times as
fast as with PettingZoo's dictionaries. MAgent2's own game favours the second team: the first one
always moves first, and its formation is not a mirror image. By default the team that moves first is
drawn at every step, the teams start as exact mirror images, and both see the field alike.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, Self

import numpy as np

from cmfq.environments import strong
from cmfq.environments.base import Body, IntArray, Scenery, Step, TeamObservation
from cmfq.environments.engine import engine_module
from cmfq.environments.frames import Frame, frame
from cmfq.environments.magent import CHANNELS, MAgentWorld, Rules, rules_title, team_specification
from cmfq.environments.settings import EnvironmentSettings, Measure, TrainingDefaults
from cmfq.errors import UserError, require_range, require_types

Formation = Literal["lines", "random"]
Positions = tuple[IntArray, IntArray]
"""Positions of red and blue: x and y, ``(agents, 2)`` each."""

MOVES = tuple((x, y) for y in range(-2, 3) for x in range(-2, 3) if abs(x) + abs(y) <= 2)
"""Offset (x, y) of move 0, 1, ... from the agent's cell; y grows downwards."""
STAY = MOVES.index((0, 0))
ATTACKS = tuple((x, y) for y in range(-1, 2) for x in range(-1, 2) if (x, y) != (0, 0))
"""Which cell action ``len(MOVES) + 0, 1, ...`` attacks, as (x, y) from the agent's cell."""
VIEW_RADIUS = 6
FULL_HEALTH = 10
"""Hit points at the start. Channel ``my_team_health`` is a share of it."""
FORMATION_GAP = 3
"""Cells between the middle of the field and each formation."""
SMALLEST_MAP = 12
LARGEST_MAP_WITHOUT_STRIPES = 99
"""On larger maps the engine moves agents in stripes of columns, one stripe after the other."""
LARGEST_MAP = 400
"""Largest map among those that a size is looked up in: 6,400 agents a side."""


@dataclass(frozen=True)
class BattleSettings(EnvironmentSettings):
    """MAgent battle: two mirrored formations, annihilation or a step limit."""

    kind: ClassVar = "battle"
    decided_by: ClassVar[Measure] = "survivors"

    size: int = 64
    """Number of agents on each side. With formation lines a number that fills the lines of a map:
    12, 16, 20, ..., 64, 81, 100, 121, ..., 400, ..., 6400."""
    map_size: int = 0
    """Side of the field in cells; 0 takes the smallest map that holds the agents in lines."""
    formation: Formation = "lines"
    """Start of a game: lines, two blocks, the same every time; or random, red at random cells and
    blue mirrored through the middle. Random takes any ``size`` up to half of the (m - 2)² inner
    cells of a map of side m."""
    rules: Rules = "fair"
    """Rules of the game: fair, the team that moves first is drawn at every step, teams start as
    exact mirror images and see the field alike; or magent, MAgent2's own game, in which red always
    moves first, a disadvantage."""
    max_steps: int = 400
    """Greatest number of steps of an episode."""
    step_reward: float = -0.005
    """Reward of every step (paper: -0.005)."""
    attack_penalty: float = -0.1
    """Reward of every attack, hit or miss (paper: -0.1)."""
    dead_penalty: float = -0.1
    """Reward of dying (paper: -0.1)."""
    attack_opponent_reward: float = 0.2
    """Reward of an attack that hits an opponent and does not kill it (MAgent2: 0.2; the paper
    rewards kills alone, and gives no value)."""

    def __post_init__(self) -> None:
        require_types(self)
        require_range(self, 1, 1e6, "max_steps")
        rewards = ("step_reward", "attack_penalty", "dead_penalty", "attack_opponent_reward")
        require_range(self, -1e6, 1e6, *rewards)
        if self.map_size:
            require_range(self, SMALLEST_MAP, LARGEST_MAP, "map_size")
        if self.formation == "random":
            room = (map_size_of(self) - 2) ** 2 // 2
            if not 1 <= self.size <= room:
                raise UserError(
                    f"size is {self.size}: a field of {map_size_of(self)} by {map_size_of(self)} "
                    f"holds from 1 to {room} agents a side"
                )
        elif not self.map_size:
            map_size_for(self.size)
        elif agents_a_side(self.map_size) != self.size:
            raise UserError(
                f"map_size {self.map_size} holds {agents_a_side(self.map_size)} agents a side, "
                f"not {self.size}: leave map_size out, or give that size"
            )

    @property
    def title(self) -> str:
        """A few words for headings."""
        return f"battle, {self.size} a side{rules_title(self.rules)}"

    @property
    def team_sizes(self) -> tuple[int, int]:
        """See :class:`~.settings.EnvironmentSettings`."""
        return self.size, self.size

    @property
    def training(self) -> TrainingDefaults:
        """See :class:`~.settings.EnvironmentSettings`."""
        against = {"evaluate_against": ("random", "rush", "swarm")}
        return TrainingDefaults(against, ("original",), strong.BATTLE)

    def make(self) -> "BattleEnvironment":
        """See :class:`~.settings.EnvironmentSettings`."""
        return BattleEnvironment(self)

    def resized(self, size: int) -> Self:
        """The same game with another number of agents a side."""
        return replace(self, size=size, map_size=0)


def agents_a_side(map_size: int) -> int:
    """Number of agents that MAgent2 places on each side of a field of this size."""
    rows, red_columns, _ = _blocks(map_size)
    return len(rows) * len(red_columns)


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
    if settings.map_size:
        return settings.map_size
    if settings.formation == "lines":
        return map_size_for(settings.size)
    fields = range(SMALLEST_MAP, LARGEST_MAP + 1)
    return next((m for m in fields if agents_a_side(m) >= settings.size), LARGEST_MAP)


def frames_of(map_size: int, rules: Rules) -> tuple[Frame | None, Frame | None]:
    """Frames in which red and blue see the field and act; ``None``: the engine's own.

    Args:
        map_size: side of the field in cells.
        rules: rules of the game.
    """
    if rules == "magent":
        return None, None
    transposed = map_size > LARGEST_MAP_WITHOUT_STRIPES
    features = team_specification("red", MOVES, ATTACKS, view_side=1, view_radius=0).features
    minimaps = CHANNELS.index("my_team_minimap"), CHANNELS.index("other_team_minimap")
    red, blue = (
        frame((MOVES, ATTACKS), features, minimaps, transposed=transposed, mirrored=mirrored)
        for mirrored in (False, True)
    )
    return red if transposed else None, blue


class BattleEnvironment:
    """Battle through the MAgent2 engine's array calls (see :class:`~.base.Environment`)."""

    steps_on_threads = True
    """The engine's calls release Python's lock, and each world has an engine of its own."""

    def __init__(self, settings: BattleSettings, positions: Positions | None = None) -> None:
        """Make the game.

        Args:
            settings: settings of the game.
            positions: where red and blue start every episode, instead of in a formation. They
                may differ in number; the settings' ``size`` and ``map_size`` then say no more
                than how large the field is (with formation ``random``: as large as you like).

        Raises:
            UserError: somebody is not given a free cell of the field.
        """
        self.settings = settings
        self.map_size = map_size_of(settings)
        self._positions = None if positions is None else _checked(positions, self.map_size)
        side = 2 * VIEW_RADIUS + 1
        self.teams = tuple(
            team_specification(
                name,
                MOVES,
                ATTACKS,
                view_side=side,
                view_radius=VIEW_RADIUS,
                map_size=self.map_size,
            )
            for name in ("red", "blue")
        )
        self._frames = frames_of(self.map_size, settings.rules)
        self._is_transposed = self._frames[0] is not None
        config = engine_module("environments.battle.battle").get_config(
            map_size=self.map_size,
            minimap_mode=True,
            seed=None,
            step_reward=settings.step_reward,
            attack_penalty=settings.attack_penalty,
            dead_penalty=settings.dead_penalty,
            attack_opponent_reward=settings.attack_opponent_reward,
        )
        self._world = MAgentWorld(
            config,
            self.teams,
            map_size=self.map_size,
            max_steps=settings.max_steps,
            full_health=FULL_HEALTH,
            rules=settings.rules,
            frames=self._frames,
            transposed=self._is_transposed,
        )

    def close(self) -> None:
        """Nothing is held that must be given back."""

    def scenery(self) -> Scenery:
        """See :class:`~.base.Environment`."""
        strikes = ATTACKS, ATTACKS
        if self.settings.rules == "fair":
            strikes = ATTACKS, tuple((-x, y) for x, y in ATTACKS)
        bodies = tuple(
            Body("square", 1.0, FULL_HEALTH, (*(None for _ in MOVES), *attacks))
            for attacks in strikes
        )
        bounds = (0, 0, self.map_size, self.map_size)
        return Scenery(bounds, self._world.walls(), np.zeros((0, 3), np.float32), bodies)

    def reset(self, seed: int) -> tuple[TeamObservation, ...]:
        """Both teams in formation. The seed decides, too, the order in which blows fall."""
        if self._positions is not None:
            positions = self._positions
        elif self.settings.formation == "random":
            positions = scattered(self.map_size, self.settings.size, seed)
        else:
            positions = lines(self.map_size, self.settings.rules)

        def place(engine: Any) -> None:
            for handle, cells in zip(engine.get_handles(), positions, strict=True):
                laid = cells[:, ::-1] if self._is_transposed else cells
                engine.add_agents(handle, method="custom", pos=np.ascontiguousarray(laid))

        return self._world.reset(seed, place)

    def step(self, actions: Sequence[IntArray]) -> Step:
        """See :class:`~.base.Environment`: all attack, then all move."""
        return self._world.step(actions)


def lines(map_size: int, rules: Rules) -> Positions:
    """Two square blocks that face each other.

    Args:
        map_size: side of the field in cells.
        rules: ``magent``: MAgent2's own blocks. ``fair``: blue is red mirrored left to right, agent
            by agent.
    """
    rows, *blocks = _blocks(map_size)
    red, blue = (np.array([(x, y) for x in columns for y in rows], np.int32) for columns in blocks)
    mirrored = np.stack([map_size - 1 - red[:, 0], red[:, 1]], axis=1)
    return red, mirrored if rules == "fair" else blue[: len(red)]


def _blocks(map_size: int) -> tuple[list[int], list[int], list[int]]:
    """Rows of both blocks, columns of red's and of blue's: every second cell that is no wall."""
    side = 2 * int(math.sqrt(map_size * map_size * 0.04))
    starts = (
        (map_size - side) // 2,
        map_size // 2 - FORMATION_GAP - side,
        map_size // 2 + FORMATION_GAP,
    )
    inside = range(1, map_size - 1)
    rows, red, blue = ([c for c in range(s, s + side, 2) if c in inside] for s in starts)
    return rows, red, blue


def scattered(map_size: int, size: int, seed: int) -> Positions:
    """Red anywhere in the field, drawn from the seed; blue mirrored through the field's middle."""
    inner = map_size - 2
    pairs = inner * inner // 2  # of a cell, counted row by row, and its mirror image
    generator = np.random.default_rng(seed)
    first = generator.permutation(pairs)[:size]
    mirrored = inner * inner - 1 - first
    swap = generator.random(size) < 0.5
    red, blue = np.where(swap, mirrored, first), np.where(swap, first, mirrored)
    x_and_y = [np.stack([cells % inner, cells // inner], 1) + 1 for cells in (red, blue)]
    return x_and_y[0].astype(np.int32), x_and_y[1].astype(np.int32)


def _checked(positions: Positions, map_size: int) -> Positions:
    for name, cells in zip(("red", "blue"), positions, strict=True):
        shape, kind = np.shape(cells), np.asarray(cells).dtype
        if len(shape) != 2 or shape[0] == 0 or shape[1] != 2 or kind.kind not in "iu":
            raise UserError(
                f"positions of {name} are {kind} of shape {shape}: give whole numbers of shape "
                "(agents, 2), x and y of at least one agent"
            )
        outside = (np.asarray(cells) < 1) | (np.asarray(cells) > map_size - 2)
        if outside.any():
            x, y = np.asarray(cells)[outside.any(1)][0].tolist()
            raise UserError(
                f"position ({x}, {y}) of {name} is in the wall or outside the field: give x and y "
                f"from 1 to {map_size - 2}, or a larger map_size"
            )
    cells, agents = np.unique(np.concatenate(positions), axis=0, return_counts=True)
    if agents.max() > 1:
        x, y = cells[agents.argmax()].tolist()
        raise UserError(
            f"{agents.max()} agents have the position ({x}, {y}): give each agent its own cell"
        )
    red, blue = (np.array(cells, np.int32) for cells in positions)
    return red, blue
