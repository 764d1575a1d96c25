"""Which agent of a PettingZoo environment is in which row, while agents come, go and wait."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from cmfq.environments.base import NO_ACTION, BoolArray, IntArray
from cmfq.environments.grouping import Grouping
from cmfq.environments.parallel import Agent, Answer, Entries, seen, who
from cmfq.errors import UserError


class Rows(NamedTuple):
    """Members of a team: a row per living agent."""

    agents: list[Agent]
    ids: IntArray
    previous_actions: IntArray
    waits: BoolArray
    """Agents that may do nothing in this step."""


NOBODY = Rows([], np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0, np.bool_))


class Change(NamedTuple):
    """Change of the rows by a step."""

    alive: tuple[BoolArray, ...]
    """Which rows of each team that acted are still there."""
    cut_off: bool
    """Nobody goes on, and the rows that are left were truncated."""
    returned: list[Agent]
    """Agents that have rows again after they had none."""


class Roster:
    """Rows of one episode.

    An agent has a row while it is listed, is not over, and is given an observation. One that is
    over has none, though it may be listed for longer. One that comes back gets a row with a new id.
    Agents that are listed without a row are sent the first action: nothing is said to come of it.

    Args:
        grouping: knows the team of each agent.
        first_actions: number of the first action of each team.
        possible: agents that are known beforehand; their ids are their places.
    """

    def __init__(
        self, grouping: Grouping, first_actions: Sequence[int], possible: Sequence[Agent]
    ) -> None:
        self._grouping = grouping
        self._first_actions = first_actions
        self._possible_ids = {agent: number for number, agent in enumerate(possible)}
        self.rows: list[Rows] = [NOBODY for _ in first_actions]
        """Members of each team."""
        self.ids = len(possible)
        """Ids that are in use or set aside, from 0."""
        self._listed: list[Agent] = []
        self._acting: set[Agent] = set()
        self._known: set[Agent] = set()
        """Agents that ever had a row."""
        self._over: set[Agent] = set()
        """Agents that were over and have not come back."""

    def begin(self, listed: list[Agent], observations: Entries) -> None:
        """Start an episode."""
        self.rows = [NOBODY for _ in self._first_actions]
        self.ids = len(self._possible_ids)
        self._listed = listed
        present = [agent for agent in listed if seen(observations, agent)]
        self._acting, self._known, self._over = set(present), set(), set()
        self._admit(present)

    def joint(self, actions: Sequence[IntArray]) -> dict[Agent, int]:
        """An action for every agent that is listed."""
        joint: dict[Agent, int] = {}
        for rows, taken, first in zip(self.rows, actions, self._first_actions, strict=True):
            if len(taken) != len(rows.agents):
                raise ValueError(f"{len(rows.agents)} agents live, {len(taken)} actions were given")
            numbers = taken.astype(np.int64) + first  # a space may start beyond 32 bits
            joint.update(zip(rows.agents, numbers.tolist(), strict=True))
        if len(joint) < len(self._listed):
            for agent in self._listed:
                if agent not in joint:
                    joint[agent] = self._first_actions[self._grouping.team(agent)]
        return joint

    def go_on(self, actions: Sequence[IntArray], listed: list[Agent], answer: Answer) -> Change:
        """Take out who is over or gone, and put in who is new.

        Raises:
            UserError: agents go on, and none of them is given an observation.
        """
        previous = [
            np.where(rows.waits, NO_ACTION, taken).astype(np.int32)
            for rows, taken in zip(self.rows, actions, strict=True)
        ]
        present = [agent for agent in listed if seen(answer.observations, agent)]
        nobody_is_over = not any(answer.terminated.values()) and not any(answer.truncated.values())
        if nobody_is_over and present == self._listed and len(self._acting) == len(present):
            self.rows = [
                rows._replace(previous_actions=taken)
                for rows, taken in zip(self.rows, previous, strict=True)
            ]
            return Change(tuple(np.ones(len(taken), np.bool_) for taken in actions), False, [])
        everyone = self._acting.union(listed)
        dead = who(answer.terminated, everyone)
        left = who(answer.truncated, everyone) - dead
        self._over |= dead | left
        present = [agent for agent in present if agent not in dead and agent not in left]
        if not present and (waiting := [one for one in listed if one not in self._over]):
            raise UserError(
                f"{len(waiting)} agents are in agents, {waiting[0]!r} first, but none has an "
                "observation: give one to every agent that acts"
            )
        stays = set(present)
        if not present:  # what follows is estimated for those whose last observations are there
            stays = {one for one in left & self._acting if seen(answer.observations, one)}
        newcomers = [agent for agent in present if agent not in self._acting]
        returned = [agent for agent in newcomers if agent in self._known]
        alive = self._bury(stays, previous)
        self._over.difference_update(present)
        self._acting, self._listed = stays, listed
        self._admit(newcomers)
        return Change(alive, not present and bool(stays), returned)

    def _bury(self, stays: set[Agent], previous: Sequence[IntArray]) -> tuple[BoolArray, ...]:
        """Keep the rows of those that stay, and say which these were."""
        alive = tuple(
            np.array([agent in stays for agent in rows.agents], np.bool_) for rows in self.rows
        )
        self.rows = [
            Rows(
                [agent for agent in rows.agents if agent in stays],
                rows.ids[lives],
                taken[lives],
                np.zeros(np.count_nonzero(lives), np.bool_),
            )
            for rows, lives, taken in zip(self.rows, alive, previous, strict=True)
        ]
        return alive

    def _admit(self, newcomers: Sequence[Agent]) -> None:
        """Put agents behind those that are there."""
        joining: list[list[tuple[Agent, int]]] = [[] for _ in self.rows]
        for agent in newcomers:
            number = None if agent in self._known else self._possible_ids.get(agent)
            if number is None:
                number, self.ids = self.ids, self.ids + 1
            joining[self._grouping.team(agent)].append((agent, number))
        self._known.update(newcomers)
        for team, joined in enumerate(joining):
            if joined:
                rows = self.rows[team]
                ids = np.array([number for _, number in joined], np.int32)
                self.rows[team] = Rows(
                    rows.agents + [agent for agent, _ in joined],
                    np.concatenate([rows.ids, ids]),
                    np.concatenate([rows.previous_actions, np.full_like(ids, NO_ACTION)]),
                    np.zeros(len(rows.agents) + len(joined), np.bool_),
                )
