"""Tables and figure of the signal study, from its raw rows."""

import csv
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from functools import partial
from math import comb
from pathlib import Path
from shlex import quote
from textwrap import fill
from typing import get_args

import msgspec
import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from scipy.stats import poisson

from cmfq.environments.signal import Setting, SignalSettings
from cmfq.errors import UserError
from cmfq.play.outcomes import estimate
from cmfq.results.page import Code, Finding, Items, Page, Part, Picture, Section
from cmfq.results.style import COLOURS, DASHES, beside, name_lines, panels
from cmfq.results.table import Table, listing
from cmfq.results.writing import write_folder
from cmfq.statistics.intervals import mean_interval
from cmfq.training.former import todays_algorithm


@dataclass(frozen=True)
class SignalRow:
    """One run of the study."""

    setting: str
    babblers: int
    variant: str
    seed: int
    weight_share: float
    ranks_first: float
    reward: float


ROWS_FILE = "rows.csv"
TITLES = {
    "action": "the signaller is known by its action",
    "observation": "the signaller is known by its observation",
}
MEASURES = {
    "weight_share": "weight on the signaller",
    "ranks_first": "signaller ranks first",
    "reward": "reward, as a share of the optimum",
}
STYLES = {
    "mfq": (COLOURS["mfq"], "o"),
    "cmfq": (COLOURS["cmfq"], "s"),
    "cmfq, recomputed": ("#56b4e9", "P"),
    "cmfq, leave-one-out": ("#e69f00", "D"),
    "attention-mfq": ("#009e73", "^"),
    "random-weights": ("#cc79a7", "v"),
}
"""Colour (of Okabe and Ito) and marker of each variant."""


def write_rows(folder: Path, rows: Iterable[SignalRow]) -> None:
    """Write each row as it comes."""
    with (folder / ROWS_FILE).open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [one.name for one in fields(SignalRow)], lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow(asdict(row))
            file.flush()


def read_rows(folder: Path) -> list[SignalRow]:
    """Read what :func:`write_rows` wrote.

    Raises:
        UserError: there are no rows.
    """
    file = folder / ROWS_FILE
    if not file.is_file():
        raise UserError(f"there is no {file}: run the study without --report-only first")
    with file.open(newline="", encoding="utf-8") as opened:
        rows = [
            {**row, "variant": todays_algorithm(row["variant"])} for row in csv.DictReader(opened)
        ]
    return msgspec.convert(rows, list[SignalRow], strict=False)


def mean_and_interval(values: Sequence[float]) -> tuple[float, float]:
    """Mean, and half the width of Student's 95 % interval of it; nan for a single value."""
    low, high = mean_interval(np.array(values))
    return float(np.mean(values)), (high - low) / 2 if len(values) > 1 else math.nan


def write_report(folder: Path) -> None:
    """Write the page and its figure beside the rows."""
    write_folder(folder, page_of(folder, read_rows(folder)))


LINES = (*DASHES, (0, (2, 4)))
"""Styles of the variants' lines: several lie on each other."""


def draw(rows: Sequence[SignalRow]) -> Figure:
    """A row of panels per setting, a column per measure, over the number of babblers.

    The band is the 95 % interval of the mean over seeds.
    """
    figure, drawn = panels(2 * len(MEASURES), (3.5, 2.9), columns=len(MEASURES))
    lines = (drawn[: len(MEASURES)], drawn[len(MEASURES) :])
    babblers = sorted({row.babblers for row in rows})
    variants = [name for name in STYLES if any(row.variant == name for row in rows)]
    for setting, line in zip(get_args(Setting), lines, strict=True):
        for (measure, label), axes in zip(MEASURES.items(), line, strict=True):
            shifts = beside(len(variants), [math.log2(many) for many in babblers])
            for number, (variant, shift) in enumerate(zip(variants, shifts, strict=True)):
                colour, marker = STYLES[variant]
                middle, half = _curve(rows, setting, variant, measure, babblers)
                places = [many * 2**shift for many in babblers]
                axes.plot(places, middle, color=colour, marker=marker, label=variant, ms=4.5,
                          linestyle=LINES[number])  # fmt: skip
                low, high = np.clip((middle - half, middle + half), 0, 1)
                axes.fill_between(places, low, high, color=colour, alpha=0.18, linewidth=0)
            reference = [_reference(setting, measure, count) for count in babblers]
            axes.plot(babblers, reference, "k--", linewidth=0.9, label="all alike; best by counts")
            axes.set_title(label)
            axes.set_xscale("log", base=2)
            axes.set_xticks(babblers, [str(b) for b in babblers])
            axes.set_ylim(-0.03, 1.03)
        line[0].set_ylabel(fill(TITLES[setting], 26))
    for axes in lines[1]:
        axes.set_xlabel("babblers per listener")
    name_lines(figure, drawn[:1], columns=len(variants) + 1)
    return figure


def page_of(folder: Path, rows: Sequence[SignalRow]) -> Page:
    """The results page of these rows."""
    seeds = len({row.seed for row in rows})
    introduction = (
        "The environment is `signal` (`cmfq.environments.signal`): each listener has one "
        "signaller among its neighbours, whose action names the rewarded action, and a number of "
        f"babblers. A reward of 1 is the optimum; {1 / SignalSettings().signals:g} is the reward "
        f"without any information. Means over {seeds} seeds, ± half the width of Student's 95 % "
        "interval. *Beyond chance*: the 95 % interval of a rate, which has a width even where all "
        "seeds give the same (`docs/statistics.md`), leaves out the reference."
    )
    picture = Picture(
        "signal",
        partial(draw, rows),
        "Weight on the signaller, how often it ranks first, and reward",
    )
    sections = [Section("", (introduction, picture, Items(TERMS), HOW_TO_READ))]
    for setting in get_args(Setting):
        parts: list[Part] = []
        for measure, label in MEASURES.items():
            parts += [f"{label}:", Finding(_found(rows, setting, measure))]
            parts.append(_table(rows, setting, measure))
        sections.append(Section(f"Setting {setting}: {TITLES[setting]}", parts))
    again = (
        Code(f"python -m studies.signal --out {quote(str(folder))}"),
        f"trains and measures; `{ROWS_FILE}` holds a row for each run, `settings.json` the "
        "settings. With `--report-only` the page is written from the stored rows.",
    )
    return Page("An environment where it is known which neighbour matters", sections, again)


TERMS = (
    "**weight on the signaller**: its share of the merged action; `1 / neighbours` if all weights "
    "are equal.",
    "**ranks first**: share of decisions in which no neighbour has a larger weight; ties are "
    "broken at random. In `random-weights`, neighbours with the same action share the mean of "
    "their draws, so a neighbour with an action of its own is more often an extreme.",
    "**best by counts**: highest reward if only the number of neighbours with each action is "
    "known, not who they are. The dashed line is this for the reward, and `1 / neighbours` for "
    "the weights.",
)
HOW_TO_READ = (
    "How to read it: Eq 7 measures how far the policy *moves* if all neighbours act like one of "
    "them. If the mean action already contains the signal, replacing it by the signaller's action "
    "changes nothing, and replacing it by a babbler's action changes much: the effect then points "
    "away from the neighbour that matters. The same holds for the one signal that names the "
    "action that the policy prefers anyway. `recomputed` learns from merged actions with the "
    "current weights (`--merged-action recomputed`), not with those from the time of the action. "
    "`leave-one-out` is another do-operation: its effect is largest for a neighbour that is one "
    "of few."
)


def _found(rows: Sequence[SignalRow], setting: Setting, measure: str) -> str:
    """Which variants lie above or below the reference, whatever the number of babblers."""
    babblers = sorted({row.babblers for row in rows})
    above: list[str] = []
    below: list[str] = []
    both: list[str] = []
    for variant in [name for name in STYLES if any(row.variant == name for row in rows)]:
        sides = set()
        for number in babblers:
            reference = _reference(setting, measure, number)
            values = _values(rows, setting, variant, measure, number)
            one = estimate(np.array(values)[:, None], share=True)
            sides.add(int(np.sign(one.value - reference)) if one.leaves_out(reference) else 0)
        if sides == {1}:
            above.append(f'"{variant}"')
        elif sides == {-1}:
            below.append(f'"{variant}"')
        elif {1, -1} <= sides:
            both.append(f'"{variant}"')
    return (
        f"Beyond chance at every number of babblers, above {_last_column(measure)}: "
        f"{listing(above) if above else 'none'}; below: {listing(below) if below else 'none'}. "
        f"Above at some numbers and below at others: {listing(both) if both else 'none'}."
    )


def _last_column(measure: str) -> str:
    return "best by counts" if measure == "reward" else "all alike"


def _table(rows: Sequence[SignalRow], setting: Setting, measure: str) -> Table:
    variants = [name for name in STYLES if any(row.variant == name for row in rows)]
    lines = []
    for number in sorted({row.babblers for row in rows}):
        cells = []
        for variant in variants:
            middle, half = _curve(rows, setting, variant, measure, [number])
            cells.append(f"{middle[0]:.3f} ± {half[0]:.3f}")
        lines.append((str(number), *cells, f"{_reference(setting, measure, number):.3f}"))
    return Table(("babblers", *variants, _last_column(measure)), lines)


def _reference(setting: Setting, measure: str, babblers: int) -> float:
    """Reference without telling neighbours apart: equal weights, or the best by counts."""
    if measure == "reward":
        return best_from_counts(SignalSettings(setting=setting, babblers=babblers))
    return 1 / (1 + babblers)


def _curve(
    rows: Sequence[SignalRow], setting: str, variant: str, measure: str, babblers: Sequence[int]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Means, and half widths of their intervals, for each number of babblers."""
    points = [
        mean_and_interval(_values(rows, setting, variant, measure, number)) for number in babblers
    ]
    middle, half = np.array(points).T
    return middle, half


def _values(
    rows: Sequence[SignalRow], setting: str, variant: str, measure: str, babblers: int
) -> list[float]:
    """A measure of every run of a variant."""
    return [
        getattr(row, measure)
        for row in rows
        if (row.setting, row.variant, row.babblers) == (setting, variant, babblers)
    ]


def best_from_counts(settings: SignalSettings) -> float:
    """The most that a listener can earn per step, knowing how many took each action but not who.

    In the setting ``action`` that is the optimum. In ``observation`` it is to follow the signal
    heard most often, ties by lot: with ``m`` signallers, the truth is heard ``m + X_1`` times and
    the other signals ``X_2, X_3, ...`` times, and the ``X`` are independent Poisson variables
    given that they add up to the number of babblers.
    """
    if settings.setting == "action" or settings.babblers == 0:
        return 1.0
    babblers, others, extra = settings.babblers, settings.signals - 1, settings.signallers
    mass = poisson.pmf(np.arange(babblers + extra + 1), babblers / settings.signals)
    won = 0.0
    for own in range(babblers + 1):
        heard = own + extra
        for ties in range(others + 1):
            rest = babblers - own - ties * heard  # by the signals heard less often
            if rest < 0:
                break
            ways = np.ones(1)
            for _ in range(others - ties):
                ways = np.convolve(ways, mass[:heard])
            chance = mass[own] * mass[heard] ** ties * (ways[rest] if rest < len(ways) else 0.0)
            won += comb(others, ties) * chance / (ties + 1)
    return float(won / poisson.pmf(babblers, babblers))
