"""Checks of merged actions at every step: a silent NaN would train on."""

import math

import torch
from jaxtyping import Float, Int, Int64
from numpy import ndarray as Array
from torch import Tensor

ROUNDING = 1e-4
"""Greatest distance below 0 to which rounding may bring an effect."""
WEIGHTS_ROUNDING = 1e-3
"""Greatest distance from 1 to which rounding may bring the sum of an agent's weights."""


class InvalidForAgent(ValueError):
    """An effect, a weight or a neighbour is none; says of which agent."""

    def __init__(self, row: int, what: str) -> None:
        super().__init__(what)
        self.row = row
        """Row of the agent."""


def check_effects(
    effect: Float[Tensor, " pairs"], agent: Int[Tensor, " pairs"], action: Int[Tensor, " pairs"]
) -> None:
    """Effects are finite and not negative.

    Raises:
        InvalidForAgent: one of them is not.
    """
    if len(effect) == 0:
        return
    least, greatest = torch.stack(effect.aminmax()).tolist()  # a GPU is waited for once
    if least >= -ROUNDING and greatest < math.inf:
        return
    wrong = int((~((effect >= -ROUNDING) & (effect < math.inf))).nonzero()[0])
    raise InvalidForAgent(
        int(agent[wrong]),
        f"the effect of action {int(action[wrong])} is {float(effect[wrong])}, not a finite number "
        "from 0",
    )


def check_weights(merged_action: Float[Tensor, "agents actions"]) -> None:
    """The weights of an agent's neighbours, summed by action, add up to 1; without any, to 0.

    Raises:
        InvalidForAgent: they do not, or are not finite.
    """
    total = merged_action.sum(-1)
    error = (total - total.round()).abs_()
    if len(total) == 0:
        return
    greatest_error, greatest = torch.stack([error.max(), total.max()]).tolist()
    if greatest_error < WEIGHTS_ROUNDING and greatest < 1.5:
        return
    valid = (error < WEIGHTS_ROUNDING) & (total.round() >= 0) & (total.round() <= 1)
    wrong = int((~valid).nonzero()[0])
    raise InvalidForAgent(
        wrong, f"the weights of its neighbours add up to {float(total[wrong]):.4g}"
    )


def check_neighbours(
    agent: Int64[Array, " pairs"], neighbour: Int64[Array, " pairs"], agents: int
) -> None:
    """Neighbours are rows of living agents.

    Raises:
        InvalidForAgent: one is not.
    """
    if len(neighbour) == 0 or (neighbour.max() < agents and neighbour.min() >= 0):
        return
    wrong = int(((neighbour >= agents) | (neighbour < 0)).argmax())
    raise InvalidForAgent(
        int(agent[wrong]),
        f"row {int(neighbour[wrong])} is named as its neighbour, and only {agents} agents live",
    )
