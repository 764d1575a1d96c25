"""Which agents of a PettingZoo environment are interchangeable, and so form a team."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from gymnasium import spaces

from cmfq.environments.parallel import Agent
from cmfq.environments.stacking import ACTION_MASK, short
from cmfq.errors import UserError, told, unknown_name

ACTION_LIMIT = 2**16
LONELY = 3
"""Teams of one agent with equal spaces, from which on they look like a mistake."""


@dataclass(frozen=True)
class Spaces:
    """Spaces of an agent."""

    observation: spaces.Space[Any]
    action: spaces.Discrete

    @classmethod
    def of(cls, world: Any, agent: Agent) -> "Spaces":
        """Ask a PettingZoo environment.

        Raises:
            UserError: it does not say, the actions are not discrete, or a mask does not fit them.
        """
        try:
            observation, action = world.observation_space(agent), world.action_space(agent)
        except Exception as error:
            raise UserError(
                f"the environment does not give the spaces of agent {agent!r} ({told(error)}): "
                "give it observation_space(agent) and action_space(agent)"
            ) from error
        if not isinstance(action, spaces.Discrete):
            raise UserError(
                f"the actions of agent {agent!r} are {short(action)}: give a Discrete space"
            )
        if action.n > ACTION_LIMIT:
            raise UserError(
                f"agent {agent!r} has {action.n} actions, but at most {ACTION_LIMIT} are supported"
            )
        mask = observation.get(ACTION_MASK) if isinstance(observation, spaces.Dict) else None
        if mask is not None and mask.shape != (int(action.n),):
            raise UserError(
                f"the {ACTION_MASK} of agent {agent!r} has shape {mask.shape}, but there are "
                f"{action.n} actions: give it shape {(int(action.n),)}"
            )
        return cls(observation, action)

    def __str__(self) -> str:
        return f"{short(self.observation)} and {self.action}"


@dataclass(frozen=True)
class AgentKind:
    """Agents that form a team: of one family, with equal spaces."""

    name: str
    family: str
    spaces: Spaces


class Grouping:
    """Puts agents into teams, by their names and spaces.

    Args:
        world: a PettingZoo environment.
        agents: all that are known; others may appear later.
        given: teams as ``name=pattern``: an agent belongs to the first whose pattern its name
            begins with. Empty: as ``by`` says.
        by: ``names``: agents whose names differ by the number at their end and whose spaces are
            equal form a team; ``spaces``: agents whose spaces are equal do.

    Raises:
        UserError: actions are not discrete, an agent is in no team, a team has no agents, or a
            given team mixes unequal spaces.
    """

    def __init__(
        self,
        world: Any,
        agents: Sequence[Agent],
        given: Sequence[str],
        by: Literal["names", "spaces"] = "names",
    ) -> None:
        self._world = world
        self._by = by
        self._patterns = dict(_parse(team) for team in given)
        members: dict[str, list[tuple[Agent, Spaces]]] = {name: [] for name in self._patterns}
        for agent in agents:
            members.setdefault(self._family(agent), []).append((agent, Spaces.of(world, agent)))
        kinds: list[AgentKind] = []
        for family, found in members.items():
            if not found:
                raise UserError(
                    f"team {family!r} has no agents: no name begins with "
                    f"{self._patterns[family].pattern!r}, agents are {_some(agents)}"
                )
            first, distinct = found[0][0], [found[0][1]]
            for agent, one in found:
                if one in distinct:
                    continue
                if self._patterns:
                    raise UserError(
                        f"team {family!r} has agents with different spaces: agent {first!r} has "
                        f"{distinct[0]}, agent {agent!r} has {one}; put them in different teams"
                    )
                distinct.append(one)
            names = [f"{family}-{i + 1}" for i in range(len(distinct))]
            names = names if len(distinct) > 1 else [family]
            kinds += map(AgentKind, names, [family] * len(names), distinct)
        self.kinds = tuple(kinds)
        """The teams, in the order in which they were given or their first agents are known."""
        self._known = {
            agent: self._find(agent, spaces) for of in members.values() for agent, spaces in of
        }

        sizes = [0] * len(kinds)
        first_of: dict[int, Agent] = {}
        for agent, team in self._known.items():
            sizes[team] += 1
            first_of.setdefault(team, agent)
        self.first_agents = tuple(first_of[team] for team in range(len(kinds)))
        """The first agent that is known of each team."""
        alone = [kind for kind, size in zip(kinds, sizes, strict=True) if size == 1]
        self.lonely = max((sum(k.spaces == one.spaces for k in alone) for one in alone), default=0)
        """Teams of one agent that are alike: nobody in them has a neighbour."""

    def team(self, agent: Agent) -> int:
        """Number of an agent's team.

        Raises:
            UserError: an agent appeared that belongs to none.
        """
        known = self._known.get(agent)
        return self._find(agent, Spaces.of(self._world, agent)) if known is None else known

    def _find(self, agent: Agent, found: Spaces) -> int:
        family = self._family(agent)
        for number, kind in enumerate(self.kinds):
            if kind.family == family and kind.spaces == found:
                return number
        raise UserError(
            f"agent {agent!r} appeared with {found}, which no team has: name the agent in "
            "possible_agents"
        )

    def _family(self, agent: Agent) -> str:
        """Team that an agent's name tells."""
        if not self._patterns:
            if self._by == "spaces":
                return "agent"
            # red_12 is of the family red, 3 is an agent
            return re.sub(r"[\s_\-.:]*\d+$", "", str(agent)) or "agent"
        for name, pattern in self._patterns.items():
            if pattern.match(str(agent)):
                return name
        patterns = ", ".join(f"{name}={one.pattern}" for name, one in self._patterns.items())
        raise UserError(
            f"agent {agent!r} is in no team of {patterns}: add a team whose pattern matches the "
            "beginning of its name"
        )


def find_sides(given: Sequence[str], metadata: object, teams: Sequence[str]) -> dict[str, str]:
    """The side of each team; of none where nobody says.

    Args:
        given: sides as ``name=team,team``.
        metadata: metadata of the environment; its entry ``sides`` counts where nothing is given.
        teams: names of all teams.

    Raises:
        UserError: there are not two sides, or a team is not on exactly one.
    """
    told = metadata.get("sides") if isinstance(metadata, dict) and not given else None
    sides = _told_sides(told) if told else {}
    for side in given:
        name, equals, of = side.partition("=")
        if not name or not equals or name in sides:
            raise UserError(f"sides has {side!r}: write each once, as in red=redmelee,redranged")
        sides[name] = of.split(",")
    if not sides:
        return {}
    found = [team for of in sides.values() for team in of]
    for team in found:
        if team not in teams:
            raise unknown_name("team in sides", team, list(teams))
    for team in teams:
        if found.count(team) != 1:
            raise UserError(
                f"sides has team {team} {found.count(team)} times: name every team once "
                f"({', '.join(teams)})"
            )
    if len(sides) < 2:
        raise UserError(f"sides has {len(sides)} side: give at least two")
    return {team: name for name, of in sides.items() for team in of}


def _told_sides(told: object) -> dict[str, list[str]]:
    if isinstance(told, dict) and all(isinstance(of, list | tuple) for of in told.values()):
        return {str(name): list(map(str, of)) for name, of in told.items()}
    raise UserError(
        f'metadata["sides"] is {short(told)}: give a dict with a list of teams for each side'
    )


def _parse(team: str) -> tuple[str, re.Pattern[str]]:
    name, equals, pattern = team.partition("=")
    if not name or not equals:
        raise UserError(f"teams has {team!r}: write name=pattern, as in predators=wolf")
    try:
        return name, re.compile(pattern)
    except re.error as error:
        raise UserError(
            f"teams has {team!r}, which is not a regular expression: {error}"
        ) from error


def _some(agents: Sequence[Agent]) -> str:
    return ", ".join(map(str, agents[:5])) + (", ..." if len(agents) > 5 else "")
