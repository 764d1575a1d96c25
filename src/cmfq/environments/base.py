"""The protocol between an environment and everything that acts in it.

An environment holds one or more *teams*. A team is a set of interchangeable agents, and every
quantity of a team is one array with a row per **living** agent. Rows keep their order for life:
when agents die their rows vanish and the rest close ranks; agents that join stand behind them. So
``step.alive[team]`` maps the rows of one step to the first rows of the next.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int32]
BoolArray = npt.NDArray[np.bool_]
PositionArray = npt.NDArray[np.int32] | npt.NDArray[np.float32]

GREATEST_REWARD = 1e9
"""Greatest size of a reward: squares of what values add up to stay finite in 32 bits."""
FARTHEST = 1e9
"""Greatest size of a coordinate: recordings hold no greater ones."""
NO_ACTION = -1
"""The previous action of an agent that has not acted yet."""


@dataclass(frozen=True)
class TeamSpecification:
    """Observations and actions of the agents of one team."""

    name: str
    view_shape: tuple[int, int]
    """Height and width of the view, in cells; ``(0, 0)`` if agents have no view."""
    channels: tuple[str, ...]
    """Names of the view's channels; none if there is no view."""
    features: tuple[str, ...]
    """Names of the entries of the feature vector."""
    actions: tuple[str, ...]
    """Names of the discrete actions."""
    view_radius: float
    """Radius of an agent's view, in the unit of positions; inf for everywhere."""
    role: str = "agent"
    """Teams of one role are interchangeable: one policy can play any of them."""
    action_masks: bool = False
    """Observations say which actions each agent may take."""
    body_side: int = 1
    """Side of an agent's square body, in cells. Whoever has a cell within ``view_radius`` of an
    agent's middle is in its view, and its neighbour."""
    map_size: int = 0
    """Side of the map, where observations say how far across it an agent is; 0: they do not."""
    side: str = ""
    """Side that the team is on, with all teams that name it; empty: sides follow from roles."""


class TeamObservation(NamedTuple):
    """Observations of the living agents of one team: one row per agent."""

    view: FloatArray
    """``(agents, height, width, channels)``."""
    features: FloatArray
    """``(agents, features)``."""
    ids: IntArray
    """``(agents,)``: who each row is; unique over all teams, constant for an episode."""
    positions: PositionArray
    """``(agents, 2)``: x and y."""
    previous_actions: IntArray
    """``(agents,)``: what each agent did in the step before, ``NO_ACTION`` at first."""
    action_mask: BoolArray | None = None
    """``(agents, actions)``: which actions each may take; ``None``: all."""
    health: FloatArray | None = None
    """``(agents,)``: hit points, for drawings; ``None`` where there are none."""


class Step(NamedTuple):
    """Result of a joint action. Tuples hold one entry per team."""

    observations: tuple[TeamObservation, ...]
    """Observations of the agents that still live."""
    rewards: tuple[FloatArray, ...]
    """Rewards of the agents that acted, in the rows that acted."""
    alive: tuple[BoolArray, ...]
    """Which of the agents that acted still live; their rows, in order, are the next rows."""
    terminated: bool
    """The game is over: nothing follows, no value is left to bootstrap from."""
    truncated: bool
    """The step limit was reached: the game would have gone on."""


@dataclass(frozen=True)
class Body:
    """Look of a team's members in drawings; lengths in the unit of positions."""

    shape: Literal["square", "circle"]
    """A square's position is its corner with the least x and y, a circle's is its centre."""
    size: float
    """Side or diameter."""
    full_health: float = 0.0
    """Hit points at the start; 0 where there are none."""
    attacks: tuple[tuple[float, float] | None, ...] = ()
    """Target of each action, as (x, y) from the body's middle; ``None``: it is no attack.
    Empty: nobody attacks."""


class Scenery(NamedTuple):
    """Field of an episode, for drawings and recordings; y grows downwards."""

    bounds: tuple[float, float, float, float]
    """Least x and y, greatest x and y of what is worth drawing; agents beyond are drawn too."""
    walls: PositionArray
    """``(walls, 2)``: corners with the least x and y of squares of side 1 that nobody enters."""
    obstacles: FloatArray
    """``(obstacles, 3)``: x, y of the middle and radius of circles in the way."""
    bodies: tuple[Body, ...]
    """Body of each team."""


class Environment(Protocol):
    """A world of teams, stepped with whole arrays."""

    @property
    def teams(self) -> tuple[TeamSpecification, ...]:
        """Specifications of the teams, in the order in which everything else lists them."""
        ...

    def reset(self, seed: int) -> tuple[TeamObservation, ...]:
        """Start an episode that is a function of ``seed`` and of the actions taken in it."""
        ...

    def step(self, actions: Sequence[IntArray]) -> Step:
        """Let every living agent act: one ``(agents,)`` array per team.

        Raises:
            ValueError: the episode is over (see :func:`require_running`).
        """
        ...

    def scenery(self) -> Scenery:
        """Field of the episode that was started."""
        ...

    def close(self) -> None:
        """Give back what the environment holds; nothing is asked of it any more. Twice is once."""
        ...


def require_running(*, over: bool) -> None:
    """Refuse a step after the last one of an episode.

    Raises:
        ValueError: the episode is over.
    """
    if over:
        raise ValueError("the episode is over: reset the environment before the next step")
