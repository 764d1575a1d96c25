"""Does the side decide games between equals? A script plays itself, and red's games are counted.

Games that were played are kept in ``rows.json``, case by case: the same command goes on, and plays
only what is missing.

    python -m studies.fairness --out docs/results/fairness
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import join

import numpy as np
import tyro

from cmfq.environments.battle import BattleSettings
from cmfq.play.matches import MatchResult, play_match
from cmfq.results.page import Code, Finding, Page, Section
from cmfq.results.table import Table, listing, margin_text, rate_text
from cmfq.results.writing import write_folder
from cmfq.statistics.replication import Estimate, mean_interval
from cmfq.storage import make_folder
from studies.kept_rows import keep, read_rows

CASES = (
    *(f"swarm {size} fair" for size in (64, 100, 400)),
    *(f"skirmish {size} fair" for size in (64, 100, 400)),
    *(f"swarm {size} magent" for size in (64, 100, 400)),
)
"""Script, agents a side, rules."""


@dataclass(frozen=True)
class Row:
    """Games of a script against itself."""

    script: str
    size: int
    rules: str
    games: int
    win_rate: Estimate
    """Win rate of red, the first side; 1/2 in a fair game."""
    margin: Estimate
    """Survivors of red less those of blue."""

    @property
    def name(self) -> str:
        """The case, as in :data:`CASES`."""
        return f"{self.script} {self.size} {self.rules}"


def row_of(match: MatchResult, settings: BattleSettings) -> Row:
    """What a match of a script against itself says of the sides."""
    assert match.sides is not None
    as_red = [one if one.a_side == 0 else one.swapped() for one in match.games]
    margins = [one.a_survivors - one.b_survivors for one in as_red]
    return Row(
        match.a,
        settings.size,
        settings.rules,
        len(match.games),
        match.sides.first_side,
        Estimate.of(mean_interval(np.array(margins, float).reshape(-1, 1))),
    )


def page_of(rows: Sequence[Row], again: str) -> Page:
    """Describe the results."""
    found = {rules: [row for row in rows if row.rules == rules] for rules in ("fair", "magent")}
    sentences = []
    for rules, ours in found.items():
        biased = [f"{row.script} at {row.size}" for row in ours if row.win_rate.leaves_out(0.5)]
        if ours:
            said = f"the side decides for {listing(biased)}" if biased else "no side is favoured"
            sentences.append(Finding(f"Rules {rules}: {said}, beyond chance."))
    table = Table(
        ("script", "a side", "rules", "games", "won by red", "margin of red"),
        [
            (
                row.script, str(row.size), row.rules, f"{row.games:,}", rate_text(row.win_rate),
                margin_text(row.margin),
            )
            for row in rows
        ],
        "Scripted players against themselves, 95 % intervals over games",
    )  # fmt: skip
    what = (
        "A scripted player against itself: the players are equal, so red, the first side, wins "
        "half of the games if the game is fair. *Margin*: survivors of red minus those of blue. "
        "`magent` is MAgent2's own game, `fair` the default of `cmfq` (`docs/fair-games.md` "
        "describes the differences)."
    )
    return Page(
        "Does the side decide between equal players?",
        (Section("", (what, *sentences, table)),),
        (Code(again), "plays the games that are missing; without `rows.json` it plays all games."),
    )


@dataclass(frozen=True)
class FairnessStudy:
    """The study's options."""

    out: Path
    """Folder to write."""
    games: int = 1000
    """Games of each case."""
    cases: tuple[str, ...] = CASES
    """Cases to play, each as script, agents a side and rules."""
    workers: int = 1
    """Processes."""


def main(arguments: list[str] | None = None) -> int:
    """Play what is missing and write the page."""
    study = tyro.cli(FairnessStudy, args=arguments)
    make_folder(study.out)
    rows = read_rows(study.out, Row)
    for case in study.cases:
        if any(row.name == case and row.games == study.games for row in rows):
            continue
        script, size, rules = case.split()
        settings = BattleSettings(size=int(size), rules=rules)  # type: ignore[arg-type]
        match = play_match(
            script, script, settings, episodes=study.games, seed=0, workers=study.workers
        )
        rows = [row for row in rows if row.name != case]
        keep(study.out, rows, row_of(match, settings))
    order = {case: number for number, case in enumerate(CASES)}
    rows.sort(key=lambda row: order.get(row.name, len(order)))
    again = join(["python", "-m", "studies.fairness", "--games", str(study.games)])
    write_folder(study.out, page_of(rows, f"{again} --out {study.out}"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
