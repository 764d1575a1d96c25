"""Results beside who won: by side, by role, by other yardsticks, by returns."""

from collections.abc import Mapping, Sequence
from itertools import combinations, permutations

import numpy as np

from cmfq.play.by_role import by_role
from cmfq.play.by_side import BySide, by_side, side_sentence
from cmfq.play.entrants import groups_of
from cmfq.play.game_log import Tournament
from cmfq.play.layouts import Layouts
from cmfq.play.matches import MatchResult
from cmfq.play.outcomes import YARDSTICKS, estimate_over_runs, yardsticks
from cmfq.play.standings import Standings, returns_of
from cmfq.results.page import Finding, Section
from cmfq.results.table import Table, conclusion, interval_text, margin_text, number_text, rate_text
from cmfq.statistics.replication import Estimate
from cmfq.text import csv_text

SIGNED = ("log_damage_ratio", "margin")
"""Yardsticks that are 0 between equals."""


def side_section(found: Mapping[tuple[str, str], BySide], unit: str, what: str = "") -> Section:
    """Results by side; without parts where nothing is to be split.

    Args:
        found: results of pairs by the side that A played.
        unit: what the intervals are over.
        what: which games they are, if not all of the page.
    """
    if not found:
        return Section("By side", ())
    sentences = side_sentences(found) or [
        "In no pair does the side decide more than the player, beyond chance."
    ]
    table = side_table(found, f"{what or 'By'} side, 95 % intervals {unit}".replace("  ", " "))
    return Section("By side", (*map(Finding, sentences), table, HOW_TO_READ_SIDES))


def side_table(found: Mapping[tuple[str, str], BySide], title: str = "") -> Table:
    """A row for every two groups."""
    columns = (
        "A v B",
        "win rate as first",
        "win rate as second",
        "margin as first",
        "margin as second",
        "win rate of first side",
    )
    rows = [
        (
            f"{a} v {b}",
            rate_text(one.first.win_rate),
            rate_text(one.second.win_rate),
            margin_text(one.first.margin),
            margin_text(one.second.margin),
            rate_text(one.first_side),
        )
        for (a, b), one in found.items()
    ]
    return Table(columns, rows, title)


def side_sentences(found: Mapping[tuple[str, str], BySide]) -> list[str]:
    """A sentence for every two groups between whom the side decides more than the player."""
    sentences = [side_sentence(one, a, b) for (a, b), one in found.items()]
    return [sentence for sentence in sentences if sentence]


def role_section(played: Tournament, title: str) -> Section:
    """Earnings of groups in each role: a row for each, a column for every other group.

    Without parts where roles are alike. ``title`` is that of the table on terminals.
    """
    earned = by_role(played)
    others = sorted({other for found in earned.values() for other in found})
    rows = [
        (group, role, *(margin_text(of[one]) if one in of else "–" for one in others))
        for (group, role), of in earned.items()
    ]
    table = Table(("group", "role", *(f"v {other}" for other in others)), rows, title)
    return Section("By role", (table, HOW_TO_READ_ROLES) if rows else ())


def returns_section(played: Tournament, found: Standings, unit: str) -> Section:
    """Returns of groups in a world of one team, and their differences; else no parts."""
    if not played.alone:
        return Section("Returns", ())
    pairs = combinations([one.group for one in found.ratings], 2)
    margins = {(a, b): found.between(a, b).margin for a, b in pairs}
    return Section(
        "Returns",
        (
            Finding(conclusion(margins, 0, "earns more than")),
            returns_table(played, f"Returns, 95 % intervals {unit}"),
            difference_table(found, "On the same episodes"),
            HOW_TO_READ_RETURNS,
        ),
    )


def returns_table(played: Tournament, title: str = "") -> Table:
    """Return of each group, the greatest first."""
    earned, found = returns_of(played), {}
    for group, members in groups_of(played.entrants).items():
        values = np.array([earned[one.name] for one in members])
        found[group] = (len(members), estimate_over_runs(values))
    ordered = sorted(found.items(), key=lambda item: -item[1][1].value)
    rows = [(group, str(seeds), margin_text(value)) for group, (seeds, value) in ordered]
    return Table(("group", "seeds", "return"), rows, title)


def difference_table(found: Standings, title: str = "") -> Table:
    """Every two groups, the one that earns more in more episodes as A."""
    rows = []
    for a, b in combinations([one.group for one in found.ratings], 2):
        one = found.between(a, b)
        rows.append((f"{a} v {b}", margin_text(one.margin), earns(one.margin)))
    return Table(("A v B", "return of A minus B", "conclusion"), rows, title)


def earns(difference: Estimate) -> str:
    """Verdict on a difference of returns, from its interval."""
    if not difference.leaves_out(0):
        return "cannot be told apart"
    return "A earns more" if difference.value > 0 else "A earns less"


def reward_table(matches: Sequence[MatchResult], title: str = "") -> Table:
    """A row for each player of each match in each role: its reward with the interval over games."""
    met = any(match.difference is None for match in matches)  # of one team, nobody meets another
    rows = [
        (
            row.player,
            row.role,
            *([match.b if row.player == match.a else match.a] if met else []),
            f"{row.mean:,.1f}".replace("-", "\N{MINUS SIGN}"),
            interval_text(*row.interval),
        )
        for match in matches
        for row in match.rewards
    ]
    if not met:  # each plays the same episodes alone, whomever it is compared with
        rows = list(dict.fromkeys(rows))
    against = ("against",) if met else ()
    return Table(("player", "role", *against, "reward", "95 % interval"), rows, title)


def yardstick_table(layouts: Layouts, order: Sequence[str], title: str = "") -> Table:
    """A row for every group against every other one, columns for the yardsticks there are."""
    return yardsticks_of(
        {pair: layouts[pair] for pair in permutations(order, 2) if pair in layouts}, title
    )


def yardstick_sentence(layouts: Layouts, order: Sequence[str]) -> str:
    """Sentence on who deals more damage than whom; on margins where no damage was counted."""
    found = {pair: yardsticks(layouts[pair]) for pair in combinations(order, 2) if pair in layouts}
    for name, heading, better in (
        ("log_damage_ratio", "Damage", "deals more than"),
        ("margin", "Margins", "is ahead of"),
    ):
        values = {pair: one[name] for pair, one in found.items() if name in one}
        if values:
            return f"{heading}: {conclusion(values, 0, better)}"
    return ""


def yardsticks_of(layouts: Layouts, title: str = "") -> Table:
    """A row for every pair, in their order."""
    found = {f"{a} v {b}": yardsticks(games) for (a, b), games in layouts.items()}
    return yardstick_rows(found, title)


def yardstick_rows(found: Mapping[str, Mapping[str, Estimate]], title: str = "") -> Table:
    """A row for each name, with the yardsticks that at least one of them has."""
    names = [name for name in YARDSTICKS if any(name in one for one in found.values())]
    return Table(
        ("A v B", *(YARDSTICKS[name].label for name in names)),
        [
            (row, *(yardstick_text(name, one[name]) if name in one else "–" for name in names))
            for row, one in found.items()
        ],
        title,
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
    "the win rate of the first side, no matter who played it: 50 % in a fair game. *The side "
    "decides more than the player* if A wins more than half on one side and less on the other, "
    "and both intervals leave out 1/2."
)
YARDSTICK_MEANINGS = {
    "damage dealt": "*Damage dealt* and *taken*: hit points lost by the other side and by A's own "
    "side.",
    "log ratio": "*Log ratio*: logarithm of damage dealt over damage taken, 0 between equals.",
    "margin": "*Margin*: the measure that decides the game, such as survivors, minus the "
    "opponent's.",
    "attacks, unhurt": "*Attacks*: share of attacks among the decisions of A's agents with an "
    "enemy in reach, with full hit points (*unhurt*) and with less than half (*hurt*).",
    "steps": "*Steps*: length of the game.",
    "step limit": "*Step limit*: share of games that end at the step limit.",
}
"""What columns of :func:`yardstick_rows` mean, by the first column of which each sentence is."""


def how_to_read_yardsticks(table: Table) -> str:
    """Paragraph on the columns that a table of yardsticks has."""
    shown = [text for column, text in YARDSTICK_MEANINGS.items() if column in table.columns]
    return " ".join(["Means per game, for A.", *shown])


HOW_TO_READ_ROLES = (
    "Sum of the rewards of all agents of the role, per game, against each of the others; 95 % "
    "intervals over seeds, or over games where both groups have one entrant."
)
HOW_TO_READ_RETURNS = (
    "*Return*: sum of the rewards of all agents in an episode. All groups play the same episodes, "
    "and differences are taken within an episode. 95 % intervals are over training seeds and "
    "episodes, for a difference between two groups of several runs over seeds, and between single "
    "entrants over episodes."
)
