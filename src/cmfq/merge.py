"""Input and output of merging rules."""

from typing import NamedTuple

import numpy as np
from torch import Tensor

from cmfq.mean_field.validity import check_effects
from cmfq.networks import Encoding


class InteractionRows(NamedTuple):
    """:class:`~cmfq.mean_field.neighbourhood.Interactions` as int64 tensors."""

    agent: Tensor
    neighbour: Tensor
    action: Tensor


class Neighbourhood(NamedTuple):
    """The neighbours of each agent: a row per agent."""

    counts: Tensor
    """``(agents, actions)`` float32: number of neighbours that took each action in the step
    before."""
    positions: Tensor
    """``(agents, 2)``: x and y, in the unit of the environment."""
    interactions: InteractionRows | None = None
    """Pairs of an agent and a neighbour, for algorithms that look at every neighbour."""


class MergeInput(NamedTuple):
    """Input of a merging rule: a row per agent."""

    encoding: Encoding
    """Encoded observations."""
    neighbourhood: Neighbourhood
    """The neighbours of each agent."""
    beta: float
    """Inverse temperature of the policy."""
    generator: np.random.Generator
    """For rules that draw."""

    @property
    def counts(self) -> Tensor:
        """``(agents, actions)``: number of neighbours that took each action."""
        return self.neighbourhood.counts

    @property
    def interactions(self) -> InteractionRows:
        """Every neighbour of every agent, for rules that need ``neighbours``."""
        found = self.neighbourhood.interactions
        assert found is not None, "Algorithm(rule, neighbours=True) gives a rule its neighbours"
        return found

    @property
    def offsets(self) -> Tensor:
        """``(pairs, 2)`` float32: from the agent to the neighbour of each interaction."""
        agent, neighbour, _ = self.interactions
        positions = self.neighbourhood.positions.float()
        return positions[neighbour] - positions[agent]

    @property
    def distances(self) -> Tensor:
        """``(pairs,)`` float32: length of each of the offsets."""
        distances: Tensor = self.offsets.norm(dim=-1)
        return distances


class Merged(NamedTuple):
    """A merged action, and why it is what it is."""

    action: Tensor
    """``(agents, actions)``: ``ǎ``."""
    effects: Tensor | None = None
    """``(agents, actions)``, at least 0: effect of each action that a neighbour took, of rules that
    weigh by effects (``w_k ∝ effect + ε``)."""
    weights: Tensor | None = None
    """``(pairs,)``: weight of each interaction, of rules that weigh each neighbour."""


def interaction_weights(merged: Merged, counts: Tensor, interactions: InteractionRows) -> Tensor:
    """``w_k`` of each interaction, ``(pairs,)``: what it has of the agent's merged action.

    Neighbours with the same action share what the action has, unless the rule weighed each.
    """
    if merged.weights is not None:
        return merged.weights
    agent, _, action = interactions
    return merged.action[agent, action] / counts[agent, action]


def check_merged(merged: Merged, given: MergeInput) -> None:
    """Refuse what a merging rule may not return; weights that do not add up come later.

    Raises:
        TypeError: it is no merged action, or a part of it is no floating-point tensor.
        ValueError: a part of it has a wrong shape.
        InvalidForAgent: an effect is negative or not finite.
    """
    if not isinstance(merged, Merged):
        raise TypeError(f"the rule returned {type(merged).__name__}: return a cmfq.Merged")
    if merged.weights is not None and given.neighbourhood.interactions is None:
        raise ValueError(
            "the rule returned weights of neighbours without asking for neighbours: name "
            "Algorithm(rule, neighbours=True) instead of the rule"
        )
    pairs = () if merged.weights is None else given.interactions.agent.shape
    wanted = {"action": given.counts.shape, "effects": given.counts.shape, "weights": pairs}
    for name, shape in wanted.items():
        part = getattr(merged, name)
        if part is None and name != "action":
            continue
        if not isinstance(part, Tensor) or part.dtype != given.counts.dtype:
            found = part.dtype if isinstance(part, Tensor) else type(part).__name__
            raise TypeError(f"{name} of the rule is {found}: give a {given.counts.dtype} tensor")
        if part.shape != shape:
            raise ValueError(
                f"{name} of the rule has the shape {tuple(part.shape)}: give {tuple(shape)}"
            )
    if merged.effects is not None:
        agent, action = given.counts.nonzero(as_tuple=True)
        check_effects(merged.effects[agent, action], agent, action)
