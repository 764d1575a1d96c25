"""The heads of the Q-network: how the merged action enters.

A head works out once what does not depend on the merged action; then it answers for one merged
action per agent, or for many interventions on each.
"""

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cmfq.mean_field.intervention import Coefficient

Activation = Literal["relu", "softplus", "silu"]


class Counterfactual(NamedTuple):
    """Merged actions ``keep · ā + add · action`` of pairs of an agent and an action."""

    mean: Tensor
    """``(agents, actions)``: mean actions ``ā``."""
    agent: Tensor
    """``(pairs,)``: rows."""
    action: Tensor
    """``(pairs,)``: action that is mixed in."""
    keep: Coefficient
    """For all agents, or ``(agents,)``."""
    add: Coefficient
    """Likewise."""


class AdditiveHead(nn.Module):
    """``Q(s, ·, ǎ) = W₂ φ(h + Wₐ ǎ) + b₂`` with the activation ``φ``; the encoding is ``h``."""

    def __init__(self, hidden: int, actions: int, activation: Activation = "relu") -> None:
        super().__init__()
        self.activation: Activation = activation
        self.merged_action_layer = nn.Linear(actions, hidden, bias=False)
        self.output_layer = nn.Linear(hidden, actions)

    def encode(self, hidden: Tensor) -> Tensor:
        """Nothing more can be done before the merged action is known."""
        return hidden

    def q_values(self, encoding: Tensor, merged: Tensor) -> Tensor:
        """See :meth:`QNetwork.q_values`."""
        x = encoding + self.merged_action_layer(merged)
        q: Tensor = self.output_layer(_activate_fresh(self.activation, x))
        return q

    def counterfactual_q_values(self, encoding: Tensor, asked: Counterfactual) -> Tensor:
        """See :class:`QNetwork`; an action picks a column of ``Wₐ``."""
        mean, agent, action, keep, add = asked
        if not _is_zero(keep):
            encoding = encoding + _column(keep) * self.merged_action_layer(mean)
        x = encoding.index_select(0, agent)
        columns = self.merged_action_layer.weight.T.contiguous().index_select(0, action)
        x += columns if _is_one(add) else columns * _rows(add, agent)
        x = _activate_fresh(self.activation, x)
        # The product with the long side last runs at twice the speed of output_layer(x).
        bias, weight = self.output_layer.bias.unsqueeze(1), self.output_layer.weight
        return torch.addmm(bias, weight, x.T).T


class PairwiseHead(nn.Module):
    """``Q(s, a, ǎ) = q(s, a) + Σ_b ǎ_b Q(s, a, b)``: linear in ``ǎ``.

    Here Eq 2 and Eq 8 hold exactly, and the remainder of Eq 9 is zero. The encoding is ``q(s, ·)``
    followed by the table ``Q(s, ·, b)`` for every ``b``, so an intervention reads one row of it.
    """

    def __init__(self, hidden: int, actions: int, activation: Activation = "relu") -> None:
        super().__init__()
        self.actions = actions
        self.activation: Activation = activation
        self.output_layer = nn.Linear(hidden, actions + actions * actions)

    def encode(self, hidden: Tensor) -> Tensor:
        """``(n, actions + actions²)``: own values, then a row of values for each other action."""
        encoding: Tensor = self.output_layer(_activate(self.activation, hidden))
        return encoding

    def q_values(self, encoding: Tensor, merged: Tensor) -> Tensor:
        """See :meth:`QNetwork.q_values`."""
        own, table = self._split(encoding)
        return torch.baddbmm(own.unsqueeze(1), merged.unsqueeze(1), table).squeeze(1)

    def counterfactual_q_values(self, encoding: Tensor, asked: Counterfactual) -> Tensor:
        """See :class:`QNetwork`; an action picks a row of the table."""
        mean, agent, action, keep, add = asked
        rows = encoding.reshape(-1, self.actions)  # of each agent: its own values, then the table
        start = agent * (self.actions + 1)
        values = rows.index_select(0, start + (action + 1))
        if not _is_one(add):
            values *= _rows(add, agent)
        values += rows.index_select(0, start)
        if not _is_zero(keep):
            _, table = self._split(encoding)
            kept = _column(keep) * torch.bmm(mean.unsqueeze(1), table).squeeze(1)
            values += kept.index_select(0, agent)
        return values

    def _split(self, encoding: Tensor) -> tuple[Tensor, Tensor]:
        own, table = encoding[:, : self.actions], encoding[:, self.actions :]
        return own, table.reshape(-1, self.actions, self.actions)


class EmbeddingHead(nn.Module):
    """The original MFQ code's: two layers for ``ǎ``, then two for it and ``h`` together.

    ``Q(s, ·, ǎ) = W₃ relu(W₂ relu(W₁ [relu(h), e(ǎ)]))`` with ``e`` of 64 and 32 units. The
    encoding is what ``W₁`` makes of ``h``.
    """

    def __init__(self, hidden: int, actions: int) -> None:
        super().__init__()
        self.embedding = nn.Sequential(nn.Linear(actions, 64), nn.ReLU(), nn.Linear(64, 32))
        self.hidden_layer = nn.Linear(hidden, 128)
        self.merged_action_layer = nn.Linear(32, 128, bias=False)
        self.output_layers = nn.Sequential(nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, actions))

    def encode(self, hidden: Tensor) -> Tensor:
        """Output of the joint layer for the observation alone, ``(n, 128)``."""
        encoding: Tensor = self.hidden_layer(F.relu(hidden))
        return encoding

    def q_values(self, encoding: Tensor, merged: Tensor) -> Tensor:
        """See :meth:`QNetwork.q_values`."""
        embedded = self.merged_action_layer(self.embedding(merged).relu())
        q: Tensor = self.output_layers((encoding + embedded).relu())
        return q

    def counterfactual_q_values(self, encoding: Tensor, asked: Counterfactual) -> Tensor:
        """See :class:`QNetwork`."""
        mean, agent, action, keep, add = asked
        merged = F.one_hot(action, mean.shape[1]).to(mean) * _rows(add, agent)
        if not _is_zero(keep):
            merged = merged + (_column(keep) * mean).index_select(0, agent)
        return self.q_values(encoding.index_select(0, agent), merged)


def _activate(activation: Activation, x: Tensor) -> Tensor:
    if activation == "relu":
        return F.relu(x)
    return F.softplus(x) if activation == "softplus" else F.silu(x)


def _activate_fresh(activation: Activation, x: Tensor) -> Tensor:
    """The same; ``x`` may be overwritten, which spares the rectifier a tensor of its size."""
    return x.relu_() if activation == "relu" else _activate(activation, x)


def _is_zero(coefficient: Coefficient) -> bool:
    return isinstance(coefficient, float) and coefficient == 0.0


def _is_one(coefficient: Coefficient) -> bool:
    return isinstance(coefficient, float) and coefficient == 1.0


def _column(coefficient: Coefficient) -> Tensor | float:
    return coefficient if isinstance(coefficient, float) else coefficient.unsqueeze(1)


def _rows(coefficient: Coefficient, agent: Tensor) -> Tensor | float:
    return coefficient if isinstance(coefficient, float) else coefficient[agent].unsqueeze(1)
