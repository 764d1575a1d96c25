"""Command that plans: how many seeds a comparison needs."""

import math
from collections.abc import Sequence
from pathlib import Path

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
NEEDED = 6
"""Column of the seeds that a pair needs."""


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
    rows: list[tuple[str, ...]] = []
    even = []
    for (a, b), results in all_results(played).items():
        if min(results.points.shape) < 2:
            continue
        found, rate = variation(results.points), float(results.points.mean())
        rows.append(_power_row(f"{a} v {b}", f"{rate:.0%}", found, difference, power))
        if EVEN[0] <= rate <= EVEN[1]:
            even.append(found)
    if not rows:
        raise UserError(
            f"{tournament} has no two groups with two seeds and two games each: nothing in it says "
            "how much seeds vary"
        )
    if len(even) > 1:
        mean = mean_variation(even)
        rows.append(_power_row(f"mean of {len(even)} even pairs", "", mean, difference, power))
    columns = ("A v B", "win rate", "A", "B", "pairs", "games", "needed", "at least")
    title = (
        f"Seeds of each algorithm that tell a win rate of {50 + 100 * difference:.0f} % from 50 % "
        f"with {100 * power:.0f} % power, from the standard deviations of the win rate in points"
    )
    print_table(Table(columns, rows, title))
    say("A, B, pairs: between seeds of A, seeds of B, pairs of them; games: within a pair")
    say("at least: seeds needed however many games they play")
    if len(even) > 1:
        say(
            f"even pairs: win rates from {100 * EVEN[0]:.0f} to {100 * EVEN[1]:.0f} %, whose "
            "variances say most"
        )
    say(_conclusion(rows, difference, power, mean=len(even) > 1))


def _conclusion(
    rows: Sequence[Sequence[str]], difference: float, wanted: float, *, mean: bool
) -> str:
    """Sentence: number of seeds by all pairs, or by their mean, which is the last row then."""
    pairs = sorted({row[NEEDED] for row in (rows[:-1] if mean else rows)}, key=_order)
    span = " to ".join(dict.fromkeys((pairs[0], pairs[-1])))
    seeds, by = span, "by single pairs" if len(rows) > 1 else f"by {rows[0][0]}"
    if mean:
        seeds, by = rows[-1][NEEDED], f"by the {rows[-1][0]} ({span} by single pairs)"
    return (
        f"{seeds[:1].upper()}{seeds[1:]} seeds of each algorithm tell a win rate of "
        f"{50 + 100 * difference:.0f} % from 50 % with {100 * wanted:.0f} % power, {by}."
    )


def _order(seeds: str) -> float:
    return float(seeds) if seeds.isdecimal() else math.inf


def _power_row(
    name: str, rate: str, found: Variation, difference: float, wanted: float
) -> tuple[str, ...]:
    spreads = (found.rows, found.columns, found.pairs, found.games)
    needed = [seeds_needed(one, difference, wanted) for one in (found, with_endless_games(found))]
    counts = [f"more than {MOST_SEEDS}" if number is None else str(number) for number in needed]
    return (name, rate, *(f"{100 * math.sqrt(part):.0f}" for part in spreads), *counts)
