"""Do-operations and effects of the user's own: tried once, before anything is trained with them."""

import numpy as np
import torch

from cmfq.algorithms import Situation, causal
from cmfq.errors import UserError
from cmfq.mean_field.validity import InvalidForAgent
from cmfq.policies import QPolicy


def try_own_functions(policy: QPolicy) -> None:
    """Merge once, with every action taken by a neighbour, if functions are the user's.

    Raises:
        UserError: one of them cannot be used.
    """
    if not policy.mean_field.own_functions:
        return
    team = policy.specification
    counts = torch.ones(2, len(team.actions))
    with torch.no_grad():
        encoding = policy.network.encode(
            torch.zeros(2, *team.view_shape, len(team.channels)),
            torch.zeros(2, len(team.features)),
            counts > 0 if team.action_masks else None,
        )
        situation = Situation(encoding, counts, None, policy.beta, np.random.default_rng(0))
        try:
            causal(policy.network, situation, policy.mean_field)
        except InvalidForAgent as error:
            own = " and ".join(policy.mean_field.own_functions)
            raise UserError(f"{own} cannot be used: {error}") from error
