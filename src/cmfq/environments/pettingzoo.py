"""Any PettingZoo parallel environment with discrete actions, as teams of arrays.

PettingZoo speaks in dictionaries with an entry per agent; they exist in here alone. The module
``spaces`` tells what observation spaces become, ``grouping`` how teams are found.

Agents may die, leave and join. One that is terminated dies. One that is truncated counts as dead
while others go on; if nobody goes on, the episode is truncated, and the last observations of those
that were truncated are there to bootstrap from.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from cmfq.environments.base import (
    NO_ACTION,
    Body,
    BoolArray,
    FloatArray,
    IntArray,
    Scenery,
    Step,
    TeamObservation,
    TeamSpecification,
)
from cmfq.environments.grouping import Grouping
from cmfq.environments.parallel import (
    Agent,
    Entries,
    entries_of,
    list_agents,
    make_world,
    read_rewards,
    restart,
)
from cmfq.environments.spaces import ACTION_MASK, ObservationReader, read_masks
from cmfq.errors import EnvironmentFailed, UserError, require_range
from cmfq.imports import import_function


@dataclass(frozen=True)
class PettingZooSettings:
    """A PettingZoo parallel environment of your own."""

    make_env: str = ""
    """Who makes it, as package.module:make_env: a function without arguments."""
    max_steps: int = 1000
    """An episode is cut off after this many steps, if the environment does not end it before."""
    teams: tuple[str, ...] = ()
    """Teams as name=pattern, by what the names of their agents begin with (a regular expression);
    if none are given, agents whose names differ by a number and whose spaces are equal."""
    share_roles: bool = False
    """Let teams of equal spaces share one policy: self-play."""
    positions: str = ""
    """Where agents are, as package.module:positions: a function of the environment and a list of
    agents, which returns a row (x, y) for each. Without one, neighbours are all of the team."""

    def __post_init__(self) -> None:
        require_range(self, 1, 1e9, "max_steps")

    @property
    def title(self) -> str:
        """A few words for headings."""
        return self.make_env


class Rows(NamedTuple):
    """Who is in a team: a row per living agent."""

    agents: list[Agent]
    ids: IntArray
    previous_actions: IntArray


NOBODY = Rows([], np.zeros(0, np.int32), np.zeros(0, np.int32))


class PettingZooEnvironment:
    """A PettingZoo environment behind the one protocol (see :class:`~.base.Environment`).

    Raises:
        UserError: it cannot be made, or is not of a kind that is supported.
        EnvironmentFailed: it raised, or gave what cannot be used, in ``reset`` or ``step``.
    """

    def __init__(self, settings: PettingZooSettings) -> None:
        self.settings = settings
        self.world = make_world(settings.make_env)
        """The PettingZoo environment."""
        self._locate = (
            import_function("positions", settings.positions) if settings.positions else None
        )
        self._seed = self._steps = 0
        observations, infos = self._restart(0)
        present = list_agents(self.world, observations)
        agents = list(getattr(self.world, "possible_agents", None) or present)
        try:
            self._grouping = Grouping(self.world, agents, settings.teams)
            kinds = self._grouping.kinds
            self._readers = [ObservationReader(kind.spaces.observation) for kind in kinds]
        except UserError as error:
            raise UserError(f"environment {settings.make_env}: {error}") from error
        self._informed = [False] * len(kinds)
        """Whether infos hold a team's action masks."""
        for agent in present:
            self._informed[self._grouping.team(agent)] |= ACTION_MASK in infos.get(agent, ())
        self._first_actions = [int(kind.spaces.action.start) for kind in kinds]
        self.teams = tuple(self._specification(team) for team in range(len(kinds)))
        self._possible_ids = {agent: number for number, agent in enumerate(agents)}
        self._side = math.ceil(math.sqrt(len(agents)))
        self._grid = _grid(len(agents), self._side)

    def reset(self, seed: int) -> tuple[TeamObservation, ...]:
        """Start an episode, as the environment does with this seed."""
        self._seed, self._steps = seed, 0
        observations, infos = self._restart(seed)
        with self._named("reset"):
            self._ids = dict(self._possible_ids)
            self._agents = list_agents(self.world, observations)
            self._seen = set(self._agents)
            self._rows = [NOBODY for _ in self.teams]
            self._admit(self._agents)
            observed = self._observe(observations, infos)
        self._bounds, self._body = self._measure(observed)
        return observed

    def step(self, actions: Sequence[IntArray]) -> Step:
        """Let every living agent act."""
        joint: dict[Agent, int] = {}
        for rows, taken, first in zip(self._rows, actions, self._first_actions, strict=True):
            if len(taken) != len(rows.agents):
                raise ValueError(f"{len(rows.agents)} agents live, {len(taken)} actions were given")
            joint.update(zip(rows.agents, (taken + first).tolist(), strict=True))
        with self._named(f"step {self._steps}"):
            observations, rewards, terminations, truncations, infos = self.world.step(joint)
            earned = tuple(read_rewards(rows.agents, rewards) for rows in self._rows)
            alive, cut_off = self._go_on(actions, observations, terminations, truncations)
            observed = self._observe(observations, infos)
        self._steps += 1
        terminated = not any(rows.agents for rows in self._rows)
        too_long = self._steps >= self.settings.max_steps and not terminated
        return Step(observed, earned, alive, terminated, cut_off or too_long)

    def scenery(self) -> Scenery:
        """A field around where the agents stood at the start."""
        nothing = np.zeros((0, 2), np.float32), np.zeros((0, 3), np.float32)
        return Scenery(self._bounds, *nothing, (self._body,) * len(self.teams))

    def _go_on(
        self,
        actions: Sequence[IntArray],
        observations: Entries,
        terminations: Entries,
        truncations: Entries,
    ) -> tuple[tuple[BoolArray, ...], bool]:
        """Bury the dead, admit who is new.

        Returns:
            Who of each team lives on, and whether everyone was cut off.
        """
        listed = list_agents(self.world, observations)
        nobody_is_over = not any(terminations.values()) and not any(truncations.values())
        if nobody_is_over and listed == self._agents:
            self._rows = [
                rows._replace(previous_actions=taken.astype(np.int32))
                for rows, taken in zip(self._rows, actions, strict=True)
            ]
            return tuple(np.ones(len(taken), np.bool_) for taken in actions), False
        dead = {agent for agent, is_over in terminations.items() if is_over}
        left = {agent for agent, is_over in truncations.items() if is_over} - dead
        acted = set(self._agents)
        self._agents = [agent for agent in listed if agent not in dead and agent not in left]
        newcomers = [agent for agent in self._agents if agent not in acted]
        cut_off = not self._agents and bool(left & acted)
        survivors = left & acted if cut_off else acted.intersection(self._agents)
        if self._agents and len(self._agents) < len(listed):
            stays = next(agent for agent in listed if agent in dead or agent in left)
            raise UserError(f"agent {stays!r} is over and still in agents: take it out")
        if back := self._seen.intersection(newcomers):
            raise UserError(f"agent {back.pop()!r} is back after it was gone: give it a new name")
        alive = tuple(
            np.array([agent in survivors for agent in rows.agents], np.bool_) for rows in self._rows
        )
        self._rows = [
            Rows(
                [agent for agent in rows.agents if agent in survivors],
                rows.ids[lives],
                taken[lives].astype(np.int32),
            )
            for rows, lives, taken in zip(self._rows, alive, actions, strict=True)
        ]
        self._seen.update(newcomers)
        self._admit(newcomers)
        return alive, cut_off

    def _admit(self, newcomers: Sequence[Agent]) -> None:
        """Put agents behind those that are there."""
        joining: list[list[Agent]] = [[] for _ in self.teams]
        for agent in newcomers:
            joining[self._grouping.team(agent)].append(agent)
            self._ids.setdefault(agent, len(self._ids))
        if len(self._ids) > len(self._grid):
            self._grid = _grid(2 * len(self._ids), self._side)
        for team, agents in enumerate(joining):
            if agents:
                rows = self._rows[team]
                ids = np.array([self._ids[agent] for agent in agents], np.int32)
                previous = np.full(len(agents), NO_ACTION, np.int32)
                self._rows[team] = Rows(
                    rows.agents + agents,
                    np.concatenate([rows.ids, ids]),
                    np.concatenate([rows.previous_actions, previous]),
                )

    def _observe(self, observations: Entries, infos: Entries) -> tuple[TeamObservation, ...]:
        positions = self._positions()
        observed = []
        for team, (rows, reader) in enumerate(zip(self._rows, self._readers, strict=True)):
            seen = entries_of(rows.agents, observations, "observation")
            masks = None
            if self._informed[team]:
                told = entries_of(rows.agents, infos, "info")
                masks = [info[ACTION_MASK] for info in told]
            elif reader.has_action_mask:
                masks = [one[ACTION_MASK] for one in seen]
            observed.append(
                TeamObservation(
                    *reader.read(seen),
                    rows.ids,
                    positions[team],
                    rows.previous_actions,
                    None if masks is None else read_masks(masks, len(self.teams[team].actions)),
                )
            )
        return tuple(observed)

    def _positions(self) -> list[FloatArray]:
        """Where the agents of each team are; on a grid, by their ids, if nobody knows."""
        if self._locate is None:
            return [self._grid[rows.ids] for rows in self._rows]
        agents = [agent for rows in self._rows for agent in rows.agents]
        found = self._locate(self.world, agents) if agents else np.zeros((0, 2))
        places = np.array(found, np.float32)
        if places.shape != (len(agents), 2) or not np.isfinite(places).all():
            raise UserError(
                f"{self.settings.positions} gave an array of shape {places.shape} for "
                f"{len(agents)} agents: give a row of two finite numbers for each"
            )
        return np.split(places, np.cumsum([len(rows.agents) for rows in self._rows])[:-1])

    def _measure(
        self, observed: Sequence[TeamObservation]
    ) -> tuple[tuple[float, float, float, float], Body]:
        """Bounds of the field, and bodies of a size that fits it."""
        if self._locate is None:
            return (0.0, 0.0, float(self._side), float(self._side)), Body("circle", 0.8)
        places = np.concatenate([team.positions for team in observed])
        low, high = places.min(axis=0), places.max(axis=0)
        side = float((high - low).max()) or 1.0
        (left, top), (right, bottom) = (low - side / 4).tolist(), (high + side / 4).tolist()
        return (left, top, right, bottom), Body("circle", side / (2 * math.sqrt(len(places))))

    def _specification(self, team: int) -> TeamSpecification:
        kind, reader = self._grouping.kinds[team], self._readers[team]
        role = kind.name
        if self.settings.share_roles:
            alike = [other.name for other in self._grouping.kinds if other.spaces == kind.spaces]
            role = "-".join(alike)
        first = self._first_actions[team]
        return TeamSpecification(
            kind.name,
            reader.view_shape,
            reader.channels,
            reader.features,
            tuple(f"action_{first + i}" for i in range(int(kind.spaces.action.n))),
            math.inf,
            role,
            reader.has_action_mask or self._informed[team],
        )

    def _restart(self, seed: int) -> tuple[Entries, Entries]:
        with self._named("reset", seed):
            return restart(self.world, seed)

    @contextmanager
    def _named(self, what: str, seed: int | None = None) -> Iterator[None]:
        """Say where it was that something failed."""
        try:
            yield
        except Exception as error:
            why = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
            raise EnvironmentFailed(
                f"environment {self.settings.make_env} failed in {what} of the episode with seed "
                f"{self._seed if seed is None else seed}: {why}"
            ) from error


def _grid(agents: int, side: int) -> FloatArray:
    """``(agents, 2)``: a place for each id, in rows of ``side``."""
    ids = np.arange(agents)
    return np.stack([ids % side, ids // side], axis=1).astype(np.float32) + np.float32(0.5)
