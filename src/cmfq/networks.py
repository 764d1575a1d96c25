"""The Q-network: a trunk run once per agent, a head run once per merged action.

The trunk is nearly all of the arithmetic. Asking "what if the crowd acted otherwise" changes only
the merged action, so it costs little on top of an encoding that is there.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, cast

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from cmfq.devices import computing
from cmfq.environments.base import TeamSpecification
from cmfq.errors import UserError, require_range, require_types
from cmfq.heads import Activation, AdditiveHead, Counterfactual, EmbeddingHead, PairwiseHead
from cmfq.mean_field.intervention import Coefficient

PAIRWISE_ACTIONS = 64
"""Most actions with which ``auto`` takes the pairwise head: its cost grows with their square. With
50 an update takes 1.4 to 3 times as long as with the additive head, with 100 7 to 24 times."""


@dataclass(frozen=True)
class NetworkSettings:
    """Shape of the Q-network."""

    head: Literal["auto", "additive", "pairwise", "embedding"] = "auto"
    """Use of the merged action: additive, into the joint layer; pairwise, as a table of pairs
    of actions; embedding, through two layers of its own, as in the original MFQ code; auto,
    pairwise up to 64 actions and additive above."""
    channels: tuple[int, int] = (16, 32)
    """Number of channels of the two 3x3 convolutions over the view."""
    view_units: int = 128
    """Number of units of the dense layer after the convolutions."""
    feature_units: int = 32
    """Number of units of the dense layer on the features."""
    hidden_units: int = 128
    """Number of units of the joint layer."""
    attention_units: int = 32
    """Number of units of the queries and keys of Attention-MFQ."""
    stride: int = 2
    """Stride of the second convolution."""
    ids: bool = False
    """Use the bits of MAgent2's agent ids as inputs. Larger teams have bits that training on
    smaller ones never saw."""
    place: bool = True
    """Use the position on MAgent2's map and its minimaps as inputs. Their scale depends on the size
    of the map."""
    compass: bool = False
    """Use the directions to the nearest enemy and to the own team as inputs (MAgent2's games). They
    mean the same on a map of any size."""
    activation: Activation = "relu"
    """Activation function of the joint layer, the only one after the merged action. With relu, Q
    has kinks in the merged action; softplus and silu make it smooth (Eq 14)."""

    def __post_init__(self) -> None:
        require_types(self)
        units = ("view_units", "feature_units", "hidden_units", "attention_units")
        require_range(self, 1, 2**16, *units)
        require_range(self, 1, 2, "stride")
        if not all(1 <= width <= 2**12 for width in self.channels):
            raise UserError(f"channels are {self.channels}: give two numbers from 1 to {2**12}")

    def head_for(self, actions: int) -> Literal["additive", "pairwise", "embedding"]:
        """The head of a network with so many actions."""
        if self.head == "auto":
            return "pairwise" if actions <= PAIRWISE_ACTIONS else "additive"
        return self.head


class Encoding(NamedTuple):
    """All that is needed of an observation: a row per agent."""

    hidden: Float[Tensor, "n hidden"]
    """``h(s)``, of the trunk."""
    head: Float[Tensor, "n head"]
    """Output of the head before it knows the merged action."""
    action_mask: Bool[Tensor, "n actions"] | None = None
    """Which actions each agent may take; ``None``: all."""

    def rows(self, selector: Tensor | slice) -> "Encoding":
        """Encoding of some of the agents."""
        mask = None if self.action_mask is None else self.action_mask[selector]
        return Encoding(self.hidden[selector], self.head[selector], mask)

    @classmethod
    def join(cls, encodings: Sequence["Encoding"]) -> "Encoding":
        """One below the other."""
        if len(encodings) == 1:
            return encodings[0]
        masks = [one.action_mask for one in encodings if one.action_mask is not None]
        return cls(
            torch.cat([one.hidden for one in encodings]),
            torch.cat([one.head for one in encodings]),
            torch.cat(masks) if masks else None,
        )


LearnedParts = Callable[[TeamSpecification, NetworkSettings], Mapping[str, nn.Module]]
"""``(specification, settings) -> modules by name``: makes what a merging rule learns."""
FORBIDDEN = -1e20
"""Value of an action that an agent may not take: finite, so that no policy becomes NaN."""


class QNetwork(nn.Module):
    """``Q(s, ·, ǎ)`` for every action at once.

    Args:
        specification: what agents see and can do.
        settings: widths, and the head.
        parts: makes what a merging rule learns, if it learns something.
    """

    def __init__(
        self,
        specification: TeamSpecification,
        settings: NetworkSettings,
        parts: LearnedParts | None = None,
    ) -> None:
        super().__init__()
        self.trunk = Trunk(specification, settings)
        actions = len(specification.actions)
        self.head: AdditiveHead | PairwiseHead | EmbeddingHead
        head = settings.head_for(actions)
        if head == "additive":
            self.head = AdditiveHead(settings.hidden_units, actions, settings.activation)
        elif head == "embedding":
            self.head = EmbeddingHead(settings.hidden_units, actions)
        else:
            self.head = PairwiseHead(settings.hidden_units, actions, settings.activation)
        for name, part in parts(specification, settings).items() if parts else ():
            self.add_module(name, part)
        self.members = nn.ModuleList()
        """Further networks of an ensemble, whose values are averaged with this one's."""
        self.in_bfloat16 = False
        """Whether the trunk computes in bfloat16. Not stored: weights are float32, and so is the
        head, whose small differences between actions decide."""

    def encode(
        self,
        view: Float[Tensor, "n height width channels"],
        features: Float[Tensor, "n features"],
        action_mask: Bool[Tensor, "n actions"] | None = None,
    ) -> Encoding:
        """Everything that does not depend on what others do.

        Values of the pairwise head are linear in its encoding, so the mean of an ensemble's
        encodings gives the mean of its values, under any merged action.
        """
        with computing(view.device, self.in_bfloat16):
            hidden = self.trunk(view, features)
        if self.in_bfloat16:
            hidden = hidden.float()
        head = self.head.encode(hidden)
        if len(self.members):
            members = cast("Sequence[QNetwork]", self.members)
            encodings = [head, *(member.encode(view, features).head for member in members)]
            head = torch.stack(encodings).mean(0)
        return Encoding(hidden, head, action_mask)

    def q_values(
        self, encoding: Encoding, merged: Float[Tensor, "n actions"]
    ) -> Float[Tensor, "n actions"]:
        """``Q(s, ·, ǎ)`` for one merged action per row."""
        q_values = self.head.q_values(encoding.head, merged)
        if encoding.action_mask is None:
            return q_values
        return q_values.masked_fill(~encoding.action_mask, FORBIDDEN)

    def counterfactual_q_values(
        self,
        encoding: Encoding,
        mean: Float[Tensor, "n actions"],
        agent: Int[Tensor, " pairs"],
        action: Int[Tensor, " pairs"],
        keep: Coefficient = 0.0,
        add: Coefficient = 1.0,
    ) -> Float[Tensor, "pairs actions"]:
        """``Q(s, ·, do(ǎ = keep · ā + add · action))`` of row ``agent``, for each pair of the two.

        Args:
            encoding: encoding of all agents.
            mean: their mean actions.
            agent: rows.
            action: what is mixed in.
            keep: for all agents, or one for each.
            add: likewise.
        """
        asked = Counterfactual(mean, agent, action, keep, add)
        q_values = self.head.counterfactual_q_values(encoding.head, asked)
        if encoding.action_mask is None:
            return q_values
        return q_values.masked_fill(~encoding.action_mask[agent], FORBIDDEN)

    @property
    def device(self) -> torch.device:
        """Device of the weights; one weight is asked, since a walk over all takes longer."""
        return self.trunk.joint_layer.weight.device

    def part(self, name: str) -> nn.Module:
        """Learned part of a merging rule, by the name that it gave."""
        return self.get_submodule(name)


class Trunk(nn.Module):
    """``h(s)``, before the joint layer's activation."""

    def __init__(self, specification: TeamSpecification, settings: NetworkSettings) -> None:
        super().__init__()
        channels = _chosen(specification.channels, settings)
        features = _chosen(specification.features, settings)
        self.channels: slice | Tensor
        self.features: slice | Tensor
        for name, chosen in (("channels", channels), ("features", features)):
            if chosen == list(range(len(chosen))):  # a slice copies nothing
                setattr(self, name, slice(0, len(chosen)))
            else:
                self.register_buffer(name, torch.tensor(chosen), persistent=False)
        self.sees = bool(channels)
        feature_units = settings.feature_units
        if self.sees:
            first, second = settings.channels
            height, width = (
                (side - 2 - 3) // settings.stride + 1 for side in specification.view_shape
            )
            self.first_convolution = nn.Conv2d(len(channels), first, 3)
            self.second_convolution = nn.Conv2d(first, second, 3, stride=settings.stride)
            self.view_layer = nn.Linear(second * height * width, settings.view_units)
            joint_units = settings.view_units + feature_units
        else:  # features are all there is: they get the view's units
            feature_units = joint_units = settings.view_units
        self.knows = bool(features)
        if self.knows:
            self.feature_layer = nn.Linear(len(features), feature_units)
        else:
            joint_units -= feature_units
        self.joint_layer = nn.Linear(joint_units, settings.hidden_units)

    def forward(
        self,
        view: Float[Tensor, "n height width channels"],
        features: Float[Tensor, "n features"],
    ) -> Float[Tensor, "n hidden"]:
        """Encode observations. Columns that came after the network was made are left out."""
        parts = []
        if self.sees:
            x = _channels(view, self.channels)
            x = x.permute(0, 3, 1, 2)  # (n, channels, height, width); the memory stays as it is
            x = self.first_convolution(x).relu_()  # in place: these are too large for the cache
            x = self.second_convolution(x).relu_()
            parts.append(self.view_layer(x.flatten(1)).relu_())
        if self.knows:
            parts.append(self.feature_layer(features[:, self.features]).relu_())
        hidden: Tensor = self.joint_layer(parts[0] if len(parts) == 1 else torch.cat(parts, dim=1))
        return hidden


PLACE = ("position_x", "position_y", "my_team_minimap", "other_team_minimap")


def _channels(view: Tensor, channels: slice | Tensor) -> Tensor:
    """Some channels of a view, in the order that its cells have in memory: rounding follows it.

    By an index, ``index_select`` takes a fifth of the time that ``[]`` takes.
    """
    if isinstance(channels, slice):
        return view[..., channels]
    if view.stride(1) < view.stride(2):  # turned by a symmetry
        return view.transpose(1, 2).index_select(-1, channels).transpose(1, 2)
    return view.index_select(-1, channels)


def _chosen(names: Sequence[str], settings: NetworkSettings) -> list[int]:
    """Columns of an observation that the settings make inputs."""
    return [
        column
        for column, name in enumerate(names)
        if (settings.ids or not name.startswith("id_bit_"))
        and (settings.place or name not in PLACE)
        and (settings.compass or not name.startswith("compass_"))
    ]
