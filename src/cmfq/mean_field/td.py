"""Temporal-difference learning with a target network (Eq 12, 13)."""

from jaxtyping import Float, Int
from torch import Tensor


def td_target(
    rewards: Float[Tensor, " n"],
    discounts: Float[Tensor, " n"],
    next_q_values: Float[Tensor, "n actions"],
) -> Float[Tensor, " n"]:
    """``y = r + γ max_a' Q(s', a', ǎ; θ⁻)`` (Eq 13).

    Args:
        rewards: ``r``.
        discounts: ``γ``, or 0 where the agent died or the game ended.
        next_q_values: of the target network, ``θ⁻``.
    """
    return rewards + discounts * next_q_values.max(dim=-1).values


def td_error(
    q_values: Float[Tensor, "n actions"], actions: Int[Tensor, " n"], targets: Float[Tensor, " n"]
) -> Float[Tensor, " n"]:
    """``Q(s, a, ǎ; θ) − y`` of the actions taken: the loss of Eq 12 is its mean square."""
    return q_values.gather(-1, actions.unsqueeze(-1)).squeeze(-1) - targets
