"""Does an environment keep the protocol? Run this on your own.

with closing(default_settings("my_package.my_module:make_env").make()) as environment:
    check_environment(environment)
"""

import hashlib
from collections.abc import Sequence

import numpy as np

from cmfq.environments.base import (
    FARTHEST,
    GREATEST_REWARD,
    NO_ACTION,
    Environment,
    FloatArray,
    IntArray,
    Step,
    TeamObservation,
    TeamSpecification,
)
from cmfq.errors import UserError

HALF_PRECISION = float(np.finfo(np.float16).max)
"""The greatest number that the replay holds."""
LIMITS = {
    "view": HALF_PRECISION,
    "features": HALF_PRECISION,
    "health": HALF_PRECISION,
    "positions": FARTHEST,
    "rewards": GREATEST_REWARD,
}
"""Greatest sizes of what an environment gives."""


def check_environment(
    environment: Environment, seed: int = 0, steps: int = 100, reproducible: bool = True
) -> None:
    """Act at random and see whether the environment keeps its promises.

    Checked are: shapes, types and names as specified, and finite numbers; a reward for everyone
    who acted; ids that are unique and stay with their agents, in order; the dead stay dead;
    everyone may do something; what was observed is not changed later; and the seed decides.

    Args:
        environment: to check.
        seed: random seed of the first episode and of the actions; the next ones follow.
        steps: to take, over as many episodes as that needs.
        reproducible: whether the same seeds and actions must lead to the same again.

    Raises:
        UserError: it breaks one; episode and step are named.
    """
    check_specifications(environment.teams)
    first = _play(environment, seed, steps)
    if not reproducible:
        return
    for (at, one), (_, other) in zip(first, _play(environment, seed, steps), strict=False):
        if one != other:
            raise UserError(
                f"{at}: the same seed and actions lead to another state the second time; draw all "
                "random numbers from a generator that reset seeds"
            )


def _play(environment: Environment, seed: int, steps: int) -> list[tuple[str, bytes]]:
    """Act at random.

    Returns:
        A digest of all that the environment said, and when it did.
    """
    generator = np.random.default_rng(seed)
    said: list[tuple[str, bytes]] = []
    episode = taken = 0
    while taken < steps:
        at = f"episode with seed {seed + episode}, reset"
        observations = environment.reset(seed + episode)
        said.append((at, _digest(observations)))
        witness = Witness(environment.teams)
        witness.begin(at, observations)
        _check_scenery(at, environment)
        over = False
        while not over and taken < steps:
            at = f"episode with seed {seed + episode}, step {taken}"
            actions = [
                _draw(team, observation, generator)
                for team, observation in zip(environment.teams, observations, strict=True)
            ]
            seen = _digest(observations)
            step = environment.step(actions)
            if _digest(observations) != seen:
                raise UserError(
                    f"{at}: it changed arrays that it returned before; return new arrays"
                )
            witness.go_on(at, observations, step)
            said.append((at, _digest(step)))
            observations, over = step.observations, step.terminated or step.truncated
            taken += 1
        episode += 1
    return said


class Witness:
    """Watches one episode: whether all that an environment says in it keeps the protocol."""

    def __init__(self, teams: Sequence[TeamSpecification]) -> None:
        self._teams = teams
        self._seen: set[int] = set()

    def begin(self, at: str, observations: tuple[TeamObservation, ...]) -> None:
        """Look at the first observations.

        Raises:
            UserError: they break the protocol; ``at`` says where.
        """
        if not sum(len(observation.ids) for observation in observations):
            raise UserError(f"{at}: there are no agents")
        self._look(at, observations)
        for observation in observations:
            self._seen.update(observation.ids.tolist())

    def go_on(self, at: str, before: tuple[TeamObservation, ...], step: Step) -> None:
        """Compare what a step led to with what was before.

        Raises:
            UserError: it breaks the protocol; ``at`` says where.
        """
        for name in ("observations", "rewards", "alive"):
            if len(getattr(step, name)) != len(self._teams):
                raise UserError(f"{at}: {name} must have one entry per team")
        if step.terminated and step.truncated:
            raise UserError(f"{at}: the step is both terminated and truncated; return one of them")
        self._look(at, step.observations)
        if step.truncated and not sum(len(team.ids) for team in step.observations):
            raise UserError(f"{at}: truncated without agents left; return terminated")
        joined: list[int] = []
        for team, old, new, rewards, alive in zip(
            self._teams, before, step.observations, step.rewards, step.alive, strict=True
        ):
            _require(at, team, "rewards", rewards, (len(old.ids),), np.float32)
            _require(at, team, "alive", alive, (len(old.ids),), np.bool_)
            survivors = old.ids[alive]
            if not np.array_equal(new.ids[: len(survivors)], survivors):
                raise UserError(
                    f"{at}: the first rows of team {team.name} must be the survivors, ids "
                    f"{_some(survivors)}, in order, but are {_some(new.ids[: len(survivors)])}"
                )
            joined += new.ids[len(survivors) :].tolist()
        if returned := self._seen.intersection(joined):
            raise UserError(
                f"{at}: the agent with id {min(returned)} was there before, but is returned as new"
            )
        self._seen.update(joined)

    def _look(self, at: str, observations: tuple[TeamObservation, ...]) -> None:
        if len(observations) != len(self._teams):
            raise UserError(f"{at}: {len(observations)} observations for {len(self._teams)} teams")
        for team, observation in zip(self._teams, observations, strict=True):
            _check_observation(at, team, observation)
        ids = np.concatenate([observation.ids for observation in observations])
        if len(np.unique(ids)) < len(ids):
            raise UserError(f"{at}: two agents have the same id")


def check_specifications(teams: Sequence[TeamSpecification]) -> None:
    """Refuse teams that cannot be.

    Raises:
        UserError: two names are the same, a team has no actions or sees nothing, or teams of one
            role are not alike.
    """
    if not teams:
        raise UserError("the environment has no team")
    names = [team.name for team in teams]
    if len(set(names)) < len(names):
        raise UserError(f"team names are {', '.join(names)}: make them differ")
    for team in teams:
        if not team.actions:
            raise UserError(f"team {team.name} has no actions")
        for what in ("actions", "channels", "features"):
            if len(set(getattr(team, what))) < len(getattr(team, what)):
                raise UserError(f"team {team.name}: two {what} have the same name")
        if not team.channels and not team.features:
            raise UserError(f"team {team.name} observes nothing")
        if bool(team.channels) != (min(team.view_shape) > 0):
            raise UserError(
                f"team {team.name} has a view of {team.view_shape} and {len(team.channels)} "
                "channels; without channels, give (0, 0)"
            )
    for team in teams:
        other = next(one for one in teams if one.role == team.role)
        ours = (team.view_shape, team.channels, team.features, team.actions, team.action_masks)
        theirs = (
            other.view_shape,
            other.channels,
            other.features,
            other.actions,
            other.action_masks,
        )
        if ours != theirs:
            raise UserError(
                f"teams {other.name} and {team.name} have the role {team.role}, but differ"
            )


def _check_observation(at: str, team: TeamSpecification, observation: TeamObservation) -> None:
    agents, actions = len(observation.ids), len(team.actions)
    view_shape = (agents, *team.view_shape, len(team.channels))
    _require(at, team, "view", observation.view, view_shape, np.float32)
    _require(at, team, "features", observation.features, (agents, len(team.features)), np.float32)
    _require(at, team, "ids", observation.ids, (agents,), np.int32)
    _require(at, team, "previous_actions", observation.previous_actions, (agents,), np.int32)
    _require(at, team, "positions", observation.positions, (agents, 2), np.int32, np.float32)
    if agents and observation.ids.min() < 0:
        raise UserError(f"{at}: team {team.name} has the id {observation.ids.min()}: begin at 0")
    previous = observation.previous_actions
    if ((previous < NO_ACTION) | (previous >= actions)).any():
        raise UserError(f"{at}: team {team.name} has previous actions that do not exist")
    if (observation.action_mask is not None) != team.action_masks:
        raise UserError(
            f"{at}: team {team.name} has action_masks {team.action_masks}, but "
            f"{'none' if team.action_masks else 'some'} were returned"
        )
    if observation.action_mask is not None:
        mask = observation.action_mask
        _require(at, team, "action_mask", mask, (agents, actions), np.bool_)
        if not mask.any(axis=1).all():
            raise UserError(f"{at}: an action mask of team {team.name} allows no action")
    if observation.health is not None:
        _require(at, team, "health", observation.health, (agents,), np.float32)


def _check_scenery(at: str, environment: Environment) -> None:
    scenery = environment.scenery()
    left, top, right, bottom = scenery.bounds
    if not (left < right and top < bottom and np.isfinite(scenery.bounds).all()):
        raise UserError(f"{at}: the bounds of the scenery are {scenery.bounds}")
    if len(scenery.bodies) != len(environment.teams):
        raise UserError(f"{at}: the scenery must have one body per team")


def _require(
    at: str, team: TeamSpecification, what: str, array: object, shape: tuple[int, ...], *types: type
) -> None:
    """An array of a shape and of one of some types, without numbers beyond the limits."""
    found = f"{getattr(array, 'dtype', type(array).__name__)} {getattr(array, 'shape', '')}"
    if not isinstance(array, np.ndarray) or array.shape != shape or array.dtype not in types:
        wanted = " or ".join(one.__name__ for one in types)
        raise UserError(f"{at}: {what} of team {team.name} must be {wanted} {shape}, is {found}")
    limit = LIMITS.get(what)
    if limit is not None and not (np.abs(array) <= limit).all():
        raise UserError(
            f"{at}: {what} of team {team.name} holds a number that is not finite, or beyond "
            f"{limit:.0f}: {_first(team, what, array, limit)}"
        )
    if array.dtype == np.float32 and not np.isfinite(array).all():
        raise UserError(
            f"{at}: {what} of team {team.name} holds a number that is not finite: "
            f"{_first(team, what, array, float(np.finfo(np.float32).max))}"
        )


def _first(team: TeamSpecification, what: str, array: FloatArray, limit: float) -> str:
    """Row, entry and value of the first number that is beyond a limit, or no number."""
    row, *index = np.argwhere(~(np.abs(array) <= limit))[0].tolist()
    entry = team.features[index[0]] if what == "features" else f"entry {index}" if index else "that"
    return f"{entry} of the agent in row {row} is {array[(row, *index)]:g}"


def _draw(
    team: TeamSpecification, observation: TeamObservation, generator: np.random.Generator
) -> IntArray:
    """A random action for each agent, of those that it may take."""
    chances = generator.random((len(observation.ids), len(team.actions)))
    if observation.action_mask is not None:
        chances = np.where(observation.action_mask, chances, -1.0)
    actions: IntArray = chances.argmax(axis=1).astype(np.int32)
    return actions


def _digest(value: object) -> bytes:
    """Hash of nested tuples of arrays."""
    if isinstance(value, tuple):
        content = b"".join(map(_digest, value))
    else:
        content = value.tobytes() if isinstance(value, np.ndarray) else repr(value).encode()
    return hashlib.blake2b(content).digest()


def _some(ids: IntArray) -> str:
    return ", ".join(map(str, ids[:8].tolist())) + (", ..." if len(ids) > 8 else "")
