"""Watches an episode of an environment: every broken promise is named where it happens."""

from collections.abc import Sequence

import numpy as np

from cmfq.environments.base import (
    FARTHEST,
    GREATEST_REWARD,
    NO_ACTION,
    FloatArray,
    IntArray,
    Step,
    TeamObservation,
    TeamSpecification,
)
from cmfq.environments.numbers import HALF_PRECISION
from cmfq.environments.stacking import short
from cmfq.errors import UserError

LIMITS = {
    "view": HALF_PRECISION,
    "features": HALF_PRECISION,
    "health": HALF_PRECISION,
    "positions": FARTHEST,
    "rewards": GREATEST_REWARD,
}
"""Greatest sizes of what an environment gives."""


class Witness:
    """Watches one episode: whether all that an environment says in it keeps the protocol."""

    def __init__(self, teams: Sequence[TeamSpecification]) -> None:
        self._teams = teams
        self._seen: set[int] = set()
        self._healthy: list[str] = []

    def begin(self, at: str, found: object) -> tuple[TeamObservation, ...]:
        """Look at the first observations.

        Args:
            at: where that is, for errors.
            found: what reset returned.

        Raises:
            UserError: they break the protocol.
        """
        observations = self._observations(at, "reset must return", found)
        if not sum(len(observation.ids) for observation in observations):
            raise UserError(f"{at}: there are no agents")
        self._look(at, observations)
        for team, observation in zip(self._teams, observations, strict=True):
            self._seen.update(observation.ids.tolist())
            if observation.health is not None:
                self._healthy.append(team.name)
        return observations

    def go_on(self, at: str, before: tuple[TeamObservation, ...], found: object) -> Step:
        """Compare what a step led to with what was before.

        Args:
            at: where that is, for errors.
            before: observations before the step.
            found: what step returned.

        Raises:
            UserError: it breaks the protocol.
        """
        step = self._step(at, found)
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
            if new.health is None and team.name in self._healthy:
                raise UserError(
                    f"{at}: team {team.name} has no health, and had some at the reset: give it in "
                    "every step, or never"
                )
            joined += new.ids[len(survivors) :].tolist()
        if returned := self._seen.intersection(joined):
            raise UserError(
                f"{at}: the agent with id {min(returned)} was there before, but is returned as new"
            )
        self._seen.update(joined)
        return step

    def _step(self, at: str, found: object) -> Step:
        """What step returned, if it is one and has an entry per team in each of its tuples."""
        if not isinstance(found, Step):
            raise UserError(f"{at}: step must return a cmfq.Step, and returned {short(found)}")
        for name in ("observations", "rewards", "alive"):
            given = getattr(found, name)
            if not isinstance(given, tuple | list) or len(given) != len(self._teams):
                raise UserError(
                    f"{at}: {name} must be a tuple with one entry per team, and are {short(given)}"
                )
        for name in ("terminated", "truncated"):
            given = getattr(found, name)
            if not isinstance(given, bool | np.bool_):
                raise UserError(f"{at}: {name} must be True or False, and is {short(given)}")
        if found.terminated and found.truncated:
            raise UserError(f"{at}: the step is both terminated and truncated; return one of them")
        return Step(
            self._observations(at, "observations must be", found.observations),
            tuple(found.rewards),
            tuple(found.alive),
            bool(found.terminated),
            bool(found.truncated),
        )

    def _observations(self, at: str, must: str, found: object) -> tuple[TeamObservation, ...]:
        """Observations, if they are such, with ids in rows."""
        teams = len(self._teams)
        if (
            not isinstance(found, tuple | list)
            or isinstance(found, TeamObservation)
            or not all(isinstance(one, TeamObservation) for one in found)
        ):
            raise UserError(
                f"{at}: {must} a tuple with a cmfq.TeamObservation for each of the {teams} teams, "
                f"and it is {short(found)}"
            )
        for team, observation in zip(self._teams, found, strict=False):
            ids = observation.ids
            if not isinstance(ids, np.ndarray) or ids.ndim != 1:
                _require(at, team, "ids", ids, ("agents",), np.int32)
        return tuple(found)

    def _look(self, at: str, observations: tuple[TeamObservation, ...]) -> None:
        if len(observations) != len(self._teams):
            raise UserError(f"{at}: {len(observations)} observations for {len(self._teams)} teams")
        for team, observation in zip(self._teams, observations, strict=True):
            _check_observation(at, team, observation)
        ids = np.concatenate([observation.ids for observation in observations])
        different, counts = np.unique(ids, return_counts=True)
        if len(different) < len(ids):
            twice = different[counts > 1][0]
            where = [
                team.name
                for team, observation in zip(self._teams, observations, strict=True)
                for _ in range(np.count_nonzero(observation.ids == twice))
            ]
            raise UserError(
                f"{at}: two agents have the id {twice}, in teams {where[0]} and {where[1]}; give "
                "each agent of all teams its own"
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
            row = int(mask.any(axis=1).argmin())
            raise UserError(
                f"{at}: the action mask of the agent with id {observation.ids[row]} of team "
                f"{team.name} allows no action; one that waits is given the first action alone, "
                f"and {NO_ACTION} as its previous action"
            )
    if observation.health is not None:
        _require(at, team, "health", observation.health, (agents,), np.float32)


def _require(
    at: str,
    team: TeamSpecification,
    what: str,
    array: object,
    shape: tuple[int | str, ...],
    *types: type,
) -> None:
    """An array of a shape and of one of some types, without numbers beyond the limits."""
    masked = isinstance(array, np.ma.MaskedArray)
    allowed = [(shape, np.dtype(one)) for one in types]
    if not isinstance(array, np.ndarray) or masked or (array.shape, array.dtype) not in allowed:
        found = f"{type(array).__name__} {short(array)}: give an array"
        if isinstance(array, np.ndarray):
            found = f"{'masked ' if masked else ''}{array.dtype} of shape {array.shape}"
        wanted = " or ".join(one.__name__ for one in types)
        raise UserError(
            f"{at}: {what} of team {team.name} must be {wanted} of shape "
            f"({_sizes(shape)}), is {found}"
        )
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


def _some(ids: IntArray) -> str:
    return ", ".join(map(str, ids[:8].tolist())) + (", ..." if len(ids) > 8 else "")


def _sizes(shape: tuple[int | str, ...]) -> str:
    return ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "")
