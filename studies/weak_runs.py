"""Which runs become weak? Strength of single runs beside what their training recorded.

Runs that differ in their seed alone are of very different strength. For each run that played alone
(``studies.populations``, one member), the measures of its training are averaged over its last
episodes or its first ones, and compared with its log damage ratio against ``swarm`` over all runs.

    python -m studies.weak_runs RUN RUN RUN ... --out docs/results/weak-runs

Measures are kept in ``rows.json``: without runs, the page is written again from them. Games of
several runs with weak ones and without are those of ``studies.populations``.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import tyro
from matplotlib.figure import Figure
from scipy import stats

from cmfq.errors import UserError
from cmfq.results.page import Code, Finding, Page, Part, Picture, Section
from cmfq.results.table import Table, listing, margin_text, rate_text, signed
from cmfq.results.writing import write_folder
from cmfq.text import counted
from cmfq.training.retreat import EPISODES
from studies.kept_rows import read_rows, write_rows
from studies.population_rows import Row, names_of
from studies.run_measures import MEASURES, RETREAT, WeakRow, correlation, retreats, row_of


def page_of(every: Sequence[WeakRow], played: Sequence[Row], command: str) -> Page:
    """Correlations of all measures, a picture of the strongest, and what leaving runs out does.

    Args:
        every: single runs.
        played: games of several runs together, with weak ones and without.
        command: that writes the page.
    """
    rows, later = ([row for row in every if row.later == one] for one in (False, True))
    damage = [row.damage for row in rows]
    found, lines = {}, []
    for name, measure in MEASURES.items():
        values = [row.measures[name] for row in rows]
        found[name] = correlation(values, damage)
        rank = float(stats.spearmanr(values, damage).statistic)
        lines.append((measure.title, margin_text(found[name], 2), signed(rank, 2)))
    told = [MEASURES[name].title for name, one in found.items() if one.leaves_out(0)]
    best = max(found, key=lambda name: abs(found[name].value))
    weakest, *_, strongest = sorted(rows, key=lambda row: row.damage)
    return Page(
        "Which runs become weak?",
        (
            Section(
                "",
                (
                    f"{counted(len(rows), 'run')} of CMFQ that differ in their seed alone "
                    f"({rows[0].training}) win from {min(row.win_rate for row in rows):.0%} to "
                    f"{max(row.win_rate for row in rows):.0%} of their games against swarm. What "
                    "did their training record, in which each plays against itself?",
                    Finding(
                        f"What goes with strength: {listing(told)}."
                        if told
                        else "None of the measures can be told from chance."
                    ),
                    Picture(
                        "weak-runs",
                        partial(draw, rows, best),
                        f"Log damage ratio against swarm by {MEASURES[best].title}; a point is a "
                        "run",
                        tabled=True,
                    ),
                    Table(("measure", "correlation", "of ranks"), lines),
                    HOW_TO_READ,
                    f"{retreats(rows)} In the weakest run, {weakest.run}, hurt agents attack in "
                    f"{weakest.measures['hurt']:.0%} of cases, in the strongest, "
                    f"{strongest.run}, in {strongest.measures['hurt']:.0%}.",
                ),
            ),
            Section("Do runs that were trained afterwards show it too?", _later_parts(later)),
            Section("Does it help to leave weak runs out?", _without_parts(played, later)),
            Section("Every run", (_table(every),)),
        ),
        (Code(command),),
    )


HOW_TO_READ = (
    "Correlation of each measure with the log damage ratio over runs, with its 95 % interval "
    "(Fisher's transformation); the intervals are not corrected for the number of measures. "
    "*Attacks of the hurt*: share of attacks among the decisions of agents with less than half of "
    "their hit points and an enemy in reach; *of the unhurt*: of those with all. A run's own games "
    "show it, without any opponent: `attacks_hurt` in `metrics.jsonl`. That measures go together "
    "does not say what causes what. It may be that agents who retreat when hurt save themselves "
    "and leave the others outnumbered."
)


def draw(rows: Sequence[WeakRow], name: str) -> Figure:
    """A point for each run."""
    figure = Figure(figsize=(5.5, 3.6), layout="constrained")
    axes = figure.subplots()
    axes.scatter(
        [row.measures[name] for row in rows], [row.damage for row in rows], s=24, color="#2f6f9f"
    )
    axes.axhline(0, color="#888888", linewidth=0.8)
    axes.set_xlabel(MEASURES[name].title)
    axes.set_ylabel("log damage ratio against swarm")
    return figure


def _later_parts(later: Sequence[WeakRow]) -> tuple[Part, ...]:
    """What the measure that was found before says of runs that it was not found with."""
    if len(later) < 4:
        return ()
    found = correlation([row.measures["hurt"] for row in later], [row.damage for row in later])
    lines = []
    for words, below in (("below", True), ("at least", False)):
        those = [row for row in later if (row.measures["hurt"] < RETREAT) == below]
        wins = ", ".join(f"{row.win_rate:.0%}" for row in sorted(those, key=lambda one: one.run))
        lines.append((f"{words} {RETREAT:.0%}", str(len(those)), wins))
    return (
        Finding(
            f"In {counted(len(later), 'run')} that were trained afterwards the correlation is "
            f"{margin_text(found, 2)}."
        ),
        Table(("attacks of the hurt in the last 100 episodes", "runs", "wins of each"), lines),
        "Nothing was chosen with these runs: the measure and its limit stood on this page before.",
    )


def _without_parts(played: Sequence[Row], later: Sequence[WeakRow]) -> tuple[Part, ...]:
    """Games of several runs, beside those of the same ones without weak runs."""
    wholes = {row.case: row for row in played}
    afterwards = {_seed_of(row.run) for row in later}
    lines = []
    changes: dict[str, list[float]] = {"before": [], "afterwards": []}
    for row in sorted(played, key=lambda row: row.runs):
        whole = wholes.get(replace(row, least_attacks_hurt=None).case)
        if whole is None or not row.left_out:
            continue
        trained = "afterwards" if {*map(_seed_of, row.runs)} <= afterwards else "before"
        changes[trained].append(100 * (row.win_rate.value - whole.win_rate.value))
        lines.append(
            (
                names_of(row.runs),
                f"{row.opponent}, {row.size} a side, {row.games} games",
                rate_text(whole.win_rate),
                ", ".join(row.left_out),
                rate_text(row.win_rate),
                trained,
            )
        )
    said = [
        f"{signed(float(np.mean(points)))} points on average in sets trained {name}, from "
        f"{signed(min(points))} to {signed(max(points))}"
        for name, points in changes.items()
        if points
    ]
    least = sorted({row.least_attacks_hurt for row in played if row.least_attacks_hurt})
    return (
        Finding(f"The win rate of several runs together changes by {', and by '.join(said)}."),
        Table(
            ("runs together", "against", "all", "left out", "without these", "trained"),
            lines,
        ),
        "Share of games won, with 95 % intervals over games. Left out are runs in "
        f"which hurt agents attacked in less than {listing([f'{one:.0%}' for one in least])} of "
        f"cases in the last {EPISODES} episodes; sets "
        "without such runs, and games that were not played with all runs, are not shown. The "
        "measure and its limit were found with the runs of the sets that were trained before, so "
        "their changes say little; those trained afterwards were played whatever they were.",
    )


def _seed_of(run: str) -> str:
    """Seed in the name of a run folder: a run and the one that goes on from it share it."""
    return run.rpartition("-")[2]


def _table(rows: Sequence[WeakRow]) -> Table:
    lines = [
        (
            row.run,
            f"{row.win_rate:.0%}",
            signed(row.damage, 2),
            *(f"{row.measures[name]:.3g}" for name in MEASURES),
        )
        for row in sorted(rows, key=lambda row: -row.damage)
    ]
    return Table(
        ("run", "wins", "damage", *(measure.title for measure in MEASURES.values())), lines
    )


@dataclass(frozen=True)
class WeakRunsStudy:
    """The study's options."""

    runs: tyro.conf.Positional[tuple[Path, ...]] = ()
    """Run folders whose games are among the results; none: the page is written again."""
    later: tuple[Path, ...] = ()
    """Runs that were trained after the measures had been compared with the others."""
    results: Path = Path("docs/results/populations")
    """Folder with the games of single runs."""
    out: Path = Path("docs/results/weak-runs")
    """Folder to write."""


def main(arguments: list[str] | None = None) -> int:
    """Measure runs, and write the page."""
    study = tyro.cli(WeakRunsStudy, args=arguments)
    played = read_rows(study.results, Row)
    rows = read_rows(study.out, WeakRow)
    if study.runs:
        rows = [row_of(folder, played) for folder in study.runs]
        rows += [row_of(folder, played, later=True) for folder in study.later]
        write_rows(study.out, rows)
    if len(rows) < 4:
        raise UserError(f"there are {counted(len(rows), 'run')}: give at least 4 run folders")
    first, later = (
        " ".join(f"runs/{row.run}" for row in rows if row.later == one) for one in (False, True)
    )
    command = f"python -m studies.weak_runs {first}{' --later ' * bool(later)}{later} "
    command += f"--results {study.results} --out {study.out}"
    write_folder(study.out, page_of(rows, played, command))
    return 0


if __name__ == "__main__":
    sys.exit(main())
