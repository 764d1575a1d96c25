"""Frames: a step of a game as drawings need it."""

from typing import NamedTuple

from cmfq.environments.base import (
    BoolArray,
    FloatArray,
    IntArray,
    PositionArray,
)


class TeamFrame(NamedTuple):
    """One team at one step: a row per agent that lived when the step began."""

    positions: PositionArray
    """``(agents, 2)``: x and y."""
    health: FloatArray | None
    """``(agents,)``: hit points, if any."""
    actions: IntArray
    """``(agents,)``: what each does in this step."""
    alive: BoolArray
    """``(agents,)``: who lives when the step ends."""
