"""Protocols of training: named values of the settings, which single options override.

``paper`` is what the paper prints, with the defaults where it is silent; ``original`` is the
dialect of the original MFQ code (mlii/mfrl), on which the paper builds; ``strong`` is what wins.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Literal, get_args

from cmfq.environments.settings import EnvironmentSettings
from cmfq.errors import UserError, unknown_name
from cmfq.learner import LearnerSettings
from cmfq.networks import NetworkSettings
from cmfq.objective import ObjectiveSettings
from cmfq.training.opponent_settings import OpponentSettings
from cmfq.training.settings import ExplorationSettings, RunSettings, TrainSettings

Preset = Literal["paper", "original", "strong"]
ARGMAX_BETA = 1e6
"""Inverse temperature at which the Boltzmann policy is the greedy one."""


def preset_training(name: str, environment: EnvironmentSettings) -> RunSettings:
    """Settings of a protocol for an environment.

    Args:
        name: name of the protocol.
        environment: settings of the environment.

    Raises:
        UserError: there is no such protocol, or it does not fit the environment.
    """
    if name not in PRESETS:
        raise unknown_name("preset", name, get_args(Preset))
    return replace(PRESETS[name](environment), preset=name)


def paper(environment: EnvironmentSettings) -> RunSettings:
    """Settings of the paper; the defaults where it is silent, as an environment's rewards ask."""
    settings = TrainSettings(environment)
    for path, value in environment.training.values.items():
        part, _, name = path.rpartition(".")
        changed = replace(getattr(settings, part), **{name: value}) if part else value
        settings = replace(settings, **{part or name: changed})
    return settings


def original(environment: EnvironmentSettings) -> RunSettings:
    """The dialect of the original MFQ code, row by row.

    Two habits of it are not there: agents that died in the step before count in its mean action,
    and its network has no joint layer between the observation's layers and the head.
    """
    if "original" not in environment.training.presets:
        raise UserError(
            "preset original is only for battle, as the original code: leave --preset out"
        )
    settings = paper(environment)
    return replace(
        settings,
        algorithm="mfq",
        episodes=2000,
        checkpoint_period=100,
        opponents=("gated",),
        opponent_pool=OpponentSettings(
            gate_games=1, gate_win_rate=1, gate_measure="reward", gate_mix=0.99
        ),
        mean_field=replace(settings.mean_field, radius=float("inf"), oneself=True),
        network=NetworkSettings(
            head="embedding", channels=(32, 32), stride=1, view_units=256, ids=True
        ),
        learner=LearnerSettings(
            learning_rate=1e-4,
            final_learning_rate=1e-4,
            batch_size=64,
            replay_ratio=2.0,
            min_updates=0,
            replay_bytes=80_000 * 2_750,  # 80,000 agent-steps
            target_value="double",
            target_rate=0.005,
            average_updates=1,
        ),
        objective=ObjectiveSettings(death="left-out"),
        exploration=ExplorationSettings(ARGMAX_BETA, ARGMAX_BETA, 0),
    )


def strong(environment: EnvironmentSettings) -> RunSettings:
    """Settings that are known to win in battle; elsewhere none better than ``paper`` are known.

    An agent's death is no end to what it learns to earn, half of its reward is the team's less the
    enemy's, its inputs mean the same on every map, every batch is turned or mirrored, the gap
    between the best action and the others is widened, and in play it takes the best action.
    """
    settings = paper(environment)
    if "strong" not in environment.training.presets:
        return settings
    return replace(
        settings,
        mean_field=replace(settings.mean_field, effect_beta=10.0),
        network=replace(settings.network, place=False, compass=True),
        learner=replace(settings.learner, min_updates=40, symmetries=True, action_gap=0.8),
        objective=ObjectiveSettings(death="posthumous", team_share=0.5, rivalry=1.0),
        # Gaps are up to five times as wide: a third of the usual beta explores as much.
        exploration=replace(settings.exploration, beta_start=1.0, beta_end=10.0, play_beta=1000.0),
    )


PRESETS: dict[str, Callable[[EnvironmentSettings], RunSettings]] = {
    "paper": paper,
    "original": original,
    "strong": strong,
}
