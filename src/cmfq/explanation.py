"""Why an agent acts as it does: its neighbours, their effects and weights, and the what-ifs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from cmfq.algorithms import find_function
from cmfq.decision import Trace
from cmfq.environments.base import TeamObservation
from cmfq.errors import UserError
from cmfq.mean_field.intervention import INTERVENTIONS, MEASURES, causal_effects
from cmfq.mean_field.merging import mean_action
from cmfq.mean_field.policy import boltzmann
from cmfq.merge import InteractionRows, interaction_weights

Probabilities = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Neighbour:
    """One neighbour of the agent."""

    id: int
    distance: float
    action: str
    """Action in the step before."""
    effect: float
    """Effect of its action by the merging rule; for rules without effects, that of Eq 7."""
    weight: float
    """Share of the merged action; all weights add up to 1, or to 0 for IQL."""


@dataclass(frozen=True)
class Explanation:
    """Reasons of one agent's decision in one step."""

    agent: int
    """Its id."""
    actions: tuple[str, ...]
    """Names of the actions, in the order of all arrays here."""
    neighbours: list[Neighbour]
    """Neighbours of the agent, in order of decreasing weight."""
    mean_action: Probabilities
    merged_action: Probabilities
    policy_before: Probabilities
    """Policy with the mean action."""
    policy_after: Probabilities
    """Policy with the merged action: the acting policy."""
    counterfactual_policies: dict[str, Probabilities]
    """Policy under the do-operation, for each action that a neighbour took."""
    beta: float
    """Inverse temperature of all these policies."""
    effect_beta: float
    """Inverse temperature of the policies whose distances are the effects."""
    rule_has_effects: bool = True
    """Whether the effects are the merging rule's; if it has none, they are those of Eq 7."""

    def summary(self) -> str:
        """One sentence: the neighbours with most weight, and how weighing changes the policy."""
        if not self.neighbours:
            return f"Agent {self.agent} has no neighbour that has acted: it goes by what it sees."
        first, after = self._likeliest(self.policy_before), self._likeliest(self.policy_after)
        moved = 0.5 * float(np.abs(self.policy_after - self.policy_before).sum())
        change = (
            f"its likeliest action is still {after}"
            if first.split(" (")[0] == after.split(" (")[0]
            else f"its likeliest action is {after} instead of {first}"
        )
        if not any(neighbour.weight for neighbour in self.neighbours):
            return f"No neighbour of agent {self.agent} has a weight: it goes by what it sees."
        return (
            f"Weighing the neighbours moves {moved:.0%} of the policy of agent {self.agent}: "
            f"{change}; {self._heaviest()}."
        )

    def _heaviest(self) -> str:
        """Which neighbours weigh most: often several, since equal actions have equal weights."""
        first = self.neighbours[0]
        alike = [n for n in self.neighbours if np.isclose(n.weight, first.weight, atol=1e-6)]
        each = f"{first.weight:.0%} each" if len(alike) > 1 else f"{first.weight:.0%}"
        if len(alike) == len(self.neighbours) > 1:
            return f"its {len(alike)} neighbours weigh the same ({each})"
        if len(alike) > 1:
            return (
                f"{len(alike)} neighbours weigh most ({each}), one of them agent {first.id}, "
                f"which did {first.action}"
            )
        return f"agent {first.id}, which did {first.action}, weighs most ({each})"

    def _likeliest(self, policy: Probabilities) -> str:
        action = int(policy.argmax())
        return f"{self.actions[action]} ({policy[action]:.0%})"


class WhatIf(NamedTuple):
    """Policies under the do-operation, a row per *pair* of an agent and an action.

    There is a pair for every action that some neighbour of the agent took, sorted by agent and
    action: a neighbour enters Eq 7 through its action alone.
    """

    agent: Tensor
    """``(pairs,)``: row of the agent."""
    action: Tensor
    """``(pairs,)``."""
    policies: Tensor
    """``(pairs, actions)``: of the agent, if all its neighbours had taken the action."""
    before: Tensor
    """``(agents, actions)``: policies with the mean action."""
    effects: Tensor
    """``(agents, actions)``: the merging rule's, or those of Eq 7 if it has none."""


def ask_what_if(trace: Trace) -> WhatIf:
    """Work out what agents would do under the do-operation of their policy."""
    network, settings, beta, encoding, neighbourhood, merged = trace[:6]
    counts, effects = neighbourhood.counts, merged.effects
    mean = mean_action(counts)
    agent, action = counts.nonzero(as_tuple=True)
    intervention = find_function("intervention", settings.intervention, INTERVENTIONS)
    keep, add = intervention(counts.sum(-1))
    after = network.counterfactual_q_values(encoding, mean, agent, action, keep, add)
    q_values = network.q_values(encoding, mean)
    if effects is None:
        measure = find_function("effect", settings.effect, MEASURES)
        beta_of_effects = settings.effect_beta or beta
        known = _InTurn(after)
        effects = causal_effects(q_values, known, counts, beta_of_effects, intervention, measure)
    before = boltzmann(q_values, beta)
    return WhatIf(agent, action, boltzmann(after, beta), before, effects)


class _InTurn:
    """Q-values that are known already, for :func:`causal_effects`, which asks in order."""

    def __init__(self, q_values: Tensor) -> None:
        self._q_values = q_values
        self._given = 0

    def __call__(self, agent: Tensor, *_: object) -> Tensor:
        start, self._given = self._given, self._given + len(agent)
        return self._q_values[start : self._given]


def explain(
    trace: Trace,
    actions: tuple[str, ...],
    observations: Sequence[TeamObservation],
    agent: int,
    found: InteractionRows,
) -> Explanation:
    """Explain the decision of one agent.

    Args:
        trace: trace of its team's decision.
        actions: names.
        observations: those of its team, then of other teams whose agents can be neighbours.
        agent: its id.
        found: each agent with each of its neighbours, among the rows of all ``observations``.

    Raises:
        UserError: no living agent of the team has this id.
    """
    living = observations[0].ids.tolist()
    if agent not in living:
        raise UserError(f"no living agent has id {agent}: the living are {id_ranges(living)}")
    row = living.index(agent)
    found = trace.neighbourhood.interactions or found
    ids = np.concatenate([one.ids for one in observations]).tolist()
    positions = np.concatenate([one.positions for one in observations])
    mine = torch.nonzero(found.agent == row).squeeze(1)
    weights = interaction_weights(trace.merged, trace.neighbourhood.counts, found)[mine]
    theirs = (found.neighbour[mine], found.action[mine], weights)
    own = trace.rows(row, row + 1)
    with torch.inference_mode():
        told = ask_what_if(own)
        after = boltzmann(trace.network.q_values(own.encoding, own.merged.action), trace.beta)
    neighbours = [
        Neighbour(
            id=ids[k],
            distance=float(np.hypot(*(positions[k] - positions[row]))),
            action=actions[a],
            effect=float(told.effects[0, a]),
            weight=weight,
        )
        for k, a, weight in zip(*(one.tolist() for one in theirs), strict=True)
    ]
    return Explanation(
        agent=agent,
        actions=actions,
        neighbours=sorted(neighbours, key=lambda neighbour: -neighbour.weight),
        mean_action=mean_action(own.neighbourhood.counts)[0].cpu().numpy(),
        merged_action=own.merged.action[0].cpu().numpy(),
        policy_before=told.before[0].cpu().numpy(),
        policy_after=after[0].cpu().numpy(),
        counterfactual_policies={
            actions[a]: told.policies[i].cpu().numpy() for i, a in enumerate(told.action.tolist())
        },
        beta=trace.beta,
        effect_beta=trace.settings.effect_beta or trace.beta,
        rule_has_effects=trace.merged.effects is not None,
    )


def id_ranges(ids: list[int]) -> str:
    """``0-3, 7``."""
    parts: list[list[int]] = []
    for i in sorted(ids):
        if parts and i == parts[-1][-1] + 1:
            parts[-1].append(i)
        else:
            parts.append([i])
    return ", ".join(str(p[0]) if len(p) == 1 else f"{p[0]}-{p[-1]}" for p in parts)
