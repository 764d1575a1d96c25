"""One game, remembered step by step, to be drawn."""

from dataclasses import dataclass, field
from typing import NamedTuple

from cmfq.decision import Decision
from cmfq.environments.base import (
    BoolArray,
    FloatArray,
    IntArray,
    PositionArray,
    Step,
    TeamObservation,
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


@dataclass
class FightRecorder:
    """Watches a game (see :class:`cmfq.rollout.Observer`)."""

    frames: list[tuple[TeamFrame, ...]] = field(default_factory=list)

    def on_step(
        self,
        observations: tuple[TeamObservation, ...],
        decisions: tuple[Decision, ...],
        step: Step,
    ) -> None:
        """Remember what a drawing needs, and not the observations."""
        self.frames.append(
            tuple(
                TeamFrame(
                    observation.positions,
                    observation.health,
                    decision.actions,
                    alive,
                )
                for observation, decision, alive in zip(
                    observations, decisions, step.alive, strict=True
                )
            )
        )

    def on_truncation(
        self, observations: tuple[TeamObservation, ...], decisions: tuple[Decision, ...]
    ) -> None:
        """Nothing to draw."""
