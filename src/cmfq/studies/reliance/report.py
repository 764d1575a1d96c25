"""Tables, figure and sentences of the study of reliance, from its rows."""

import math
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from cmfq.algorithms import ALGORITHMS
from cmfq.evaluation.figures.style import colours_of, save_figure
from cmfq.evaluation.statistics.replication import Estimate, rate_interval
from cmfq.evaluation.table import Table, rate_text
from cmfq.storage import write_bytes
from cmfq.studies.reliance.rows import (
    EXCHANGES,
    EXCHANGES_FILE,
    SETTINGS_FILE,
    UNANIMOUS,
    WEIGHTS_FILE,
    ExchangeRow,
    StudySettings,
    WeightRow,
    read_rows,
)
from cmfq.studies.signal_report import mean_and_interval

TITLES = EXCHANGES | {UNANIMOUS: "a crowd of one mind, at most"}
MEASURES = {
    "changed": "decisions with another likeliest action",
    "variation": "total variation of the policy",
    "win_rate": "win rate against itself as trained",
}
WORTHS = {
    "mean": "That neighbours weigh as they do and not all alike",
    "random weights": "That they do not weigh at random",
    "another's": "Whose neighbours they are",
    "usual": "All that ǎ tells",
    "zero": "That there is a merged action at all",
}
"""What is lost by each exchange."""
HEADINGS = {
    "changed": "Decisions in which another action becomes the likeliest",
    "variation": "Total variation between the policy and the one by the other merged action",
    "win_rate": "Win rate of the altered policy against itself as it was trained",
}


INTRODUCTION = """# How much do trained policies go by the merged action?

An agent acts by `Q(s, ·, ǎ)`, and the algorithms differ in how they merge their neighbours' actions
into `ǎ`. Here the merged action of trained policies is exchanged for another one while all else
stays as it is: {groups}, the last checkpoint of each (episode {episodes}) at its own β. First in
{watched} games of each policy against itself, in every decision that has a merged action
({decisions:,} decisions in all, less those of the first step, of agents without neighbours, and of
IQL, which has none). Then in play: the policy with the other merged action against itself as it was
trained, {games} games for each run, sides swapped, a draw counts half. The training seed is what
is replicated: means over runs with their 95 % intervals (± is half the width of Student's; in
brackets is that of a win rate, see `docs/statistics.md`). Each interval stands for itself: of
twenty policies that are as good as before, one will seem not to be.

![What changes with another merged action: a ring per run, the mean, its interval](reliance.svg)

What stands in the place of the merged action keeps less and less of it:

- **the plain mean ā** keeps all that the neighbours did, and drops the weights. Whoever plays as
  well by it gains nothing from the weights at play. (MFQ goes by it anyway.)
- **random weights** are those of the ablation, drawn anew for every neighbour.
- **another agent's ǎ**, of the same team and step, keeps what kind of crowd there is at the time,
  and drops whose neighbours they are.
- **its own mean ǎ, always** is the same vector for every agent and step: it says nothing, but lies
  among what the network knows. Whoever plays as well by it goes by nothing that `ǎ` tells.
- **zero** also says nothing, and is a value that the network knows from agents without neighbours
  alone. Being worse by it, where one is not by the mean ǎ, is a matter of the network, not of news.
- **a crowd of one mind, at most**: the greatest change over all actions that the whole crowd could
  take alike. With the pairwise head, whose values are linear in `ǎ`, a likeliest action that none
  of these changes is changed by no weighting of neighbours at all.
"""


def write_report(folder: Path) -> None:
    """Write ``README.md``, ``reliance.svg`` and ``reliance.png`` beside the rows."""
    settings, weights, exchanged = read_rows(folder)
    save_figure(draw(exchanged), folder, "reliance")
    write_bytes(folder / "README.md", describe(folder, settings, weights, exchanged).encode())


def draw(exchanged: Sequence[ExchangeRow]) -> Figure:
    """A panel per measure, a line per exchange: a ring per run, and the mean with its interval."""
    groups = _groups(row for row in exchanged if not math.isnan(row.variation))
    colours = colours_of(groups)
    figure = Figure(figsize=(11, 4.6), layout="constrained")
    panels = figure.subplots(1, len(MEASURES), sharey=True)
    for (measure, label), axes in zip(MEASURES.items(), panels, strict=True):
        for index, group in enumerate(groups):
            offset = 0.7 * ((index + 0.5) / len(groups) - 0.5)
            for line, exchange in enumerate(TITLES):
                values = _values(exchanged, group, exchange, measure)
                found = _estimate(measure, values)
                if not values:
                    continue
                y, colour = line + offset, colours[group]
                axes.plot(values, [y] * len(values), "o", mfc="none", color=colour, alpha=0.5, ms=4)
                axes.plot([found.low, found.high], [y, y], color=colour, linewidth=1.6)
                name = group if line == 0 else None
                axes.plot(found.value, y, "o", color=colour, ms=5, label=name)
        axes.set_xlabel(label)
        axes.set_xlim(-0.03, 1.03)
        axes.grid(axis="x", alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    panels[-1].axvline(0.5, color="black", linestyle="--", linewidth=0.9)
    panels[0].set_yticks(range(len(TITLES)), list(TITLES.values()))
    panels[0].invert_yaxis()
    lines, names = panels[0].get_legend_handles_labels()
    figure.legend(lines, names, loc="outside lower center", ncols=max(1, len(names)), frameon=False)
    return figure


def describe(
    folder: Path,
    settings: StudySettings,
    weights: Sequence[WeightRow],
    exchanged: Sequence[ExchangeRow],
) -> str:
    """The page, in Markdown."""
    groups = _groups(weights)
    heeding = [group for group in groups if _values(exchanged, group, "zero", "variation")]
    episodes = sorted({row.episode for row in weights})
    parts = [
        INTRODUCTION.format(
            groups=", ".join(
                f"{sum(row.group == group for row in weights)} of {group}" for group in groups
            ),
            episodes=" or ".join(map(str, episodes)),
            decisions=sum(row.decisions for row in weights),
            watched=settings.watched,
            games=settings.games,
        ),
        "## What the numbers say\n",
        "Win rates are those of the altered policy against itself as it was trained: below 1/2 "
        "says that what was taken away had been worth something in play. What cannot be told to "
        "matter may still matter by as much as its interval allows.\n",
        *verdicts(exchanged, weights, heeding),
        "\n## What is merged\n",
        _weights_table(weights, groups).markdown(),
    ]
    for measure in MEASURES:
        parts += [f"## {HEADINGS[measure]}\n", _table(exchanged, heeding, measure).markdown()]
    command = ["python", "-m", "cmfq.studies.reliance", *settings.runs]
    command += ["--watched", str(settings.watched), "--games", str(settings.games)]
    command += ["--seed", str(settings.seed), "--out", str(folder)]
    parts += [
        "## To get it again\n",
        f"`{WEIGHTS_FILE}` and `{EXCHANGES_FILE}` hold a row per run (and exchange), "
        f"`{SETTINGS_FILE}` what gave them. With the runs of `docs/results/battle64`:\n",
        f"    {shlex.join(command)}\n",
        f"The page alone, from the stored rows: `python -m cmfq.studies.reliance --report-only "
        f"--out {folder}`.\n",
    ]
    return "\n".join(parts)


def verdicts(
    exchanged: Sequence[ExchangeRow], weights: Sequence[WeightRow], groups: Sequence[str]
) -> list[str]:
    """What the rows say, a list item each."""

    def shares(values: dict[str, list[float]]) -> str:
        return ", ".join(f"{np.mean(found):.0%} ({group})" for group, found in values.items())

    distances = {group: [row.distance for row in weights if row.group == group] for group in groups}
    lines = [f"- **How far ǎ is from ā.** {shares(distances)} of the weight stands elsewhere."]
    for exchange in ("mean", "another's", "zero"):
        changed = {group: _values(exchanged, group, exchange, "changed") for group in groups}
        lines.append(
            f"- **What policies would do with {TITLES[exchange]}.** Another action becomes the "
            f"likeliest in {shares(changed)} of decisions."
        )
    for exchange, what in WORTHS.items():
        rates = {
            group: _estimate("win_rate", values)
            for group in groups
            if (values := _values(exchanged, group, exchange, "win_rate"))
        }
        told = {
            "is worth something to": [g for g, rate in rates.items() if rate.high < 0.5],
            "does harm to": [g for g, rate in rates.items() if rate.low > 0.5],
            "cannot be told to matter to": [
                g for g, rate in rates.items() if not rate.leaves_out(0.5)
            ],
        }
        found = [
            f"{verb} {', '.join(f'{g} at {_rate_text(rates[g])}' for g in names)}"
            for verb, names in told.items()
            if names
        ]
        lines.append(f"- **{what}** {'; '.join(found)} (with {TITLES[exchange]} instead).")
    return lines


def _weights_table(weights: Sequence[WeightRow], groups: Sequence[str]) -> Table:
    def cell(group: str, name: str, percent: bool = True) -> str:
        found = [getattr(row, name) for row in weights if row.group == group]
        return _plus_minus([value for value in found if not math.isnan(value)], percent)

    return Table(
        (
            "algorithm",
            "seeds",
            "decisions with ǎ",
            "neighbours",
            "½ ‖ǎ − ā‖₁",
            "1/Σw², of the neighbours",
            "probability of the likeliest action",
        ),
        [
            (
                group,
                str(sum(row.group == group for row in weights)),
                cell(group, "heeding"),
                cell(group, "neighbours", percent=False),
                cell(group, "distance"),
                cell(group, "effective"),
                cell(group, "greedy"),
            )
            for group in groups
        ],
    )


def _table(exchanged: Sequence[ExchangeRow], groups: Sequence[str], measure: str) -> Table:
    def cell(group: str, exchange: str) -> str:
        values = _values(exchanged, group, exchange, measure)
        if measure == "win_rate" and values:
            return _rate_text(_estimate(measure, values))
        return _plus_minus(values)

    shown = EXCHANGES if measure == "win_rate" else TITLES
    return Table(
        ("in the place of ǎ", *groups),
        [(title, *(cell(g, exchange) for g in groups)) for exchange, title in shown.items()],
    )


def _rate_text(rate: Estimate) -> str:
    return f"{rate.value:.1%}" if math.isnan(rate.low) else rate_text(rate)


def _plus_minus(values: Sequence[float], percent: bool = True) -> str:
    """Mean, and half the width of its interval."""
    if not values:
        return "–"
    mean, half = (100 * x if percent else x for x in mean_and_interval(values))
    spread = "" if math.isnan(half) else f" ± {half:.1f}"
    unit = "\N{NO-BREAK SPACE}%" if percent else ""
    return f"{mean:.1f}{spread}{unit}"


def _estimate(measure: str, values: Sequence[float]) -> Estimate:
    """Of the mean over seeds; nan where there is one seed, or none."""
    if len(values) < 2:
        return Estimate(float(np.mean(values)) if values else math.nan, math.nan, math.nan)
    if measure == "win_rate":
        return Estimate.of(rate_interval(np.array(values)[:, None]))
    mean, half = mean_and_interval(values)
    return Estimate(mean, mean - half, mean + half)


def _values(
    exchanged: Sequence[ExchangeRow], group: str, exchange: str, measure: str
) -> list[float]:
    """Of every run of a group in which there is something to measure."""
    found = [
        getattr(row, measure) for row in exchanged if (row.group, row.exchange) == (group, exchange)
    ]
    return [value for value in found if not math.isnan(value)]


def _groups(rows: Iterable[WeightRow] | Iterable[ExchangeRow]) -> list[str]:
    """In the order in which the algorithms are listed everywhere."""
    order = {name: index for index, name in enumerate(ALGORITHMS)}
    groups = {row.group for row in rows}
    return sorted(groups, key=lambda group: (order.get(group.split()[0], len(order)), group))
