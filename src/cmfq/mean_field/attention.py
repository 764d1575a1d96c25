"""Attention-MFQ: weights from the observations of agent and neighbour, not from actions.

The paper's correlation-based baseline (its [16], Wang et al. 2022). Work and memory grow with the
number of interactions: there is no ``agents × agents`` matrix.
"""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor


def attention_weights(
    queries: Float[Tensor, "agents units"],
    keys: Float[Tensor, "agents units"],
    agent: Int[Tensor, " pairs"],
    neighbour: Int[Tensor, " pairs"],
) -> Float[Tensor, " pairs"]:
    """``w_k ∝ exp(q_i · k_k / √units)``: a softmax over the neighbours ``k`` of each agent."""
    units = queries.shape[1]
    scores = (queries[agent] * keys[neighbour]).sum(-1) / math.sqrt(units)
    greatest = scores.new_full((len(queries),), -torch.inf)
    greatest = greatest.scatter_reduce(0, agent, scores.detach(), "amax")
    exponentials = (scores - greatest[agent]).exp()
    totals = scores.new_zeros(len(queries)).index_add(0, agent, exponentials)
    return exponentials / totals[agent]


def weighted_action(
    weights: Float[Tensor, " pairs"],
    agent: Int[Tensor, " pairs"],
    action: Int[Tensor, " pairs"],
    shape: tuple[int, int],
) -> Float[Tensor, "agents actions"]:
    """``ǎ_i = Σ_k w_k a_k(t-1)`` from one weight per interaction; ``shape``: agents, actions."""
    agents, actions = shape
    flat = weights.new_zeros(agents * actions).index_add(0, agent * actions + action, weights)
    return flat.reshape(agents, actions)
