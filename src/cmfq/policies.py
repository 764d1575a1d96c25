"""Policies: the protocol that learned policies and scripted bots share, and the learned one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any, Protocol, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from cmfq.algorithms import Algorithm, MeanFieldSettings, MergingRule, find_algorithm, find_function
from cmfq.decision import Decision, Trace, check_drawn
from cmfq.devices import join, stacked, to_arrays
from cmfq.environments.base import IntArray, TeamObservation, TeamSpecification
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
from cmfq.merge import InteractionRows, Merged, MergeInput, Neighbourhood
from cmfq.networks import Encoding, QNetwork

Array = npt.NDArray[Any]

ENCODED_ROWS = 2048
"""Observations that go through the trunk at once when acting."""


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
            others: observations of the teams that it does not control.
            worlds: number of the world of each of ``observations``, then of each of ``others``; one
                world if not given.
        """
        ...


Script = Callable[[TeamObservation, np.random.Generator], IntArray]
"""Actions of a team ``(agents,)``."""


@dataclass(frozen=True)
class Bot:
    """A script as a policy (see :class:`Policy`)."""

    script: Script

    def decide(
        self,
        observations: Sequence[TeamObservation],
        generator: np.random.Generator,
        others: Sequence[TeamObservation] = (),
        worlds: Sequence[int] | None = None,
    ) -> list[Decision]:
        """Let the script decide for each team."""
        return [Decision(self.script(observation, generator)) for observation in observations]


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
        self.merging: Algorithm = find_algorithm(self.algorithm)
        """The algorithm: its merging rule, and what that needs."""
        find_function("intervention", self.mean_field.intervention, INTERVENTIONS)
        find_function("effect", self.mean_field.effect, MEASURES)
        if self.merging.neighbours and self.mean_field.oneself:
            raise UserError(
                f"{self.algorithm} weighs only the neighbours: leave oneself at its default"
            )
        if self.merging.neighbours and self.mean_field.neighbours == "everyone":
            raise UserError(
                f"{self.algorithm} needs each of its neighbours, which it has of its own team "
                "only: leave neighbours at team"
            )

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
            UserError: invalid effect, weight or neighbour; the agent is named.
        """
        with torch.inference_mode():
            view, features = self._inputs(observations)
            encoding = self._encode(view, features, observations)
            try:
                neighbourhood = self.neighbourhood(observations, others, worlds)
                merged = self.merge(self.network, encoding, neighbourhood, generator)
                check_weights(merged.action)
            except InvalidForAgent as error:
                ids = np.concatenate([observation.ids for observation in observations])
                raise UserError(f"agent {ids[error.row]}: {error}") from error
            q_values = self.network.q_values(encoding, merged.action)
            policy = boltzmann(q_values, self.beta)
            uniform = generator.random(len(policy), dtype=np.float32)
            actions = sample(policy, self._tensor(uniform))
            taken, counts, merged_actions, values, *effects = to_arrays(
                [actions.unsqueeze(1), neighbourhood.counts, merged.action, q_values]
                + ([] if merged.effects is None else [merged.effects])
            )
        check_drawn(taken, q_values.shape[1])
        everyone = Decision(
            taken[:, 0].astype(np.int32),
            counts,
            merged_actions,
            effects[0] if effects else None,
            values,
            Trace(
                self.network,
                self.mean_field,
                self.beta,
                encoding,
                neighbourhood,
                merged,
                *((None, None) if self.device.type == "cpu" else (view, features)),
            ),
        )
        ends = accumulate((len(observation.ids) for observation in observations), initial=0)
        return [everyone.rows(start, end) for start, end in pairwise(ends)]

    def encode(self, observations: Sequence[TeamObservation]) -> Encoding:
        """Encode what agents observe, rows of all teams stacked.

        Some thousand rows go through the trunk at a time: fresh memory for more costs more than it
        gives.
        """
        return self._encode(*self._inputs(observations), observations)

    def _inputs(self, observations: Sequence[TeamObservation]) -> tuple[Tensor, Tensor]:
        """View and features on the policy's device, rows of all teams stacked."""
        return (
            stacked([observation.view for observation in observations], self.device),
            stacked([observation.features for observation in observations], self.device),
        )

    def _encode(
        self, view: Tensor, features: Tensor, observations: Sequence[TeamObservation]
    ) -> Encoding:
        chunks = zip(
            torch.split(view, ENCODED_ROWS), torch.split(features, ENCODED_ROWS), strict=True
        )
        return Encoding.join([self.network.encode(*chunk) for chunk in chunks])._replace(
            action_mask=self._action_mask(observations)
        )

    def _action_mask(self, observations: Sequence[TeamObservation]) -> Tensor | None:
        """Which actions each agent may take, rows of all teams stacked; ``None``: all."""
        if not self.specification.action_masks:
            return None
        masks = [one.action_mask for one in observations]
        assert all(mask is not None for mask in masks), "the specification promises masks"
        return stacked(cast("list[Array]", masks), self.device)

    def explain(
        self,
        observation: TeamObservation,
        agent: int,
        generator: np.random.Generator | None = None,
        others: Sequence[TeamObservation] = (),
    ) -> Explanation:
        """Decide, and explain the decision of one agent.

        Args:
            observation: observation of the agent's team.
            agent: its id.
            generator: generator of the draws; seeded with 0 if not given.
            others: observations of the other teams, where everyone is a neighbour.

        Raises:
            UserError: no living agent of the team has this id.
        """
        decision = self.decide([observation], generator or np.random.default_rng(0), others)[0]
        return self.explain_decision(observation, decision, agent, others)

    def explain_decision(
        self,
        observation: TeamObservation,
        decision: Decision,
        agent: int,
        others: Sequence[TeamObservation] = (),
    ) -> Explanation:
        """Explain a decision of this policy for one agent (see :meth:`explain`)."""
        trace = decision.trace
        assert trace is not None, "this policy's decisions have a trace"
        included = self._included([observation], others)
        found = self.interactions(observation, others)
        return explain(trace, self.specification.actions, included, agent, found)

    def merge(
        self,
        network: QNetwork,
        encoding: Encoding,
        neighbourhood: Neighbourhood,
        generator: np.random.Generator,
    ) -> Merged:
        """Merge the neighbours' actions by a network of the policy's kind."""
        given = MergeInput(encoding, neighbourhood, self.beta, generator)
        rule = self.rule or self.merging.merge
        return rule(network, given, self.mean_field)

    def neighbourhood(
        self,
        observations: Sequence[TeamObservation],
        others: Sequence[TeamObservation] = (),
        worlds: Sequence[int] | None = None,
    ) -> Neighbourhood:
        """Pairs of neighbours, rows of all observed teams stacked (see :meth:`decide`)."""
        included = self._included(observations, others)
        sizes = [len(observation.ids) for observation in included]
        teams = np.arange(len(included))
        if self.mean_field.neighbours == "everyone":
            teams = np.zeros(len(included), int) if worlds is None else np.asarray(worlds)
        found = self.find_neighbourhood(
            join([observation.positions for observation in included]),
            np.repeat(teams, sizes),
            join([observation.previous_actions for observation in included]),
        )
        own = sum(sizes[: len(observations)])
        return Neighbourhood(found.counts[:own], found.positions[:own], found.interactions)

    def find_neighbourhood(
        self, positions: Array, groups: Array, previous_actions: Array
    ) -> Neighbourhood:
        """Neighbours among rows of any origin (see :mod:`cmfq.mean_field.neighbourhood`)."""
        actions = len(self.specification.actions)
        if not self.merging.neighbours:
            counts = count_neighbour_actions(
                positions, groups, previous_actions, actions, self.radius, self.body_side
            )
            if self.mean_field.oneself:
                acted = np.flatnonzero(previous_actions >= 0)
                counts[acted, previous_actions[acted]] += 1
            return Neighbourhood(self._tensor(counts), self._tensor(positions))
        found = find_interactions(positions, groups, previous_actions, self.radius, self.body_side)
        counts = count_actions(found, len(positions), actions)
        return Neighbourhood(self._tensor(counts), self._tensor(positions), self._as_rows(found))

    def interactions(
        self, observation: TeamObservation, others: Sequence[TeamObservation] = ()
    ) -> InteractionRows:
        """Each agent of a team with each of its neighbours, for any algorithm.

        Where everyone is a neighbour, the agents of ``others`` stand in the rows behind the team's.
        """
        included = self._included([observation], others)
        positions = join([one.positions for one in included])
        previous_actions = join([one.previous_actions for one in included])
        found = find_interactions(
            positions, np.zeros(len(positions), int), previous_actions, self.radius, self.body_side
        )
        own = found.agent < len(observation.ids)
        return self._as_rows(Interactions(*(column[own] for column in found)))

    def _included(
        self, observations: Sequence[TeamObservation], others: Sequence[TeamObservation]
    ) -> list[TeamObservation]:
        """Teams whose agents can be neighbours."""
        everyone = self.mean_field.neighbours == "everyone"
        return [*observations, *others] if everyone else list(observations)

    @property
    def device(self) -> torch.device:
        """Device of the network, and of all that is worked out with it."""
        return self.network.device

    def _tensor(self, array: Array) -> Tensor:
        """An array on the policy's device; on the CPU nothing is copied."""
        return torch.from_numpy(array).to(self.device)

    def _as_rows(self, found: Interactions) -> InteractionRows:
        return InteractionRows(*(self._tensor(column.astype(np.int64)) for column in found))

    @property
    def radius(self) -> float:
        """Radius within which agents are neighbours."""
        radius = self.mean_field.radius
        return float(self.specification.view_radius if radius is None else radius)

    @property
    def body_side(self) -> int:
        """Cells along each side of an agent's body."""
        return self.specification.body_side
