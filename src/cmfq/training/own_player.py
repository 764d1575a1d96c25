"""Players of the user's own, named ``module:name``: policies and scripts."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from cmfq.decision import Decision
from cmfq.environments.base import IntArray, TeamObservation, TeamSpecification
from cmfq.errors import OpponentFailed, UserError, told
from cmfq.imports import import_function
from cmfq.policies import Bot, Policy


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
            raise OpponentFailed(f"the player {self.name} failed: {told(error)}") from error
        if len(actions) != len(observations):
            raise OpponentFailed(
                f"the player {self.name} gave {len(actions)} decisions: give one for each of "
                f"the {len(observations)} teams"
            )
        return [Decision(self._checked(*pair)) for pair in zip(actions, observations, strict=True)]

    def _checked(self, actions: np.ndarray, observation: TeamObservation) -> IntArray:
        agents, choices = len(observation.ids), len(self.specification.actions)
        integers = actions.shape == (agents,) and np.issubdtype(actions.dtype, np.integer)
        wanted = f"give an integer from 0 to {choices - 1} for each of the {agents} agents"
        if not integers:
            raise OpponentFailed(
                f"the player {self.name} gave actions of shape {actions.shape} and type "
                f"{actions.dtype}: {wanted}"
            )
        unknown = actions[(actions < 0) | (actions >= choices)]
        if len(unknown):
            raise OpponentFailed(f"the player {self.name} gave the action {unknown[0]}: {wanted}")
        mask = observation.action_mask
        if mask is not None and not (allowed := mask[np.arange(agents), actions]).all():
            row = int(np.flatnonzero(~allowed)[0])
            raise OpponentFailed(
                f"the player {self.name} gave agent {observation.ids[row]} the action "
                f"{self.specification.actions[actions[row]]}, which its action_mask forbids: give "
                "one that is allowed"
            )
        return actions.astype(np.int32)


def load_own_player(name: str, teams: Sequence[TeamSpecification]) -> Mapping[str, Policy]:
    """The policy of each role, from ``module:name``.

    Args:
        name: name of a script, a function of an observation and a generator that returns an action
            ``(agents,)`` for each agent; or of a function of the team's specification that returns
            a :class:`cmfq.policies.Policy` or a script.
        teams: that it may have to play.

    Raises:
        UserError: it cannot be imported or called, or gives neither.
    """
    found = import_function("player", name)
    players: dict[str, Policy] = {}
    for team in teams:
        if team.role not in players:
            players[team.role] = OwnPlayer(name, team, _policy(name, found, team))
    return players


def _policy(name: str, found: Callable[..., Any], team: TeamSpecification) -> Policy:
    if _takes(found, 2) and not _takes(found, 1):
        return Bot(found)
    try:
        made = found(team)
    except Exception as error:
        raise UserError(
            f"player {name!r} cannot be called with a team's specification: {told(error)}"
        ) from error
    if callable(getattr(made, "decide", None)):
        return cast(Policy, made)
    if callable(made):
        return Bot(made)
    raise UserError(
        f"player {name!r} returned {type(made).__name__}, which has no method decide: return a "
        "policy (see cmfq.policies.Policy), or a function of an observation and a generator"
    )


def _takes(function: Callable[..., object], arguments: int) -> bool:
    """Whether a function can be called with so many arguments."""
    try:
        inspect.signature(function).bind(*range(arguments))
    except (TypeError, ValueError):
        return False
    return True
