"""The user's own functions of a policy: tried once, before anything is trained with them."""

import numpy as np

from cmfq.environments.base import IntArray, TeamObservation, TeamSpecification
from cmfq.errors import UserError
from cmfq.imports import own_names
from cmfq.policies import QPolicy

TRIED_ACTIONS = 256
"""Number of actions that neighbours take in the trial, at most."""


def try_own_functions(policy: QPolicy) -> None:
    """Decide once for a crowd in which every action was taken, if functions are the user's.

    Raises:
        UserError: one of them cannot be used.
    """
    own = [*own_names(policy.algorithm), *policy.mean_field.own_functions]
    if not own:
        return
    actions = min(len(policy.specification.actions), TRIED_ACTIONS)
    crowd = _crowd(policy.specification, np.arange(-1, actions, dtype=np.int32))
    alone = _crowd(policy.specification, np.full(1, -1, np.int32))
    try:
        policy.decide([crowd, alone], np.random.default_rng(0))
    except UserError as error:
        names = " and ".join(own)
        said = str(error) if str(error).startswith(names) else f"{names} cannot be used: {error}"
        raise UserError(said) from error


def _crowd(team: TeamSpecification, previous_actions: IntArray) -> TeamObservation:
    """Agents that stand in one place and did this in the step before."""
    agents = len(previous_actions)
    return TeamObservation(
        np.zeros((agents, *team.view_shape, len(team.channels)), np.float32),
        np.zeros((agents, len(team.features)), np.float32),
        np.arange(agents, dtype=np.int32),
        np.zeros((agents, 2), np.float32),
        previous_actions,
        np.ones((agents, len(team.actions)), bool) if team.action_masks else None,
    )
