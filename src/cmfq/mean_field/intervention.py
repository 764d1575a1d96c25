"""Eq 7: how far would my policy move if the whole crowd acted like this one neighbour?

A neighbour enters Eq 7 through its action alone, so an agent has at most one effect per *action*,
however many neighbours it has. Only actions that some neighbour took are intervened with.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

CounterfactualQ = Callable[
    [Int[Tensor, " pairs"], Int[Tensor, " pairs"]], Float[Tensor, "pairs actions"]
]
"""Answers "what if": ``(agent rows, actions) -> Q(s, ·, do(ā = action))`` of those agents."""


def causal_effects(
    q_values: Float[Tensor, "agents actions"],
    counterfactual_q: CounterfactualQ,
    counts: Float[Tensor, "agents actions"],
    beta: float,
) -> Float[Tensor, "agents actions"]:
    """``TE = KL( π(· | s, ā) ‖ π(· | s, do(ā = a_k)) )`` for every action that a neighbour took.

    With ``log π = β Q − log Σ exp(β Q)`` the divergence is a difference of two expectations, so
    no counterfactual policy need be formed.

    Args:
        q_values: ``Q(s, ·, ā)``, with the mean action.
        counterfactual_q: Q-values under the intervention.
        counts: how many neighbours took each action (:mod:`.neighbourhood`).
        beta: inverse temperature of the policies compared.

    Returns:
        Effect of each action on each agent's policy, in nats; 0 for actions that nobody took.
    """
    agent, action = counts.nonzero(as_tuple=True)
    logits = beta * q_values
    log_policy = torch.log_softmax(logits, dim=-1)[agent]
    counterfactual = counterfactual_q(agent, action).mul_(beta)
    log_normaliser = counterfactual.logsumexp(dim=-1)
    divergence = (log_policy.exp() * (log_policy - counterfactual)).sum(-1) + log_normaliser
    effects = torch.zeros_like(counts)
    effects[agent, action] = divergence.clamp_(min=0.0)  # rounding may leave -1e-7
    return effects
