"""The environments by name: what ``cmfq train NAME`` and stored runs mean by it."""

from dataclasses import dataclass
from typing import Any, Literal

from cmfq.environments.base import Environment
from cmfq.environments.battle import BattleEnvironment, BattleSettings
from cmfq.environments.particles import ParticlesEnvironment, ParticlesSettings
from cmfq.environments.pettingzoo import PettingZooEnvironment, PettingZooSettings
from cmfq.environments.pursuit import PursuitEnvironment, PursuitSettings
from cmfq.environments.signal import SignalEnvironment, SignalSettings
from cmfq.errors import unknown_name


@dataclass(frozen=True)
class Kind:
    """A kind of environment."""

    name: str
    settings: type[Any]
    """Frozen dataclass, from which the environment is made."""
    environment: type[Any]
    """Called with settings: an :class:`~.base.Environment`."""
    decided_by: Literal["survivors", "rewards"] = "rewards"
    """What the better of two players has more of."""


PETTINGZOO = Kind("pettingzoo", PettingZooSettings, PettingZooEnvironment)
KINDS = {
    kind.name: kind
    for kind in (
        Kind("battle", BattleSettings, BattleEnvironment, "survivors"),
        Kind("pursuit", PursuitSettings, PursuitEnvironment),
        Kind("particles", ParticlesSettings, ParticlesEnvironment),
        Kind("signal", SignalSettings, SignalEnvironment),
    )
}


def find_kind(name: str) -> Kind:
    """Look a kind of environment up by name.

    Raises:
        UserError: there is none of that name.
    """
    if name == PETTINGZOO.name:
        return PETTINGZOO
    if name not in KINDS:
        raise unknown_name("environment", name, [*KINDS, "package.module:make_env"])
    return KINDS[name]


def default_settings(name: str) -> Any:
    """Settings of the environment that a user calls so: a kind, or package.module:make_env.

    Raises:
        UserError: there is none of that name.
    """
    if ":" in name:
        return PettingZooSettings(make_env=name)
    return find_kind(name).settings()


def kind_of(settings: object) -> Kind:
    """The kind that these settings are of."""
    kinds = (*KINDS.values(), PETTINGZOO)
    return next(kind for kind in kinds if type(settings) is kind.settings)


def make_environment(settings: object) -> Environment:
    """The environment that these settings describe."""
    environment: Environment = kind_of(settings).environment(settings)
    return environment


def own_functions(settings: object) -> list[str]:
    """Names of functions outside the package that making this environment calls."""
    if not isinstance(settings, PettingZooSettings):
        return []
    return [name for name in (settings.make_env, settings.positions) if name]
