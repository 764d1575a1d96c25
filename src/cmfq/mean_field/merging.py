"""From many neighbours to one merged agent: the mean (Eq 2) and the causal average (Eq 10, 11).

Both are histograms of the neighbours' previous actions. The mean weighs every neighbour alike; the
causal average weighs each by its effect. An agent without neighbours, and everyone at ``t = 0``,
has the zero vector: nobody acts, which the network can tell from any way of acting.
"""

import math

from jaxtyping import Float
from torch import Tensor


def mean_action(counts: Float[Tensor, "agents actions"]) -> Float[Tensor, "agents actions"]:
    """``ā = 1/|N(i)| Σ_k a_k(t-1)`` (Eq 2), from counts per action."""
    return _normalise(counts)


def causal_action(
    counts: Float[Tensor, "agents actions"],
    effects: Float[Tensor, "agents actions"],
    epsilon: float,
) -> Float[Tensor, "agents actions"]:
    """``ǎ = Σ_k w_k a_k(t-1)`` with ``w_k = (TE_k + ε) / Σ_j (TE_j + ε)`` (Eq 10, 11).

    Neighbours with the same action have the same effect, so their weights add up to
    ``counts · (TE + ε)`` before normalising. ``ε = ∞`` gives the mean action exactly.
    """
    if math.isinf(epsilon):
        return mean_action(counts)
    return _normalise(counts * (effects + epsilon))


def _normalise(weights: Float[Tensor, "agents actions"]) -> Float[Tensor, "agents actions"]:
    """Rows that sum to one; rows of zeros stay zero."""
    total = weights.sum(dim=-1, keepdim=True)
    return weights / total.masked_fill(total == 0, 1.0)
