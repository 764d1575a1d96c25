"""Which runs become weak? Strength of single runs beside what their training recorded.

Runs that differ in their seed alone are of very different strength. For each run that played alone
(``studies.populations``, one member), the measures of its training are averaged over its last
episodes or its first ones, and compared with its log damage ratio against ``swarm`` over all runs.

    python -m studies.weak_runs RUN RUN RUN ... --out docs/results/weak-runs

Measures are kept in ``rows.json``: without runs, the page is written again from them. Games of
several runs without weak ones, from ``studies.populations``, are in ``without/rows.json``.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tyro
from matplotlib.figure import Figure
from scipy import special, stats

from cmfq.errors import UserError
from cmfq.results.page import Code, Finding, Page, Part, Picture, Section
from cmfq.results.table import Table, listing, margin_text, rate_text, signed
from cmfq.results.writing import write_folder
from cmfq.statistics.replication import Estimate
from cmfq.text import counted
from cmfq.training.run import Run
from studies import populations
from studies.kept_rows import read_rows, write_rows
from studies.populations import SIZE


class Measure(NamedTuple):
    """A mean over some episodes of a run."""

    title: str
    of: Callable[[Mapping[str, Any]], float]
    """Value of an episode, by its row of the metrics."""
    episodes: slice


def _mean(name: str) -> Callable[[Mapping[str, Any]], float]:
    """Mean of both sides, without one that had no such attack to decide on."""

    def of(row: Mapping[str, Any]) -> float:
        known = [value for value in row[name] if value is not None]
        return float(np.mean(known)) if known else float("nan")

    return of


RETREAT = 0.9
"""Share of attacks of hurt agents below which they are said to retreat, chosen with these runs."""
LAST, EARLY, ALL = slice(-100, None), slice(50, 100), slice(None)
MEASURES = {
    "hurt": Measure("attacks of the hurt in the last 100 episodes", _mean("attacks_hurt"), LAST),
    "hurt early": Measure(
        "attacks of the hurt in episodes 51 to 100", _mean("attacks_hurt"), EARLY
    ),
    "unhurt": Measure(
        "attacks of the unhurt in the last 100 episodes", _mean("attacks_unhurt"), LAST
    ),
    "steps": Measure(
        "steps of a game in the last 100 episodes", lambda row: float(row["steps"]), LAST
    ),
    "truncated": Measure(
        "games that reach the step limit, of all",
        lambda row: float(row["truncated"]),
        ALL,
    ),
    "loss": Measure("loss in the last 100 episodes", lambda row: float(row["loss"]), LAST),
}


@dataclass(frozen=True)
class WeakRow:
    """A run: how it plays, and what its training recorded."""

    run: str
    training: str
    """Preset, and what it changes of it."""
    win_rate: float
    """Against ``swarm``, alone, by its last checkpoint."""
    damage: float
    """Its log damage ratio there."""
    measures: dict[str, float]
    """By the names of :data:`MEASURES`."""


def row_of(folder: Path, played: Sequence[populations.Row]) -> WeakRow:
    """A run with its games.

    Raises:
        UserError: it has not played alone.
    """
    found = [
        row
        for row in played
        if row.runs == (folder.name,) and (row.opponent, row.size) == ("swarm", SIZE)
    ]
    if len(found) != 1:
        raise UserError(
            f"{folder} has not played alone against swarm: play it with studies.populations "
            "--members 1 --checkpoints 1"
        )
    (row,), metrics = found, Run(folder).metrics()
    measures = {
        name: float(np.nanmean([measure.of(one) for one in metrics[measure.episodes]]))
        for name, measure in MEASURES.items()
    }
    return WeakRow(folder.name, row.training, row.win_rate.value, row.damage.value, measures)


def correlation(x: Sequence[float], y: Sequence[float]) -> Estimate:
    """Pearson's correlation with its 95 % interval by Fisher's transformation."""
    value = float(np.corrcoef(x, y)[0, 1])
    reach = special.ndtri(0.975) / np.sqrt(len(x) - 3)
    low, high = np.tanh(np.arctanh(value) + np.array([-reach, reach]))
    return Estimate(value, float(low), float(high))


def retreats(rows: Sequence[WeakRow]) -> str:
    """In how many weak runs hurt agents retreat, and in how many of the others."""
    weak = [row.measures["hurt"] < RETREAT for row in rows if row.win_rate < 0.5]
    others = [row.measures["hurt"] < RETREAT for row in rows if row.win_rate >= 0.5]
    return (
        f"Hurt agents retreat, and attack in less than {RETREAT:.0%} of cases, in {sum(weak)} of "
        f"the {counted(len(weak), 'run')} that win less than half of their games against swarm, "
        f"and in {sum(others)} of the other {len(others)}."
    )


def page_of(
    rows: Sequence[WeakRow],
    played: Sequence[populations.Row],
    without: Sequence[populations.Row],
    command: str,
) -> Page:
    """Correlations of all measures, a picture of the strongest, and what leaving runs out does.

    Args:
        rows: single runs.
        played: games of several runs together.
        without: games of some of these, without weak runs.
        command: that writes the page.
    """
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
            Section("Does it help to leave weak runs out?", _without_parts(played, without)),
            Section("Every run", (_table(rows),)),
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


def _without_parts(
    played: Sequence[populations.Row], without: Sequence[populations.Row]
) -> tuple[Part, ...]:
    """Games of several runs, beside those of the same ones without some."""
    lines = []
    for row in without:
        whole = min((one for one in played if _is_part(row, one)), key=lambda one: len(one.runs))
        left = [name for name in whole.runs if name not in row.runs]
        lines.append(
            (
                populations.names_of(whole.runs),
                f"{row.size} a side, {row.games} games",
                rate_text(whole.win_rate),
                ", ".join(left),
                rate_text(row.win_rate),
            )
        )
    return (
        Table(("runs together", "against swarm", "all", "left out", "without these"), lines),
        "Share of games won, with 95 % intervals over games. Left out are runs in "
        f"which hurt agents attacked in less than {RETREAT:.0%} of cases in the last 100 of "
        "their first 600 episodes. These sets were looked at because they were the weakest, and "
        "the measure was found with most of the same runs: other sets have to confirm it.",
    )


def _is_part(row: populations.Row, whole: populations.Row) -> bool:
    """Whether a policy is another one without some of its runs, and played the same games."""
    same = (row.training, row.opponent, row.size, row.games, row.until) == (
        whole.training, whole.opponent, whole.size, whole.games, whole.until
    )  # fmt: skip
    return same and set(row.runs) < set(whole.runs)


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
    results: Path = Path("docs/results/populations")
    """Folder with the games of single runs."""
    out: Path = Path("docs/results/weak-runs")
    """Folder to write."""


def main(arguments: list[str] | None = None) -> int:
    """Measure runs, and write the page."""
    study = tyro.cli(WeakRunsStudy, args=arguments)
    played = read_rows(study.results, populations.Row)
    rows = read_rows(study.out, WeakRow)
    if study.runs:
        rows = [row_of(folder, played) for folder in study.runs]
        write_rows(study.out, rows)
    if len(rows) < 4:
        raise UserError(f"there are {counted(len(rows), 'run')}: give at least 4 run folders")
    command = (
        f"python -m studies.weak_runs {' '.join(f'runs/{row.run}' for row in rows)} "
        f"--results {study.results} --out {study.out}"
    )
    without = read_rows(study.out / "without", populations.Row)
    write_folder(study.out, page_of(rows, played, without, command))
    return 0


if __name__ == "__main__":
    sys.exit(main())
