"""Check that the settings of a run fit the roles of its environment."""

import math

from cmfq.environments.base import TeamSpecification
from cmfq.errors import UserError, unknown_name
from cmfq.training.settings import RunSettings


def check_roles(settings: RunSettings, roles: dict[str, TeamSpecification]) -> None:
    """Refuse settings that the roles of an environment cannot have.

    Args:
        settings: settings of the run.
        roles: a team of each role.

    Raises:
        UserError: an unknown role, a radius without places, or actions that cannot be averaged.
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
    actions = {specification.actions for specification in roles.values()}
    if settings.mean_field.neighbours == "everyone" and len(actions) > 1:
        raise UserError(
            f"neighbours is everyone: {' and '.join(roles)} have different actions, which cannot "
            "be averaged; leave neighbours at team"
        )
