"""The page of ``studies.populations``, from its rows."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from cmfq.play.outcomes import YARDSTICKS
from cmfq.play.progress import progress_rows
from cmfq.play.reading import finished_progress
from cmfq.results.details import yardstick_text
from cmfq.results.page import Code, Finding, Page, Section
from cmfq.results.table import Table, listing, rate_text
from studies.population_rows import KEPT, SIZE, Row, names_of

GOAL = 0.9
"""Share of games against swarm and skirmish that a strong policy wins, with every seed."""


def page_of(rows: Sequence[Row], commands: Sequence[str], beside: Mapping[str, str]) -> Page:
    """Describe the results, beside the spread of other runs (see :func:`spreads`)."""
    sections = []
    kinds = set(map(_kind, rows))  # in the order of CMFQ first, then of training and size
    for kind in sorted(
        kinds, key=lambda kind: ("algorithm" in kind[0], kind[0], kind[3], -kind[1], kind[4])
    ):
        ours = [row for row in rows if _kind(row) == kind]
        cases = dict.fromkeys((row.opponent, row.size, row.games) for row in ours)
        found = [
            _finding([row for row in ours if (row.opponent, row.size, row.games) == case], beside)
            for case in cases
        ]
        training, members, checkpoints, until, least = kind
        who = f"Populations of {members} runs" if members > 1 else "Single runs"
        title = f"{who}: {training}" + (f", after {until} of them" if until else "")
        last = "checkpoint" if checkpoints == 1 else f"{checkpoints} checkpoints"
        words = (
            f"{members} runs each, the last {last} of every one: {members * checkpoints} networks"
            f"{' at most' if least else ''}."
            if members > 1
            else "Each run by its last checkpoint."
        )
        if until:
            words += (
                f" The runs as they were after {until} episodes; their learning rate was still "
                "that of a longer run."
            )
        if least:
            title += ", without weak ones"
            words += (
                f" Runs in whose last episodes hurt agents attacked in less than {least:.0%} of "
                f"cases are left out: {listing(_left_out(ours) or ['none'])}."
            )
        sections.append(Section(title, (words, *found, _table(ours), *_details(ours))))
    what = (
        "Runs of one algorithm that differ only in their seed play alone and in populations that "
        "share no run. A population plays by the mean Q-values of its networks. *itself@150*: the "
        "same policy when its runs had played 150 episodes, a quarter of 600; their learning rate "
        "was not yet low."
    )
    kept = [bool(row.yardsticks) for row in rows]
    if any(kept) and not all(kept):
        what += (
            " A second table shows win rates by side, margins and lengths of games of policies for "
            "which they were kept; the rows of older games lack them."
        )
    return Page(
        "Populations: is every policy made of several runs strong?",
        (Section("", (what,)), *sections),
        (
            Code("\n".join(commands)),
            "play the games that are missing; without `rows.json` they play all games.",
        ),
    )


def _finding(rows: Sequence[Row], beside: Mapping[str, str]) -> Finding:
    """One sentence about the policies of one kind against one opponent."""
    rates = [row.win_rate.value for row in rows]
    first, strong = rows[0], sum(rate >= GOAL for rate in rates)
    many = len(first.runs)
    where = f"Against {first.opponent} at {first.size} a side"
    if len(rows) == 1:
        one = f"the population of {many} runs" if many > 1 else "the run"
        return Finding(f"{where}, {one} wins {rates[0]:.0%} of its games.")
    what = f"populations of {many} runs" if many > 1 else "single runs"
    spread = np.std([row.damage.value for row in rows], ddof=1)
    paper = beside.get(first.opponent) if first.size == SIZE else None
    return Finding(
        f"{where}, {len(rows)} {what} win {np.mean(rates):.0%} of their games, {min(rates):.0%} "
        f"to {max(rates):.0%}; {strong} of {len(rows)} win at least {GOAL:.0%}. Standard deviation "
        f"of the log damage ratio over them: {spread:.3f}"
        + (f" ({paper} of preset paper)." if paper else ".")
    )


def _table(rows: Sequence[Row]) -> Table:
    opponents = list(dict.fromkeys((row.opponent, row.size, row.games) for row in rows))
    found = {(row.runs, row.opponent, row.size, row.games): row for row in rows}
    lines = []
    for runs in dict.fromkeys(row.runs for row in rows):
        ours = [found.get((runs, *one)) for one in opponents]
        lines.append(
            (names_of(runs), *(rate_text(row.win_rate) if row else "not played" for row in ours))
        )
    return Table(
        ("policy", *(f"{name}, {size} a side" for name, size, _ in opponents)),
        lines,
        "Share of games won, with 95 % intervals over games; "
        + ", ".join(f"{games} against {name} at {size}" for name, size, games in opponents),
    )


def _details(rows: Sequence[Row]) -> list[Table]:
    """Table of results by side, margin and length of the games, if a row keeps them."""
    lines = [
        (
            names_of(row.runs),
            f"{row.opponent}, {row.size} a side",
            *(
                (rate_text(row.sides.first.win_rate), rate_text(row.sides.second.win_rate))
                if row.sides
                else ("–", "–")
            ),
            *(yardstick_text(name, row.yardsticks[name]) for name in KEPT),
        )
        for row in rows
        if row.yardsticks
    ]
    columns = "policy", "opponent", "win rate as first", "win rate as second"
    labels = (YARDSTICKS[name].label for name in KEPT)
    return [Table((*columns, *labels), lines, "By side, and other measures")] if lines else []


def _kind(row: Row) -> tuple[str, int, int, int, float]:
    """What policies of one section have in common."""
    least = row.least_attacks_hurt or 0.0  # none are left out
    return row.training, len(row.runs), row.checkpoints, row.until, least


def _left_out(rows: Sequence[Row]) -> list[str]:
    """Runs that any of these policies leave out."""
    return list(dict.fromkeys(run for row in rows for run in row.left_out))


def commands_of(rows: Sequence[Row], out: Path) -> list[str]:
    """Commands that play these games."""
    cases: dict[tuple[str, int, int, int, float, int, int], list[Row]] = {}
    for row in rows:
        cases.setdefault((*_kind(row), row.size, row.games), []).append(row)
    lines = []
    for (_, members, checkpoints, until, least, size, games), ours in cases.items():
        runs = dict.fromkeys(f"runs/{run}" for row in ours for run in row.runs)
        against = dict.fromkeys(row.opponent for row in ours)
        some = f"--until {until} " if until else ""
        some += f"--least-attacks-hurt {least} " if least else ""
        lines.append(
            f"python -m studies.populations {' '.join(runs)} --members {members} --checkpoints "
            f"{checkpoints} {some}--against {' '.join(against)} "
            f"--size {size} --games {games} --out {out}"
        )
    return lines


def spreads(progress: Path) -> dict[str, str]:
    """:func:`spread_of_runs` in words."""
    return {
        opponent: f"{spread:.2f} over {runs} runs"
        for opponent, (spread, runs) in spread_of_runs(progress).items()
    }


def spread_of_runs(progress: Path) -> dict[str, tuple[float, int]]:
    """How far the log damage ratios of runs of CMFQ spread, and of how many, by the opponent.

    Args:
        progress: file of ``cmfq progress``; the last checkpoints count.

    Returns:
        Standard deviations, with the number of runs.
    """
    rows = [row for row in progress_rows(finished_progress(progress)) if row.group == "cmfq"]
    last = [row for row in rows if row.episode == max(one.episode for one in rows)]
    found = {}
    for opponent in dict.fromkeys(row.opponent for row in last):
        ours = [row for row in last if row.opponent == opponent]
        ratios = [row.yardsticks["log_damage_ratio"] for row in ours]
        found[opponent] = (float(np.std(ratios, ddof=1)), len(ours))
    return found
