"""Another merged action in the place of a policy's own, and what it would then do."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from cmfq.algorithms import MeanFieldSettings, MergingRule, find_algorithm
from cmfq.decision import Decision
from cmfq.mean_field.intervention import Outcome, total_variation
from cmfq.mean_field.merging import mean_action
from cmfq.merge import Merged, MergeInput, Neighbourhood
from cmfq.networks import QNetwork
from cmfq.policies import QPolicy
from studies.reliance.rows import EXCHANGES


def exchanges(policy: QPolicy, usual: Tensor) -> dict[str, QPolicy]:
    """The same network, with another merged action.

    Args:
        policy: as it was trained.
        usual: ``(actions,)``: its mean merged action.
    """
    own = find_algorithm(policy.algorithm).merge
    altered = (
        replace(policy, algorithm="mfq"),
        replace(policy, algorithm="random-weights"),
        replace(policy, rule=of_another(own)),
        replace(policy, rule=always(usual)),
        replace(policy, algorithm="iql"),
    )
    return dict(zip(EXCHANGES, altered, strict=True))


def of_another(own: MergingRule) -> MergingRule:
    """Every agent goes by what the rule merges for another one, drawn from the same call.

    Agents without neighbours have nothing to give and get nothing. Rows are of one team in one
    world when two players play, and in this study.
    """

    def rule(network: QNetwork, given: MergeInput, settings: MeanFieldSettings) -> Merged:
        action = own(network, given, settings).action
        rows = action.any(-1).nonzero().squeeze(1)
        order = rows[torch.from_numpy(given.generator.permutation(len(rows)))]
        exchanged = action.clone()
        exchanged[order] = action[order.roll(1)]
        return Merged(exchanged)

    return rule


def always(action: Tensor) -> MergingRule:
    """Every agent with neighbours goes by this merged action, ``(actions,)``."""

    def rule(network: QNetwork, given: MergeInput, settings: MeanFieldSettings) -> Merged:
        return Merged(given.counts.any(-1, keepdim=True) * action)

    return rule


class Seen(NamedTuple):
    """Measures of decisions by a merged action that is not zero: a column per decision."""

    neighbours: Tensor
    """``(decisions,)``: how many."""
    distance: Tensor
    """``(decisions,)``: ``½ ‖ǎ - ā‖₁``, the share of the weight that stands elsewhere."""
    effective: Tensor
    """``(decisions,)``: ``1 / Σ_k w_k²``, as a share of the neighbours; 1 if all weigh alike."""
    greedy: Tensor
    """``(decisions,)``: the policy's probability of its likeliest action."""
    changed: Tensor
    """``(exchanges + 1, decisions)``: another action becomes the likeliest; the last row says
    whether it does with any unanimous neighbours."""
    variation: Tensor
    """``(exchanges + 1, decisions)``: total variation between the policies; the last row is the
    greatest over all unanimous neighbours."""


def look(
    policy: QPolicy, others: Sequence[QPolicy], decision: Decision, generator: np.random.Generator
) -> Seen:
    """Exchange the merged actions of a team's decision (see :func:`exchanges`)."""
    network, trace = policy.network, decision.trace
    assert trace is not None, "learned policies have a trace"
    encoding, near, merged = trace.encoding, trace.neighbourhood, trace.merged
    with torch.inference_mode():
        heeds = merged.action.any(-1)
        own = encoding.rows(heeds)

        def outcome(q_values: Tensor) -> Outcome:
            return Outcome(q_values, torch.log_softmax(policy.beta * q_values, dim=-1))

        before = outcome(network.q_values(own, merged.action[heeds]))
        decisions, actions = before.q_values.shape
        rows = torch.arange(decisions)
        moves = []
        for other in others:
            action = other.merge(network, encoding, near, generator).action
            moves.append(_moved(before, outcome(network.q_values(own, action[heeds])), rows))
        agent = rows.repeat_interleave(actions)
        crowds = torch.arange(actions).repeat(decisions)
        mean = mean_action(near.counts)
        what_if = network.counterfactual_q_values(own, mean[heeds], agent, crowds)
        changed, variation = _moved(before, outcome(what_if), agent)
        shape = (decisions, actions)
        moves.append((changed.reshape(shape).any(1), variation.reshape(shape).amax(1)))
        neighbours = near.counts.sum(-1)
        return Seen(
            neighbours[heeds],
            0.5 * (merged.action - mean).abs().sum(-1)[heeds],
            1 / (_squared_weights(merged, near) * neighbours)[heeds],
            before.log_policy.amax(-1).exp(),
            torch.stack([changed for changed, _ in moves]),
            torch.stack([variation for _, variation in moves]),
        )


def _moved(before: Outcome, after: Outcome, agent: Tensor) -> tuple[Tensor, Tensor]:
    """Whether the greedy action changed and by how much the policy did, per row of ``after``."""
    changed = before.q_values.argmax(-1)[agent] != after.q_values.argmax(-1)
    return changed, total_variation(before, after, agent)


def _squared_weights(merged: Merged, near: Neighbourhood) -> Tensor:
    """``Σ_k w_k²`` of each agent, ``(agents,)``."""
    if merged.weights is None:  # neighbours that acted alike weigh alike
        return (merged.action.square() / near.counts.clamp(min=1)).sum(-1)
    assert near.interactions is not None
    zeros = merged.weights.new_zeros(len(merged.action))
    return zeros.index_add(0, near.interactions.agent, merged.weights.square())
