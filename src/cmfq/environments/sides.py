"""The two sides of a game."""

from collections.abc import Sequence

from cmfq.environments.base import TeamSpecification
from cmfq.errors import UserError


def seats(teams: Sequence[TeamSpecification]) -> tuple[list[int], list[int]]:
    """Which teams the two players of a game have.

    Two teams are opponents. Of more, those of one role are, two by two: with red and blue melee
    and red and blue ranged, each player has a team of each. A single team is played by one player
    alone: the two play in turn.

    Raises:
        UserError: there are other teams than these.
    """
    if len(teams) == 1:
        return [0], []
    if len(teams) == 2:
        return [0], [1]
    by_role: dict[str, list[int]] = {}
    for index, team in enumerate(teams):
        by_role.setdefault(team.role, []).append(index)
    if any(len(pair) != 2 for pair in by_role.values()):
        raise UserError(
            "the teams of this environment make no two sides: two are needed of every role, and "
            f"the roles are {', '.join(team.role for team in teams)}"
        )
    return [pair[0] for pair in by_role.values()], [pair[1] for pair in by_role.values()]
