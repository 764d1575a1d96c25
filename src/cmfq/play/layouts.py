"""Games of groups against groups, seed by seed, as yardsticks and results by side need them."""

from collections.abc import Mapping, Sequence
from itertools import combinations, permutations

from cmfq.play.by_side import BySide, by_side
from cmfq.play.entrants import groups_of
from cmfq.play.game_log import Tournament
from cmfq.play.outcomes import Layout, Outcome, outcome_of

Layouts = Mapping[tuple[str, str], Layout]
"""Games of every two groups that played each other, in both orders."""


def outcomes_by_pair(tournament: Tournament) -> dict[tuple[str, str], list[Outcome]]:
    """Games of every two entrants, by their names and from the view of the first of both.

    None where the sides of a game are not alike: two games with roles swapped count as one there
    (see :class:`~cmfq.play.game_log.Tournament`), and are not to be split.
    """
    games: dict[tuple[str, str], list[Outcome]] = {}
    if tournament.paired or tournament.alone:
        return games
    owner = tournament.owners()
    for game in tournament.games:
        a, b = owner[game.a], owner[game.b]
        outcome = outcome_of(game, game.game % 2, tournament.world.decided_by)
        games.setdefault((a, b), []).append(outcome)
        games.setdefault((b, a), []).append(outcome.swapped())
    return games


def layouts_of(tournament: Tournament) -> Layouts:
    """Games of every two groups of a tournament (see :func:`outcomes_by_pair`)."""
    games, groups = outcomes_by_pair(tournament), groups_of(tournament.entrants)
    return {
        (a, b): [[games[one.name, other.name] for other in groups[b]] for one in groups[a]]
        for a, b in permutations(groups, 2)
        if all((one.name, other.name) in games for one in groups[a] for other in groups[b])
    }


def interval_unit(tournament: Tournament) -> str:
    """Unit of the intervals: seeds, or games where every group has one entrant only."""
    single = all(len(entrants) == 1 for entrants in groups_of(tournament.entrants).values())
    return "over games" if single else "over seeds"


def results_by_side(layouts: Layouts, order: Sequence[str]) -> dict[tuple[str, str], BySide]:
    """Every two groups by the side that the first one played, in this order of groups."""
    return sides_of({pair: layouts[pair] for pair in combinations(order, 2) if pair in layouts})


def sides_of(layouts: Layouts) -> dict[tuple[str, str], BySide]:
    """Every pair by the side that its first one played, where both sides were played."""
    found = {pair: by_side(games) for pair, games in layouts.items()}
    return {pair: one for pair, one in found.items() if one is not None}
