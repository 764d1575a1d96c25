"""Opponents of the user's own, named ``module:name``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cmfq.decision import Decision
from cmfq.environments.base import IntArray, TeamObservation, TeamSpecification
from cmfq.errors import OpponentFailed, UserError
from cmfq.imports import import_function
from cmfq.policies import Policy


@dataclass(frozen=True)
class OwnPlayer:
    """A policy of the user's own (see :class:`cmfq.policies.Policy`), whose actions are checked."""

    name: str
    specification: TeamSpecification
    policy: Policy

    def decide(
        self,
        observations: Sequence[TeamObservation],
        generator: np.random.Generator,
        others: Sequence[TeamObservation] = (),
        worlds: Sequence[int] | None = None,
    ) -> list[Decision]:
        """Let the policy decide for each team.

        Raises:
            OpponentFailed: it raised, or gave what are no actions of these agents.
        """
        try:
            decided = self.policy.decide(observations, generator, others, worlds)
            actions = [np.asarray(one.actions) for one in decided]
        except Exception as error:
            raise OpponentFailed(
                f"the opponent {self.name} failed: {type(error).__name__}: {error}"
            ) from error
        if len(actions) != len(observations):
            raise OpponentFailed(
                f"the opponent {self.name} gave {len(actions)} decisions: give one for each of "
                f"the {len(observations)} teams"
            )
        return [Decision(self._checked(*pair)) for pair in zip(actions, observations, strict=True)]

    def _checked(self, actions: np.ndarray, observation: TeamObservation) -> IntArray:
        agents, choices = len(observation.ids), len(self.specification.actions)
        integers = actions.shape == (agents,) and np.issubdtype(actions.dtype, np.integer)
        if not integers or (agents and not 0 <= actions.min() <= actions.max() < choices):
            raise OpponentFailed(
                f"the opponent {self.name} gave actions of shape {actions.shape} and type "
                f"{actions.dtype}: give an integer from 0 to {choices - 1} for each of the "
                f"{agents} agents"
            )
        return actions.astype(np.int32)


def load_own_player(name: str, teams: Sequence[TeamSpecification]) -> Mapping[str, Policy]:
    """The policy of each role, made by calling ``module:name`` with the team's specification.

    Args:
        name: of a function or class that gives a :class:`cmfq.policies.Policy`.
        teams: that it may have to play.

    Raises:
        UserError: it cannot be imported or called, or gives no policy.
    """
    make = import_function("opponent", name)
    players = {}
    for team in teams:
        if team.role in players:
            continue
        try:
            policy = make(team)
        except Exception as error:
            raise UserError(
                f"opponent {name!r} cannot be called with a team's specification: "
                f"{type(error).__name__}: {error}"
            ) from error
        if not callable(getattr(policy, "decide", None)):
            raise UserError(
                f"opponent {name!r} gave {type(policy).__name__}, which has no method decide: "
                "give a policy, as cmfq.policies.Policy describes it"
            )
        players[team.role] = OwnPlayer(name, team, policy)
    return players
