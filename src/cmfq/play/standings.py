"""Results of a finished tournament: algorithm against algorithm, ratings, cycles."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, permutations, product
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from cmfq.environments.settings import Measure
from cmfq.errors import UserError
from cmfq.margins import margin_between
from cmfq.play.entrants import Entrant, groups_of
from cmfq.play.game_log import GameRecord, Tournament
from cmfq.play.outcomes import estimate, margin_of, margins_of_pairs
from cmfq.statistics.rating import GroupRatings, cycles, rate_groups
from cmfq.statistics.replication import (
    Estimate,
    confidence_above_half,
    majority,
    rate_interval,
)

FloatArray = npt.NDArray[np.float64]


class PairResults(NamedTuple):
    """Games of one group against another, from the first one's view."""

    points: FloatArray
    """``(seeds of A, seeds of B, games)``: 1 for a win, 1/2 for a draw."""
    margins: FloatArray
    """``(seeds of A, seeds of B, games)``: what decides a game, A's less B's: survivors in battle,
    rewards elsewhere."""


@dataclass(frozen=True)
class Comparison:
    """One group against another."""

    a: str
    b: str
    seeds: tuple[int, int]
    """Entrants of A and of B. Where both have one, the unit of the intervals is the game."""
    wins: int
    draws: int
    losses: int
    win_rate: Estimate
    """Win rate of A; a draw counts half."""
    confidence: float
    """Confidence that the mean win rate of A is above 1/2."""
    better: Estimate | None
    """Probability that a random seed of A wins more than half against a random seed of B; None
    where it is not known: both have one entrant, or one has and players are alone."""
    margin: Estimate
    """Survivors (or rewards) of A less those of B, at the end of a game."""

    def swapped(self) -> "Comparison":
        """From B's view."""
        return Comparison(
            self.b,
            self.a,
            self.seeds[::-1],
            self.losses,
            self.draws,
            self.wins,
            self.win_rate.swapped(1.0),
            1 - self.confidence,
            self.better and self.better.swapped(1.0),
            self.margin.swapped(),
        )


@dataclass(frozen=True)
class Rating:
    """Rating of a group in Elo points; 0 is the mean of the groups."""

    group: str
    rating: Estimate
    entrants: dict[str, float]
    """Rating of each of its entrants, by name."""


@dataclass(frozen=True)
class Cycle:
    """Three groups of which each beats the next, and the last the first."""

    groups: tuple[str, str, str]
    settled: bool
    """All three intervals leave out 1/2. If not, it may be one of the draw of seeds."""


@dataclass(frozen=True)
class Standings:
    """All that follows from the games."""

    comparisons: tuple[Comparison, ...]
    """Comparisons of every two groups."""
    ratings: tuple[Rating, ...]
    """Best first."""
    largest_gap: float
    """Largest difference of two groups' win rate from the one that their ratings expect; 0 if
    there is one group, whose entrants played each other."""
    cycles: tuple[Cycle, ...]

    def between(self, a: str, b: str) -> Comparison:
        """One comparison, from A's view."""
        for one in self.comparisons:
            if (one.a, one.b) == (a, b):
                return one
            if (one.a, one.b) == (b, a):
                return one.swapped()
        raise KeyError((a, b))


def standings(tournament: Tournament) -> Standings:
    """Work out everything."""
    groups = groups_of(tournament.entrants)
    names = list(groups)
    table = games_by_pair(tournament)
    comparisons = tuple(
        _compare(a, b, results_between(table, groups[a], groups[b]), alone=tournament.alone)
        for a, b in combinations(names, 2)
    )
    number = np.array([names.index(one.group) for one in tournament.entrants])
    rated = rate_groups(*_counts(tournament.entrants, table), number)
    rates, settled = np.full((len(names), len(names)), 0.5), np.zeros((len(names),) * 2, bool)
    for one in comparisons:
        a, b = names.index(one.a), names.index(one.b)
        rates[a, b], rates[b, a] = one.win_rate.value, 1 - one.win_rate.value
        settled[a, b] = settled[b, a] = one.win_rate.leaves_out(0.5)
    return Standings(
        comparisons,
        tuple(_ratings(tournament.entrants, names, rated)),
        max(
            (
                float(abs(rates[a, b] - rated.expected[number == a][:, number == b].mean()))
                for a, b in combinations(range(len(names)), 2)
            ),
            default=0.0,
        ),
        tuple(
            Cycle((names[a], names[b], names[c]), sure) for a, b, c, sure in cycles(rates, settled)
        ),
    )


PairTable = dict[tuple[str, str], FloatArray]
"""Margins of the games of each pair of entrants, by their names and from the first one's view."""


def games_by_pair(tournament: Tournament) -> PairTable:
    """Margins of all games."""
    if tournament.alone:
        earned = returns_of(tournament)
        ahead = np.vectorize(margin_between, otypes=[float])
        return {(a, b): ahead(earned[a], earned[b]) for a, b in permutations(earned, 2)}
    owner = tournament.owners()
    games: dict[tuple[str, str], list[GameRecord]] = {}
    for game in tournament.games:
        games.setdefault((owner[game.a], owner[game.b]), []).append(game)
    table = {
        pair: np.array(margins_of(played, tournament.world.decided_by, tournament.paired), float)
        for pair, played in games.items()
    }
    return table | {(b, a): -values for (a, b), values in table.items()}


def returns_of(tournament: Tournament) -> dict[str, FloatArray]:
    """Returns of each entrant in the episodes that it played alone, ``(episodes,)``, by name."""
    owner = tournament.owners()
    earned: dict[str, dict[int, float]] = {one.name: {} for one in tournament.entrants}
    for game in tournament.games:
        earned[owner[game.a]][game.game] = game.a_reward
    return {name: np.array([found[e] for e in sorted(found)]) for name, found in earned.items()}


def margins_of(games: Sequence[GameRecord], decided_by: Measure, paired: bool) -> list[float]:
    """Margins ``A - B`` of games, or of pairs of games in which the players swapped roles.

    Args:
        games: games of two entrants; a last one without its other half is left out where paired.
        decided_by: what the winner of a game has more of.
        paired: see :class:`~cmfq.play.game_log.Tournament`.
    """
    if not paired:
        return [margin_of(game, decided_by) for game in games]
    halves = (((game.a, game.b, game.game // 2), game) for game in games)
    return margins_of_pairs(halves, decided_by)


def all_results(tournament: Tournament) -> dict[tuple[str, str], PairResults]:
    """Games of every two groups, in the order of the groups."""
    groups, table = groups_of(tournament.entrants), games_by_pair(tournament)
    return {
        (a, b): results_between(table, groups[a], groups[b]) for a, b in combinations(groups, 2)
    }


def results_between(table: PairTable, a: Sequence[Entrant], b: Sequence[Entrant]) -> PairResults:
    """Stack the games of two groups.

    Raises:
        UserError: some of them have not played each other.
    """
    for one, other in product(a, b):
        if (one.name, other.name) not in table:
            raise UserError(
                f"{one.name} and {other.name} have not played each other: give a tournament file "
                "(not one of `cmfq sweep` or `cmfq progress`)"
            )
    numbers = {len(table[one.name, other.name]) for one in a for other in b}
    if len(numbers) > 1:
        raise UserError(
            f"pairs of {a[0].group} and {b[0].group} have played {min(numbers)} to {max(numbers)} "
            "games: give a tournament file, in which all pairs play the same number of games"
        )
    margins = np.array([[table[one.name, other.name] for other in b] for one in a])
    return PairResults((np.sign(margins) + 1) / 2, margins)


def replicates(values: FloatArray, *, alone: bool = False) -> FloatArray:
    """What varies if two groups play again: an array ``(rows, columns)`` of the two-way layout.

    Seeds of A and of B, with means over their games; the games, one a row, where both have one
    entrant. Where players are alone in the same episodes, the single entrant of one side adds the
    luck of its own episodes to all of its cells: seeds and episodes, unless all values are equal.

    Args:
        values: ``(seeds of A, seeds of B, games)``.
        alone: see :class:`~cmfq.play.game_log.Tournament`.
    """
    seeds = values.shape[:2]
    if seeds == (1, 1):
        return values.reshape(-1, 1)
    if alone and 1 in seeds and np.ptp(values) > 0:
        return values.reshape(-1, values.shape[-1])
    return np.asarray(values.mean(-1))


def _compare(a: str, b: str, results: PairResults, *, alone: bool) -> Comparison:
    points, margins = results
    wins, draws = int((points == 1).sum()), int((points == 0.5).sum())
    seeds = (points.shape[0], points.shape[1])
    better = None
    if seeds != (1, 1) and not (alone and 1 in seeds):
        better = Estimate.of(rate_interval(majority(points.mean(-1))))
    scores = replicates(points, alone=alone)
    return Comparison(
        a,
        b,
        seeds,
        wins,
        draws,
        points.size - wins - draws,
        estimate(scores, share=True),
        float(confidence_above_half(scores)) if scores.size > 1 else 0.5,
        better,
        estimate(replicates(margins, alone=alone), share=False, games=seeds == (1, 1)),
    )


def _counts(entrants: Sequence[Entrant], table: PairTable) -> tuple[FloatArray, FloatArray]:
    """Wins of the row against the column, and draws, for all entrants."""
    place = {one.name: number for number, one in enumerate(entrants)}
    wins, draws = np.zeros((len(place),) * 2), np.zeros((len(place),) * 2)
    for (a, b), margins in table.items():
        wins[place[a], place[b]] = (margins > 0).sum()
        draws[place[a], place[b]] = (margins == 0).sum()
    return wins, draws


def _ratings(
    entrants: Sequence[Entrant], groups: Sequence[str], rated: GroupRatings
) -> list[Rating]:
    return [
        Rating(
            groups[number],
            Estimate(*(float(part[number]) for part in (rated.groups, rated.low, rated.high))),
            {
                one.name: float(rating)
                for one, rating in zip(entrants, rated.players, strict=True)
                if one.group == groups[number]
            },
        )
        for number in np.argsort(-rated.groups, kind="stable")
    ]
