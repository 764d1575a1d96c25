"""Causal mean-field reinforcement learning: train, play and understand hundreds of agents."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cmfq.algorithms import Algorithm
    from cmfq.api import (
        TournamentResult,
        TrainedRun,
        evaluate,
        open_run,
        resume,
        tournament,
        train,
        train_many,
    )
    from cmfq.columns import Frame, frame_of
    from cmfq.decision import Decision
    from cmfq.environments.base import Body, Scenery, Step, TeamObservation, TeamSpecification
    from cmfq.environments.battle import BattleEnvironment, BattleSettings
    from cmfq.environments.particles import ParticlesSettings
    from cmfq.environments.pettingzoo import PettingZooSettings
    from cmfq.environments.pursuit import PursuitSettings
    from cmfq.environments.registry import make_environment
    from cmfq.errors import UserError
    from cmfq.explanation import Explanation
    from cmfq.merge import Merged, MergeInput
    from cmfq.play.matches import MatchResult
    from cmfq.play.recording import RecordedGame, record
    from cmfq.policies import QPolicy
    from cmfq.program import export_program
    from cmfq.training.checkpoint import load
    from cmfq.training.presets import preset_training as preset
    from cmfq.training.settings import TrainSettings

__all__ = [
    "Algorithm",
    "BattleEnvironment",
    "BattleSettings",
    "Body",
    "Decision",
    "Explanation",
    "Frame",
    "MatchResult",
    "MergeInput",
    "Merged",
    "ParticlesSettings",
    "PettingZooSettings",
    "PursuitSettings",
    "QPolicy",
    "RecordedGame",
    "Scenery",
    "Step",
    "TeamObservation",
    "TeamSpecification",
    "TournamentResult",
    "TrainSettings",
    "TrainedRun",
    "UserError",
    "evaluate",
    "export_program",
    "frame_of",
    "load",
    "make_environment",
    "open_run",
    "preset",
    "record",
    "resume",
    "tournament",
    "train",
    "train_many",
]
_MODULES = {
    "Algorithm": "cmfq.algorithms",
    "BattleEnvironment": "cmfq.environments.battle",
    "BattleSettings": "cmfq.environments.battle",
    "Body": "cmfq.environments.base",
    "Decision": "cmfq.decision",
    "Explanation": "cmfq.explanation",
    "Frame": "cmfq.columns",
    "MatchResult": "cmfq.play.matches",
    "MergeInput": "cmfq.merge",
    "Merged": "cmfq.merge",
    "ParticlesSettings": "cmfq.environments.particles",
    "PettingZooSettings": "cmfq.environments.pettingzoo",
    "PursuitSettings": "cmfq.environments.pursuit",
    "QPolicy": "cmfq.policies",
    "RecordedGame": "cmfq.play.recording",
    "Scenery": "cmfq.environments.base",
    "Step": "cmfq.environments.base",
    "TeamObservation": "cmfq.environments.base",
    "TeamSpecification": "cmfq.environments.base",
    "TournamentResult": "cmfq.api",
    "TrainSettings": "cmfq.training.settings",
    "TrainedRun": "cmfq.api",
    "UserError": "cmfq.errors",
    "evaluate": "cmfq.api",
    "export_program": "cmfq.program",
    "frame_of": "cmfq.columns",
    "load": "cmfq.training.checkpoint",
    "make_environment": "cmfq.environments.registry",
    "open_run": "cmfq.api",
    "preset": "cmfq.training.presets:preset_training",
    "record": "cmfq.play.recording",
    "resume": "cmfq.api",
    "tournament": "cmfq.api",
    "train": "cmfq.api",
    "train_many": "cmfq.api",
}
"""Module of each public name: imported at first use, so that ``cmfq --help`` needs no PyTorch."""


def __getattr__(name: str) -> Any:
    """Import a public name."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, within = _MODULES[name].partition(":")
    return getattr(import_module(module), within or name)


def __dir__() -> list[str]:
    """List the public names too, before they are imported."""
    return sorted({*globals(), *__all__})
