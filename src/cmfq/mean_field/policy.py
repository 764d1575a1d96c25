"""The Boltzmann policy (Eq 3 and 10): act in proportion to ``exp(β Q)``."""

import torch
from jaxtyping import Float, Int
from torch import Tensor


def boltzmann(q_values: Float[Tensor, "n actions"], beta: float) -> Float[Tensor, "n actions"]:
    """``π(a | s, ǎ) ∝ exp(β Q(s, a, ǎ))``, with ``β`` the inverse temperature."""
    return torch.softmax(beta * q_values, dim=-1)


def sample(
    probabilities: Float[Tensor, "n actions"], uniform: Float[Tensor, " n"]
) -> Int[Tensor, " n"]:
    """Draw an action for each row by inverting its distribution function.

    Args:
        probabilities: rows sum to one.
        uniform: one draw in [0, 1) for each row; the caller owns the generator.
    """
    cumulative = probabilities.cumsum(dim=-1)
    draws = uniform.unsqueeze(-1) * cumulative[:, -1:]  # rounding: a row may sum to 0.9999999
    return torch.searchsorted(cumulative, draws, right=True).squeeze(-1)
