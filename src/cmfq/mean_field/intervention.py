"""Eq 7: how far would my policy move if the whole crowd acted like this one neighbour?

A neighbour enters Eq 7 through its action alone, so an agent has at most one effect per *action*,
however many neighbours it has. Only actions that some neighbour took are intervened with.

Two things can be exchanged, the paper's stated future work. A **do-operation** says what is put in
the place of the mean action ``ā`` for neighbour action ``a_k``; it has the form
``do(ā = keep · ā + add · a_k)``. A **measure** says how far the outcome moved.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from cmfq.mean_field.validity import check_effects

LARGEST_OUTCOME = 2**24
"""Q-values under interventions that are worked out at once."""

Coefficient = float | Float[Tensor, " agents"]
Intervention = Callable[[Float[Tensor, " agents"]], tuple[Coefficient, Coefficient]]
"""``neighbours -> (keep, add)``: from how many neighbours an agent has to its coefficients."""


class Outcome(NamedTuple):
    """Policies of agents."""

    q_values: Float[Tensor, "rows actions"]
    log_policy: Float[Tensor, "rows actions"]

    @classmethod
    def of(cls, q_values: Float[Tensor, "rows actions"], beta: float) -> "Outcome":
        """Boltzmann policies with the inverse temperature ``beta``."""
        return cls(q_values, torch.log_softmax(beta * q_values, dim=-1))


Measure = Callable[[Outcome, Outcome, Int[Tensor, " pairs"]], Float[Tensor, " pairs"]]
"""``(before, after, agent) -> effect``, at least 0, one per row of ``after``.

``before`` has a row per agent, ``after`` a row per interaction; ``agent`` says whose.
"""


CounterfactualQ = Callable[[Tensor, Tensor, Coefficient, Coefficient], Tensor]
"""``(agent, action, keep, add) -> (pairs, actions)``: Q-values of these rows under it.

``agent`` and ``action`` are ``(pairs,)``.
"""


def causal_effects(
    q_values: Float[Tensor, "agents actions"],
    counterfactual_q: CounterfactualQ,
    counts: Float[Tensor, "agents actions"],
    beta: float,
    intervention: Intervention | None = None,
    measure: Measure | None = None,
) -> Float[Tensor, "agents actions"]:
    """``TE = KL( π(· | s, ā) ‖ π(· | s, do(ā = a_k)) )`` for every action that a neighbour took.

    Args:
        q_values: ``Q(s, ·, ā)``, with the mean action.
        counterfactual_q: Q-values under the intervention.
        counts: how many neighbours took each action (:mod:`.neighbourhood`).
        beta: inverse temperature of the policies compared.
        intervention: the do-operation; :func:`replace` (Eq 7) if not given.
        measure: measure of the change; :func:`kl` (Eq 7) if not given.

    Returns:
        Effect of each action on each agent's policy, in nats for the divergences; 0 for actions
        that nobody took.

    Raises:
        InvalidForAgent: the measure gave a negative or non-finite effect.
    """
    agent, action = counts.nonzero(as_tuple=True)
    keep, add = (intervention or replace)(counts.sum(-1))
    before = Outcome.of(q_values, beta)
    parts = []
    rows = max(1, LARGEST_OUTCOME // q_values.shape[-1])  # of hundreds of actions: some at a time
    for some, taken in zip(torch.split(agent, rows), torch.split(action, rows), strict=True):
        counterfactual = counterfactual_q(some, taken, keep, add)
        after = Outcome.of(counterfactual, beta)
        part = (measure or kl)(before, after, some)
        if part.shape != some.shape:
            raise ValueError(
                f"the measure gave {tuple(part.shape)}, not one effect per interaction"
            )
        parts.append(part)
    effect = torch.cat(parts)
    check_effects(effect, agent, action)
    effects = torch.zeros_like(counts)
    effects[agent, action] = effect.clamp_(min=0.0)
    return effects


def replace(neighbours: Float[Tensor, " agents"]) -> tuple[Coefficient, Coefficient]:
    """``do(ā = a_k)``: what if the whole crowd acted like this one (Eq 7)?"""
    return 0.0, 1.0


def leave_one_out(neighbours: Float[Tensor, " agents"]) -> tuple[Coefficient, Coefficient]:
    """``do(ā = (N ā - a_k) / (N - 1))``: what if this one were not there?

    Without its only neighbour an agent has none, and the zero vector.
    """
    others = (neighbours - 1).clamp(min=1)
    several = (neighbours > 1).to(neighbours)
    return several * neighbours / others, -several / others


def step_towards(neighbours: Float[Tensor, " agents"]) -> tuple[Coefficient, Coefficient]:
    """``do(ā = 0.9 ā + 0.1 a_k)``: what if the crowd moved a little towards this one?"""
    return 0.9, 0.1


INTERVENTIONS: dict[str, Intervention] = {
    "replace": replace,
    "leave-one-out": leave_one_out,
    "step": step_towards,
}


def kl(before: Outcome, after: Outcome, agent: Int[Tensor, " pairs"]) -> Float[Tensor, " pairs"]:
    """``KL(π ‖ π') = Σ π (log π - log π')`` (Eq 7)."""
    policy = before.log_policy.exp()
    negative_entropy = (policy * before.log_policy).sum(-1)
    cross_entropy = (policy.index_select(0, agent) * after.log_policy).sum(-1)
    return negative_entropy.index_select(0, agent) - cross_entropy


def reverse_kl(
    before: Outcome, after: Outcome, agent: Int[Tensor, " pairs"]
) -> Float[Tensor, " pairs"]:
    """``KL(π' ‖ π) = Σ π' (log π' - log π)``."""
    return (after.log_policy.exp() * (after.log_policy - before.log_policy[agent])).sum(-1)


def jensen_shannon(
    before: Outcome, after: Outcome, agent: Int[Tensor, " pairs"]
) -> Float[Tensor, " pairs"]:
    """``½ KL(π ‖ m) + ½ KL(π' ‖ m)`` with ``m = ½ (π + π')``; at most ``log 2``."""
    p, q = before.log_policy[agent], after.log_policy
    middle = torch.logaddexp(p, q) - math.log(2)
    return 0.5 * (p.exp() * (p - middle) + q.exp() * (q - middle)).sum(-1)


def total_variation(
    before: Outcome, after: Outcome, agent: Int[Tensor, " pairs"]
) -> Float[Tensor, " pairs"]:
    """``½ Σ |π - π'|``; at most 1."""
    return 0.5 * (before.log_policy.exp()[agent] - after.log_policy.exp()).abs().sum(-1)


def greedy_value(
    before: Outcome, after: Outcome, agent: Int[Tensor, " pairs"]
) -> Float[Tensor, " pairs"]:
    """``|Q'(s, a*) - Q(s, a*)|`` for the action ``a*`` that was best before; in units of return."""
    value, best = before.q_values.max(-1)
    return (after.q_values.gather(-1, best[agent, None]).squeeze(-1) - value[agent]).abs()


MEASURES: dict[str, Measure] = {
    "kl": kl,
    "reverse-kl": reverse_kl,
    "jensen-shannon": jensen_shannon,
    "total-variation": total_variation,
    "greedy-value": greedy_value,
}
