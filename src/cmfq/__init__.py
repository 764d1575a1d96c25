"""Causal mean-field reinforcement learning: train, play and understand hundreds of agents."""

from cmfq.environments.base import TeamObservation
from cmfq.environments.battle import BattleEnvironment, BattleSettings
from cmfq.errors import UserError
from cmfq.policies import QPolicy
from cmfq.training.checkpoint import load

__all__ = ["BattleEnvironment", "BattleSettings", "QPolicy", "TeamObservation", "UserError", "load"]
