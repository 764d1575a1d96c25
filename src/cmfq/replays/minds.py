"""What a learned policy went by: taken from it while it plays, without asking it twice.

An agent's neighbours enter its decision through their actions alone, so a row for each *action*
that some neighbour took explains all of them. Only where weights are learned from observations
(Attention-MFQ) is there a number for every single neighbour.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.hooks import RemovableHandle

from cmfq.algorithms import find_function
from cmfq.environments.base import TeamObservation
from cmfq.mean_field.attention import attention_weights
from cmfq.mean_field.intervention import INTERVENTIONS, MEASURES, causal_effects
from cmfq.mean_field.merging import mean_action
from cmfq.mean_field.neighbourhood import find_interactions
from cmfq.mean_field.policy import boltzmann
from cmfq.networks import Encoding
from cmfq.policies import Decision, QPolicy
from cmfq.replays.format import COARSE_PROBABILITY, PROBABILITY, Reasoning, finite

Array = npt.NDArray[Any]
LARGEST_HALF = 65504.0
"""Largest float16."""


def reasoning_of(policy: QPolicy) -> Reasoning:
    """By what rule it merges."""
    rule = policy.mean_field
    return Reasoning(
        policy.algorithm,
        rule.neighbours,
        finite(policy.radius),
        finite(rule.epsilon),
        rule.intervention,
        rule.effect,
    )


@dataclass
class Listener:
    """Overhears what a policy's trunk makes of the observations that it decides on."""

    policy: QPolicy
    _heard: list[Tensor] = field(default_factory=list)
    _hook: RemovableHandle | None = None

    def start(self) -> None:
        """Overhear from now on."""

        def hear(trunk: torch.nn.Module, observed: object, hidden: Tensor) -> None:
            self._heard.append(hidden)

        self._hook = self.policy.network.trunk.register_forward_hook(hear)

    def stop(self) -> None:
        """Overhear no more."""
        if self._hook is not None:
            self._hook.remove()

    def take(self, sizes: list[int]) -> list[Tensor]:
        """``h(s)`` of the last decision, split into the rows of each team; it is then forgotten."""
        hidden = torch.cat(self._heard)
        self._heard.clear()
        return list(torch.split(hidden, sizes))


class Thought(NamedTuple):
    """All that one team's policy had in mind at one step."""

    policy: QPolicy
    beta: float
    hidden: Tensor
    observation: TeamObservation
    decision: Decision

    def arrays(self) -> Mapping[str, Array]:
        """As the file has it (``docs/replay-format.md``)."""
        policy, decision = self.policy, self.decision
        assert decision.counts is not None
        assert decision.q_values is not None
        assert decision.merged_actions is not None
        network, rule = policy.network, policy.mean_field
        intervention = find_function("intervention", rule.intervention, INTERVENTIONS)
        counts = torch.from_numpy(decision.counts)
        with torch.inference_mode():
            encoding = Encoding(
                self.hidden,
                network.head.encode(self.hidden),
                policy.action_mask([self.observation]),
            )
            mean = mean_action(counts)
            before = network.q_values(encoding, mean)
            row, action = counts.nonzero(as_tuple=True)
            keep, add = intervention(counts.sum(-1))
            what_if = network.counterfactual_q_values(encoding, mean, row, action, keep, add)
            policy_before = boltzmann(before, self.beta)
            policy_what_if = boltzmann(what_if, self.beta)
            if policy.algorithm == "cmfq" and decision.effects is not None:
                effects = torch.from_numpy(decision.effects)
            else:
                effects = causal_effects(
                    before,
                    lambda *_: what_if,
                    counts,
                    rule.effect_beta or self.beta,
                    intervention,
                    find_function("effect", rule.effect, MEASURES),
                )
            weights = self._weights(encoding) if policy.attends else {}
        rows, actions = row.numpy(), action.numpy()
        best = decision.q_values.max(axis=1)
        return {
            "beta": np.array([self.beta], np.float32),
            "taken": np.bincount(rows, minlength=len(counts)).astype(np.uint16),
            "taken_action": actions.astype(np.uint16 if counts.shape[1] > 256 else np.uint8),
            "taken_count": decision.counts[rows, actions].astype(np.uint16),
            "effect": np.minimum(effects[row, action].numpy(), LARGEST_HALF).astype(np.float16),
            "merged": decision.merged_actions[rows, actions].astype(np.float16),
            "what_if": _quantise(policy_what_if, COARSE_PROBABILITY).astype(np.uint8),
            "policy_before": _quantise(policy_before, PROBABILITY).astype(np.uint16),
            "value": best,
            "advantage": np.maximum(decision.q_values - best[:, None], -LARGEST_HALF).astype(
                np.float16
            ),
            **weights,
        }

    def _weights(self, encoding: Encoding) -> dict[str, Array]:
        """Of each agent's neighbours, by row of agent and neighbour."""
        observation = self.observation
        found = find_interactions(
            observation.positions,
            np.zeros(len(observation.ids), int),
            observation.previous_actions,
            self.policy.radius,
        )
        order = np.lexsort((found.neighbour, found.agent))
        agent, neighbour = (
            torch.from_numpy(column[order].astype(np.int64))
            for column in (found.agent, found.neighbour)
        )
        queries, keys = self.policy.network.queries_and_keys(encoding)
        weights = attention_weights(queries, keys, agent, neighbour)
        return {
            "neighbours": np.bincount(agent, minlength=len(observation.ids)).astype(np.uint16),
            "weight": _quantise(weights, PROBABILITY).astype(np.uint16),
        }


def _quantise(probabilities: Tensor, one: int) -> npt.NDArray[np.int32]:
    quantised: npt.NDArray[np.int32] = (probabilities * one).round_().to(torch.int32).numpy()
    return quantised
