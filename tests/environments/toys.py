"""Small PettingZoo environments whose truth is in their names and numbers."""

from collections.abc import Callable
from typing import Any

import numpy as np
from gymnasium import spaces


class Toy:
    """Agents observe their number and the time, and earn a number that says the same.

    ``plan`` maps an agent to the steps in which it is born (0: there at reset), dies (``None``:
    never) and leaves (is truncated).
    """

    metadata: dict[str, Any] = {}  # noqa: RUF012
    plan: dict[Any, tuple[int, int | None, int | None]] = {  # noqa: RUF012
        "red_0": (0, None, 8),
        "red_1": (0, 3, None),
        "blue_0": (0, None, 8),
        "red_2": (2, 5, None),
        "blue_1": (3, 4, None),
        "red_3": (4, None, 8),
        "blue_2": (5, None, 8),
    }
    actions: spaces.Space[Any] = spaces.Discrete(3)

    def observation_space(self, agent: object) -> spaces.Space[Any]:
        return spaces.Box(-np.inf, np.inf, (2,), np.float32)

    def action_space(self, agent: object) -> spaces.Space[Any]:
        return self.actions

    def reset(self, seed: int | None = None, options: object = None) -> tuple[dict, dict]:
        self.seed, self.time = seed, 0
        self.numbers = {agent: number for number, agent in enumerate(self.plan)}
        self.agents = [agent for agent, (born, *_) in self.plan.items() if born == 0]
        return self.observe(self.agents), {agent: {} for agent in self.agents}

    def observe(self, agents: list) -> dict:
        return {agent: np.array([self.numbers[agent], self.time], np.float32) for agent in agents}

    def step(self, actions: dict) -> tuple[dict, dict, dict, dict, dict]:
        assert list(actions) and set(actions) == set(self.agents)
        assert all(self.action_space(agent).contains(action) for agent, action in actions.items())
        rewards = {agent: self.numbers[agent] + self.time / 100 for agent in self.agents}
        self.time += 1
        born = [agent for agent, (birth, *_) in self.plan.items() if birth == self.time]
        present = self.agents + born
        dead = {agent: self.plan[agent][1] == self.time for agent in present}
        left = {agent: self.plan[agent][2] == self.time for agent in present}
        self.agents = [agent for agent in present if not dead[agent] and not left[agent]]
        infos: dict = {agent: {} for agent in present}
        return self.observe(present), rewards, dead, left, infos


def make(**attributes: object) -> Callable[[], Toy]:
    """Make toys of a kind."""
    kind: type[Toy] = type("MadeToy", (Toy,), attributes)
    return kind
