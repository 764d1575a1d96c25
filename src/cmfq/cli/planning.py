"""Command that plans: how many seeds a comparison needs."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import tyro

from cmfq.cli.screen import print_table
from cmfq.errors import UserError
from cmfq.play.reading import finished_tournament
from cmfq.play.standings import all_results
from cmfq.results.table import Table
from cmfq.statistics.power import (
    MOST_SEEDS,
    Variation,
    mean_variation,
    seeds_needed,
    variation,
    with_endless_games,
)
from cmfq.text import say

EVEN = (0.2, 0.8)
"""Win rates between which two algorithms are even enough to plan by."""


def power(
    tournament: tyro.conf.Positional[Path],
    difference: float = 0.1,
    power: float = 0.8,
) -> None:
    """Calculate how many seeds a comparison needs.

    The variances are those of a finished tournament: between seeds, and between games.

    Args:
        tournament: File of a finished tournament.
        difference: Difference of the true win rate from 1/2; 0.1 is a win rate of 60 %.
        power: Probability of detecting the difference, at a significance level of 5 %.
    """
    played = finished_tournament(tournament)
    rows: list[_Pair] = []
    even = []
    for (a, b), results in all_results(played).items():
        if min(results.points.shape) < 2:
            continue
        found, rate = variation(results.points), float(results.points.mean())
        rows.append(_planned(f"{a} v {b}", f"{rate:.0%}", found, difference, power))
        if EVEN[0] <= rate <= EVEN[1]:
            even.append(found)
    if not rows:
        raise UserError(
            f"{tournament} has no two groups with two seeds and two games each: nothing in it says "
            "how much seeds vary; play a tournament with two seeds or more of each"
        )
    if len(even) > 1:
        mean = mean_variation(even)
        rows.append(_planned(f"mean of {len(even)} even pairs", "", mean, difference, power))
    columns = ("A v B", "win rate", "A", "B", "pairs", "games", "needed", "at least")
    title = (
        f"Seeds of each algorithm that tell a win rate of {50 + 100 * difference:.0f} % from 50 % "
        f"with {100 * power:.0f} % power, from the standard deviations of the win rate in points"
    )
    print_table(Table(columns, [_cells(one) for one in rows], title))
    say("A, B, pairs: between seeds of A, seeds of B, pairs of them; games: within a pair")
    say("at least: seeds needed however many games they play")
    if len(even) > 1:
        say(
            f"even pairs: win rates from {100 * EVEN[0]:.0f} to {100 * EVEN[1]:.0f} %, whose "
            "variances say most"
        )
    say(_conclusion(rows, difference, power, mean=len(even) > 1))


class _Pair(NamedTuple):
    """Two groups, or the mean of several pairs."""

    name: str
    rate: str
    found: Variation
    needed: float
    """Seeds of each algorithm; infinite where they are more than can be planned."""
    least: float
    """The same, however many games they play."""


def _planned(name: str, rate: str, found: Variation, difference: float, wanted: float) -> _Pair:
    """Calculate the seeds that a pair needs."""
    needed, least = (
        seeds_needed(one, difference, wanted) or math.inf
        for one in (found, with_endless_games(found))
    )
    return _Pair(name, rate, found, needed, least)


def _cells(one: _Pair) -> tuple[str, ...]:
    found = one.found
    spreads = (found.rows, found.columns, found.pairs, found.games)
    counts = map(_seeds_text, (one.needed, one.least))
    return (one.name, one.rate, *(f"{100 * math.sqrt(part):.0f}" for part in spreads), *counts)


def _seeds_text(seeds: float) -> str:
    return f"more than {MOST_SEEDS}" if math.isinf(seeds) else f"{seeds:.0f}"


def _conclusion(rows: Sequence[_Pair], difference: float, wanted: float, *, mean: bool) -> str:
    """Sentence: number of seeds by all pairs, or by their mean, which is the last row then."""
    needed = [one.needed for one in (rows[:-1] if mean else rows)]
    span = " to ".join(dict.fromkeys(map(_seeds_text, (min(needed), max(needed)))))
    seeds, by = span, "by single pairs" if len(rows) > 1 else f"by {rows[0].name}"
    if mean:
        seeds, by = _seeds_text(rows[-1].needed), f"by the {rows[-1].name} ({span} by single pairs)"
    return (
        f"{seeds[:1].upper()}{seeds[1:]} seeds of each algorithm tell a win rate of "
        f"{50 + 100 * difference:.0f} % from 50 % with {100 * wanted:.0f} % power, {by}."
    )
