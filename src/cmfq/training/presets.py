"""Protocols of training: named values of the settings, which single options override.

``paper`` is what the paper prints, with the defaults where it is silent; ``original`` is the
dialect of the original MFQ code (mlii/mfrl), on which the paper builds; ``strong`` is what wins.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Literal, get_args

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
ORIGINAL_ROW_BYTES = 2_594
"""Size of an agent-step in the replay buffer with the inputs of preset ``original``."""


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
    return _changed(TrainSettings(environment), environment.training.values)


def _changed(settings: RunSettings, values: Mapping[str, Any]) -> RunSettings:
    """Settings with other values, by their dotted paths."""
    for path, value in values.items():
        part, _, name = path.rpartition(".")
        changed = replace(getattr(settings, part), **{name: value}) if part else value
        settings = replace(settings, **{part or name: changed})
    return settings


def original(environment: EnvironmentSettings) -> RunSettings:
    """The dialect of the original MFQ code (mlii/mfrl).

    Habits of it that are not there: agents that died in the step before count in its mean action;
    its network has no joint layer between the observation's layers and the head; it keeps the
    policies of the rounds in which the opponent was replaced, not those of fixed episodes; its
    game is MAgent's own (``rules="magent"``); its tests are decided by kills, and a draw is a win
    for both. It has no causal effects: they are measured with ``β`` = 10 here, since greedy
    policies either agree or differ entirely.
    """
    if "original" not in environment.training.presets:
        raise UserError(
            "preset original is only for battle, as the original code: leave preset out"
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
        mean_field=replace(
            settings.mean_field, radius=float("inf"), oneself=True, effect_beta=10.0
        ),
        network=NetworkSettings(
            head="embedding", channels=(32, 32), stride=1, view_units=256, ids=True
        ),
        learner=LearnerSettings(
            learning_rate=1e-4,
            final_learning_rate=1e-4,
            batch_size=64,
            replay_ratio=2.0,
            min_updates=0,
            replay_bytes=80_000 * ORIGINAL_ROW_BYTES,
            target_value="double",
            target_rate=0.005,
            average_updates=1,
        ),
        objective=ObjectiveSettings(death="left-out"),
        exploration=ExplorationSettings(ARGMAX_BETA, ARGMAX_BETA, 0),
    )


def strong(environment: EnvironmentSettings) -> RunSettings:
    """Settings that are known to be stronger than the paper's, in battle and in pursuit.

    An environment says what they are (:class:`~cmfq.environments.settings.TrainingDefaults`);
    where it does not, none are known.
    """
    return _changed(paper(environment), environment.training.strong)


PRESETS: dict[str, Callable[[EnvironmentSettings], RunSettings]] = {
    "paper": paper,
    "original": original,
    "strong": strong,
}
