"""Who plays which teams: the two sides of a game, and what of two players is compared."""

from collections.abc import Sequence
from typing import NamedTuple

from cmfq.environments.base import TeamSpecification


class Seats(NamedTuple):
    """Numbers of the teams that each of two players has in a game."""

    first: list[int]
    second: list[int]


def seats(teams: Sequence[TeamSpecification], game: int = 0) -> Seats:
    """Which teams the two players of a game have; they swap every game.

    Args:
        teams: teams of the environment.
        game: its number; of several arrangements, games 0 and 1 have the first one, games 2 and 3
            the next, and so on.
    """
    known = arrangements(teams)
    return known[game // 2 % len(known)]


def arrangements(teams: Sequence[TeamSpecification]) -> list[Seats]:
    """All ways in which two players share the teams, but for swapping them.

    Two teams are opponents. A single team is played by one player alone: the two play in turn. Of
    more teams each player has half of those of every role: with red and blue melee and red and
    blue ranged, a team of each. Where that is not possible, one player has a role (where there is
    but one, a team) and the other all others, each of them in its turn.
    """
    if len(teams) == 1:
        return [Seats([0], [])]
    if len(teams) == 2:
        return [Seats([0], [1])]
    by_role: dict[str, list[int]] = {}
    for index, team in enumerate(teams):
        by_role.setdefault(team.role, []).append(index)
    if all(len(of_role) % 2 == 0 for of_role in by_role.values()):
        halves = [
            [team for of_role in by_role.values() for team in of_role[half::2]] for half in (0, 1)
        ]
        return [Seats(*halves)]
    alone = list(by_role.values()) if len(by_role) > 1 else [[one] for one in range(len(teams))]
    everyone = range(len(teams))
    return [Seats(one, [team for team in everyone if team not in one]) for one in alone]


def are_alike(teams: Sequence[TeamSpecification]) -> bool:
    """Whether the two sides of a game have the same roles, so that one of them wins it."""
    known = arrangements(teams)
    first, second = ([teams[team].role for team in side] for side in known[0])
    return len(known) == 1 and first == second


def name_of(side: Sequence[int], teams: Sequence[TeamSpecification]) -> str:
    """What a player is who has these teams: ``"eve"``, ``"alice and bob"``."""
    roles = list(dict.fromkeys(teams[team].role for team in side))
    if len({team.role for team in teams}) == 1 and len(teams) > 2 and not are_alike(teams):
        return f"{len(side)} of {len(teams)} teams"
    return " and ".join(roles)


def comparison(teams: Sequence[TeamSpecification]) -> str:
    """One sentence: who plays what, and what of two players is compared."""
    known = arrangements(teams)
    if are_alike(teams):
        return "The two sides are alike; they swap every game."
    if len(teams) == 1:
        return (
            "There is one team: the two players have it in turn, and what is compared is what its "
            "agents earn together."
        )
    names = " and ".join(dict.fromkeys(team.role for team in teams))
    if len(known) == 1:
        return (
            f"Roles are {names}: each player has each of them in turn, against the other player, "
            "and what is compared is what the agents of a role earn together."
        )
    one, others = ("a role", "all other roles") if " and " in names else ("a team", "all others")
    return (
        f"Roles are {names}: one player has {one}, the other {others}, each in turn, and what is "
        "compared is what agents earn together."
    )
