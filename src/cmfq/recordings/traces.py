"""Traces of decisions, as arrays of the replay file.

An agent's neighbours enter its decision through their actions alone, so a row for each *action*
that some neighbour took explains all of them. Only where a rule weighs each neighbour
(Attention-MFQ) is there a number for every single one.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from cmfq.decision import Decision, Trace
from cmfq.explanation import ask_what_if
from cmfq.merge import Merged, Neighbourhood
from cmfq.networks import Encoding
from cmfq.policies import QPolicy
from cmfq.recordings.format import COARSE_PROBABILITY, PROBABILITY, Reasoning, finite, reach

Array = npt.NDArray[Any]
LARGEST_HALF = 65504.0
"""Largest float16."""


def reasoning_of(policy: QPolicy) -> Reasoning:
    """Merging rule of a policy."""
    rule = policy.mean_field
    return Reasoning(
        policy.algorithm,
        rule.neighbours,
        reach(policy.radius),
        finite(rule.epsilon),
        rule.intervention,
        rule.effect,
        policy.body_side,
    )


def trace_arrays(decisions: Sequence[Decision]) -> list[dict[str, Array]]:
    """Arrays of each decision (``docs/replay-format.md``), worked out all at once.

    Args:
        decisions: decisions of one policy at one ``beta``, of any teams and steps.
    """
    traces = [trace for one in decisions if (trace := one.trace) is not None]
    counts, merged, q_values = (
        np.concatenate([getattr(decision, name) for decision in decisions])
        for name in ("counts", "merged_actions", "q_values")
    )
    with torch.inference_mode():
        told = ask_what_if(_join(traces))
        rows, actions = told.agent.cpu().numpy(), told.action.cpu().numpy()
        effects = told.effects[told.agent, told.action]
        best = q_values.max(axis=1)
        advantages = np.maximum(q_values - best[:, None], -LARGEST_HALF)
        by_row = {
            "taken": np.bincount(rows, minlength=len(counts)).astype(np.uint16),
            "policy_before": _quantise(told.before, PROBABILITY).astype(np.uint16),
            "value": best,
            "advantage": advantages.astype(np.float16),
        }
        by_pair = {
            "taken_action": actions.astype(np.uint16 if counts.shape[1] > 256 else np.uint8),
            "taken_count": counts[rows, actions].astype(np.uint16),
            "effect": effects.clamp_(max=LARGEST_HALF).half().cpu().numpy(),
            "merged": merged[rows, actions].astype(np.float16),
            "what_if": _quantise(told.policies, COARSE_PROBABILITY).astype(np.uint8),
        }
    row_ends = np.cumsum([len(decision.actions) for decision in decisions])
    by_decision = zip(
        traces,
        _split(by_row, row_ends),
        _split(by_pair, np.searchsorted(rows, row_ends)),
        strict=True,
    )
    return [
        {"beta": np.array([trace.beta], np.float32)} | of_rows | of_pairs | _weights(trace)
        for trace, of_rows, of_pairs in by_decision
    ]


def _join(traces: Sequence[Trace]) -> Trace:
    """One below the other, without interactions."""
    effects = [one.merged.effects for one in traces if one.merged.effects is not None]
    return traces[0]._replace(
        encoding=Encoding.join([one.encoding for one in traces]),
        neighbourhood=Neighbourhood(
            torch.cat([one.neighbourhood.counts for one in traces]),
            torch.cat([one.neighbourhood.positions for one in traces]),
        ),
        merged=Merged(
            torch.cat([one.merged.action for one in traces]),
            torch.cat(effects) if effects else None,
        ),
    )


def _weights(trace: Trace) -> dict[str, Array]:
    """How many neighbours each agent has, and the weight of each, by row of agent and neighbour.

    Nothing of rules that do not weigh each neighbour.
    """
    interactions, weights = trace.neighbourhood.interactions, trace.merged.weights
    if interactions is None or weights is None:
        return {}
    agent = interactions.agent.cpu().numpy()
    order = np.lexsort((interactions.neighbour.cpu().numpy(), agent))
    degrees = np.bincount(agent, minlength=len(trace.merged.action)).astype(np.uint16)
    quantised = _quantise(weights, PROBABILITY)[order].astype(np.uint16)
    return {"neighbours": degrees, "weight": quantised}


def _split(arrays: Mapping[str, Array], ends: Array) -> list[dict[str, Array]]:
    starts = [0, *ends[:-1].tolist()]
    return [
        {name: array[start:end] for name, array in arrays.items()}
        for start, end in zip(starts, ends.tolist(), strict=True)
    ]


def _quantise(probabilities: Tensor, one: int) -> npt.NDArray[np.int32]:
    quantised: npt.NDArray[np.int32] = (probabilities * one).round_().to(torch.int32).cpu().numpy()
    return quantised
