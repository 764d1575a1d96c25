"""Why an agent acts as it does: its neighbours, their effects and weights, and the what-ifs."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch

from cmfq.algorithms import Situation, causal, find_function, interaction_weights
from cmfq.environments.base import TeamObservation
from cmfq.errors import UserError
from cmfq.mean_field.intervention import INTERVENTIONS
from cmfq.mean_field.merging import mean_action
from cmfq.mean_field.policy import boltzmann

if TYPE_CHECKING:
    from cmfq.policies import QPolicy

Probabilities = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Neighbour:
    """One neighbour of the agent."""

    id: int
    distance: float
    action: str
    """What it did in the step before."""
    effect: float
    """How far the agent's policy would move if the whole crowd had acted so (Eq 7)."""
    weight: float
    """Its share in the merged action; all weights add up to 1, and to 0 for IQL."""


@dataclass(frozen=True)
class Explanation:
    """What one agent goes by in one step."""

    agent: int
    """Its id."""
    actions: tuple[str, ...]
    """Names, in the order of all arrays here."""
    neighbours: list[Neighbour]
    """The weightiest first."""
    mean_action: Probabilities
    merged_action: Probabilities
    policy_before: Probabilities
    """With the mean action."""
    policy_after: Probabilities
    """With the merged action: what the agent acts by."""
    counterfactual_policies: dict[str, Probabilities]
    """Under the intervention, for each action that a neighbour took."""


def explain(
    policy: "QPolicy",
    observation: TeamObservation,
    agent: int,
    generator: np.random.Generator | None = None,
) -> Explanation:
    """Explain one agent's decision.

    Args:
        policy: that decides.
        observation: of the agent's team; neighbours are its team-mates.
        agent: its id.
        generator: of algorithms that draw (the random ablation).

    Raises:
        UserError: no living agent of the team has this id.
    """
    living = observation.ids.tolist()
    if agent not in living:
        raise UserError(f"no living agent has id {agent}: the living are {id_ranges(living)}")
    row = living.index(agent)
    network, actions = policy.network, policy.specification.actions
    crowd = policy.crowd([observation])
    found = policy.interactions(observation)
    with torch.no_grad():
        encoding = network.encode(
            torch.from_numpy(observation.view),
            torch.from_numpy(observation.features),
            policy.action_mask([observation]),
        )
        generator = generator or np.random.default_rng(0)
        merged = policy.merge(network, encoding, crowd, generator)
        situation = Situation(encoding, crowd.counts, None, policy.beta, generator)
        effects = causal(network, situation, policy.mean_field).effects
        mean = mean_action(crowd.counts)
        taken = torch.nonzero(crowd.counts[row]).squeeze(1)
        intervention = find_function("intervention", policy.mean_field.intervention, INTERVENTIONS)
        keep, add = intervention(crowd.counts.sum(-1))
        what_if = network.counterfactual_q_values(
            encoding, mean, torch.full_like(taken, row), taken, keep, add
        )
        before = boltzmann(network.q_values(encoding, mean), policy.beta)
        after = boltzmann(network.q_values(encoding, merged.action), policy.beta)
        counterfactual = boltzmann(what_if, policy.beta)
    assert effects is not None
    weights = interaction_weights(merged, crowd.counts, found)
    mine = torch.nonzero(found.agent == row).squeeze(1)
    neighbours = [
        Neighbour(
            id=living[k],
            distance=float(np.hypot(*(observation.positions[k] - observation.positions[row]))),
            action=actions[a],
            effect=float(effects[row, a]),
            weight=weight,
        )
        for k, a, weight in zip(
            found.neighbour[mine].tolist(),
            found.action[mine].tolist(),
            weights[mine].tolist(),
            strict=True,
        )
    ]
    return Explanation(
        agent=agent,
        actions=actions,
        neighbours=sorted(neighbours, key=lambda neighbour: -neighbour.weight),
        mean_action=mean[row].numpy(),
        merged_action=merged.action[row].numpy(),
        policy_before=before[row].numpy(),
        policy_after=after[row].numpy(),
        counterfactual_policies={
            actions[a]: counterfactual[i].numpy() for i, a in enumerate(taken.tolist())
        },
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
