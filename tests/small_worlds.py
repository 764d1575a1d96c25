"""Small PettingZoo worlds of given agents, for commands that name them as ``small_worlds:duel``."""

from typing import Any

import numpy as np
from gymnasium import spaces
from pettingzoo import ParallelEnv


class World(ParallelEnv):  # type: ignore[misc]
    """Eight steps, then the time is up; an agent earns 1 where it takes action 1."""

    metadata: dict[str, Any] = {"name": "small"}  # noqa: RUF012
    names: tuple[str, ...] = ()
    actions = 3

    def __init__(self) -> None:
        self.possible_agents = list(self.names)

    def observation_space(self, agent: str) -> spaces.Box:
        return spaces.Box(-1, 1, (4,), np.float32)

    def action_space(self, agent: str) -> spaces.Discrete:
        return spaces.Discrete(self.actions)

    def reset(self, seed: int | None = None, options: object = None) -> tuple[dict, dict]:
        self.random, self.time = np.random.default_rng(seed), 0
        self.agents = list(self.names)
        return self._observe(), {agent: {} for agent in self.agents}

    def step(self, actions: dict) -> tuple[dict, dict, dict, dict, dict]:
        self.time += 1
        agents, over = self.agents, self.time == 8
        rewards = {agent: float(actions[agent] == 1) for agent in agents}
        no, cut_off = dict.fromkeys(agents, False), dict.fromkeys(agents, over)
        seen = self._observe()
        if over:
            self.agents = []
        return seen, rewards, no, cut_off, {agent: {} for agent in agents}

    def _observe(self) -> dict:
        return {agent: self.random.random(4).astype(np.float32) for agent in self.agents}


def world(*names: str, actions: int = 3) -> type[World]:
    """A world of agents with these names; equal but for the number at their end: one role."""
    return type("MadeWorld", (World,), {"names": names, "actions": actions})


alone = world("a_0", "a_1")
duel = world("a_0", "b_0")
choices = world("a_0", "b_0", actions=4)
three_roles = world("a_0", "a_1", "b_0", "c_0")
three_teams = world("a_0", "b_0", "c_0")
"""With ``--share-roles``: three teams of one role."""
squads = world(
    *(
        f"{side}{role}_{n}"
        for side in ("red", "blue")
        for role in ("melee", "ranged")
        for n in (0, 1)
    )
)
"""Two sides of two roles each, if somebody says so."""


class _Growing(World):
    """An agent of a second role joins after two steps."""

    names = ("a_0", "a_1", "b_0")

    def reset(self, seed: int | None = None, options: object = None) -> tuple[dict, dict]:
        super().reset(seed)
        self.agents = ["a_0", "a_1"]
        return self._observe(), {}

    def step(self, actions: dict) -> tuple:
        answer = super().step(actions)
        if self.time == 2:
            self.agents.append("b_0")
            answer[0].update(self._observe())
        return answer


growing = _Growing


class _Outside(World):
    """After the first step, what is observed lies outside of its space; it cannot be closed."""

    names = ("a_0", "b_0")

    def _observe(self) -> dict:
        beyond = np.float32(2 if self.time else 0)
        return {agent: seen + beyond for agent, seen in super()._observe().items()}

    def close(self) -> None:
        raise OSError("the port is gone")


outside = _Outside
folders = world("team/red_0", "team/red_1", "team/blue_0", "team/blue_1")
