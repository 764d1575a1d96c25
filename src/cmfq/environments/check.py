"""Does an environment keep the protocol? Run this on your own.

with closing(default_settings("my_package.my_module:make_env").make()) as environment:
    check_environment(environment)
"""

import hashlib
from collections.abc import Sequence

import numpy as np

from cmfq.environments.base import Environment, IntArray, TeamObservation, TeamSpecification
from cmfq.environments.stacking import short
from cmfq.environments.witness import Witness
from cmfq.errors import UserError
from cmfq.text import is_unicode


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
        witness = Witness(environment.teams)
        observations = witness.begin(at, environment.reset(seed + episode))
        said.append((at, _digest(observations)))
        _check_scenery(at, environment)
        over = False
        while not over and taken < steps:
            at = f"episode with seed {seed + episode}, step {taken}"
            actions = [
                _draw(team, observation, generator)
                for team, observation in zip(environment.teams, observations, strict=True)
            ]
            seen = _digest(observations)
            answer = environment.step(actions)
            if _digest(observations) != seen:
                raise UserError(
                    f"{at}: it changed arrays that it returned before; return new arrays"
                )
            step = witness.go_on(at, observations, answer)
            said.append((at, _digest(step)))
            observations, over = step.observations, step.terminated or step.truncated
            taken += 1
        episode += 1
    return said


def check_measure(name: str, decided_by: str, teams: Sequence[TeamSpecification]) -> None:
    """Refuse a measure that decides nothing.

    Raises:
        UserError: there is one team, which is compared by its rewards.
    """
    if decided_by != "rewards" and len(teams) == 1:
        raise UserError(
            f"decided_by is {decided_by}: environment {name} has one team, whose players are "
            "compared by their rewards, leave this option out"
        )


def check_names(teams: Sequence[TeamSpecification]) -> None:
    """Refuse names that no file could hold.

    Raises:
        UserError: a name is no text, or holds half of a pair of characters.
    """
    for team in teams:
        names = (team.name, team.role, team.side, *team.channels, *team.features, *team.actions)
        for name in names:
            if not isinstance(name, str) or not is_unicode(name):
                raise UserError(
                    f"a team has the name {short(name)} for itself, its role, its side or "
                    "something of its own: give text of valid Unicode"
                )


def check_specifications(teams: Sequence[TeamSpecification]) -> None:
    """Refuse teams that cannot be.

    Raises:
        UserError: two names are the same or one cannot be written, a team has no actions or sees
            nothing, teams of one role are not alike, or there are not two sides.
    """
    if not teams:
        raise UserError("the environment has no team")
    names = [team.name for team in teams]
    check_names(teams)
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
        _check_numbers(team)
    check_sides(teams)
    check_roles(teams, "give each a role of its own")


def _check_numbers(team: TeamSpecification) -> None:
    """Refuse numbers of a team that cannot be."""
    if not team.view_radius >= 0:
        raise UserError(
            f"team {team.name} has view_radius {team.view_radius}: give at least 0; inf is "
            "everywhere"
        )
    for what, least in (("body_side", 1), ("map_size", 0)):
        if (found := getattr(team, what)) < least:
            raise UserError(f"team {team.name} has {what} {found}: give {least} or more")


def check_roles(teams: Sequence[TeamSpecification], otherwise: str) -> None:
    """Refuse teams of one role that no policy could play alike.

    Args:
        teams: all teams.
        otherwise: what to do if they are meant to differ.

    Raises:
        UserError: two teams of a role differ.
    """
    for team in teams:
        other = next(one for one in teams if one.role == team.role)
        for what in ("view_shape", "channels", "features", "actions", "action_masks"):
            ours, theirs = getattr(other, what), getattr(team, what)
            if ours != theirs:
                raise UserError(
                    f"teams {other.name} and {team.name} have the role {team.role}, but differ in "
                    f"{what}: {_difference(ours, theirs)}; make them equal, or {otherwise}"
                )


def _difference(one: object, other: object) -> str:
    """The first entries in which two values differ, or all of both."""
    if isinstance(one, tuple) and isinstance(other, tuple) and len(one) == len(other):
        pairs = zip(one, other, strict=True)
        one, other = next(pair for pair in pairs if pair[0] != pair[1])
    return f"{short(one)} and {short(other)}"


def check_sides(teams: Sequence[TeamSpecification]) -> None:
    """Refuse sides on which two players cannot play against each other.

    Raises:
        UserError: some teams name a side and others do not, or several teams all name the same.
    """
    sides = [team.side for team in teams]
    if not any(sides) or len(teams) == 1:
        return
    if not all(sides):
        raise UserError(
            f"team {teams[sides.index('')].name} has no side, and others have "
            f"{' and '.join(dict.fromkeys(filter(None, sides)))}: give each team a side, or none"
        )
    if len(set(sides)) == 1:
        raise UserError(
            f"all {len(teams)} teams have the side {sides[0]}: give at least two sides, or none"
        )


def _check_scenery(at: str, environment: Environment) -> None:
    scenery = environment.scenery()
    left, top, right, bottom = scenery.bounds
    if not (left < right and top < bottom and np.isfinite(scenery.bounds).all()):
        raise UserError(f"{at}: the bounds of the scenery are {scenery.bounds}")
    if len(scenery.bodies) != len(environment.teams):
        raise UserError(f"{at}: the scenery must have one body per team")


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
