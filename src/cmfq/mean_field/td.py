"""Temporal-difference learning with a target network (Eq 12, 13)."""

from jaxtyping import Float, Int
from torch import Tensor

from cmfq.mean_field.policy import boltzmann


def td_target(
    rewards: Float[Tensor, " n"],
    discounts: Float[Tensor, " n"],
    next_values: Float[Tensor, " n"],
) -> Float[Tensor, " n"]:
    """``y = r + γ v(s')``, with ``v(s') = max_a' Q(s', a', ǎ; θ⁻)`` in Eq 13.

    Args:
        rewards: ``r``.
        discounts: ``γ``, or 0 where the agent died or the game ended.
        next_values: ``v(s')``, by the target network, ``θ⁻``.
    """
    return rewards + discounts * next_values


def greedy_value(next_q_values: Float[Tensor, "n actions"]) -> Float[Tensor, " n"]:
    """``max_a' Q(s', a', ǎ; θ⁻)`` (Eq 13)."""
    return next_q_values.max(dim=-1).values


def double_value(
    next_q_values: Float[Tensor, "n actions"], online_q_values: Float[Tensor, "n actions"]
) -> Float[Tensor, " n"]:
    """``Q(s', argmax_a' Q(s', a', ǎ; θ), ǎ; θ⁻)`` (van Hasselt et al. 2016)."""
    best = online_q_values.argmax(dim=-1, keepdim=True)
    return next_q_values.gather(-1, best).squeeze(-1)


def boltzmann_value(next_q_values: Float[Tensor, "n actions"], beta: float) -> Float[Tensor, " n"]:
    """``Σ_a' π(a' | s', ǎ) Q(s', a', ǎ; θ⁻)`` with ``π ∝ exp(β Q)`` (Yang et al. 2018, Eq 10)."""
    return (boltzmann(next_q_values, beta) * next_q_values).sum(-1)


def td_error(
    q_values: Float[Tensor, "n actions"], actions: Int[Tensor, " n"], targets: Float[Tensor, " n"]
) -> Float[Tensor, " n"]:
    """``Q(s, a, ǎ; θ) − y`` of the actions taken: the loss of Eq 12 is its mean square."""
    return q_values.gather(-1, actions.unsqueeze(-1)).squeeze(-1) - targets
