"""What the games of a tournament say beside who won: by side, and by other yardsticks."""

from collections.abc import Mapping, Sequence
from itertools import permutations

from cmfq.play.by_side import BySide, by_side, side_sentence
from cmfq.play.layouts import Layouts
from cmfq.play.outcomes import YARDSTICKS, yardsticks
from cmfq.results.table import Table, margin_text, number_text, rate_text
from cmfq.statistics.replication import Estimate
from cmfq.text import csv_text

SIGNED = ("log_damage_ratio", "margin")
"""Yardsticks that are 0 between equals."""


def side_table(found: Mapping[tuple[str, str], BySide]) -> Table:
    """A row for every two groups."""
    columns = ("A v B", "A as first", "A as second", "margin as first", "as second", "first side")
    return Table(
        columns,
        [
            (
                f"{a} v {b}",
                rate_text(one.first.win_rate),
                rate_text(one.second.win_rate),
                margin_text(one.first.margin),
                margin_text(one.second.margin),
                rate_text(one.first_side),
            )
            for (a, b), one in found.items()
        ],
    )


def side_sentences(found: Mapping[tuple[str, str], BySide]) -> list[str]:
    """One for every two groups between whom the side decides more than the player."""
    sentences = [side_sentence(one, a, b) for (a, b), one in found.items()]
    return [sentence for sentence in sentences if sentence]


def yardstick_table(layouts: Layouts, order: Sequence[str]) -> Table:
    """A row for every group against every other one, columns for the yardsticks there are."""
    return yardsticks_of(
        {pair: layouts[pair] for pair in permutations(order, 2) if pair in layouts}
    )


def yardsticks_of(layouts: Layouts) -> Table:
    """A row for every pair, in their order."""
    return yardstick_rows({f"{a} v {b}": yardsticks(games) for (a, b), games in layouts.items()})


def yardstick_rows(found: Mapping[str, Mapping[str, Estimate]]) -> Table:
    """A row for each name, with the yardsticks that at least one of them has."""
    names = [name for name in YARDSTICKS if any(name in one for one in found.values())]
    return Table(
        ("A v B", *(YARDSTICKS[name].label for name in names)),
        [
            (title, *(yardstick_text(name, one[name]) if name in one else "–" for name in names))
            for title, one in found.items()
        ],
    )


def yardstick_text(name: str, value: Estimate) -> str:
    """A yardstick with its interval."""
    one = YARDSTICKS[name]
    if one.share:
        return rate_text(value)
    write = margin_text if name in SIGNED else number_text
    return write(value, digits=one.digits)


def details_csv(layouts: Layouts) -> str:
    """Every yardstick of every group against every other one, and the win rates by side."""
    rows: list[list[str]] = [["a", "b", "yardstick", "value", "low", "high"]]
    for (a, b), games in layouts.items():
        found = yardsticks(games)
        sides = by_side(games)
        if sides:
            found |= {
                "win_rate_first": sides.first.win_rate,
                "win_rate_second": sides.second.win_rate,
                "win_rate_of_first_side": sides.first_side,
            }
        for name, value in found.items():
            rows.append([a, b, name, *(f"{part:.4f}" for part in value)])
    return csv_text(rows)


HOW_TO_READ_SIDES = (
    "A's win rate and margin in the games that it played as the first and as the second side, and "
    "the win rate of the first side, whoever played it: 50 % in a fair game. *Side decides more "
    "than player* if A wins more than half on one side and less on the other, and both intervals "
    "leave out 1/2."
)
HOW_TO_READ_YARDSTICKS = (
    "Means of a game, from A's view. *Damage*: hit points that the other side lost, and its own; "
    "*log ratio*: logarithm of dealt over taken, 0 where they are equal. *Attacks*: share of "
    "attacks among the decisions of A's agents with an enemy in reach, with full hit points "
    "(*unhurt*) and with less than half (*hurt*). *Step limit*: share of games that it ended."
)
