"""An environment of the user's own, as teams of arrays, watched while it plays.

Its protocol is ``cmfq.environments.base.Environment``. It says itself who is neighbour of whom,
where agents are and what their features and actions are called.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from operator import index
from typing import Any

import numpy as np

from cmfq.environments.appearance import items_of, scenery_of, title_of
from cmfq.environments.base import (
    Environment,
    FloatArray,
    IntArray,
    Scenery,
    Step,
    TeamObservation,
    TeamSpecification,
    require_running,
)
from cmfq.environments.check import check_specifications
from cmfq.environments.closing import (
    close_world,
    closed_if_unfit,
    environment_named,
    failures_named,
)
from cmfq.environments.places import empty_field, field_around
from cmfq.environments.witness import Witness
from cmfq.errors import UserError, told


def is_array_world(name: str, world: object) -> bool:
    """Whether this has teams of arrays (see :class:`~.base.Environment`).

    Raises:
        UserError: it failed to say what its teams are.
    """
    try:
        teams = getattr(world, "teams", None)
    except Exception as error:
        raise UserError(f"environment {name} failed in teams: {told(error)}") from error
    return (
        isinstance(teams, Sequence)
        and len(teams) > 0
        and all(isinstance(team, TeamSpecification) for team in teams)
    )


def refuse_options(name: str, options: Mapping[str, object]) -> None:
    """Refuse options that say what such an environment says itself.

    Raises:
        UserError: one of them is given.
    """
    for option in ("teams", "share_roles", "sides", "positions"):
        if options[option]:
            raise UserError(
                f"{option} is {options[option]}: environment {name} defines its teams and "
                "positions itself, leave this option out"
            )


def _plain(team: TeamSpecification) -> TeamSpecification:
    """The same team in Python's own texts and numbers, which files hold; NumPy's are others.

    Raises:
        TypeError: a number that must be whole is not.
    """
    height, width = map(index, team.view_shape)
    return TeamSpecification(
        str(team.name),
        (height, width),
        tuple(map(str, team.channels)),
        tuple(map(str, team.features)),
        tuple(map(str, team.actions)),
        float(team.view_radius),
        str(team.role),
        bool(team.action_masks),
        index(team.body_side),
        index(team.map_size),
        str(team.side),
    )


def _copied(observations: tuple[TeamObservation, ...]) -> tuple[TeamObservation, ...]:
    arrays: list[list[Any]] = [
        [None if array is None else np.copy(array) for array in one] for one in observations
    ]
    return tuple(TeamObservation(*one) for one in arrays)


class ArrayEnvironment:
    """The user's environment, of which every broken promise is named where it happens.

    What it returns is copied: it may change its arrays in place from one step to the next.

    The user's may leave out ``scenery``, ``items`` and ``close`` (see :mod:`~.appearance`).

    Args:
        name: name of the function that made it.
        world: the user's environment (see :class:`~.base.Environment`).
        max_steps: an episode that has not ended by then is cut off.

    Raises:
        UserError: its teams cannot be.
        EnvironmentFailed: it raised, or gave what cannot be used, in ``reset`` or ``step``.
    """

    def __init__(self, name: str, world: Environment, max_steps: int) -> None:
        self._name = name
        self._max_steps = max_steps
        self._seed = self._steps = 0
        self._over = False
        self._closed = False
        self.world = world
        """The user's environment."""
        self.teams = tuple(world.teams)
        with closed_if_unfit(name, world):
            try:
                with environment_named(name):
                    check_specifications(self.teams)
                self.teams = tuple(map(_plain, self.teams))
            except (TypeError, ValueError, AttributeError) as error:
                raise UserError(
                    f"environment {name} has teams that cannot be ({told(error)}): give each a "
                    "cmfq.TeamSpecification with fields of the types that it promises"
                ) from error
            self.team_sizes = tuple(len(observation.ids) for observation in self.reset(0))
            """Agents of each team at the first reset."""

    def reset(self, seed: int) -> tuple[TeamObservation, ...]:
        """Start an episode, as the environment does with this seed."""
        self._seed, self._steps, self._over = seed, 0, False
        self._witness = Witness(self.teams)
        with self._named("reset"):
            self._observations = _copied(self._witness.begin("reset", self.world.reset(seed)))
        self._start = np.concatenate([one.positions for one in self._observations])
        return self._observations

    def step(self, actions: Sequence[IntArray]) -> Step:
        """Let every living agent act."""
        require_running(over=self._over)
        at = f"step {self._steps}"
        with self._named(at):
            step = self._witness.go_on(at, self._observations, self.world.step(actions))
            step = Step(
                _copied(step.observations),
                tuple(map(np.copy, step.rewards)),
                tuple(map(np.copy, step.alive)),
                step.terminated,
                step.truncated,
            )
        self._steps += 1
        self._observations = step.observations
        if self._steps >= self._max_steps and not step.terminated:
            step = step._replace(truncated=True)
        self._over = step.terminated or step.truncated
        return step

    def scenery(self) -> Scenery:
        """Scenery of the environment, or a field around the agents' first positions."""
        with self._named("scenery"):
            field = empty_field(*field_around(self._start), len(self.teams))
            return scenery_of(self.world, field, self.teams)

    @property
    def title(self) -> str:
        """Title for headings; empty if the world has none."""
        return title_of(self.world)

    def items(self) -> FloatArray | None:
        """``(items, 3)``: x, y and radius of what there is to gather; ``None``: nobody knows."""
        with self._named("items"):
            return items_of(self.world)

    def close(self) -> None:
        """Close the environment, once; a failure in that is a notice."""
        if not self._closed:
            self._closed = True
            close_world(self._name, self.world)

    def _named(self, what: str) -> AbstractContextManager[None]:
        return failures_named(self._name, what, self._seed)
