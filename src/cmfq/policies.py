"""What acts: the protocol that learned policies and scripted bots share, and the learned one."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from cmfq.algorithms import MeanFieldSettings, merging_rule
from cmfq.environments.base import FloatArray, IntArray, TeamObservation, TeamSpecification
from cmfq.mean_field.neighbourhood import count_neighbour_actions
from cmfq.mean_field.policy import boltzmann, sample
from cmfq.networks import QNetwork


class Decision(NamedTuple):
    """What a team does in a step and, for learned policies, from what: a row per agent."""

    actions: IntArray
    """``(agents,)``."""
    counts: FloatArray | None = None
    """``(agents, actions)``: how many neighbours took each action in the step before."""
    merged_actions: FloatArray | None = None
    """``(agents, actions)``: ``ǎ``."""
    effects: FloatArray | None = None
    """``(agents, actions)``: causal effect of each action that a neighbour took."""


class Policy(Protocol):
    """Anything that decides for whole teams."""

    def decide(
        self,
        observations: Sequence[TeamObservation],
        generator: np.random.Generator,
        others: Sequence[TeamObservation] = (),
    ) -> list[Decision]:
        """Decide for each of the teams in ``observations``, all of one specification.

        Args:
            observations: one per team that this policy controls.
            generator: every random draw comes from here.
            others: of the teams that it does not control.
        """
        ...


@dataclass
class QPolicy:
    """Boltzmann policy of a Q-network under one merging rule (Eq 10).

    ``beta`` may be changed between steps; training does so on a schedule.
    """

    specification: TeamSpecification
    network: QNetwork
    algorithm: str
    mean_field: MeanFieldSettings
    beta: float

    def __post_init__(self) -> None:
        self._rule = merging_rule(self.algorithm)

    def act(
        self,
        observation: TeamObservation,
        generator: np.random.Generator,
        others: Sequence[TeamObservation] = (),
    ) -> IntArray:
        """Actions ``(agents,)`` of one team. ``others`` matters if everyone is a neighbour."""
        return self.decide([observation], generator, others)[0].actions

    def decide(
        self,
        observations: Sequence[TeamObservation],
        generator: np.random.Generator,
        others: Sequence[TeamObservation] = (),
    ) -> list[Decision]:
        """Decide for all teams in one network call (see :class:`Policy`)."""
        counts = self.count_neighbours(observations, others)
        view = _join([observation.view for observation in observations])
        features = _join([observation.features for observation in observations])
        uniform = generator.random(len(counts), dtype=np.float32)
        with torch.inference_mode():
            hidden = self.network.encode(torch.from_numpy(view), torch.from_numpy(features))
            merged = self._rule(
                self.network, hidden, torch.from_numpy(counts), self.beta, self.mean_field
            )
            q_values = self.network.q_values(hidden, merged.action)
            actions = sample(boltzmann(q_values, self.beta), torch.from_numpy(uniform))
        everyone = Decision(
            actions.numpy().astype(np.int32),
            counts,
            merged.action.numpy(),
            None if merged.effects is None else merged.effects.numpy(),
        )
        return _split(everyone, [len(observation.ids) for observation in observations])

    def merge(self, network: QNetwork, hidden: Tensor, counts: Tensor) -> Tensor:
        """Merged actions ``(agents, actions)`` by a network of the policy's kind."""
        return self._rule(network, hidden, counts, self.beta, self.mean_field).action

    def count_neighbours(
        self, observations: Sequence[TeamObservation], others: Sequence[TeamObservation] = ()
    ) -> FloatArray:
        """Counts ``(agents, actions)`` of the neighbours' previous actions, all teams stacked."""
        everyone = self.mean_field.neighbours == "everyone"
        crowd = [*observations, *others] if everyone else list(observations)
        sizes = [len(observation.ids) for observation in crowd]
        teams = np.zeros(len(crowd), int) if everyone else np.arange(len(crowd))
        radius = self.mean_field.radius
        counts = count_neighbour_actions(
            _join([observation.positions for observation in crowd]),
            np.repeat(teams, sizes),
            _join([observation.previous_actions for observation in crowd]),
            len(self.specification.actions),
            float(self.specification.view_radius if radius is None else radius),
        )
        return counts[: sum(sizes[: len(observations)])]


def _join(arrays: Sequence[np.ndarray]) -> np.ndarray:
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


def _split(decision: Decision, sizes: Sequence[int]) -> list[Decision]:
    """The rows of each team."""
    ends = accumulate(sizes, initial=0)
    rows = [slice(start, end) for start, end in pairwise(ends)]
    return [
        Decision._make(None if column is None else column[team] for column in decision)
        for team in rows
    ]
