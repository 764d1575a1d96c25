"""The page of the whole paper: every figure, and every claim beside what was found."""

from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import numpy as np

from cmfq.experiments.paper.bars import bars_pictures
from cmfq.experiments.paper.claims import (
    ABOUT,
    CLAIMS,
    Bounded,
    Converges,
    Earns,
    Neglected,
    Steadier,
    WinsMore,
)
from cmfq.experiments.paper.figures import FIGURES, Figure
from cmfq.experiments.paper.measuring import POWER
from cmfq.experiments.paper.plan import (
    Effort,
    Status,
    figures_called,
    hours_of_training,
    status_of,
)
from cmfq.experiments.paper.table_one import table_one
from cmfq.experiments.paper.verdicts import NEAR, Checked, Verdict, check_claims
from cmfq.results.page import Code, Finding, Items, Page, Section
from cmfq.results.table import ALIKE, Table, signed
from cmfq.results.writing import write_folder
from cmfq.text import counted, markdown_text

HOW_TO_READ = (
    "Intervals are 95 % intervals over training seeds. A claim *holds* where the interval lies on "
    f"its side; a claim about a number, where the interval lies within {100 * NEAR:.0f} points of "
    "it. It *does not hold* where the interval lies on the other side, and is *undecided* "
    "otherwise: the true difference may be smaller than the *smallest difference*, which these "
    f"seeds would show in {POWER:.0%} of cases (of win rates: the difference from 1/2). Win rates, "
    "and how much more one group wins than another, are in percent; rewards are per agent and "
    "step, of A minus B; training has *converged* where a straight line through the rewards of its "
    f"last half moves by less than {NEAR:.0%} of their range. What the paper says of its pictures "
    "(besieging, front line and flanks) is not among the claims; the page of Fig 9 has weights by "
    "distance. *Nearly every game* is taken for at least 90 %. Where two "
    "roles earn what the other loses, their claims of convergence are nearly one."
)


def write_paper(folder: Path, effort: Effort, command: str) -> list[Checked]:
    """Write the page of all figures that are there, with the claims. Gives what was found.

    Claims about worlds that the preset is not for are left out.

    Raises:
        UserError: stored results are damaged.
    """
    possible = {one.name for one in figures_called(["all"], effort.preset)}
    claims = [one for one in CLAIMS if one.measured.figure in possible]
    checked = check_claims(claims, effort, folder)
    write_folder(folder, paper_page(folder, effort, command, checked))
    return checked


def paper_page(folder: Path, effort: Effort, command: str, checked: Sequence[Checked]) -> Page:
    """Page of all figures that are there, with the claims.

    Args:
        folder: folder of the paper, with a folder for each figure.
        effort: that the figures were made with.
        command: that was called last.
        checked: what was found of all claims.
    """
    figures = [
        f"[{one.name}]({one.name}/README.md): {markdown_text(one.title)}" for one in _made(folder)
    ]
    measured = [one for one in checked if one.verdict != "not measured"]
    missing = [
        f"{one.claim.measured.figure}: {markdown_text(one.claim.says)}"
        for one in checked
        if one.verdict == "not measured"
    ]
    title = f"The paper's figures and claims, preset {effort.preset}"
    small = [
        "This is a small trial that only shows that every step works: the results mean nothing."
    ]
    return Page(
        title,
        [
            Section("", [*(small if effort.quick else ()), Finding(summary(checked))]),
            Section("Figures", [Items(figures), *bars_pictures(folder, effort)] if figures else []),
            table_one(folder),
            Section("Claims", [claims_table(measured), HOW_TO_READ] if measured else []),
            Section(
                "Not measured yet",
                [Items(missing), hours_left(folder, effort, checked)] if missing else [],
            ),
        ],
        [
            Code(command),
            "This was called last; every figure's page ends with the command that made it.",
        ],
    )


def hours_left(folder: Path, effort: Effort, checked: Sequence[Checked]) -> str:
    """What the figures take whose claims are not measured, in a sentence."""
    names = dict.fromkeys(
        one.claim.measured.figure for one in checked if one.verdict == "not measured"
    )
    statuses = {name: status_of(FIGURES[name], effort, folder) for name in names}
    hours = [f"Fig {name} about {one.core_hours:.1f}" for name, one in statuses.items()]
    games = sum(one.playing_hours for one in statuses.values())
    together = hours_of_training(statuses.values()) + games
    made = [status_of(one, effort, folder) for one in _made(folder) if one.name not in names]
    again = hours_of_training(statuses.values()) + hours_of_training(made)
    again -= hours_of_training([*statuses.values(), *made])
    return (
        f"Hours of one core that these take with {counted(effort.seeds, 'seed')}, roughly: "
        f"{', '.join(hours)}; {together:.1f} together, since they share runs. {again:.1f} of these "
        "are for runs of the figures above, which are trained again only where their folders were "
        "not kept."
    )


def _made(folder: Path) -> list[Figure]:
    """Figures whose pages are there."""
    return [one for one in FIGURES.values() if (folder / one.name / "README.md").is_file()]


def summary(checked: Sequence[Checked]) -> str:
    """How many claims hold, in a sentence for each kind of claim."""
    words = {
        "holds": ("holds", "hold"),
        "does not hold": ("does not hold", "do not hold"),
        "undecided": ("is undecided with so few seeds", "are undecided with so few seeds"),
        "not measured": ("is not measured yet", "are not measured yet"),
    }
    said = []
    for what, kinds in ABOUT.items():
        found = [one.verdict for one in checked if isinstance(one.claim.measured, kinds)]
        counts = {one: found.count(one) for one in get_args(Verdict) if one in found}
        parts = [f"{number} {words[one][number > 1]}" for one, number in counts.items()]
        if found:
            said.append(f"Of {counted(len(found), 'claim')} {what} {', '.join(parts)}.")
    return " ".join(said)


def claims_table(checked: Sequence[Checked]) -> Table:
    """A row for each claim; what matters stands first, where a phone shows it."""
    return Table(
        ("claim", "verdict", "found", "smallest difference", "seeds", "figure"),
        [
            (
                one.claim.says,
                one.verdict,
                found_text(one),
                _number(one, one.smallest),
                str(one.seeds),
                one.claim.measured.figure,
            )
            for one in checked
        ],
    )


def verdict_table(checked: Sequence[Checked]) -> Table:
    """A row for each claim that is measured, narrow enough for a terminal."""
    return Table(
        ("claim", "found", "verdict"),
        [
            (one.claim.says, found_text(one), one.verdict)
            for one in checked
            if one.verdict != "not measured"
        ],
        "Claims of the paper, 95 % intervals over seeds",
    )


def status_table(statuses: Sequence[Status], title: str) -> Table:
    """What every figure needs and has."""
    return Table(
        ("figure", "shows", "runs", "games", "core-hours left"),
        [
            (
                one.figure.name,
                one.figure.title,
                f"{one.trained} of {one.runs}",
                f"{one.played} of {one.games}" if one.games else "none",
                f"{one.core_hours:.1f}",
            )
            for one in statuses
        ],
        title,
    )


def found_text(one: Checked) -> str:
    """What was found of a claim, with its interval."""
    if one.found is None:
        return ""
    value = _number(one, one.found.value)
    if not np.isfinite(one.found.low + one.found.high):
        return f"{value} (too few seeds)"
    if one.found.alike:
        return value if isinstance(one.claim.measured, Bounded) else f"{value} ({ALIKE})"
    length = f" in {counted(one.episodes, 'episode')}" if one.episodes else ""
    return f"{value} ({_number(one, one.found.low)} to {_number(one, one.found.high)}){length}"


def _number(one: Checked, value: float) -> str:
    if not np.isfinite(value):
        return ""
    if isinstance(one.claim.measured, Earns | Steadier):
        return signed(value, 3)
    if isinstance(one.claim.measured, Neglected):
        return f"{value:.1%}"
    if isinstance(one.claim.measured, Converges | WinsMore):
        return f"{signed(100 * value)}%"
    return f"{value:.0%}"
