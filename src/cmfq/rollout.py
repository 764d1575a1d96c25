"""The one episode loop. Training, evaluation and recording differ in what watches it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import NamedTuple, Protocol

import numpy as np

from cmfq.combat import Combat, Shares, combat_tally
from cmfq.decision import Decision
from cmfq.environments.base import Environment, Step, TeamObservation
from cmfq.errors import EnvironmentFailed, UserError
from cmfq.policies import Policy


class Observer(Protocol):
    """Watches an episode; one that has ``on_reset()`` is told that the world is at its start."""

    def on_step(
        self,
        observations: tuple[TeamObservation, ...],
        decisions: tuple[Decision, ...],
        step: Step,
    ) -> None:
        """Take in a step: observations, decisions on them, and the result."""
        ...

    def on_truncation(
        self, observations: tuple[TeamObservation, ...], decisions: tuple[Decision, ...]
    ) -> None:
        """The step limit cut the game off: what would have been decided next."""
        ...


class Episode(NamedTuple):
    """Totals of an episode; tuples hold one entry per team."""

    steps: int
    agent_steps_of: tuple[int, ...]
    """Decisions taken, over all agents of a team."""
    rewards: tuple[float, ...]
    """Sum over the team's agents and all steps."""
    survivors: tuple[int, ...]
    deaths: tuple[int, ...]
    truncated: bool
    """The step limit ended it."""
    combat: tuple[Combat, ...] | None
    """``None`` where agents have no hit points."""
    attacks_by_health: tuple[Shares, ...] | None = None
    """Share of attacks by quarter of hit points (see :class:`~cmfq.combat.CombatTally`); ``None``
    likewise."""

    @property
    def agent_steps(self) -> int:
        """Decisions taken, over all agents of all teams."""
        return sum(self.agent_steps_of)


def play_episode(
    environment: Environment,
    policies: Sequence[Policy],
    *,
    seed: int,
    generator: np.random.Generator,
    observers: Sequence[Observer] = (),
) -> Episode:
    """Play one episode to its end (see :func:`play_episodes`)."""
    return play_episodes(
        [environment], [policies], seeds=[seed], generator=generator, observers=[observers]
    )[0]


def play_episodes(
    environments: Sequence[Environment],
    policies: Sequence[Sequence[Policy]],
    *,
    seeds: Sequence[int],
    generator: np.random.Generator,
    observers: Sequence[Sequence[Observer]],
    threads: int = 1,
) -> list[Episode]:
    """Play an episode in each of several equal worlds, side by side, each to its own end.

    Args:
        environments: worlds to play in, all with the same teams.
        policies: policies of each world, one per team; teams of the same policy object are decided
            in one call, in all worlds together.
        seeds: seeds of each world's episode.
        generator: generator of every draw that the policies make.
        observers: observers of each world: told of every step, in order.
        threads: greatest number of threads that worlds are stepped on, where the environments
            allow it; nothing depends on it.

    Raises:
        UserError: a policy could not decide; the step is named.
    """
    worlds = [
        _World(*parts) for parts in zip(environments, policies, seeds, observers, strict=True)
    ]
    with _stepping(environments, threads) as each:
        while active := [world for world in worlds if not world.over]:
            try:
                decisions = decide(
                    [world.policies for world in active],
                    [world.observations for world in active],
                    generator,
                )
            except UserError as error:
                raise type(error)(f"step {active[0].steps}, {error}") from error
            steps = each(_World.step, active, decisions)
            for world, decided, step in zip(active, decisions, steps, strict=True):
                world.follow(decided, step)
                if world.truncated and world.observers:
                    (last,) = decide([world.policies], [world.observations], generator)
                    world.tell_truncation(last)
    return [world.totals() for world in worlds]


@contextmanager
def _stepping(
    environments: Sequence[Environment], threads: int
) -> Iterator[Callable[..., Iterable[Step]]]:
    """A ``map`` over worlds: one after the other, or on threads if all of them can be."""
    apart = all(getattr(one, "steps_on_threads", False) for one in environments)
    workers = min(threads, len(environments)) if apart else 1
    if workers == 1:
        yield map
        return
    with ThreadPoolExecutor(workers) as pool:
        yield pool.map


@contextmanager
def _of_episode(seed: int) -> Iterator[None]:
    """Tell a failing environment's error which episode it is about."""
    try:
        yield
    except EnvironmentFailed as error:
        error.seed = seed
        raise


class _World:
    """One episode under way."""

    def __init__(
        self,
        environment: Environment,
        policies: Sequence[Policy],
        seed: int,
        observers: Sequence[Observer],
    ) -> None:
        self._environment = environment
        self.policies = policies
        self.observers = observers
        self._seed = seed
        with _of_episode(seed):
            self.observations = environment.reset(seed)
        self.steps = 0
        self._agent_steps = np.zeros(len(self.observations), int)
        self._rewards = np.zeros(len(self.observations))
        self._deaths = np.zeros(len(self.observations), int)
        self._combat = combat_tally(environment, self.observations)
        self.over = self.truncated = False
        for observer in observers:
            if begin := getattr(observer, "on_reset", None):
                begin()

    def step(self, decisions: tuple[Decision, ...]) -> Step:
        """Let every team do as decided; of the world alone, so it may be done on a thread."""
        actions = [decision.actions for decision in decisions]
        with _of_episode(self._seed):
            step = self._environment.step(actions)
        if self._combat:
            self._combat.add(self.observations, actions, step)
        return step

    def follow(self, decisions: tuple[Decision, ...], step: Step) -> None:
        """Take up what came of the decisions, and tell who watches."""
        for observer in self.observers:
            observer.on_step(self.observations, decisions, step)
        self.steps += 1
        self._agent_steps += [len(decision.actions) for decision in decisions]
        self._rewards += [float(reward.sum(dtype=np.float64)) for reward in step.rewards]
        self._deaths += [int(np.count_nonzero(~alive)) for alive in step.alive]
        self.observations = step.observations
        self.truncated = step.truncated and not step.terminated
        self.over = step.terminated or step.truncated

    def tell_truncation(self, decisions: tuple[Decision, ...]) -> None:
        """Take in the decisions that would have come next in an episode that was cut off."""
        for observer in self.observers:
            observer.on_truncation(self.observations, decisions)

    def totals(self) -> Episode:
        """Totals of the episode, once it is over."""
        return Episode(
            self.steps,
            tuple(self._agent_steps.tolist()),
            tuple(self._rewards.tolist()),
            tuple(len(observation.ids) for observation in self.observations),
            tuple(self._deaths.tolist()),
            self.truncated,
            self._combat.totals() if self._combat else None,
            self._combat.attacks_by_health() if self._combat else None,
        )


def decide(
    policies: Sequence[Sequence[Policy]],
    worlds: Sequence[tuple[TeamObservation, ...]],
    generator: np.random.Generator,
) -> list[tuple[Decision, ...]]:
    """Ask each distinct policy once, for all the teams that it controls in all worlds.

    Args:
        policies: policies of each world, one per team.
        worlds: what the teams observe, for each world.
        generator: generator of every draw that the policies make.

    Returns:
        For each world, a decision per team.
    """
    seats = [(world, team) for world, teams in enumerate(policies) for team in range(len(teams))]
    decisions: dict[tuple[int, int], Decision] = {}
    for policy in {id(policy): policy for teams in policies for policy in teams}.values():
        own = [(world, team) for world, team in seats if policies[world][team] is policy]
        joined = {world for world, _ in own}
        rest = [
            (world, team)
            for world, team in seats
            if world in joined and policies[world][team] is not policy
        ]
        decided = policy.decide(
            [worlds[world][team] for world, team in own],
            generator,
            [worlds[world][team] for world, team in rest],
            [world for world, _ in own + rest],
        )
        decisions |= dict(zip(own, decided, strict=True))
    return [
        tuple(decisions[world, team] for team in range(len(teams)))
        for world, teams in enumerate(policies)
    ]
