"""Decisions of policies with their reasons, for the replay buffer, records and explanations."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from torch import Tensor

from cmfq.algorithms import MeanFieldSettings
from cmfq.environments.base import FloatArray, IntArray
from cmfq.errors import UserError
from cmfq.merge import InteractionRows, Merged, Neighbourhood
from cmfq.networks import Encoding, QNetwork


class Trace(NamedTuple):
    """Reasons of decisions: a row per agent."""

    network: QNetwork
    """The network that decided."""
    settings: MeanFieldSettings
    """Neighbours and their merged actions."""
    beta: float
    """Inverse temperature of the policy."""
    encoding: Encoding
    """Observations, encoded by the network."""
    neighbourhood: Neighbourhood
    """The neighbours of each agent."""
    merged: Merged
    """The merged action, and the effects or weights that made it."""
    view: Tensor | None = None
    """Views, on the policy's device, ``(agents, height, width, channels)``; ``None`` on
    the CPU, where the arrays serve as they are."""
    features: Tensor | None = None
    """``(agents, features)``, likewise."""

    def rows(self, start: int, end: int) -> "Trace":
        """Cut out the rows of one team, ``start`` up to ``end``; its tensors are views."""
        if start == 0 and end == len(self.merged.action):
            return self
        rows = slice(start, end)
        counts, positions, interactions = self.neighbourhood
        action, effects, weights = self.merged
        if interactions is not None:
            agent, neighbour, taken = interactions
            own = (agent >= start) & (agent < end)
            interactions = InteractionRows(agent[own] - start, neighbour[own] - start, taken[own])
            weights = None if weights is None else weights[own]
        return self._replace(
            encoding=self.encoding.rows(rows),
            neighbourhood=Neighbourhood(counts[rows], positions[rows], interactions),
            merged=Merged(action[rows], None if effects is None else effects[rows], weights),
            view=None if self.view is None else self.view[rows],
            features=None if self.features is None else self.features[rows],
        )

    def copy(self) -> "Trace":
        """The same in memory of its own."""
        hidden, head, mask = self.encoding
        counts, positions, interactions = self.neighbourhood
        return self._replace(
            encoding=Encoding(hidden.clone(), head.clone(), _copied(mask)),
            neighbourhood=Neighbourhood(counts.clone(), positions.clone(), interactions),
            merged=Merged(
                self.merged.action.clone(), _copied(self.merged.effects), self.merged.weights
            ),
            view=None,
            features=None,
        )


class Decision(NamedTuple):
    """Actions of a team in a step and, for learned policies, their reasons: a row per agent."""

    actions: IntArray
    """``(agents,)``."""
    counts: FloatArray | None = None
    """``(agents, actions)``: how many neighbours took each action in the step before."""
    merged_actions: FloatArray | None = None
    """``(agents, actions)``: ``ǎ``."""
    effects: FloatArray | None = None
    """``(agents, actions)``: effect of each action that a neighbour took, by the merging rule;
    ``None`` for rules without effects."""
    q_values: FloatArray | None = None
    """``(agents, actions)``: ``Q(s, ·, ǎ)``."""
    together: Trace | None = None
    """Trace of all teams that were decided for in the same call."""
    first_row: int = 0
    """Row in it of the team's first agent."""

    @property
    def trace(self) -> Trace | None:
        """Why the agents decided so; ``None`` for policies that are not learned."""
        if self.together is None:
            return None
        return self.together.rows(self.first_row, self.first_row + len(self.actions))

    def rows(self, start: int, end: int) -> "Decision":
        """Cut out the rows of one team, ``start`` up to ``end``; nothing is copied."""
        rows = slice(start, end)
        return Decision(
            self.actions[rows],
            None if self.counts is None else self.counts[rows],
            None if self.merged_actions is None else self.merged_actions[rows],
            None if self.effects is None else self.effects[rows],
            None if self.q_values is None else self.q_values[rows],
            self.together,
            self.first_row + start,
        )

    def copy(self) -> "Decision":
        """The same in memory of its own: for keeping it while the rest of its call is freed."""
        trace = self.trace
        return Decision(
            self.actions.copy(),
            _copied(self.counts),
            _copied(self.merged_actions),
            _copied(self.effects),
            _copied(self.q_values),
            None if trace is None else trace.copy(),
        )


def _copied(array: Any) -> Any:
    """A copy of a tensor or an array; ``None`` of ``None``."""
    if array is None:
        return None
    return array.copy() if isinstance(array, np.ndarray) else array.clone()


def check_drawn(drawn: npt.NDArray[Any], actions: int) -> None:
    """Refuse actions that were drawn from no numbers: each is beyond the last then.

    Args:
        drawn: actions of any shape.
        actions: number of actions.

    Raises:
        UserError: an action does not exist.
    """
    if drawn.size and drawn.max() >= actions:
        raise UserError(
            "the Q-values are no finite numbers: the policy's weights are damaged or too large; "
            "give another checkpoint"
        )
