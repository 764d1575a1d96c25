"""Tables, figure and sentences of the study of reliance, from its rows."""

import math
import shlex
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from cmfq.algorithms import ALGORITHMS
from cmfq.results.page import Code, Finding, Items, Page, Picture, Section
from cmfq.results.style import colours_of, name_lines, panels
from cmfq.results.table import Table, margin_text, rate_text
from cmfq.results.writing import write_folder
from cmfq.statistics.replication import Estimate, rate_interval
from studies.reliance.rows import (
    EXCHANGES,
    EXCHANGES_FILE,
    PLAYS_FILE,
    SETTINGS_FILE,
    UNANIMOUS,
    WEIGHTS_FILE,
    ExchangeRow,
    Found,
    PlayRow,
    WeightRow,
    read_all,
)
from studies.signal_report import mean_and_interval

TITLES = EXCHANGES | {UNANIMOUS: "unanimous neighbours, at most"}
DRAWN = {
    "changed": "decisions with another most probable action",
    "win_rate": "win rate against itself as trained",
    "margin": "margin against itself as trained",
}
ONE_SIDED = 0.9
WORTHS = {
    "mean": "The weights of the neighbours",
    "random weights": "Weights that are not random",
    "another's": "The agent's own neighbours",
    "usual": "All information in ǎ",
    "zero": "A value of ǎ other than zero",
}
"""Property that each exchange takes away."""
HEADINGS = {
    "changed": "Decisions in which another action becomes the most probable",
    "variation": "Total variation between the policy and the policy with the other merged action",
    "win_rate": "Win rate of the altered policy against itself as trained",
    "margin": "Margin of the altered policy against itself as trained, in survivors",
}


INTRODUCTION = (
    "An agent acts on `Q(s, ·, ǎ)`, and the algorithms differ in how they merge their neighbours' "
    "actions into `ǎ`. Here the merged action of trained policies is replaced, and nothing else "
    "changes: {groups}, the last checkpoint of each (episode {episodes}) at its own β. First in "
    "{watched} games of each policy against itself, in every decision that has a merged action "
    "({decisions:,} decisions in total, without those of the first step, of agents without "
    "neighbours, and of IQL, which has no merged action). Then in play: the policy with the other "
    "merged action against itself as trained, {games} games for each run and exchange, with "
    "sides swapped; a draw counts half. The training seed is the unit of replication: means over "
    "runs with their 95 % intervals (± is half the width of Student's; for win rates see "
    "`docs/statistics.md`). The intervals are not corrected for multiple comparisons: of twenty "
    "without a true change, about one will seem to show one. The policies were trained with their "
    "own merged action and get another one only here: a loss shows that they had learned to use "
    "it, not that an algorithm that learns without it would be worse."
)
REPLACEMENTS = (
    "**the plain mean ā** keeps the neighbours' actions and drops the weights. A policy that "
    "plays as well with it gains nothing from the weights during play; their effect on learning "
    "is not measured here. (MFQ always uses it.)",
    "**random weights** are those of the ablation, drawn again for every neighbour.",
    "**another agent's ǎ**, of the same team and step, keeps the situation of the team at that "
    "time, and drops the agent's own neighbours.",
    "**its own mean ǎ, always** is the same vector for every agent and step: it carries no "
    "information, but is in the range of values that the network knows. A policy that plays as "
    "well with it uses no information in `ǎ`.",
    "**zero** also carries no information, and the network knows this value only from agents "
    "without neighbours. If a policy is worse with zero, but not with the mean ǎ, the cause is "
    "the network, not missing information.",
    "**unanimous neighbours, at most**: the largest change over all actions that all neighbours "
    "could take together. With the pairwise head, whose values are linear in `ǎ`, if none of "
    "these changes the most probable action, no weights of the neighbours can change it.",
)
SIDES = (
    "A policy that was trained against itself plays both teams, and may play them differently: "
    "its network can recognise the team from its view of the field. If one side wins nearly "
    "always, no matter who plays it, win rates stay near 1/2 with every exchange, and only the "
    "margin shows a difference. Games with zero are left out."
)
MARGINS = (
    "A margin is the mean of the altered policy's survivors minus those of the policy as trained: "
    "below 0, the removed information was useful in play. An effect that cannot be told apart "
    "from 0 may still be as large as its interval allows. If the interval of one algorithm leaves "
    "out 0 and that of another does not, this does not show that the two differ."
)


def write_report(folder: Path) -> None:
    """Write the page and its figure beside the rows."""
    write_folder(folder, page_of(folder, read_all(folder)))


def draw(found: Found) -> Figure:
    """A panel per measure, a line per exchange: a ring per run, and the mean with its interval."""
    groups = _groups(found.played)
    colours = colours_of(groups)
    figure, drawn = panels(len(DRAWN), (3.5, 4.1), grid="x", shared="y")
    for (measure, label), axes in zip(DRAWN.items(), drawn, strict=True):
        for index, group in enumerate(groups):
            offset = 0.7 * ((index + 0.5) / len(groups) - 0.5)
            for line, exchange in enumerate(TITLES):
                values = values_of(found, group, exchange, measure)
                if not values:
                    continue
                mean, y, colour = estimate_of(measure, values), line + offset, colours[group]
                axes.plot(values, [y] * len(values), "o", mfc="none", color=colour, alpha=0.5, ms=4)
                axes.plot([mean.low, mean.high], [y, y], color=colour, linewidth=1.6)
                axes.plot(mean.value, y, "o", color=colour, ms=5)
        axes.set_xlabel(label)
    drawn[0].set_xlim(-0.03, 1.03)
    for axes, even in zip(drawn[1:], (0.5, 0.0), strict=True):
        axes.axvline(even, color="black", linestyle="--", linewidth=0.9)
    drawn[0].set_yticks(range(len(TITLES)), list(TITLES.values()))
    drawn[0].invert_yaxis()
    for group in groups:
        drawn[0].plot([], [], "o-", color=colours[group], label=group)
    name_lines(figure, drawn[:1], columns=5)
    return figure


def page_of(folder: Path, found: Found) -> Page:
    """The results page of these rows."""
    settings, weights = found.settings, found.weights
    groups, playing = _groups(weights), _groups(found.played)
    introduction = INTRODUCTION.format(
        groups=", ".join(
            f"{sum(row.group == group for row in weights)} of {group}" for group in groups
        ),
        episodes=" or ".join(map(str, sorted({row.episode for row in weights}))),
        decisions=sum(row.decisions for row in weights),
        watched=settings.watched,
        games=settings.games,
    )
    picture = Picture(
        "reliance",
        partial(draw, found),
        "Changes with another merged action: a ring for each run, the mean and its interval",
    )
    replaced = "The replacements of the merged action, in the order of how much of it they keep:"
    sections = (
        Section("", (introduction, picture, replaced, Items(REPLACEMENTS))),
        Section("What it is worth in play", (MARGINS, Items(worths(found)))),
        Section(
            "Merged actions", (Finding(_distances(found, playing)), _weights_table(weights, groups))
        ),
        *(
            Section(heading, (Finding(conclude(found, measure)), _table(found, playing, measure)))
            for measure, heading in HEADINGS.items()
        ),
        Section("Sides", (SIDES, Finding(_one_sided(found)), _sides_table(found, playing))),
    )
    command = ["python", "-m", "studies.reliance", *settings.runs]
    command += ["--watched", str(settings.watched), "--games", str(settings.games)]
    command += ["--seed", str(settings.seed), "--out", str(folder)]
    again = (
        f"`{WEIGHTS_FILE}`, `{EXCHANGES_FILE}` and `{PLAYS_FILE}` hold a row for each run (and "
        f"exchange), `{SETTINGS_FILE}` the settings. With the runs of `docs/results/paper`:",
        Code(shlex.join(command)),
        "To write the page from the stored rows: `python -m studies.reliance --report-only --out "
        f"{folder}`.",
    )
    return Page("How much do trained policies use the merged action?", sections, again)


def conclude(found: Found, measure: str) -> str:
    """Sentence on the table of a measure."""
    groups = _groups(found.played)
    if measure in ("win_rate", "margin"):
        equal = 0.5 if measure == "win_rate" else 0.0
        better: list[str] = []
        worse: list[str] = []
        for exchange, title in EXCHANGES.items():
            for group in groups:
                values = values_of(found, group, exchange, measure)
                one = estimate_of(measure, values)
                if one.leaves_out(equal):
                    side = better if one.value > equal else worse
                    side.append(f"{group} with {title}")
        return (
            f"Better than as trained, beyond chance: {', '.join(better) or 'none'}; worse: "
            f"{', '.join(worse) or 'none'}."
        )
    said = [
        f"{_shares({group: values_of(found, group, exchange, measure) for group in groups})} "
        f"with {TITLES[exchange]}"
        for exchange in ("mean", "another's", "zero")
    ]
    return f"{'; '.join(said)}."


def _shares(values: dict[str, list[float]]) -> str:
    return ", ".join(f"{np.mean(of_group):.0%} ({group})" for group, of_group in values.items())


def _distances(found: Found, groups: Sequence[str]) -> str:
    distances = {
        group: [row.distance for row in found.weights if row.group == group] for group in groups
    }
    return f"{_shares(distances)} of the weight is on other actions than in ā."


def worths(found: Found) -> list[str]:
    """What each property of the merged action is worth, a sentence each."""
    groups, lines = _groups(found.played), []
    for exchange, what in WORTHS.items():
        margins = {
            group: estimate_of("margin", values)
            for group in groups
            if (values := values_of(found, group, exchange, "margin"))
        }
        signs = {g: np.sign(one.value) if one.leaves_out(0) else 0 for g, one in margins.items()}
        told = {
            "useful to": [g for g, sign in signs.items() if sign < 0],
            "harmful to": [g for g, sign in signs.items() if sign > 0],
            "cannot be told apart from 0 for": [g for g, sign in signs.items() if sign == 0],
        }
        said = [
            f"{verb} {', '.join(f'{g} at {margin_text(margins[g])}' for g in names)}"
            for verb, names in told.items()
            if names
        ]
        lines.append(f"**{what}:** {'; '.join(said)} (replaced by {TITLES[exchange]}).")
    return lines


def _one_sided(found: Found) -> str:
    groups = _groups(found.played)
    decided = [share for group in groups for share in _first_wins(found, group).values()]
    one_sided = sum(max(share, 1 - share) >= ONE_SIDED for share in decided)
    return (
        f"In {one_sided} of {len(decided)} runs one side won at least {ONE_SIDED:.0%} of the "
        "games, no matter which of the two policies played it."
    )


def _first_wins(found: Found, group: str) -> dict[int, float]:
    """Share of games that the first team won, for each run; games by zero are left out."""
    shares: dict[int, list[float]] = {}
    for row in found.played:
        if row.group == group and row.exchange != "zero":
            shares.setdefault(row.run_seed, []).append(row.first_wins)
    return {seed: float(np.mean(of_run)) for seed, of_run in sorted(shares.items())}


def _sides_table(found: Found, groups: Sequence[str]) -> Table:
    return Table(
        ("algorithm", "games that the first team won, run by run"),
        [
            (group, ", ".join(f"{share:.0%}" for share in _first_wins(found, group).values()))
            for group in groups
        ],
    )


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
            "probability of the most probable action",
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


def _table(found: Found, groups: Sequence[str], measure: str) -> Table:
    def cell(group: str, exchange: str) -> str:
        values = values_of(found, group, exchange, measure)
        if not values:
            return "–"
        if measure == "margin":
            return margin_text(estimate_of(measure, values))
        if measure == "win_rate":
            return _rate_text(estimate_of(measure, values))
        return _plus_minus(values)

    shown = EXCHANGES if measure in ("win_rate", "margin") else TITLES
    return Table(
        ("instead of ǎ", *groups),
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


def estimate_of(measure: str, values: Sequence[float]) -> Estimate:
    """Mean over seeds with its interval; nan where there is one seed, or none."""
    if len(values) < 2:
        return Estimate(float(np.mean(values)) if values else math.nan, math.nan, math.nan)
    if measure == "win_rate":
        return Estimate.of(rate_interval(np.array(values)[:, None]))
    mean, half = mean_and_interval(values)
    return Estimate(mean, mean - half, mean + half)


def values_of(found: Found, group: str, exchange: str, measure: str) -> list[float]:
    """Values of the runs of a group in which this was measured."""
    rows: Sequence[ExchangeRow] | Sequence[PlayRow] = (
        found.played if measure in ("win_rate", "margin") else found.exchanged
    )
    values = [
        getattr(row, measure) for row in rows if (row.group, row.exchange) == (group, exchange)
    ]
    return [value for value in values if not math.isnan(value)]


def _groups(rows: Iterable[WeightRow] | Iterable[PlayRow]) -> list[str]:
    """In the order in which the algorithms are listed everywhere."""
    order = {name: index for index, name in enumerate(ALGORITHMS)}
    groups = {row.group for row in rows}
    return sorted(groups, key=lambda group: (order.get(group.split()[0], len(order)), group))
