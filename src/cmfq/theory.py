"""Cost of the mean-field approximation, measured on a trained network (Eq 8, 9 and 14-20).

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

from cmfq.algorithms import ALGORITHMS
from cmfq.decision import Decision, Trace
from cmfq.heads import AdditiveHead, EmbeddingHead, PairwiseHead
from cmfq.merge import Merged, MergeInput, Neighbourhood
from cmfq.networks import Encoding, QNetwork
from cmfq.policies import QPolicy

WEIGHTS = {"causal": "cmfq", "mean": "mfq", "random": "random-weights"}
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
    policy: QPolicy, decisions: Sequence[Decision], generator: np.random.Generator
) -> list[TheoryRow]:
    """Measure all of it on what agents decided by.

    Args:
        policy: any trained policy; all three weighing schemes are applied to its network.
        decisions: decisions of the policy, for any teams and steps.
        generator: generator of the random weights.

    Returns:
        A row for each weighing scheme, and one for the policy's own merging rule if that is another
        one and merges something; none if there is no agent to measure: one that has two neighbours
        that acted differently, and a choice of two actions.
    """
    traces = [_busy(trace) for one in decisions if (trace := one.trace) is not None]
    counts = [one.neighbourhood.counts for one in traces]
    if not sum(map(len, counts)):
        return []
    encoding = Encoding.join([one.encoding for one in traces])
    together = torch.cat(counts)
    near = Neighbourhood(together, torch.cat([one.neighbourhood.positions for one in traces]))
    given = MergeInput(encoding, near, policy.beta, generator)
    merged = {}
    with torch.no_grad():
        for name, algorithm in WEIGHTS.items():
            rule = ALGORITHMS[algorithm]
            merged[name] = rule.merge(policy.network, given, policy.mean_field).action
        own = torch.cat([one.merged.action for one in traces])
        if policy.algorithm not in WEIGHTS.values() and own.any():
            merged[policy.algorithm] = own
        return [
            _measure(name, policy.network, encoding, together, action.double())
            for name, action in merged.items()
        ]


def _busy(trace: Trace) -> Trace:
    """The agents that can be measured, without interactions."""
    counts, positions, _ = trace.neighbourhood
    busy = (counts > 0).sum(1) > 1  # with one action alone, every scheme is exact
    if trace.encoding.action_mask is not None:
        busy &= trace.encoding.action_mask.sum(1) > 1
    return trace._replace(
        encoding=trace.encoding.rows(busy),
        neighbourhood=Neighbourhood(counts[busy], positions[busy]),
        merged=Merged(trace.merged.action[busy]),
    )


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
