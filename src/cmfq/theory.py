"""What the mean-field approximation costs, measured on a trained network (Eq 8, 9 and 14-20).

For an agent with neighbours ``k``, weights ``w_k`` and ``ǎ = Σ w_k a_k``, and ``δ_k = a_k - ǎ``:

- the first-order term ``∇Q · Σ w_k δ_k`` of Eq 9 vanishes because ``Σ w_k δ_k = 0``;
- what remains of a neighbour is ``R_k = Q(s, a, a_k) - Q(s, a, ǎ) - ∇Q(s, a, ǎ) · δ_k``;
- what remains of Eq 8 is the gap ``Σ w_k Q(s, a, a_k) - Q(s, a, ǎ) = Σ w_k R_k``.

Remainder and gap are defined for every network, and tell by comparison with the spread of an
agent's Q-values over the actions that it may take: that is what it chooses by.

The bound ``|R_k| ≤ L/2 ‖δ_k‖² ≤ L`` needs an ``L``: a number with ``‖∇Q(x) - ∇Q(y)‖ ≤ L ‖x - y‖``
everywhere. A network with rectifiers has none, since its gradient jumps. With a smooth activation
``φ`` in the joint layer there is one, and it is worked out from the weights, not sampled: the
Hessian of ``Q(s, a, ·) = W₂ φ(h + Wₐ ǎ) + b₂`` is ``Wₐᵀ diag(W₂[a] φ''(·)) Wₐ``, and nowhere larger
than ``max |φ''|`` times the greatest eigenvalue of ``Wₐᵀ diag(|W₂[a]|) Wₐ``.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.autograd.functional import jvp

from cmfq.algorithms import ALGORITHMS, MeanFieldSettings, Situation
from cmfq.environments.base import TeamObservation
from cmfq.heads import AdditiveHead, EmbeddingHead, PairwiseHead
from cmfq.networks import Encoding, QNetwork
from cmfq.policies import QPolicy

WEIGHTS = {"causal": "cmfq", "mean": "mfq", "random": "random"}
"""Weighing schemes, and the algorithms that weigh so."""
CURVATURE = {"softplus": 0.25, "silu": 0.5}
"""``max |φ''|`` of the activations that are smooth: both are greatest at 0."""


@dataclass(frozen=True)
class TheoryRow:
    """One weighing scheme: medians and 95th percentiles over agents."""

    weights: str
    agents: int
    """Number of agents measured: with two neighbours that acted differently, and two actions."""
    first_order: float
    """Greatest entry of ``|Σ w_k δ_k|``."""
    remainder: float
    """Median of an agent's greatest ``|R_k|`` over neighbours and the actions that it may take."""
    remainder_share: float
    """Median of the same as a share of the agent's spread: the standard deviation of
    ``Q(s, ·, ǎ)`` over the actions that it may take."""
    remainder_share_95: float
    """95th percentile of that share."""
    gap_share: float
    """Median of an agent's mean ``|Σ w_k Q(s, a, a_k) - Q(s, a, ǎ)|`` (Eq 8) over the actions that
    it may take, as a share of its spread."""
    gap_share_95: float
    """95th percentile of that share."""
    smoothness: float | None
    """``L`` of the worst action, from the weights; ``None``: Q has kinks, so there is no ``L``."""
    bound_used: float | None
    """Greatest ``|R_k|`` as a share of its bound ``L/2 ‖δ_k‖²``, with the action's own ``L``; at
    most 1. ``None`` where ``L`` is 0 or there is none."""


def check_theory(
    policy: QPolicy,
    observations: Sequence[TeamObservation],
    generator: np.random.Generator,
    others: Sequence[Sequence[TeamObservation]] = (),
) -> list[TheoryRow]:
    """Measure all of it on what agents observed.

    Args:
        policy: any trained policy; all three weighing schemes are applied to its network.
        observations: of teams; those of one team at several times are fine.
        generator: of the random weights.
        others: for each of the observations, those of the other teams at that time; needed where
            everyone is a neighbour.

    Returns:
        A row for each weighing scheme; none if there is no agent to measure: one that has two
        neighbours that acted differently, and a choice of two actions.
    """
    encodings, counts = [], []
    for observation, beside in zip(observations, others or [()] * len(observations), strict=True):
        crowd = policy.crowd([observation], beside)
        mask = policy.action_mask([observation])
        busy = (crowd.counts > 0).sum(1) > 1  # with one action alone, every scheme is exact
        if mask is not None:
            busy &= mask.sum(1) > 1
        with torch.no_grad():
            encoding = policy.network.encode(
                torch.from_numpy(observation.view), torch.from_numpy(observation.features), mask
            )
        encodings.append(encoding.rows(busy))
        counts.append(crowd.counts[busy])
    if not sum(map(len, counts)):
        return []
    encoding = Encoding.join(encodings)
    together = torch.cat(counts)
    rows = []
    for name, algorithm in WEIGHTS.items():
        situation = Situation(encoding, together, None, policy.beta, generator)
        settings = MeanFieldSettings(epsilon=policy.mean_field.epsilon)
        with torch.no_grad():
            merged = ALGORITHMS[algorithm].merge(policy.network, situation, settings).action
            rows.append(_measure(name, policy.network, encoding, together, merged.double()))
    return rows


def smoothness(head: AdditiveHead | PairwiseHead | EmbeddingHead) -> Tensor | None:
    """``L`` of each action, ``(actions,)`` float64: ``Q(s, a, ·)`` is ``L``-smooth for every ``s``.

    Returns:
        Zeros where ``Q`` is linear in ``ǎ``; ``None`` where it has kinks.
    """
    if isinstance(head, PairwiseHead):
        return torch.zeros(head.actions, dtype=torch.float64)
    if isinstance(head, EmbeddingHead) or head.activation not in CURVATURE:
        return None
    inner = head.merged_action_layer.weight.detach().double()  # (hidden, actions)
    bounds = [
        torch.linalg.eigvalsh(inner.T @ (outer[:, None] * inner))[-1]
        for outer in head.output_layer.weight.detach().double().abs()
    ]
    return CURVATURE[head.activation] * torch.stack(bounds)


def _measure(
    name: str, network: QNetwork, encoding: Encoding, counts: Tensor, merged: Tensor
) -> TheoryRow:
    """All numbers of one scheme. In double precision: a remainder is a small difference."""
    head, hidden = copy.deepcopy(network.head).double(), encoding.head.double()
    agents, actions = merged.shape
    allowed = encoding.action_mask
    if allowed is None:
        allowed = torch.ones(agents, actions, dtype=torch.bool)
    agent, action = counts.nonzero(as_tuple=True)
    weight = merged[agent, action]  # of all neighbours with this action together
    one_hot = torch.eye(actions, dtype=torch.float64)[action]
    delta = one_hot - merged[agent]  # (pairs, actions)
    first_order = torch.zeros_like(merged).index_add(0, agent, weight[:, None] * delta)

    own = hidden[agent]
    q, linear = jvp(lambda x: head.q_values(own, x), merged[agent], delta)  # type: ignore[no-untyped-call]
    pair_q = head.q_values(own, one_hot)
    remainder = (pair_q - q - linear).abs()  # (pairs, own actions)
    remainder *= allowed[agent]
    greatest = torch.zeros(agents, dtype=torch.float64).scatter_reduce(
        0, agent, remainder.amax(1), "amax"
    )
    merged_q = head.q_values(hidden, merged)
    pairwise_sum = torch.zeros_like(merged_q).index_add(0, agent, weight[:, None] * pair_q)
    gap = _mean_allowed((pairwise_sum - merged_q).abs(), allowed)
    spread = _spread_allowed(merged_q, allowed)

    bounds = smoothness(head)
    used = None
    if bounds is not None and bounds.min() > 0:
        half_square = delta.square().sum(1, keepdim=True) / 2
        close = half_square.squeeze(1) > 1e-9  # nearer than that both sides are rounding
        used = float((remainder / (bounds * half_square))[close].max())
    return TheoryRow(
        weights=name,
        agents=agents,
        first_order=float(first_order.abs().max()),
        remainder=float(greatest.quantile(0.5)),
        remainder_share=float((greatest / spread).quantile(0.5)),
        remainder_share_95=float((greatest / spread).quantile(0.95)),
        gap_share=float((gap / spread).quantile(0.5)),
        gap_share_95=float((gap / spread).quantile(0.95)),
        smoothness=None if bounds is None else float(bounds.max()),
        bound_used=used,
    )


def _mean_allowed(values: Tensor, allowed: Tensor) -> Tensor:
    return (values * allowed).sum(1) / allowed.sum(1)


def _spread_allowed(q_values: Tensor, allowed: Tensor) -> Tensor:
    """Standard deviation of each agent's Q-values over the actions that it may take."""
    middle = _mean_allowed(q_values, allowed)
    return _mean_allowed((q_values - middle[:, None]).square(), allowed).sqrt()
