"""A PettingZoo parallel environment itself: made, started, and its answers taken apart."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from cmfq.environments.base import GREATEST_REWARD, FloatArray
from cmfq.environments.stacking import numbers_of, short
from cmfq.errors import UserError, told
from cmfq.imports import import_function

Agent = Hashable
"""Name of an agent in PettingZoo: a string, most often."""
Entries = Mapping[Agent, Any]
"""Something for each agent."""
EVERYONE = "__all__"
"""Stands for all agents where somebody is over, as RLlib has it."""


class Answer(NamedTuple):
    """Result of a step, for each agent."""

    observations: Entries
    rewards: Entries
    terminated: Entries
    truncated: Entries
    infos: Entries


def make_world(make_env: str) -> Any:
    """Call a function without arguments, named ``module:function``, that makes an environment.

    Raises:
        UserError: there is no such function, or it fails.
    """
    make = import_function("environment", make_env)
    try:
        return make()
    except (Exception, SystemExit) as error:
        raise UserError(f"environment {make_env} cannot be made: {told(error)}") from error


def require_parallel(make_env: str, world: object) -> None:
    """Refuse what is no PettingZoo parallel environment.

    Raises:
        UserError: it is something else.
    """
    if hasattr(world, "agent_iter"):
        raise UserError(
            f"environment {make_env} lets agents act in turn (AEC): return "
            "pettingzoo.utils.aec_to_parallel(environment), or "
            "turn_based_aec_to_parallel(environment) for a turn-based game"
        )
    missing = [
        name
        for name in ("reset", "step", "observation_space", "action_space")
        if not callable(getattr(world, name, None))
    ]
    if missing:
        raise UserError(
            f"environment {make_env} returns {type(world).__name__}, which has no "
            f"{' and no '.join(missing)}: return a PettingZoo parallel environment, or an "
            "environment of teams of arrays (cmfq.environments.base.Environment)"
        )


def restart(world: Any, seed: int) -> tuple[Entries, Entries]:
    """Start an episode: observations and infos.

    Raises:
        UserError: these are not what came, or no agent is given an observation.
    """
    answer = world.reset(seed=seed)
    if not (isinstance(answer, tuple | list) and len(answer) == 2):
        raise UserError("reset does not return a pair of observations and infos")
    observations, infos = map(entries, answer)
    if not any(seen(observations, agent) for agent in list_agents(world, observations)):
        raise UserError("there are no agents: reset must return observations of at least one")
    return observations, infos


def advance(world: Any, actions: Mapping[Agent, int]) -> Answer:
    """Let agents act.

    Raises:
        UserError: the answer is not five dictionaries, or a flag is neither true nor false.
            Observations and infos may be ``None``.
    """
    answer = world.step(actions)
    if not (isinstance(answer, tuple | list) and len(answer) == len(Answer._fields)):
        raise UserError(
            f"step does not return observations, rewards, terminations, truncations and infos: it "
            f"returns {short(answer)}"
        )
    observations, rewards, terminated, truncated, infos = answer
    for name, found in (
        ("rewards", rewards),
        ("terminations", terminated),
        ("truncations", truncated),
    ):
        if not isinstance(found, Mapping):
            raise UserError(f"{name} are {short(found)}: give a dict with an entry for each agent")
    return Answer(
        entries(observations),
        rewards,
        _flags("terminations", terminated),
        _flags("truncations", truncated),
        entries(infos),
    )


def _flags(name: str, found: Entries) -> Entries:
    """Flags of agents, each ``True`` or ``False``; 0, 1 and arrays of one of these are taken."""
    if all(isinstance(flag, bool | np.bool_) for flag in found.values()):
        return found
    return {agent: _flag(name, agent, flag) for agent, flag in found.items()}


def _flag(name: str, agent: Agent, flag: object) -> bool:
    if isinstance(flag, bool | np.bool_ | int | float | np.number | np.ndarray):
        value = np.asarray(flag)
        if value.size == 1 and value.dtype.kind in "biuf" and value.item() in (0, 1):
            return bool(value.item())
    raise UserError(f"{name} of agent {agent!r} is {short(flag)}: give True or False")


def require_flags(agents: Iterable[Agent], answer: Answer) -> None:
    """Refuse flags that some agents have and one that acted has not; no flags at all are false.

    Raises:
        UserError: an agent has no flag; it is named.
    """
    flags = {"terminations": answer.terminated, "truncations": answer.truncated}
    if any(EVERYONE in found for found in flags.values()):
        return
    for name, found in flags.items():
        for agent in agents if found else ():
            if agent not in found and not any(other.get(agent) for other in flags.values()):
                raise UserError(
                    f"{name} has entries for other agents and none for agent {agent!r}: give True "
                    "or False for each agent that acted"
                )


def entries(found: object) -> Entries:
    """Entries of agents; nothing else holds any."""
    return found if isinstance(found, dict | Mapping) else {}  # the first is fast


def entry_of(infos: Entries, agent: Agent) -> Entries:
    """The info of an agent, which may hold nothing or not be there."""
    return entries(infos.get(agent))


def seen(observations: Entries, agent: Agent) -> bool:
    """Whether an agent is given an observation."""
    return observations.get(agent) is not None


def who(over: Entries, agents: Iterable[Agent]) -> set[Agent]:
    """Agents that are marked; all of ``agents`` if everyone is."""
    marked = {agent for agent, is_over in over.items() if is_over}
    if EVERYONE in marked:
        marked.remove(EVERYONE)
        marked.update(agents)
    return marked


def known_agents(world: object, present: Sequence[Agent]) -> list[Agent]:
    """``possible_agents`` of the environment; those that are present if it names none."""
    possible = getattr(world, "possible_agents", None)
    return list(() if possible is None else possible) or list(present)


def list_agents(world: object, observations: Entries) -> list[Agent]:
    """The agents that the environment says there are, in a list of our own.

    Raises:
        UserError: one is listed twice.
    """
    agents = list(getattr(world, "agents", observations))
    if len(set(agents)) < len(agents):
        twice = next(agent for agent in agents if agents.count(agent) > 1)
        raise UserError(f"agent {twice!r} is in agents twice: list it once")
    return agents


def read_rewards(agents: Sequence[Agent], rewards: Entries) -> FloatArray:
    """``(agents,)``. An array of one number is a number.

    Raises:
        UserError: one is missing, not one number, or beyond the limit; the agent is named.
    """
    try:
        found = [rewards[agent] for agent in agents]
    except KeyError as error:
        raise UserError(f"it gave no reward for agent {error}") from error
    try:
        earned = numbers_of(found, np.float64)
    except (TypeError, ValueError, OverflowError):
        earned = None
    if earned is None or earned.size != len(agents) or not _allowed(earned):
        earned = np.array(list(map(_reward, agents, found)), np.float64)
    return earned.reshape(len(agents)).astype(np.float32)


def _reward(agent: Agent, reward: object) -> float:
    number: npt.NDArray[np.float64] | None
    try:
        number = numbers_of(reward, np.float64)
    except (TypeError, ValueError, OverflowError):
        number = None
    if number is None or number.size != 1 or not _allowed(number):
        raise UserError(
            f"agent {agent!r} was given the reward {short(reward)}: give one number from "
            f"{-GREATEST_REWARD:g} to {GREATEST_REWARD:g}"
        )
    return float(number.reshape(()))


def _allowed(rewards: npt.NDArray[np.float64]) -> bool:
    return bool((np.abs(rewards) <= GREATEST_REWARD).all())  # nan compares false
