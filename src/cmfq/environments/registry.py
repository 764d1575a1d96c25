"""The environments by name: what ``cmfq train NAME`` and stored runs mean by it."""

from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from cmfq.environments.base import Environment
from cmfq.environments.battle import BattleEnvironment, BattleSettings
from cmfq.environments.signal import SignalEnvironment, SignalSettings
from cmfq.errors import unknown_name

Settings = TypeVar("Settings")


@dataclass(frozen=True)
class Kind(Generic[Settings]):
    """A kind of environment."""

    name: str
    settings: type[Settings]
    """Frozen dataclass, from which the environment is made."""
    environment: type[Any]
    """Called with settings: an :class:`~.base.Environment`."""
    decided_by: Literal["survivors", "rewards"]
    """What the better of two players has more of."""


KINDS: dict[str, Kind[Any]] = {
    kind.name: kind
    for kind in (
        Kind("battle", BattleSettings, BattleEnvironment, "survivors"),
        Kind("signal", SignalSettings, SignalEnvironment, "rewards"),
    )
}


def find_kind(name: str) -> Kind[Any]:
    """Look a kind of environment up by name.

    Raises:
        UserError: there is none of that name.
    """
    if name not in KINDS:
        raise unknown_name("environment", name, KINDS)
    return KINDS[name]


def kind_of(settings: object) -> Kind[Any]:
    """The kind that these settings are of."""
    return next(kind for kind in KINDS.values() if type(settings) is kind.settings)


def make_environment(settings: object) -> Environment:
    """The environment that these settings describe."""
    environment: Environment = kind_of(settings).environment(settings)
    return environment
