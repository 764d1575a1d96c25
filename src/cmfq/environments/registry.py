"""The environments by name: what ``cmfq train NAME`` and stored runs mean by it."""

from cmfq.environments.base import Environment
from cmfq.environments.battle import BattleSettings
from cmfq.environments.particles import ParticlesSettings
from cmfq.environments.pettingzoo import PettingZooSettings
from cmfq.environments.pursuit import PursuitSettings
from cmfq.environments.settings import EnvironmentSettings
from cmfq.environments.signal import SignalSettings
from cmfq.errors import unknown_name

KINDS: dict[str, type[EnvironmentSettings]] = {
    kind.kind: kind for kind in (BattleSettings, PursuitSettings, ParticlesSettings, SignalSettings)
}


def find_kind(name: str) -> type[EnvironmentSettings]:
    """Look up the settings of a kind of environment by its name.

    Raises:
        UserError: there is none of that name.
    """
    if name == PettingZooSettings.kind:
        return PettingZooSettings
    if name not in KINDS:
        raise unknown_name("environment", name, [*KINDS, "package.module:make_env"])
    return KINDS[name]


def default_settings(name: str) -> EnvironmentSettings:
    """Settings of the environment that a user calls so: a kind, or package.module:make_env.

    Raises:
        UserError: there is none of that name.
    """
    return PettingZooSettings(make_env=name) if ":" in name else find_kind(name)()


def make_environment(settings: EnvironmentSettings) -> Environment:
    """Make the environment that these settings describe.

    Raises:
        UserError: it cannot be made.
    """
    return settings.make()
