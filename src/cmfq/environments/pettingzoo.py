"""Any PettingZoo parallel environment with discrete actions, as teams of arrays.

Agents may die, leave and join. A terminated agent is dead. A truncated agent is treated as dead if
other agents continue. If no agent continues, the episode is truncated, and the next values are
bootstrapped from the last observations of the truncated agents; an agent without a last observation
is treated as dead. An agent whose action mask allows no action waits: it is sent the first action,
which does not count as an action of a neighbour.
"""

# PettingZoo's dictionaries exist in here alone: ``spaces`` reads observations, ``grouping`` finds
# teams, and ``roster`` knows who is there.

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from cmfq.environments.appearance import items_of, names_of, scenery_of, title_of
from cmfq.environments.arrays import ArrayEnvironment, is_array_world, refuse_options
from cmfq.environments.base import (
    FloatArray,
    IntArray,
    Scenery,
    Step,
    TeamObservation,
    TeamSpecification,
    require_running,
)
from cmfq.environments.check import check_measure, check_names, check_roles
from cmfq.environments.closing import (
    close_world,
    closed_if_unfit,
    environment_named,
    failures_named,
)
from cmfq.environments.grouping import LONELY, Grouping, find_sides
from cmfq.environments.keeping import kept_environment
from cmfq.environments.masks import MaskReader
from cmfq.environments.parallel import (
    Agent,
    Entries,
    advance,
    known_agents,
    list_agents,
    make_world,
    read_rewards,
    require_flags,
    require_parallel,
    restart,
    seen,
)
from cmfq.environments.places import Places, empty_field
from cmfq.environments.roster import Roster
from cmfq.environments.settings import EnvironmentSettings, Measure
from cmfq.environments.spaces import ObservationReader
from cmfq.environments.stacking import Unreadable
from cmfq.errors import UserError, require_range, require_types
from cmfq.notices import notify


@dataclass(frozen=True)
class PettingZooSettings(EnvironmentSettings):
    """An environment of your own, by PettingZoo's protocol or as teams of arrays."""

    kind: ClassVar = "pettingzoo"

    make_env: str = ""
    """Function without arguments that makes the environment, as package.module:make_env."""
    max_steps: int = 1000
    """Greatest number of steps of an episode."""
    teams: tuple[str, ...] = ()
    """Teams as name=pattern, where the pattern (a regular expression) matches the beginning of the
    names of their agents (default: as ``group_by`` says)"""
    group_by: Literal["names", "spaces"] = "names"
    """Teams if none are given: names, agents with equal spaces whose names differ by the number at
    the end; or spaces, all agents with equal spaces."""
    share_roles: bool = False
    """Let teams with equal spaces share one policy (self-play)."""
    decided_by: Measure = "rewards"
    """Measure of which the winner of a game has more: rewards or survivors."""
    sides: tuple[str, ...] = ()
    """Sides on which several teams play together, as name=team,team; if none are given, as
    metadata["sides"] of the environment says ({name: [team, ...]}), else by roles."""
    positions: str = ""
    """Function that returns a position (x, y) for each of a list of agents, called with the
    environment and the list, as package.module:positions. Without it all of a team are neighbours.
    """

    def __post_init__(self) -> None:
        require_types(self)
        require_range(self, 1, 1e9, "max_steps")

    @property
    def title(self) -> str:
        """A few words for headings."""
        return self.make_env

    @property
    def team_sizes(self) -> tuple[int, ...]:
        """Agents that the first episode of a new environment began with."""
        environment = kept_environment(self)
        assert isinstance(environment, PettingZooEnvironment | ArrayEnvironment)
        return environment.team_sizes

    @property
    def has_places(self) -> bool:
        """See :class:`~.settings.EnvironmentSettings`."""
        return bool(self.positions) or isinstance(kept_environment(self), ArrayEnvironment)

    @property
    def own_functions(self) -> tuple[str, ...]:
        """See :class:`~.settings.EnvironmentSettings`."""
        return tuple(name for name in (self.make_env, self.positions) if name)

    def make(self) -> "PettingZooEnvironment | ArrayEnvironment":
        """See :class:`~.settings.EnvironmentSettings`."""
        world = make_world(self.make_env)
        with closed_if_unfit(self.make_env, world):
            of_arrays = is_array_world(self.make_env, world)
            if of_arrays:
                refuse_options(self.make_env, vars(self))
        environment: PettingZooEnvironment | ArrayEnvironment = (
            ArrayEnvironment(self.make_env, world, self.max_steps)
            if of_arrays
            else PettingZooEnvironment(self, world)
        )
        with closed_if_unfit(self.make_env, world):
            check_measure(self.make_env, self.decided_by, environment.teams)
        return environment


class PettingZooEnvironment:
    """A PettingZoo environment behind the one protocol (see :class:`~.base.Environment`).

    Args:
        settings: settings of the environment.
        world: the PettingZoo environment, if it is made already.

    Raises:
        UserError: it cannot be made, or is not of a kind that is supported.
        EnvironmentFailed: it raised, or gave what cannot be used, in ``reset`` or ``step``.
    """

    def __init__(self, settings: PettingZooSettings, world: Any = None) -> None:
        self.settings = settings
        self._closed = self._over = False
        self.world = make_world(settings.make_env) if world is None else world
        """The PettingZoo environment."""
        with closed_if_unfit(settings.make_env, self.world):
            require_parallel(settings.make_env, self.world)
            self._places = Places(settings.positions)
            self._look()

    def _look(self) -> None:
        """Find out what the teams are."""
        settings, (observations, infos) = self.settings, self._restart(0)
        with self._named("reset"):
            listed = list_agents(self.world, observations)
            present = [agent for agent in listed if seen(observations, agent)]
            agents = known_agents(self.world, present)
        with environment_named(settings.make_env):
            self._grouping = Grouping(self.world, agents, settings.teams, settings.group_by)
            kinds = self._grouping.kinds
            self._readers = [ObservationReader(kind.spaces.observation) for kind in kinds]
            names = [kind.name for kind in kinds]
            self._sides = find_sides(settings.sides, getattr(self.world, "metadata", None), names)
        if self._grouping.lonely >= LONELY and not settings.teams:
            self._notify(
                "lonely",
                f"{self._grouping.lonely} teams have one agent each, so nobody in them has a "
                "neighbour, and each learns a network of its own: --group-by spaces makes agents "
                "of equal spaces one team, --teams name=pattern does by names",
            )
        teams_of_present = [self._grouping.team(agent) for agent in present]
        self.team_sizes = tuple(teams_of_present.count(team) for team in range(len(kinds)))
        """Agents of each team at the first reset."""
        roles, known = self._roles(), list(dict.fromkeys([*agents, *present]))
        self._masks = MaskReader(
            self._grouping, self._readers, roles, self.team_sizes, known, infos
        )
        first_actions = [int(kind.spaces.action.start) for kind in kinds]
        self._roster = Roster(self._grouping, first_actions, agents)
        with self._named("its names"):
            self.teams = tuple(map(self._specification, range(len(kinds)), roles))
            check_names(self.teams)
        with environment_named(settings.make_env):
            check_roles(self.teams, "leave share_roles out")
        self._places.lay_out(len(agents))

    def reset(self, seed: int) -> tuple[TeamObservation, ...]:
        """Start an episode, as the environment does with this seed."""
        observations, infos = self._restart(seed)
        with self._named("reset"):
            self._roster.begin(list_agents(self.world, observations), observations)
            self._places.begin()
            observed = self._observe("reset", observations, infos)
        self._bounds, self._body = self._places.measure(observed)
        return observed

    def step(self, actions: Sequence[IntArray]) -> Step:
        """Let every living agent act."""
        require_running(over=self._over)
        at = f"step {self._steps}"
        joint = self._roster.joint(actions)
        with self._named(at):
            answer = advance(self.world, joint)
            earned = tuple(read_rewards(rows.agents, answer.rewards) for rows in self._roster.rows)
            for rows in self._roster.rows:
                require_flags(rows.agents, answer)
            listed = list_agents(self.world, answer.observations)
            change = self._roster.go_on(actions, listed, answer)
            observed = self._observe(at, answer.observations, answer.infos)
        if change.returned:
            self._notify(
                "returned",
                f"agent {change.returned[0]!r} is back in {at} of the episode with seed "
                f"{self._seed} after it was gone, and counts as a new agent; who pauses is better "
                "given an observation all along, and an action mask of zeros",
            )
        self._steps += 1
        terminated = not any(rows.agents for rows in self._roster.rows)
        truncated = change.cut_off or (self._steps >= self.settings.max_steps and not terminated)
        self._over = terminated or truncated
        return Step(observed, earned, change.alive, terminated, truncated)

    def close(self) -> None:
        """Close the PettingZoo environment, once; a failure in that is a notice."""
        if not self._closed:
            self._closed = True
            close_world(self.settings.make_env, self.world)

    def scenery(self) -> Scenery:
        """Scenery of the environment, or a field around the agents' first positions."""
        with self._named("scenery"):
            field = empty_field(self._bounds, self._body, len(self.teams))
            return scenery_of(self.world, field, self.teams)

    @property
    def title(self) -> str:
        """Title for headings, if any."""
        return title_of(self.world)

    def items(self) -> FloatArray | None:
        """``(items, 3)``: x, y and radius of what there is to gather; ``None``: nobody knows."""
        with self._named("items"):
            return items_of(self.world)

    def _observe(
        self, at: str, observations: Entries, infos: Entries
    ) -> tuple[TeamObservation, ...]:
        positions = self._places.of(self.world, self._roster.rows)
        observed = []
        for team, reader in enumerate(self._readers):
            rows = self._roster.rows[team]
            agents = rows.agents

            def tell(row: int, what: str, agents: Sequence[Agent] = agents) -> None:
                self._notify(
                    "outside",
                    f"agent {agents[row]!r} in {at} of the episode with seed {self._seed}: {what}; "
                    "such numbers are cut at one width of the space outside of it: mend its bounds",
                )

            try:
                seen = [observations[agent] for agent in agents]
                masks = self._masks.read(team, agents, seen, infos)
                view, features = reader.read(seen, tell)
            except Unreadable as error:
                raise UserError(f"agent {agents[error.row]!r}: {error}") from error
            if masks is not None:
                mask, waits = masks
                rows = self._roster.rows[team] = rows._replace(waits=waits)
            observed.append(
                TeamObservation(
                    view,
                    features,
                    rows.ids,
                    positions[team],
                    rows.previous_actions,
                    None if masks is None else mask,
                )
            )
        return tuple(observed)

    def _roles(self) -> list[str]:
        """Role of each team: its name, or those of all teams with equal spaces if they share it."""
        kinds = self._grouping.kinds
        if not self.settings.share_roles:
            return [kind.name for kind in kinds]
        alike = [[one.name for one in kinds if one.spaces == kind.spaces] for kind in kinds]
        return list(map("-".join, alike))

    def _specification(self, team: int, role: str) -> TeamSpecification:
        kind, reader = self._grouping.kinds[team], self._readers[team]
        first, agent = int(kind.spaces.action.start), self._grouping.first_agents[team]
        actions = [f"action_{first + i}" for i in range(int(kind.spaces.action.n))]
        return TeamSpecification(
            kind.name,
            reader.view_shape,
            reader.channels,
            names_of(self.world, "feature", agent, reader.features),
            names_of(self.world, "action", agent, actions),
            math.inf,
            role,
            self._masks.has_masks[team],
            side=self._sides.get(kind.name, ""),
        )

    def _restart(self, seed: int) -> tuple[Entries, Entries]:
        self._seed, self._steps, self._over = seed, 0, False
        with self._named("reset"):
            return restart(self.world, seed)

    def _notify(self, what: str, sentence: str) -> None:
        """Say something once of all environments of this name."""
        name = self.settings.make_env
        notify(f"{name} {what}", f"environment {name}: {sentence}")

    def _named(self, what: str) -> AbstractContextManager[None]:
        return failures_named(self.settings.make_env, what, self._seed)
