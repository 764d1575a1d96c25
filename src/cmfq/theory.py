"""What the mean-field approximation costs, measured on a trained network (Eq 8, 9 and 14-20).

For an agent with neighbours ``k``, weights ``w_k`` and ``ǎ = Σ w_k a_k``, and ``δ_k = a_k - ǎ``:

- the first-order term ``∇Q · Σ w_k δ_k`` of Eq 9 vanishes because ``Σ w_k δ_k = 0``;
- the remainder ``R_k = Q(s, a, a_k) - Q(s, a, ǎ) - ∇Q(s, a, ǎ) · δ_k`` lies in ``[-L, L]`` for an
  ``L``-smooth ``Q``, since ``|R_k| ≤ L/2 ‖δ_k‖²`` and ``‖δ_k‖² ≤ 2``;
- what remains of Eq 8 is the gap ``Σ w_k Q(s, a, a_k) - Q(s, a, ǎ) = Σ w_k R_k``.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from cmfq.algorithms import ALGORITHMS, MeanFieldSettings, Situation
from cmfq.environments.base import TeamObservation
from cmfq.networks import Encoding, QNetwork
from cmfq.policies import QPolicy

WEIGHTS = {"causal": "cmfq", "mean": "mfq", "random": "random"}
"""Weighing schemes, and the algorithms that weigh so."""
SEGMENT_POINTS = 8
"""Points on the segment from ``ǎ`` to ``a_k`` at which the gradient is compared."""


@dataclass(frozen=True)
class TheoryRow:
    """Of one weighing scheme, over all agents with neighbours, their neighbours and actions."""

    weights: str
    first_order: float
    """Greatest entry of ``|Σ w_k δ_k|``."""
    smoothness: float
    """``L``: greatest ``‖∇Q(x) - ∇Q(ǎ)‖ / ‖x - ǎ‖`` found on the segments from ``ǎ`` to ``a_k``."""
    remainder: float
    """Greatest ``|R_k|``."""
    inside: float
    """Share of the ``R_k`` inside ``[-L, L]``."""
    gap: float
    """Mean ``|Σ w_k Q(s, a, a_k) - Q(s, a, ǎ)|`` (Eq 8)."""
    gap_share: float
    """The gap as a share of the standard deviation of ``Q(s, ·, ǎ)`` over actions."""


def check_theory(
    policy: QPolicy, observations: Sequence[TeamObservation], generator: np.random.Generator
) -> list[TheoryRow]:
    """Measure all of it on what agents observed.

    Args:
        policy: any trained policy; all three weighing schemes are applied to its network.
        observations: of teams; those of one team at several times are fine.
        generator: of the random weights.
    """
    encodings, counts = [], []
    with torch.no_grad():
        for observation in observations:
            crowd = policy.crowd([observation])
            busy = (crowd.counts > 0).sum(1) > 1  # with one action alone, every scheme is exact
            encoding = policy.network.encode(
                torch.from_numpy(observation.view),
                torch.from_numpy(observation.features),
                policy.action_mask([observation]),
            )
            encodings.append(encoding.rows(busy))
            counts.append(crowd.counts[busy])
    encoding = Encoding.join(encodings)
    together = torch.cat(counts)
    rows = []
    for name, algorithm in WEIGHTS.items():
        situation = Situation(encoding, together, None, policy.beta, generator)
        settings = MeanFieldSettings(epsilon=policy.mean_field.epsilon)
        with torch.no_grad():
            merged = ALGORITHMS[algorithm].merge(policy.network, situation, settings).action
        rows.append(_measure(name, policy.network, encoding, together, merged))
    return rows


def _measure(
    name: str, network: QNetwork, encoding: Encoding, counts: Tensor, merged: Tensor
) -> TheoryRow:
    agent, action = counts.nonzero(as_tuple=True)
    weight = merged[agent, action]  # of all neighbours with this action together
    one_hot = torch.eye(merged.shape[1])[action]
    delta = one_hot - merged[agent]  # (pairs, actions)
    own = encoding.rows(agent)
    first_order = torch.zeros_like(merged).index_add(0, agent, weight[:, None] * delta)

    q, gradient = _value_and_gradient(network, own, merged[agent])
    with torch.no_grad():
        pair_q = network.q_values(own, one_hot)
    linear = torch.einsum("pab,pb->pa", gradient, delta)
    remainder = pair_q - q - linear  # (pairs, own actions)
    smoothness = 0.0
    for share in torch.linspace(0, 1, SEGMENT_POINTS + 1)[1:]:
        _, there = _value_and_gradient(network, own, merged[agent] + share * delta)
        distance = (share * delta.norm(dim=1)).clamp(min=1e-6)
        ratio = (there - gradient).norm(dim=2) / distance[:, None]
        smoothness = max(smoothness, float(ratio.max()))
    with torch.no_grad():
        merged_q = network.q_values(encoding, merged)
        pairwise_sum = torch.zeros_like(merged_q).index_add(0, agent, weight[:, None] * pair_q)
    gap = (pairwise_sum - merged_q).abs()
    tolerance = 1e-5 * float(q.abs().max())  # of single precision
    return TheoryRow(
        weights=name,
        first_order=float(first_order.abs().max()),
        smoothness=smoothness,
        remainder=float(remainder.abs().max()),
        inside=float((remainder.abs() <= smoothness + tolerance).float().mean()),
        gap=float(gap.mean()),
        gap_share=float((gap.mean(1) / merged_q.std(1)).mean()),
    )


def _value_and_gradient(
    network: QNetwork, encoding: Encoding, merged: Tensor
) -> tuple[Tensor, Tensor]:
    """``Q(s, a, ǎ)`` as ``(rows, a)`` and ``∂Q(s, a, ǎ) / ∂ǎ_b`` as ``(rows, a, b)``."""
    merged = merged.detach().requires_grad_()
    q = network.q_values(encoding, merged)
    gradients = [
        torch.autograd.grad(q[:, a].sum(), merged, retain_graph=True)[0] for a in range(q.shape[1])
    ]
    return q.detach(), torch.stack(gradients, dim=1)
