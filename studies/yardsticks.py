"""How many seeds does each yardstick need to tell the same two policies apart?

From the games of ``cmfq progress``: two checkpoints of every run meet the same opponents. For each
yardstick the differences between the two, one for each training seed, have a mean and a
standard deviation; from those follows how many seeds a paired t test needs to see the difference
four times in five.

    python -m studies.yardsticks docs/results/strong64/progress.json.gz --out build/yardsticks
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro
from scipy import special

from cmfq.errors import UserError
from cmfq.play.outcomes import YARDSTICKS, estimate
from cmfq.play.progress import ProgressRow, progress_rows
from cmfq.play.reading import finished_progress
from cmfq.results.page import Code, Finding, Page, Section
from cmfq.results.table import Table, listing, margin_text, signed
from cmfq.results.writing import write_folder
from cmfq.statistics.power import power_of_t
from cmfq.statistics.replication import Estimate

SHOWN = ("log_damage_ratio", "attacks_unhurt", "attacks_hurt", "steps", "truncated")
"""Yardsticks beside the win rate and the margin."""
POWER = 0.8
MOST = 1000
"""Number of seeds above which it is said to be out of reach."""
UNKNOWN = "–"
"""In the place of a number of seeds that cannot be estimated."""


@dataclass(frozen=True)
class Difference:
    """What one yardstick says of two checkpoints against one opponent."""

    opponent: str
    yardstick: str
    differences: tuple[float, ...]
    """Of the later less the earlier checkpoint, one for each training seed."""
    later: tuple[float, ...]
    """Values of the later checkpoint, one for each training seed."""

    @property
    def mean(self) -> Estimate:
        """Mean over seeds, with its interval."""
        return estimate(np.array(self.differences)[:, None], share=False)

    @property
    def deviation(self) -> float:
        """Standard deviation of the differences."""
        return float(np.std(self.differences, ddof=1))

    @property
    def seeds_needed(self) -> int | None:
        """Seeds at which a paired t test of 5 % sees this difference four times in five.

        None if all differences are equal, so that their deviation cannot be estimated.
        """
        if self.mean.alike:
            return None
        return seeds_needed(float(np.mean(self.differences)), self.deviation)


def seeds_needed(mean: float, deviation: float) -> int:
    """Least number of replicates, at least 2 and at most :data:`MOST`.

    Args:
        mean: mean of the differences.
        deviation: their standard deviation, above 0.
    """
    if mean == 0:
        return MOST
    for seeds in range(2, MOST):
        critical = special.stdtrit(seeds - 1, 0.975)
        if power_of_t(mean / deviation * np.sqrt(seeds), seeds - 1, critical) >= POWER:
            return seeds
    return MOST


def differences(rows: Sequence[ProgressRow], earlier: int, later: int) -> list[Difference]:
    """All yardsticks against all opponents.

    Raises:
        UserError: fewer than two runs have both checkpoints.
    """
    values: dict[tuple[str, str], dict[str, dict[int, float]]] = {}
    for row in rows:
        measured = {"win_rate": row.win_rate, "margin": row.margin} | {
            name: value for name, value in row.yardsticks.items() if name in SHOWN
        }
        for name, value in measured.items():
            values.setdefault((row.opponent, name), {}).setdefault(row.run, {})[row.episode] = value
    found = []
    for (opponent, name), of_runs in values.items():
        both = [of for of in of_runs.values() if {earlier, later} <= of.keys()]
        if len(both) < 2:
            raise UserError(
                f"{len(both)} run(s) have checkpoints of the episodes {earlier} and {later}: name "
                "two episodes that at least two runs have"
            )
        pairs = tuple(of[later] - of[earlier] for of in both)
        found.append(Difference(opponent, name, pairs, tuple(of[later] for of in both)))
    return found


def page_of(found: Sequence[Difference], earlier: int, later: int, again: str) -> Page:
    """Describe the results."""
    seeds = len(found[0].differences)
    return Page(
        "How many seeds does each yardstick need?",
        (
            Section(
                "",
                (
                    f"Checkpoints of episode {later} minus those of episode {earlier}, of the "
                    f"same {seeds} training seeds, against the same opponents. *Seeds needed*: at "
                    "this mean and standard deviation a paired t test (5 %, two-sided) detects "
                    "the difference in four cases of five. With few seeds the standard deviation "
                    "is itself uncertain, so the numbers are orders of magnitude.",
                    Finding(_fewest(found)),
                    _table(found),
                    *_unknown(found),
                ),
            ),
            Section(
                "Standard deviation between seeds",
                (
                    f"Standard deviation over seeds of the checkpoints of episode {later}.",
                    Finding(_steadiest(found)),
                    _spread(found),
                ),
            ),
        ),
        (Code(again),),
    )


def _fewest(found: Sequence[Difference]) -> str:
    """Sentence on the yardsticks that need the fewest seeds against each opponent, all of them."""
    needed: dict[str, dict[str, int]] = {}
    for one in found:
        if one.seeds_needed is not None:
            needed.setdefault(one.opponent, {})[_name(one.yardstick)] = one.seeds_needed
    named = []
    for opponent, seeds in needed.items():
        least = min(seeds.values())
        names = [name for name, number in seeds.items() if number == least]
        named.append(f"{opponent}: {' and '.join(names)} ({_seeds_text(least)})")
    if not named:
        return "No number of seeds can be estimated: all seeds have the same differences."
    return f"Yardsticks that need the fewest seeds. {'; '.join(named)}."


def _unknown(found: Sequence[Difference]) -> list[str]:
    """Sentence on the yardsticks without a number of seeds, if there are any."""
    if all(one.seeds_needed is not None for one in found):
        return []
    return [
        f"A dash ({UNKNOWN}): all seeds have the same difference, so its standard deviation, and "
        "with it the number of seeds, cannot be estimated."
    ]


def _seeds_text(seeds: int | None) -> str:
    if seeds is None:
        return UNKNOWN
    return str(seeds) if seeds < MOST else f"{MOST} or more"


def _name(yardstick: str) -> str:
    return "win rate" if yardstick == "win_rate" else YARDSTICKS[yardstick].label


def _digits(yardstick: str) -> int:
    known = YARDSTICKS.get(yardstick)
    return 2 if known is None or known.share else known.digits


def _table(found: Sequence[Difference]) -> Table:
    rows = []
    for one in found:
        digits = _digits(one.yardstick)
        rows.append(
            (
                one.opponent,
                _name(one.yardstick),
                margin_text(one.mean, digits),
                f"{one.deviation:.{digits}f}",
                _seeds_text(one.seeds_needed),
            )
        )
    columns = ("opponent", "yardstick", "difference (95 % interval)", "deviation", "seeds needed")
    return Table(columns, rows, "Seeds needed")


def _steadiest(found: Sequence[Difference]) -> str:
    """Sentence on the win rates, which one reads first."""
    spread = {
        one.opponent: float(np.std(one.later, ddof=1))
        for one in found
        if one.yardstick == "win_rate"
    }
    said = [f"{100 * value:.0f} points against {name}" for name, value in spread.items()]
    return f"Win rates of runs that differ in their seed alone deviate by {listing(said)}."


def _spread(found: Sequence[Difference]) -> Table:
    rows = [
        (
            one.opponent,
            _name(one.yardstick),
            signed(float(np.mean(one.later)), _digits(one.yardstick)),
            f"{np.std(one.later, ddof=1):.{_digits(one.yardstick)}f}",
        )
        for one in found
    ]
    return Table(("opponent", "yardstick", "mean", "deviation between seeds"), rows)


@dataclass(frozen=True)
class YardstickStudy:
    """The study's options."""

    games: tyro.conf.Positional[Path]
    """Games of `cmfq progress`: the log, or progress.json.gz."""
    out: Path
    """Folder to write."""
    earlier: int = 400
    """Episode of the earlier checkpoints."""
    later: int = 800
    """Episode of the later checkpoints."""
    group: str = "cmfq"
    """Group of runs."""


def main(arguments: list[str] | None = None) -> int:
    """Count the seeds and write the page."""
    study = tyro.cli(YardstickStudy, args=arguments)
    played = finished_progress(study.games)
    rows = [row for row in progress_rows(played) if row.group == study.group]
    found = differences(rows, study.earlier, study.later)
    words = ["--earlier", study.earlier, "--later", study.later, "--group", study.group]
    again = (
        f"python -m studies.yardsticks {study.games} {' '.join(map(str, words))} --out {study.out}"
    )
    write_folder(study.out, page_of(found, study.earlier, study.later, again))
    return 0


if __name__ == "__main__":
    sys.exit(main())
