"""Causal mean-field reinforcement learning: train, play and understand hundreds of agents."""

from cmfq.api import (
    TournamentResult,
    TrainedRun,
    evaluate,
    open_run,
    resume,
    tournament,
    train,
)
from cmfq.columns import Frame, frame_of
from cmfq.environments.base import TeamObservation
from cmfq.environments.battle import BattleEnvironment, BattleSettings
from cmfq.environments.particles import ParticlesSettings
from cmfq.environments.pettingzoo import PettingZooSettings
from cmfq.environments.pursuit import PursuitSettings
from cmfq.environments.registry import make_environment
from cmfq.errors import UserError
from cmfq.explanation import Explanation
from cmfq.play.matches import MatchResult
from cmfq.policies import QPolicy
from cmfq.training.checkpoint import load
from cmfq.training.presets import preset_training as preset
from cmfq.training.settings import TrainSettings

__all__ = [
    "BattleEnvironment",
    "BattleSettings",
    "Explanation",
    "Frame",
    "MatchResult",
    "ParticlesSettings",
    "PettingZooSettings",
    "PursuitSettings",
    "QPolicy",
    "TeamObservation",
    "TournamentResult",
    "TrainSettings",
    "TrainedRun",
    "UserError",
    "evaluate",
    "frame_of",
    "load",
    "make_environment",
    "open_run",
    "preset",
    "resume",
    "tournament",
    "train",
]
