"""The Q-network: a trunk run once per agent, a head run once per merged action.

``h = trunk(s)`` is nearly all of the arithmetic. Asking "what if the crowd acted otherwise" changes
only the merged action, so it costs one small matrix product on top of an ``h`` that is there.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from cmfq.environments.base import TeamSpecification
from cmfq.errors import UserError


@dataclass(frozen=True)
class NetworkSettings:
    """Widths of the Q-network."""

    channels: tuple[int, int] = (16, 32)
    """Of the two 3x3 convolutions over the view; the second has stride 2."""
    view_units: int = 128
    """Of the dense layer on the convolved view."""
    feature_units: int = 32
    """Of the dense layer on the features."""
    hidden_units: int = 128
    """Of the joint layer, in which the merged action enters."""

    def __post_init__(self) -> None:
        for width in (*self.channels, self.view_units, self.feature_units, self.hidden_units):
            if width < 1:
                raise UserError(f"a network width is {width}: give at least 1")


class QNetwork(nn.Module):
    """``Q(s, ·, ǎ) = W₂ relu(h(s) + Wₐ ǎ) + b₂`` for every action at once."""

    def __init__(self, specification: TeamSpecification, settings: NetworkSettings) -> None:
        super().__init__()
        first, second = settings.channels
        height, width = ((side - 2 - 1) // 2 for side in specification.view_shape)
        self.first_convolution = nn.Conv2d(len(specification.channels), first, 3)
        self.second_convolution = nn.Conv2d(first, second, 3, stride=2)
        self.view_layer = nn.Linear(second * height * width, settings.view_units)
        self.feature_layer = nn.Linear(len(specification.features), settings.feature_units)
        self.joint_layer = nn.Linear(
            settings.view_units + settings.feature_units, settings.hidden_units
        )
        actions = len(specification.actions)
        self.merged_action_layer = nn.Linear(actions, settings.hidden_units, bias=False)
        self.output_layer = nn.Linear(settings.hidden_units, actions)

    def encode(
        self,
        view: Float[Tensor, "n height width channels"],
        features: Float[Tensor, "n features"],
    ) -> Float[Tensor, "n hidden"]:
        """The trunk: ``h(s)``, before the merged action and the rectifier."""
        x = view.permute(0, 3, 1, 2)  # a view: the memory stays channels-last
        x = F.relu(self.first_convolution(x))
        x = F.relu(self.second_convolution(x))
        x = F.relu(self.view_layer(x.flatten(1)))
        y = F.relu(self.feature_layer(features))
        hidden: Tensor = self.joint_layer(torch.cat([x, y], dim=1))
        return hidden

    def q_values(
        self, hidden: Float[Tensor, "n hidden"], merged: Float[Tensor, "n actions"]
    ) -> Float[Tensor, "n actions"]:
        """``Q(s, ·, ǎ)`` for one merged action per row."""
        q: Tensor = self.output_layer(F.relu(hidden + self.merged_action_layer(merged)))
        return q

    def counterfactual_q_values(
        self,
        hidden: Float[Tensor, "n hidden"],
        agent: Int[Tensor, " pairs"],
        action: Int[Tensor, " pairs"],
    ) -> Float[Tensor, "pairs actions"]:
        """``Q(s, ·, do(ǎ = action))`` of row ``agent``; a one-hot action picks a column of Wₐ."""
        x = hidden[agent]
        x += self.merged_action_layer.weight.T[action]
        q: Tensor = self.output_layer(x.relu_())
        return q
