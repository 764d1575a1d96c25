"""The protocol of an environment's settings: all that the rest of the package knows of a world.

An environment is described by a frozen dataclass. Its fields are the options of the command line
and what ``run.json`` holds; what follows from them is asked of it by the names here. A class that
inherits from :class:`EnvironmentSettings` gets the answers that most worlds give.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol, Self

from cmfq.environments.base import Environment
from cmfq.errors import UserError

Measure = Literal["survivors", "rewards"]


@dataclass(frozen=True)
class TrainingDefaults:
    """Settings of training that suit a world."""

    values: Mapping[str, Any] = field(default_factory=dict)
    """Settings by their dotted paths, where not as elsewhere: ``{"learner.discount": 0.9}``."""
    presets: tuple[str, ...] = ()
    """Presets made for this world, beside ``paper`` and ``strong``."""
    strong: Mapping[str, Any] = field(default_factory=dict)
    """What the preset ``strong`` sets beside the values, in the same way."""


class EnvironmentSettings(Protocol):
    """Settings of an environment: a frozen dataclass, so equal settings make equal games."""

    kind: ClassVar[str]
    """Name of the kind of environment, as ``run.json`` and ``cmfq train`` have it."""

    def __hash__(self) -> int:
        """Equal for equal settings; frozen dataclasses see to it by themselves."""
        return hash(repr(self))

    @property
    def decided_by(self) -> Measure:
        """Measure of which the winner has more: living agents at the end, or the sum of rewards."""
        return "rewards"

    @property
    def title(self) -> str:
        """A few words for headings."""
        ...

    @property
    def team_sizes(self) -> tuple[int, ...]:
        """Agents of each team when an episode starts, in the order of the teams."""
        ...

    def make(self) -> Environment:
        """Make the environment.

        Raises:
            UserError: it cannot be made.
        """
        ...

    def resized(self, size: int) -> Self:
        """The same world with ``size`` agents in the first team, the others in proportion.

        Raises:
            UserError: policies cannot play it at another size, or it has no such size.
        """
        raise UserError(f"sizes are ({size},): this environment has one size, leave sizes out")

    @property
    def has_places(self) -> bool:
        """Whether positions of agents mean something, so that a radius can bound neighbours."""
        return True

    @property
    def own_functions(self) -> tuple[str, ...]:
        """Functions outside the package that making the environment calls, as module:function."""
        return ()

    @property
    def training(self) -> TrainingDefaults:
        """Settings of training that suit this world."""
        return TrainingDefaults()
