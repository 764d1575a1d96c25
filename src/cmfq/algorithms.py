"""The algorithms: each is one way to merge the neighbours' actions, and nothing else differs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from cmfq.errors import UserError, unknown_name
from cmfq.mean_field.intervention import causal_effects
from cmfq.mean_field.merging import causal_action, mean_action
from cmfq.networks import QNetwork


@dataclass(frozen=True)
class MeanFieldSettings:
    """How neighbours are found and merged."""

    neighbours: Literal["team", "everyone"] = "team"
    """Whose actions are merged: team-mates, or all agents in reach (open in the paper)."""
    radius: float | None = None
    """How far neighbours reach; the view's radius if not given; inf for all."""
    epsilon: float = 0.01
    """Smoothing term of the causal weights (Eq 11); inf makes CMFQ equal to MFQ."""
    effect_beta: float | None = None
    """Inverse temperature of the policies that Eq 7 compares; the acting one if not given."""

    def __post_init__(self) -> None:
        if not self.epsilon > 0:
            raise UserError(f"epsilon is {self.epsilon}: give a number above 0, or inf")
        if self.radius is not None and not self.radius >= 0:
            raise UserError(f"radius is {self.radius}: give 0 or more, or inf")
        if self.effect_beta is not None and not self.effect_beta > 0:
            raise UserError(f"effect_beta is {self.effect_beta}: give a number above 0")


class Merged(NamedTuple):
    """A merged action, and why it is what it is."""

    action: Float[Tensor, "agents actions"]
    effects: Float[Tensor, "agents actions"] | None = None
    """Effect of each action that a neighbour took, for algorithms that weigh by effects."""


Hidden = Float[Tensor, "agents hidden"]
Counts = Float[Tensor, "agents actions"]
MergingRule = Callable[[QNetwork, Hidden, Counts, float, MeanFieldSettings], Merged]
"""(network, its encoding of the observations, counts of the neighbours' actions, β, settings)."""


def independent(
    network: QNetwork, hidden: Hidden, counts: Counts, beta: float, settings: MeanFieldSettings
) -> Merged:
    """IQL: the others are part of the environment."""
    return Merged(torch.zeros_like(counts))


def mean(
    network: QNetwork, hidden: Hidden, counts: Counts, beta: float, settings: MeanFieldSettings
) -> Merged:
    """MFQ: every neighbour weighs the same (Eq 2)."""
    return Merged(mean_action(counts))


def causal(
    network: QNetwork, hidden: Hidden, counts: Counts, beta: float, settings: MeanFieldSettings
) -> Merged:
    """CMFQ: a neighbour weighs what it would do to the policy if all acted like it (Eq 7-11)."""
    effects = causal_effects(
        network.q_values(hidden, mean_action(counts)),
        lambda agent, action: network.counterfactual_q_values(hidden, agent, action),
        counts,
        settings.effect_beta or beta,
    )
    return Merged(causal_action(counts, effects, settings.epsilon), effects)


ALGORITHMS: dict[str, MergingRule] = {"iql": independent, "mfq": mean, "cmfq": causal}


def merging_rule(algorithm: str) -> MergingRule:
    """Look an algorithm up by name.

    Raises:
        UserError: there is none of that name; the nearest one is suggested.
    """
    if algorithm not in ALGORITHMS:
        raise unknown_name("algorithm", algorithm, ALGORITHMS)
    return ALGORITHMS[algorithm]
