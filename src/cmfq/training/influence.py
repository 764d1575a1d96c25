"""Influence of neighbours on decisions while a run trains: a sample of the steps of an episode.

Everything is read off decisions that were made anyway, so no random number is drawn; what costs
something is one more pass of the last layer, with the mean action, for the decisions of the sample.
"""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from cmfq.decision import Decision
from cmfq.environments.base import FloatArray, Step, TeamObservation, TeamSpecification
from cmfq.mean_field.merging import mean_action

PERIOD = 10
"""Number of steps between two that are measured."""
FIRST = 5
"""The first of them, counted from 0: at step 0 nobody has acted."""
MOST_ACTIONS = 64
"""Greatest number of actions for which a row has one value per action."""

Array = npt.NDArray[np.float64]


class InfluenceTally:
    """Watches an episode and adds up what its neighbours mean to each team.

    A decision counts if the agent has a neighbour that has acted and the merging rule weighs it:
    nothing is counted of scripts and of IQL.

    Args:
        teams: teams of the environment.
        left_out: teams whose actions are not those that the learner merged and decided for.
    """

    def __init__(self, teams: Sequence[TeamSpecification], left_out: Collection[int] = ()) -> None:
        self._teams = [_Team(team.actions) for team in teams]
        self._left_out = left_out
        self._steps = 0

    def on_step(
        self,
        observations: tuple[TeamObservation, ...],
        decisions: tuple[Decision, ...],
        step: Step,
    ) -> None:
        """Count the decisions of a step, if it is one of the sample."""
        if self._steps % PERIOD == FIRST:
            for number, (team, decision) in enumerate(zip(self._teams, decisions, strict=True)):
                if number not in self._left_out:
                    team.add(decision)
        self._steps += 1

    def on_truncation(
        self, observations: tuple[TeamObservation, ...], decisions: tuple[Decision, ...]
    ) -> None:
        """Leave out decisions that were never carried out."""

    def measures(self) -> dict[str, Any]:
        """Fields of :class:`~cmfq.training.metrics.EpisodeMetrics`, a list of a value per team."""
        every = [team.measures() for team in self._teams]
        return {name: [one[name] for one in every] for name in every[0]}


class _Team:
    """Sums over the decisions of a team."""

    def __init__(self, actions: tuple[str, ...]) -> None:
        self._actions = actions
        self._decisions = 0
        self._effective = self._entropy = 0.0
        self._changed = 0
        self._neighbours, self._effects, self._weights = np.zeros((3, len(actions)))
        self._has_effects = self._differs = False

    def add(self, decision: Decision) -> None:
        counts, merged = decision.counts, decision.merged_actions
        if counts is None or merged is None:
            return
        weighed = (counts.sum(1) > 0) & (merged.sum(1) > 0)
        if not weighed.any():
            return
        concentration, entropy = _concentration(decision, counts, merged)
        self._decisions += int(np.count_nonzero(weighed))
        self._effective += float((1 / concentration[weighed]).sum())
        self._entropy += float(entropy[weighed].sum())
        counts, merged = counts[weighed], merged[weighed]
        self._neighbours += counts.sum(0, dtype=np.float64)
        if decision.effects is not None:
            self._has_effects = True
            effects = np.where(counts > 0, decision.effects[weighed], 0)
            self._effects += (counts * effects).sum(0, dtype=np.float64)
        shares = merged * counts.sum(1, keepdims=True)  # 1 per neighbour: the same as all others
        if np.abs(shares - counts).max() > 1e-5 * counts.max():
            self._differs = True
            self._changed += _changed(decision, weighed)
        self._weights += shares.sum(0, dtype=np.float64)

    def measures(self) -> dict[str, Any]:
        known, few = self._decisions > 0, len(self._actions) <= MOST_ACTIONS
        return {
            "effective_neighbours": self._effective / self._decisions if known else None,
            "weight_entropy": self._entropy / self._decisions if known else None,
            "changed_by_weights": self._changed / self._decisions if known else None,
            "effect_by_action": self._by_action(self._effects)
            if few and self._has_effects
            else None,
            "weight_by_action": self._by_action(self._weights)
            if few and self._differs and not self._has_effects
            else None,
        }

    def _by_action(self, sums: Array) -> dict[str, float]:
        """Means over neighbours that took an action, of the actions that some took."""
        return {
            action: float(f"{total / neighbours:.6g}")
            for action, total, neighbours in zip(self._actions, sums, self._neighbours, strict=True)
            if neighbours
        }


def _concentration(
    decision: Decision, counts: FloatArray, merged: FloatArray
) -> tuple[Array, Array]:
    """``Σ w²`` and ``-Σ w log w`` over the neighbours of each agent: ``(agents,)`` each.

    Neighbours with the same action share what it has of the merged action, unless the rule weighed
    each of them.
    """
    trace = decision.trace
    if trace is not None and trace.merged.weights is not None:
        assert trace.neighbourhood.interactions is not None, "the rule weighs neighbours"
        weight = trace.merged.weights.double().cpu().numpy()
        agent = trace.neighbourhood.interactions.agent.cpu().numpy()
        agents = len(counts)
        squares, entropy = weight**2, -weight * _log(weight)
        return (
            np.bincount(agent, squares, agents).astype(np.float64),
            np.bincount(agent, entropy, agents).astype(np.float64),
        )
    each = merged.astype(np.float64) / np.maximum(counts, 1)  # weight of one of them
    return (merged * each).sum(1), -(merged * _log(each)).sum(1)


def _log(weights: Array) -> Array:
    """Logarithms; 0 of a weight that is 0, which then counts for nothing."""
    return np.log(np.where(weights > 0, weights, 1))


def _changed(decision: Decision, weighed: npt.NDArray[np.bool_]) -> int:
    """Number of agents whose best action is another than with the mean action."""
    trace = decision.trace
    assert trace is not None, "who weighs neighbours has a trace"
    assert decision.q_values is not None, "who weighs neighbours has Q-values"
    with torch.inference_mode():
        mean = mean_action(trace.neighbourhood.counts)
        best = trace.network.q_values(trace.encoding, mean).argmax(1).cpu().numpy()
    return int(np.count_nonzero((best != decision.q_values.argmax(1)) & weighed))
