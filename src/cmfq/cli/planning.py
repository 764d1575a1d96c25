"""Command that plans: how many seeds a comparison needs."""

import math
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
    if even:
        mean = mean_variation(even)
        rows.append(_power_row(f"mean of {len(even)} even pairs", "", mean, difference, power))
    columns = ("A v B", "win rate", "A", "B", "pairs", "games", "needed", "at least")
    title = (
        f"Seeds of each algorithm that tell a win rate of {0.5 + difference:.0%} from 50 % with "
        f"{power:.0%} power, from the standard deviations of the win rate in points"
    )
    print_table(Table(columns, rows, title))
    say("A, B, pairs: between seeds of A, seeds of B, pairs of them; games: within a pair")
    say("at least: seeds needed however many games they play")
    say(
        f"even: win rates from {EVEN[0]:.0%} to {EVEN[1]:.0%}, whose variances say most; each is "
        "carried over to the win rate that is to be told"
    )


def _power_row(
    name: str, rate: str, found: Variation, difference: float, wanted: float
) -> tuple[str, ...]:
    spreads = (found.rows, found.columns, found.pairs, found.games)
    needed = [seeds_needed(one, difference, wanted) for one in (found, with_endless_games(found))]
    counts = [f"more than {MOST_SEEDS}" if number is None else str(number) for number in needed]
    return (name, rate, *(f"{100 * math.sqrt(part):.0f}" for part in spreads), *counts)
