"""A PettingZoo parallel environment itself: made, started, and its answers taken apart."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from cmfq.environments.base import FloatArray
from cmfq.errors import UserError
from cmfq.imports import import_function

Agent = Hashable
"""What PettingZoo calls an agent by: a string, most often."""
Entries = Mapping[Agent, Any]
"""Something for each agent."""


def make_world(make_env: str) -> Any:
    """A PettingZoo parallel environment, from the name of a function without arguments.

    Raises:
        UserError: there is no such function, or it makes something else.
    """
    make = import_function("environment", make_env)
    try:
        world = make()
    except Exception as error:
        raise UserError(
            f"environment {make_env} cannot be made: {type(error).__name__}: {error}"
        ) from error
    if hasattr(world, "agent_iter"):
        raise UserError(
            f"environment {make_env} lets agents act in turn (AEC): return "
            "pettingzoo.utils.aec_to_parallel(environment), or its parallel_env"
        )
    missing = [
        name
        for name in ("reset", "step", "observation_space", "action_space")
        if not callable(getattr(world, name, None))
    ]
    if missing:
        raise UserError(
            f"environment {make_env} returns {type(world).__name__}, which has no "
            f"{' and no '.join(missing)}: return a PettingZoo parallel environment"
        )
    return world


def restart(world: Any, seed: int) -> tuple[Entries, Entries]:
    """Start an episode: observations and infos.

    Raises:
        UserError: these are not what came, or there are no agents.
    """
    answer = world.reset(seed=seed)
    if not (isinstance(answer, tuple) and len(answer) == 2):
        raise UserError("reset does not return a pair of observations and infos")
    observations, infos = answer
    if not list_agents(world, observations):
        raise UserError("there are no agents: let reset bring some")
    return observations, infos


def list_agents(world: Any, observations: Entries) -> list[Agent]:
    """The agents that the environment says there are, in a list of our own."""
    return list(getattr(world, "agents", observations))


def read_rewards(agents: Sequence[Agent], rewards: Entries) -> FloatArray:
    """``(agents,)``.

    Raises:
        UserError: one is missing, or no finite number.
    """
    earned = np.array(entries_of(agents, rewards, "reward"), np.float32)
    if earned.shape != (len(agents),) or not np.isfinite(earned).all():
        raise UserError("a reward is no finite number")
    return earned


def entries_of(agents: Sequence[Agent], entries: Entries, what: str) -> list[Any]:
    """The entry of each agent.

    Raises:
        UserError: one is missing.
    """
    try:
        return [entries[agent] for agent in agents]
    except KeyError as error:
        raise UserError(f"it gave no {what} for agent {error}") from error
