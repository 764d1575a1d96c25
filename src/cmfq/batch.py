"""Batches of transitions: what a learner learns from at once."""

from typing import NamedTuple

import torch
from torch import Tensor

from cmfq.environments.symmetries import Symmetry

LEFT_OUT = -2
"""Action of a row that is there for its neighbours alone: nothing is learned from it."""


class Batch(NamedTuple):
    """Transitions: one per row."""

    view: Tensor
    """``(n, height, width, channels)``, float32."""
    features: Tensor
    positions: Tensor
    previous_actions: Tensor
    actions: Tensor
    """``(n,)``: :data:`LEFT_OUT` for rows that are there as neighbours alone."""
    rewards: Tensor
    """``(n,)``: ``r``, or ``Σ γ^k r_k`` of the steps that are summed."""
    discounts: Tensor
    """``(n,)``: ``γ``, or ``γ^n``, of the next state; 0 where the agent died or the game ended."""
    counts: Tensor
    """``(n, actions)``: the neighbours' previous actions."""
    merged_actions: Tensor
    """``(n, actions)``: ``ǎ`` as it was when the agent acted."""
    next_view: Tensor
    next_features: Tensor
    next_positions: Tensor
    next_previous_actions: Tensor
    next_counts: Tensor
    next_merged_actions: Tensor
    groups: Tensor | None = None
    """``(n,)``: which step a row is of, if whole steps were sampled."""
    action_mask: Tensor | None = None
    """``(n, actions)``, bool, where observations have masks."""
    next_action_mask: Tensor | None = None
    next_rows: Tensor | None = None
    """``(n,)``: where the replay holds the next state: the same for an agent and for its heirs."""


def turned(batch: Batch, symmetry: Symmetry) -> Batch:
    """The same transitions in a turned or mirrored world."""

    def action(old: Tensor) -> Tensor:
        return torch.where(old >= 0, symmetry.actions[old.clamp(min=0)], old)

    def mask(old: Tensor | None) -> Tensor | None:
        return None if old is None else symmetry.by_action(old)

    return batch._replace(
        view=symmetry.view(batch.view),
        features=symmetry.features(batch.features),
        positions=symmetry.positions(batch.positions),
        previous_actions=action(batch.previous_actions),
        actions=action(batch.actions),
        counts=symmetry.by_action(batch.counts),
        merged_actions=symmetry.by_action(batch.merged_actions),
        action_mask=mask(batch.action_mask),
        next_view=symmetry.view(batch.next_view),
        next_features=symmetry.features(batch.next_features),
        next_positions=symmetry.positions(batch.next_positions),
        next_previous_actions=action(batch.next_previous_actions),
        next_counts=symmetry.by_action(batch.next_counts),
        next_merged_actions=symmetry.by_action(batch.next_merged_actions),
        next_action_mask=mask(batch.next_action_mask),
    )
