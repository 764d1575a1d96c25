"""The one episode loop. Training, evaluation and recording differ in what watches it."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np

from cmfq.environments.base import Environment, Step, TeamObservation
from cmfq.errors import UserError
from cmfq.policies import Decision, Policy


class Observer(Protocol):
    """Watches an episode."""

    def on_step(
        self,
        observations: tuple[TeamObservation, ...],
        decisions: tuple[Decision, ...],
        step: Step,
    ) -> None:
        """What the teams saw, what they decided on it, and what came of that."""
        ...

    def on_truncation(
        self, observations: tuple[TeamObservation, ...], decisions: tuple[Decision, ...]
    ) -> None:
        """The step limit cut the game off: what would have been decided next."""
        ...


class Episode(NamedTuple):
    """Totals of an episode; tuples hold one entry per team."""

    steps: int
    agent_steps: int
    """Decisions taken, over all agents of all teams."""
    rewards: tuple[float, ...]
    """Sum over the team's agents and all steps."""
    survivors: tuple[int, ...]
    losses: tuple[int, ...]
    """Agents that died; with two teams, the other one's kills."""


def play_episode(
    environment: Environment,
    policies: Sequence[Policy],
    *,
    seed: int,
    generator: np.random.Generator,
    observers: Sequence[Observer] = (),
) -> Episode:
    """Play one episode to its end.

    Args:
        environment: to play in.
        policies: one per team; teams of the same policy object are decided in one call.
        seed: of the environment's episode.
        generator: of every draw that the policies make.
        observers: told of every step, in order.

    Raises:
        UserError: a policy could not decide; the step is named.
    """
    observations = environment.reset(seed)
    started = [len(observation.ids) for observation in observations]
    rewards = np.zeros(len(observations))
    steps = agent_steps = 0
    while True:
        try:
            decisions = decide(policies, observations, generator)
        except UserError as error:
            raise UserError(f"step {steps}, {error}") from error
        step = environment.step([decision.actions for decision in decisions])
        for observer in observers:
            observer.on_step(observations, decisions, step)
        steps += 1
        agent_steps += sum(len(decision.actions) for decision in decisions)
        rewards += [float(reward.sum()) for reward in step.rewards]
        observations = step.observations
        if step.terminated:
            break
        if step.truncated:
            if observers:
                decisions = decide(policies, observations, generator)
                for observer in observers:
                    observer.on_truncation(observations, decisions)
            break
    survivors = [len(observation.ids) for observation in observations]
    return Episode(
        steps,
        agent_steps,
        tuple(rewards.tolist()),
        tuple(survivors),
        tuple(begun - left for begun, left in zip(started, survivors, strict=True)),
    )


def decide(
    policies: Sequence[Policy],
    observations: tuple[TeamObservation, ...],
    generator: np.random.Generator,
) -> tuple[Decision, ...]:
    """Ask each distinct policy once, for all the teams that it controls."""
    decisions: dict[int, Decision] = {}
    for policy in {id(policy): policy for policy in policies}.values():
        own = [team for team, one in enumerate(policies) if one is policy]
        others = [observations[team] for team in range(len(policies)) if team not in own]
        decided = policy.decide([observations[team] for team in own], generator, others)
        decisions |= dict(zip(own, decided, strict=True))
    return tuple(decisions[team] for team in range(len(policies)))
