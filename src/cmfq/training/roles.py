"""Check that the settings of a run fit the roles of its environment."""

import math
from collections.abc import Collection, Mapping, Sequence

from cmfq.algorithms import find_algorithm
from cmfq.environments.base import TeamSpecification
from cmfq.errors import UserError, unknown_name
from cmfq.replay_buffer import rows_needed
from cmfq.training.settings import RunSettings


def check_roles(settings: RunSettings, roles: dict[str, TeamSpecification]) -> None:
    """Refuse settings that the roles of an environment cannot have.

    Args:
        settings: settings of the run.
        roles: a team of each role.

    Raises:
        UserError: an unknown role, a radius without places, actions that cannot be averaged, or
            settings that exclude each other.
    """
    for role in settings.algorithms:
        if role not in roles:
            raise unknown_name("role in algorithms", role, roles)
    radius = settings.mean_field.radius
    bounded = radius is not None and radius < math.inf
    if bounded and not settings.environment.has_places:
        raise UserError(
            f"radius is {radius}: the positions of agents are not known, give positions "
            "(module:function), or leave radius out"
        )
    _check_whole_steps(settings, roles)
    actions = {specification.actions for specification in roles.values()}
    if settings.mean_field.neighbours == "everyone" and len(actions) > 1:
        raise UserError(
            f"neighbours is everyone: {' and '.join(roles)} have different actions, which cannot "
            "be averaged; leave neighbours at team"
        )


def _check_whole_steps(settings: RunSettings, roles: Collection[str]) -> None:
    """Refuse what would mix the next states of different times, where neighbours are looked up.

    Raises:
        UserError: an algorithm finds neighbours in sampled steps, and an agent's sum of rewards
            would end a step before the others', because its last step is left out.
    """
    if settings.objective.death != "left-out" or settings.learner.n_steps == 1:
        return
    for role in roles:
        name = settings.algorithms.get(role, settings.algorithm)
        algorithm = find_algorithm(name)
        recomputes = algorithm.learned or settings.learner.merged_action == "recomputed"
        if algorithm.neighbours and recomputes:
            raise UserError(
                f"n_steps is {settings.learner.n_steps} and death is left-out: {name} needs the "
                "neighbours of the next state, which is not of the same time for all then; give "
                "n_steps 1, or another death"
            )


def check_replays(
    settings: RunSettings, teams: Sequence[TeamSpecification], rows: Mapping[str, int]
) -> None:
    """Refuse teams that the replay buffers are too small for, at the sizes that a run draws.

    An environment of the user's own, which has one size, is not asked: a second one would be made.

    Args:
        settings: settings of the run.
        teams: teams of its environment.
        rows: rows that the replay buffer of each role holds.

    Raises:
        UserError: a team is too large.
    """
    world = settings.environment
    usual = [] if world.own_functions else [world]
    for sized in [world.resized(size) for size in settings.sizes] or usual:
        for role, held in rows.items():
            sizes = zip(teams, sized.team_sizes, strict=True)
            agents = [number for team, number in sizes if team.role == role]
            needed = rows_needed(settings.environments * len(agents), max(agents))
            if needed > held:
                raise UserError(
                    f"replay_bytes is {settings.learner.replay_bytes}: the replay buffer holds "
                    f"{held} agent-steps, but {sized.title} needs {needed}, for "
                    f"{settings.environments * len(agents)} team(s) of {max(agents)} that play at "
                    "once; raise it"
                )
