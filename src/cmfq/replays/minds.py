"""What a learned policy went by: taken from it while it plays, without asking it twice.

An agent's neighbours enter its decision through their actions alone, so a row for each *action*
that some neighbour took explains all of them. Only where weights are learned from observations
(Attention-MFQ) is there a number for every single neighbour.
"""

from collections.abc import Mapping, Sequence
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
from cmfq.networks import Encoding, QNetwork
from cmfq.policies import Decision, Policy, QPolicy
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
        policy.body_side,
    )


@dataclass
class Listener:
    """Overhears what a network's trunk makes of the observations that teams decide on."""

    network: QNetwork
    teams: list[int]
    """That it decides for, in the order in which it does."""
    _heard: list[Tensor] = field(default_factory=list)
    _hook: RemovableHandle | None = None

    def start(self) -> None:
        """Overhear from now on."""

        def hear(trunk: torch.nn.Module, observed: object, hidden: Tensor) -> None:
            self._heard.append(hidden)

        self._hook = self.network.trunk.register_forward_hook(hear)

    def stop(self) -> None:
        """Overhear no more."""
        if self._hook is not None:
            self._hook.remove()

    def forget(self) -> None:
        """What was heard since the last step."""
        self._heard.clear()

    def take(self, observations: Sequence[TeamObservation]) -> dict[int, Tensor]:
        """``h(s)`` of the last decision, by team; it is then forgotten.

        Args:
            observations: of all teams. Of several worlds that are decided for together, of the
                first one.
        """
        sizes = [len(observations[team].ids) for team in self.teams]
        hidden = torch.cat(self._heard)[: sum(sizes)]
        self.forget()
        return dict(zip(self.teams, torch.split(hidden, sizes), strict=True))


def listeners(policies: Sequence[Policy]) -> list[Listener]:
    """One for each network that plays: several policies may share it."""
    distinct = {id(policy): policy for policy in policies}  # in the order in which they decide
    teams: dict[int, Listener] = {}
    for key, policy in distinct.items():
        if isinstance(policy, QPolicy):
            listener = teams.setdefault(id(policy.network), Listener(policy.network, []))
            listener.teams += [team for team, one in enumerate(policies) if id(one) == key]
    return list(teams.values())


class Thought(NamedTuple):
    """All that one team's policy had in mind at one step."""

    policy: QPolicy
    beta: float
    hidden: Tensor
    """``h(s)``: a row per agent."""
    observation: TeamObservation
    decision: Decision


def think(thoughts: Sequence[Thought]) -> list[dict[str, Array]]:
    """What the file has of each thought (``docs/replay-format.md``), worked out all at once.

    Args:
        thoughts: of one policy at one ``beta``, of any teams and steps.
    """
    policy, beta = thoughts[0].policy, thoughts[0].beta
    counts, merged, q_values = (
        np.concatenate([getattr(thought.decision, name) for thought in thoughts])
        for name in ("counts", "merged_actions", "q_values")
    )
    hidden = torch.cat([thought.hidden for thought in thoughts])
    with torch.inference_mode():
        mask = policy.action_mask([thought.observation for thought in thoughts])
        encoding = Encoding(hidden, policy.network.head.encode(hidden), mask)
        rows, actions, effects, before, what_if = _what_if(
            policy, beta, encoding, torch.from_numpy(counts), _known_effects(policy, thoughts)
        )
        best = q_values.max(axis=1)
        advantages = np.maximum(q_values - best[:, None], -LARGEST_HALF)
        by_row = {
            "taken": np.bincount(rows, minlength=len(counts)).astype(np.uint16),
            "policy_before": before,
            "value": best,
            "advantage": advantages.astype(np.float16),
        }
        by_pair = {
            "taken_action": actions.astype(np.uint16 if counts.shape[1] > 256 else np.uint8),
            "taken_count": counts[rows, actions].astype(np.uint16),
            "effect": effects,
            "merged": merged[rows, actions].astype(np.float16),
            "what_if": what_if,
        }
        row_ends = np.cumsum([len(thought.hidden) for thought in thoughts])
        parts = [
            *_split(by_row, row_ends),
            *_split(by_pair, np.searchsorted(rows, row_ends)),
        ]
        if policy.attends:
            neighbours, weights = _weights(policy, encoding, thoughts)
            ends = np.cumsum(neighbours)[row_ends - 1]
            parts += _split({"neighbours": neighbours}, row_ends) + _split(
                {"weight": weights}, ends
            )
    together = (parts[i :: len(thoughts)] for i in range(len(thoughts)))
    return [
        {"beta": np.array([beta], np.float32)} | {k: v for part in own for k, v in part.items()}
        for own in together
    ]


def _known_effects(policy: QPolicy, thoughts: Sequence[Thought]) -> Tensor | None:
    """Eq 7, where the policy acted by it: those of the random ablation are draws."""
    effects = [thought.decision.effects for thought in thoughts]
    if policy.algorithm != "cmfq":
        return None
    return torch.from_numpy(np.concatenate([one for one in effects if one is not None]))


def _what_if(
    policy: QPolicy, beta: float, encoding: Encoding, counts: Tensor, effects: Tensor | None
) -> tuple[Array, Array, Array, Array, Array]:
    """Row and action of each pair, its effect, the policy before, and under each pair's action."""
    rule, network = policy.mean_field, policy.network
    intervention = find_function("intervention", rule.intervention, INTERVENTIONS)
    mean = mean_action(counts)
    before = network.q_values(encoding, mean)
    row, action = counts.nonzero(as_tuple=True)
    keep, add = intervention(counts.sum(-1))
    what_if = network.counterfactual_q_values(encoding, mean, row, action, keep, add)
    if effects is None:
        measure = find_function("effect", rule.effect, MEASURES)
        effects = causal_effects(
            before,
            lambda *_: what_if,
            counts,
            rule.effect_beta or beta,
            intervention,
            measure,
        )
    return (
        row.numpy(),
        action.numpy(),
        effects[row, action].clamp_(max=LARGEST_HALF).half().numpy(),
        _quantise(boltzmann(before, beta), PROBABILITY).astype(np.uint16),
        _quantise(boltzmann(what_if, beta), COARSE_PROBABILITY).astype(np.uint8),
    )


def _weights(
    policy: QPolicy, encoding: Encoding, thoughts: Sequence[Thought]
) -> tuple[Array, Array]:
    """How many neighbours each agent has; the weight of each, by row of agent and neighbour."""
    observations = [thought.observation for thought in thoughts]
    sizes = [len(observation.ids) for observation in observations]
    found = find_interactions(
        np.concatenate([observation.positions for observation in observations]),
        np.repeat(np.arange(len(sizes)), sizes),
        np.concatenate([observation.previous_actions for observation in observations]),
        policy.radius,
        policy.body_side,
    )
    order = np.lexsort((found.neighbour, found.agent))
    agent, neighbour = found.agent[order], found.neighbour[order]
    weights = attention_weights(
        *policy.network.queries_and_keys(encoding),
        torch.from_numpy(agent.astype(np.int64)),
        torch.from_numpy(neighbour.astype(np.int64)),
    )
    degrees = np.bincount(agent, minlength=sum(sizes)).astype(np.uint16)
    return degrees, _quantise(weights, PROBABILITY).astype(np.uint16)


def _split(arrays: Mapping[str, Array], ends: Array) -> list[dict[str, Array]]:
    starts = [0, *ends[:-1].tolist()]
    return [
        {name: array[start:end] for name, array in arrays.items()}
        for start, end in zip(starts, ends.tolist(), strict=True)
    ]


def _quantise(probabilities: Tensor, one: int) -> npt.NDArray[np.int32]:
    quantised: npt.NDArray[np.int32] = (probabilities * one).round_().to(torch.int32).numpy()
    return quantised
