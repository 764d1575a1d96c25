"""The protocol between an environment and everything that acts in it.

An environment holds one or more *teams*. A team is a set of interchangeable agents, and every
quantity of a team is one array with a row per **living** agent. Rows keep their order for life:
when agents die their rows vanish and the rest close ranks, so ``step.alive[team]`` maps the rows
of one step to those of the next.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int32]
BoolArray = npt.NDArray[np.bool_]

NO_ACTION = -1
"""The previous action of an agent that has not acted yet."""


@dataclass(frozen=True)
class TeamSpecification:
    """What the agents of one team see and can do."""

    name: str
    view_shape: tuple[int, int]
    """Height and width of the view, in cells; the agent stands in its centre."""
    channels: tuple[str, ...]
    """Names of the view's channels."""
    features: tuple[str, ...]
    """Names of the entries of the feature vector."""
    actions: tuple[str, ...]
    """Names of the discrete actions."""
    view_radius: float
    """How far an agent sees, in the unit of positions."""


class TeamObservation(NamedTuple):
    """What the living agents of one team observe: one row per agent."""

    view: FloatArray
    """``(agents, height, width, channels)``."""
    features: FloatArray
    """``(agents, features)``."""
    ids: IntArray
    """``(agents,)``: who each row is; unique over all teams, constant for an episode."""
    positions: IntArray
    """``(agents, 2)``: x and y."""
    previous_actions: IntArray
    """``(agents,)``: what each agent did in the step before, ``NO_ACTION`` at first."""


class Step(NamedTuple):
    """What a joint action led to. Tuples hold one entry per team."""

    observations: tuple[TeamObservation, ...]
    """Of the agents that still live."""
    rewards: tuple[FloatArray, ...]
    """Of the agents that acted, in the rows that acted."""
    alive: tuple[BoolArray, ...]
    """Which of the agents that acted still live; their rows, in order, are the next rows."""
    terminated: bool
    """The game is over: nothing follows, no value is left to bootstrap from."""
    truncated: bool
    """The step limit was reached: the game would have gone on."""


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
        """Let every living agent act: one ``(agents,)`` array per team."""
        ...
