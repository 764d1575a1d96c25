"""What acts: the protocol that learned policies and scripted bots share, and the learned one."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any, NamedTuple, Protocol, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from cmfq.algorithms import (
    InteractionRows,
    MeanFieldSettings,
    Merged,
    MergingRule,
    Situation,
    find_algorithm,
    find_function,
)
from cmfq.environments.base import FloatArray, IntArray, TeamObservation, TeamSpecification
from cmfq.errors import UserError
from cmfq.explanation import Explanation, explain
from cmfq.mean_field.intervention import INTERVENTIONS, MEASURES
from cmfq.mean_field.neighbourhood import (
    Interactions,
    count_actions,
    count_neighbour_actions,
    find_interactions,
)
from cmfq.mean_field.policy import boltzmann, sample
from cmfq.mean_field.validity import InvalidForAgent, check_weights
from cmfq.networks import Encoding, NetworkSettings, QNetwork

Array = npt.NDArray[Any]

LARGEST_NETWORK = 2**27
"""Weights: 512 MB."""
ENCODED_ROWS = 2048
"""Observations that go through the trunk at once when acting."""


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
    q_values: FloatArray | None = None
    """``(agents, actions)``: ``Q(s, ·, ǎ)``."""


class Crowd(NamedTuple):
    """What is known of each agent's neighbours."""

    counts: Tensor
    """``(agents, actions)``: how many of them took each action in the step before."""
    interactions: InteractionRows | None
    """Each of them, for algorithms that look at every neighbour."""


class Policy(Protocol):
    """Anything that decides for whole teams."""

    def decide(
        self,
        observations: Sequence[TeamObservation],
        generator: np.random.Generator,
        others: Sequence[TeamObservation] = (),
        worlds: Sequence[int] | None = None,
    ) -> list[Decision]:
        """Decide for each of the teams in ``observations``, all of one role.

        Args:
            observations: one per team that this policy controls.
            generator: every random draw comes from here.
            others: of the teams that it does not control.
            worlds: of which world each of ``observations`` is, then each of ``others``; all of one
                if not given.
        """
        ...


@dataclass
class QPolicy:
    """Boltzmann policy of a Q-network under one algorithm's merging rule (Eq 10).

    ``beta`` may be changed between steps; training does so on a schedule.
    """

    specification: TeamSpecification
    network: QNetwork
    algorithm: str
    mean_field: MeanFieldSettings
    beta: float
    rule: MergingRule | None = None
    """Merges in the place of the algorithm's own rule: to ask what if. Not stored."""

    def __post_init__(self) -> None:
        self._algorithm = find_algorithm(self.algorithm)
        find_function("intervention", self.mean_field.intervention, INTERVENTIONS)
        find_function("effect", self.mean_field.effect, MEASURES)
        if self._algorithm.attends and self.mean_field.oneself:
            raise UserError(f"{self.algorithm} weighs its neighbours alone: leave oneself out")
        if self._algorithm.attends and self.mean_field.neighbours == "everyone":
            raise UserError(
                f"{self.algorithm} needs its neighbours' observations and has those of its own "
                "team: leave neighbours at team"
            )

    @property
    def attends(self) -> bool:
        """Whether merging looks at every neighbour, and is learned."""
        return self._algorithm.attends

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
        worlds: Sequence[int] | None = None,
    ) -> list[Decision]:
        """Decide for all teams in one network call (see :class:`Policy`).

        Raises:
            UserError: an effect, a weight or a neighbour is none; the agent is named.
        """
        view = _join([observation.view for observation in observations])
        features = _join([observation.features for observation in observations])
        action_mask = self.action_mask(observations)
        with torch.inference_mode():
            encoding = self._encode(torch.from_numpy(view), torch.from_numpy(features), action_mask)
            try:
                crowd = self.crowd(observations, others, worlds)
                merged = self.merge(self.network, encoding, crowd, generator)
                check_weights(merged.action)
            except InvalidForAgent as error:
                ids = np.concatenate([observation.ids for observation in observations])
                raise UserError(f"agent {ids[error.row]}: {error}") from error
            q_values = self.network.q_values(encoding, merged.action)
            policy = boltzmann(q_values, self.beta)
            uniform = generator.random(len(view), dtype=np.float32)
            actions = sample(policy, torch.from_numpy(uniform))
        everyone = Decision(
            actions.numpy().astype(np.int32),
            crowd.counts.numpy(),
            merged.action.numpy(),
            None if merged.effects is None else merged.effects.numpy(),
            q_values.numpy(),
        )
        return _split(everyone, [len(observation.ids) for observation in observations])

    def _encode(self, view: Tensor, features: Tensor, action_mask: Tensor | None) -> Encoding:
        """Of all rows, some thousand at a time: fresh memory for more costs more than it gives."""
        chunks = zip(
            torch.split(view, ENCODED_ROWS), torch.split(features, ENCODED_ROWS), strict=True
        )
        return Encoding.join([self.network.encode(*chunk) for chunk in chunks])._replace(
            action_mask=action_mask
        )

    def action_mask(self, observations: Sequence[TeamObservation]) -> Tensor | None:
        """Which actions each agent may take, rows of all teams stacked; ``None``: all."""
        if not self.specification.action_masks:
            return None
        masks = [one.action_mask for one in observations]
        assert all(mask is not None for mask in masks), "the specification promises masks"
        return torch.from_numpy(_join(cast("list[Array]", masks)))

    def explain(
        self,
        observation: TeamObservation,
        agent: int,
        generator: np.random.Generator | None = None,
    ) -> Explanation:
        """Why the agent of this id acts as it does (see :func:`cmfq.explanation.explain`)."""
        return explain(self, observation, agent, generator)

    def merge(
        self, network: QNetwork, encoding: Encoding, crowd: Crowd, generator: np.random.Generator
    ) -> Merged:
        """Merge the neighbours' actions by a network of the policy's kind."""
        situation = Situation(encoding, crowd.counts, crowd.interactions, self.beta, generator)
        rule = self.rule or self._algorithm.merge
        return rule(network, situation, self.mean_field)

    def crowd(
        self,
        observations: Sequence[TeamObservation],
        others: Sequence[TeamObservation] = (),
        worlds: Sequence[int] | None = None,
    ) -> Crowd:
        """Who is whose neighbour, rows of all observed teams stacked (see :meth:`decide`)."""
        everyone = self.mean_field.neighbours == "everyone"
        included = [*observations, *others] if everyone else list(observations)
        sizes = [len(observation.ids) for observation in included]
        teams = np.arange(len(included))
        if everyone:
            teams = np.zeros(len(included), int) if worlds is None else np.asarray(worlds)
        found = self.find_crowd(
            _join([observation.positions for observation in included]),
            np.repeat(teams, sizes),
            _join([observation.previous_actions for observation in included]),
        )
        return Crowd(found.counts[: sum(sizes[: len(observations)])], found.interactions)

    def find_crowd(self, positions: Array, groups: Array, previous_actions: Array) -> Crowd:
        """Neighbours among rows of any origin (see :mod:`cmfq.mean_field.neighbourhood`)."""
        actions = len(self.specification.actions)
        if not self.attends:
            counts = count_neighbour_actions(
                positions, groups, previous_actions, actions, self.radius, self.body_side
            )
            if self.mean_field.oneself:
                acted = np.flatnonzero(previous_actions >= 0)
                counts[acted, previous_actions[acted]] += 1
            return Crowd(torch.from_numpy(counts), None)
        found = find_interactions(positions, groups, previous_actions, self.radius, self.body_side)
        counts = count_actions(found, len(positions), actions)
        return Crowd(torch.from_numpy(counts), _as_rows(found))

    def interactions(self, observation: TeamObservation) -> InteractionRows:
        """Each agent of a team with each of its neighbours in the team, for any algorithm."""
        groups = np.zeros(len(observation.ids), int)
        return _as_rows(
            find_interactions(
                observation.positions,
                groups,
                observation.previous_actions,
                self.radius,
                self.body_side,
            )
        )

    @property
    def radius(self) -> float:
        """How far neighbours reach."""
        radius = self.mean_field.radius
        return float(self.specification.view_radius if radius is None else radius)

    @property
    def body_side(self) -> int:
        """Cells along each side of an agent's body."""
        return self.specification.body_side


def new_network(
    specification: TeamSpecification, settings: NetworkSettings, algorithm: str
) -> QNetwork:
    """A network of the kind that an algorithm needs; initial weights from torch's generator.

    Raises:
        UserError: it would have more than ``LARGEST_NETWORK`` weights.
    """
    network_shapes(specification, settings, algorithm)
    return QNetwork(specification, settings, attention=find_algorithm(algorithm).attends)


def network_shapes(
    specification: TeamSpecification, settings: NetworkSettings, algorithm: str
) -> dict[str, tuple[int, ...]]:
    """Shape of each of a network's weights, by name; no memory is taken for them.

    Raises:
        UserError: there is no such network, or it has more than ``LARGEST_NETWORK`` weights.
    """
    attends = find_algorithm(algorithm).attends
    size = f"{len(specification.actions)} actions, a view of {specification.view_shape}, {settings}"
    try:
        with torch.device("meta"):
            network = QNetwork(specification, settings, attention=attends)
    except (RuntimeError, ValueError, TypeError, OverflowError) as error:
        raise UserError(f"there is no network of {size}: give other sizes") from error
    shapes = {name: tuple(weight.shape) for name, weight in network.state_dict().items()}
    weights = sum(math.prod(shape) for shape in shapes.values())
    if weights > LARGEST_NETWORK:
        raise UserError(
            f"a network of {size} would have {weights:,} weights: give smaller sizes, up to "
            f"{LARGEST_NETWORK:,} weights"
        )
    return shapes


def _as_rows(found: Interactions) -> InteractionRows:
    return InteractionRows(*(torch.from_numpy(column.astype(np.int64)) for column in found))


def _join(arrays: Sequence[Array]) -> Array:
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


def _split(decision: Decision, sizes: Sequence[int]) -> list[Decision]:
    """The rows of each team."""
    ends = accumulate(sizes, initial=0)
    rows = [slice(start, end) for start, end in pairwise(ends)]
    return [
        Decision._make(None if column is None else column[team] for column in decision)
        for team in rows
    ]
