"""Sides of a game: which player has which teams, and what of two players is compared."""

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

from cmfq.environments.base import TeamSpecification

P = TypeVar("P")
"""A player, as whoever asks has it: its name, its policies."""


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


def seated(teams: Sequence[TeamSpecification], a: P, b: P, game: int) -> list[P]:
    """Player of each team in a game: A has the first seats in even games, or where it is alone."""
    sides = seats(teams, game)
    order = (b, a) if game % 2 and sides.second else (a, b)
    of_team = {team: player for player, side in zip(order, sides, strict=True) for team in side}
    return [of_team[team] for team in range(len(teams))]


def arrangements(teams: Sequence[TeamSpecification]) -> list[Seats]:
    """All ways in which two players share the teams, but for swapping them.

    Where teams name their sides, a player has one side and the other player all others. Else two
    teams are opponents, and a single team is played by one player alone. Of
    more teams each player has half of those of every role: with red and blue melee and red and
    blue ranged, a team of each. Where that is not possible, one player has a role (where there is
    but one, a team) and the other all others, each of them in its turn.
    """
    if len(teams) == 1:
        return [Seats([0], [])]
    if all(team.side for team in teams):
        return _by_side([team.side for team in teams])
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


def _by_side(sides: Sequence[str]) -> list[Seats]:
    """Each side against all others; of two, the first against the second."""
    teams = range(len(sides))
    names = list(dict.fromkeys(sides))
    return [
        Seats(
            [team for team in teams if sides[team] == name],
            [team for team in teams if sides[team] != name],
        )
        for name in (names if len(names) > 2 else names[:1])
    ]


def enemies_of(teams: Sequence[TeamSpecification]) -> list[list[int]]:
    """For each team, the teams of the other side; all others where sides change."""
    known, everyone = arrangements(teams), range(len(teams))
    if len(known) > 1:
        return [[other for other in everyone if other != team] for team in everyone]
    first, second = known[0]
    return [second if team in first else first for team in everyone]


def are_alike(teams: Sequence[TeamSpecification]) -> bool:
    """Whether the two sides of a game have the same roles, so that one of them wins it."""
    known = arrangements(teams)
    first, second = ([teams[team].role for team in side] for side in known[0])
    return len(known) == 1 and sorted(first) == sorted(second)


def games_of_a_round(teams: Sequence[TeamSpecification]) -> int:
    """Games after which two players have had the same seats as often; one if sides are alike."""
    return 1 if len(teams) == 1 or are_alike(teams) else 2 * len(arrangements(teams))


def name_of(side: Sequence[int], teams: Sequence[TeamSpecification]) -> str:
    """Name of a player with these teams: ``"eve"``, ``"alice and bob"``."""
    if side and all(team.side for team in teams):
        return " and ".join(dict.fromkeys(teams[team].side for team in side))
    roles = list(dict.fromkeys(teams[team].role for team in side))
    if len({team.role for team in teams}) == 1 and len(teams) > 2 and not are_alike(teams):
        return f"{len(side)} of {len(teams)} teams"
    return " and ".join(roles)


def places_of(teams: Sequence[TeamSpecification]) -> tuple[tuple[str, str], ...]:
    """Names of the two players in each of the :func:`arrangements`."""
    return tuple(
        (name_of(first, teams), name_of(second, teams)) for first, second in arrangements(teams)
    )


def comparison(teams: Sequence[TeamSpecification]) -> str:
    """One sentence: who plays what, and what of two players is compared."""
    known = arrangements(teams)
    if are_alike(teams):
        return "The two sides are alike; they swap every game."
    if len(teams) == 1:
        return (
            "There is one team: each player has it alone, in the same episodes, and what is "
            "compared is what its agents earn together."
        )
    names = " and ".join(dict.fromkeys(team.role for team in teams))
    if all(team.side for team in teams):
        names = " and ".join(dict.fromkeys(team.side for team in teams))
        others = "the other" if len(known) == 1 else "all others"
        return (
            f"Sides are {names}: each player has each side in turn, against the other player "
            f"with {others}, and what is compared is what the agents of a side earn together."
        )
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
