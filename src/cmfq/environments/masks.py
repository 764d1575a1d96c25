"""Action masks of a PettingZoo environment: in the agents' observations, or in their infos."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from cmfq.environments.base import BoolArray
from cmfq.environments.grouping import Grouping
from cmfq.environments.parallel import Agent, Entries, entry_of
from cmfq.environments.spaces import ObservationReader, entries_at, read_masks
from cmfq.environments.stacking import ACTION_MASK
from cmfq.errors import UserError


class MaskReader:
    """Reads the action masks of teams.

    An agent's mask is the one in its info, else the one in its observation; an agent without
    either may do everything.

    A team has masks if its observations hold them, if an agent of it has one in its info at the
    first reset, or if another team of its role has masks. A team nobody of which is there at that
    reset has them also if any info holds one: its agents may bring masks of their own.

    Args:
        grouping: the teams.
        readers: observation reader of each team.
        roles: role of each team.
        sizes: agents of each team that are there at the first reset.
        agents: all agents that are known then, there or not.
        infos: infos of the first reset.
    """

    def __init__(
        self,
        grouping: Grouping,
        readers: Sequence[ObservationReader],
        roles: Sequence[str],
        sizes: Sequence[int],
        agents: Sequence[Agent],
        infos: Entries,
    ) -> None:
        self._readers = readers
        self._actions = [int(kind.spaces.action.n) for kind in grouping.kinds]
        masked = {grouping.team(one) for one in agents if ACTION_MASK in entry_of(infos, one)}
        self._informed = [
            team in masked or (bool(masked) and not size) for team, size in enumerate(sizes)
        ]
        roles_with = {
            role
            for role, reader, informed in zip(roles, readers, self._informed, strict=True)
            if informed or reader.has_action_mask
        }
        self.has_masks = tuple(role in roles_with for role in roles)
        """Whether each team has action masks."""

    def read(
        self, team: int, agents: Sequence[Agent], observations: Sequence[Any], infos: Entries
    ) -> tuple[BoolArray, BoolArray] | None:
        """Masks ``(agents, actions)`` and who waits ``(agents,)``; ``None``: the team has no masks.

        Args:
            team: number of the team.
            agents: its agents, in rows.
            observations: one for each of them.
            infos: infos of all agents.

        Raises:
            Unreadable: a mask is not zeros and ones, one for each action; its row is named.
            UserError: an info holds a mask, and the team had none at the first reset.
        """
        actions = self._actions[team]
        if self._informed[team]:
            masks = self._of_observations(team, observations)
            told = [entry_of(infos, agent) for agent in agents]
            pairs = zip(told, masks, strict=True)
            return read_masks([info.get(ACTION_MASK, mask) for info, mask in pairs], actions)
        late = [agent for agent in agents if ACTION_MASK in entry_of(infos, agent)]
        if late and not self._readers[team].has_action_mask:
            raise UserError(
                f"the info of agent {late[0]!r} holds an action mask, and at the first reset no "
                "info of its team held one: let reset give one to an agent of the team, there or "
                "not yet, of ones where everything is allowed"
            )
        if self.has_masks[team]:
            return read_masks(self._of_observations(team, observations), actions)
        return None

    def _of_observations(self, team: int, observations: Sequence[Any]) -> Sequence[Any]:
        """Mask in each observation; everything where the team's observations hold none."""
        if self._readers[team].has_action_mask:
            return entries_at(observations, (ACTION_MASK,))
        return [np.ones(self._actions[team], np.float32)] * len(observations)
