"""Coverage of the intervals in simulated tournaments whose true win rates are known.

``python -m studies.coverage --out docs/results/coverage`` writes the rows and the tables.

A seed of either algorithm has a strength, a pair of seeds has a knack, and a game is won with
probability ``Φ(μ + row + column + cell)``, all three normal; then the true mean win rate is
``Φ(μ / sqrt(1 + variances))``, so that ``μ`` can be set to give any win rate wanted. In one world
some seeds fail, as trainings do: their strength is far below that of the others.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from shlex import quote
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import tyro
from scipy import optimize, stats

from cmfq.results.page import Code, Finding, Page, Section
from cmfq.results.table import Table
from cmfq.results.writing import write_folder
from cmfq.statistics.power import power, variation
from cmfq.statistics.rating import ELO, rate_groups
from cmfq.statistics.replication import Interval, mean_interval, rate_interval
from cmfq.storage import make_folder, write_bytes
from cmfq.text import counted, csv_text

FloatArray = npt.NDArray[np.float64]


class Spread(NamedTuple):
    """Standard deviations, in units in which the luck of a game has 1."""

    rows: float
    columns: float
    cells: float
    failing: float = 0.0
    """Share of the rows' seeds that are :data:`FAILURE` weaker."""


FAILURE = 2.0
WORLDS = {
    "seeds alike": Spread(0.2, 0.2, 0.2),
    "one side varies": Spread(0.3, 0.9, 0.4),
    "both vary": Spread(0.6, 0.6, 0.4),
    "both vary much": Spread(0.9, 0.9, 0.5),
    "pairs vary": Spread(0.4, 0.4, 0.7),
}
FAILING = {"one in five fails": Spread(0.2, 0.2, 0.2, failing=0.2)}
RATES = (0.5, 0.7, 0.85, 0.95)
MEANS_FACTOR = 5
"""Tournaments of means for each of win rates: they take no time."""
POWER_SEEDS = (3, 5, 10, 35)
POWER_DIFFERENCES = (0.1, 0.2, 0.4)
PILOT_SEEDS = 40
"""Seeds of each side of the tournament of equals from which power is foretold."""
SIDES = ((3, 3), (5, 5), (10, 10), (5, 1), (2, 10), (10, 2), (3, 10), (10, 3), (5, 10))
"""Seeds of each side; a side of one is an opponent that stays as it is."""
MEAN_SIDES = ((2, 2), (3, 3), (5, 5), (10, 10), (2, 3), (2, 5), (3, 5), (2, 10), (3, 10), (5, 10))
MEAN_WORLDS = tuple(
    Spread(*spread)
    for spread in (
        (1, 0, 0.3), (1, 0.3, 0.3), (1, 0.5, 0.3), (1, 1, 0.3), (0.5, 1, 0.3), (0.3, 1, 0.3),
        (0, 1, 0.3), (1, 0, 1), (0, 0, 1),
    )
)  # fmt: skip
"""Standard deviations of normal scores; the first side has no more seeds than the second."""


def simulate(
    world: Spread,
    rate: float,
    sides: tuple[int, int],
    games: int,
    repetitions: int,
    generator: np.random.Generator,
) -> FloatArray:
    """Scores ``(repetitions, rows, columns)`` of tournaments whose true win rate is ``rate``.

    A side of one is always the same opponent, the one of mean strength, and pairs do not matter.
    """
    rows, columns = sides
    fixed = columns == 1
    spread = world._replace(columns=0.0, cells=0.0) if fixed else world
    failed = generator.random((repetitions, rows, 1)) < spread.failing
    logit = (
        mean_strength(spread, rate)
        - FAILURE * failed
        + spread.rows * generator.standard_normal((repetitions, rows, 1))
        + spread.columns * generator.standard_normal((repetitions, 1, columns))
        + spread.cells * generator.standard_normal((repetitions, rows, columns))
    )
    return np.asarray(generator.binomial(games, stats.norm.cdf(logit)) / games)


def mean_strength(spread: Spread, rate: float) -> float:
    """Strength of the seeds that do not fail, less the opponents', where this is the win rate."""
    scale = np.sqrt(1 + spread.rows**2 + spread.columns**2 + spread.cells**2)

    def excess(strength: float) -> float:
        failing = stats.norm.cdf((strength - FAILURE) / scale)
        whole = stats.norm.cdf(strength / scale)
        return float(spread.failing * failing + (1 - spread.failing) * whole - rate)

    return float(optimize.brentq(excess, -20, 20))


def percentile_bootstrap(
    scores: FloatArray, draws: int, generator: np.random.Generator
) -> Interval:
    """The usual bootstrap over the seeds of both sides, to compare with."""
    rows, columns = scores.shape[-2:]
    row = generator.multinomial(rows, np.full(rows, 1 / rows), draws) / rows
    column = generator.multinomial(columns, np.full(columns, 1 / columns), draws) / columns
    means = np.einsum("di,rij,dj->rd", row, scores, column, optimize=True)
    low, high = np.quantile(means, (0.025, 0.975), axis=1)
    return Interval(scores.mean((-2, -1)), low, high)


@dataclass(frozen=True)
class CoverageRow:
    """Coverage in one world, at one win rate and number of seeds."""

    world: str
    win_rate: float
    rows: int
    columns: int
    covered: float
    """Share of intervals that held the true win rate."""
    width: float
    """Mean width of the intervals."""
    bootstrap_covered: float
    """The same for :func:`percentile_bootstrap`."""


def measure(repetitions: int, games: int, seed: int) -> Iterator[CoverageRow]:
    """Every world, win rate and number of seeds."""
    generator = np.random.default_rng(seed)
    for rows, columns in SIDES:
        for rate in RATES:
            for name, world in (WORLDS | FAILING).items():
                scores = simulate(world, rate, (rows, columns), games, repetitions, generator)
                ours = rate_interval(scores)
                usual = percentile_bootstrap(scores, 200, generator)
                yield CoverageRow(
                    name,
                    rate,
                    rows,
                    columns,
                    covered(ours, rate),
                    float((ours.high - ours.low).mean()),
                    covered(usual, rate),
                )


@dataclass(frozen=True)
class MeanRow:
    """Coverage of intervals of means of normal scores, in the worlds of :data:`MEAN_WORLDS`."""

    rows: int
    columns: int
    least: float
    mean: float
    greatest: float


def measure_means(repetitions: int, seed: int) -> Iterator[MeanRow]:
    """Every number of seeds, over the worlds."""
    generator = np.random.default_rng(seed)
    for rows, columns in MEAN_SIDES:
        shares = []
        for spread in MEAN_WORLDS:
            scores = (
                spread.rows * generator.standard_normal((repetitions, rows, 1))
                + spread.columns * generator.standard_normal((repetitions, 1, columns))
                + spread.cells * generator.standard_normal((repetitions, rows, columns))
            )
            shares.append(covered(mean_interval(scores), 0.0))
        yield MeanRow(rows, columns, min(shares), float(np.mean(shares)), max(shares))


def covered(interval: Interval, truth: float) -> float:
    """Share of intervals that hold the truth."""
    return float(((interval.low <= truth) & (truth <= interval.high)).mean())


@dataclass(frozen=True)
class PowerRow:
    """Power at one difference and number of seeds, least and greatest among the worlds."""

    seeds: int
    difference: float
    foretold: tuple[float, float]
    """By ``cmfq power``, from a tournament of algorithms that are equally strong."""
    told: tuple[float, float]
    """Share of simulated tournaments whose interval leaves out 1/2."""
    largest_error: float
    """Greatest error of the predicted power, in any world."""


def measure_power(repetitions: int, games: int, seed: int) -> Iterator[PowerRow]:
    """Every number of seeds and difference, over the worlds."""
    generator = np.random.default_rng(seed)
    pilots = [_pilot(world, games, generator) for world in WORLDS.values()]
    for seeds in POWER_SEEDS:
        for difference in POWER_DIFFERENCES:
            foretold = [power(variation(points), difference, seeds) for points in pilots]
            told = []
            for world in WORLDS.values():
                scores = simulate(
                    world, 0.5 + difference, (seeds, seeds), games, repetitions, generator
                )
                told.append(1 - covered(rate_interval(scores), 0.5))
            errors = np.abs(np.subtract(foretold, told))
            yield PowerRow(
                seeds,
                difference,
                (min(foretold), max(foretold)),
                (min(told), max(told)),
                float(errors.max()),
            )


def _pilot(world: Spread, games: int, generator: np.random.Generator) -> FloatArray:
    """Points ``(seeds, seeds, games)`` of two algorithms that are equally strong."""
    sides = (PILOT_SEEDS, PILOT_SEEDS)
    wins = np.rint(games * simulate(world, 0.5, sides, games, 1, generator)[0])
    return np.asarray((np.arange(games) < wins[..., None]).astype(float))


def rating_coverage(
    strengths: Sequence[float], spread: float, seeds: int, games: int, repetitions: int, seed: int
) -> float:
    """Share of rating intervals that hold the truth, where Bradley and Terry's model is true.

    Args:
        strengths: strengths of the algorithms, on the model's scale.
        spread: standard deviation between seeds of one algorithm.
        seeds: number of seeds of each algorithm.
        games: number of games of each pair of entrants.
        repetitions: tournaments.
        seed: random seed of the simulation.
    """
    generator = np.random.default_rng(seed)
    truth = ELO * (np.array(strengths) - np.mean(strengths))
    group = np.repeat(np.arange(len(strengths)), seeds)
    apart = group[:, None] != group[None]
    held = []
    for _ in range(repetitions):
        player = np.repeat(strengths, seeds) + spread * generator.standard_normal(len(group))
        chance = 1 / (1 + np.exp(player[None] - player[:, None]))
        first = np.triu(generator.binomial(games, chance) * apart)
        wins = first + (np.triu(games * apart) - first).T
        rated = rate_groups(wins, np.zeros_like(wins, float), group)
        held.append((rated.low <= truth) & (truth <= rated.high))
    return float(np.mean(held))


@dataclass(frozen=True)
class CoverageStudy:
    """Measure how often the intervals hold the truth."""

    out: Path
    """Folder for the rows and the page."""
    repetitions: int = 4000
    """Simulated tournaments of each kind."""
    games: int = 20
    """Number of games of each pair of seeds."""
    seed: int = 0


def page_of(
    rows: Sequence[CoverageRow],
    ratings: Sequence[tuple[int, float, float]],
    powers: Sequence[PowerRow],
    means: Sequence[MeanRow],
    study: CoverageStudy,
) -> Page:
    """The results page.

    Args:
        rows: coverage of the intervals of win rates.
        ratings: seeds, Elo points between them, and coverage of the intervals of ratings.
        powers: predicted and simulated power.
        means: coverage of the intervals of means of any scale.
        study: settings of the study.
    """
    worlds = ", ".join(f"*{name}* {tuple(world)[:3]}" for name, world in WORLDS.items())
    introduction = (
        f"Win rates of simulated tournaments with {study.games} games for each pair of seeds, "
        f"{study.repetitions} tournaments for each of {worlds}: standard deviations of the "
        "strength of the rows' seeds, the columns', and of pairs, "
        "where the luck of a game has 1. In each cell the least and the greatest coverage among "
        "these worlds. `5 v 1`: five seeds against one fixed opponent; `2 v 10` and "
        "`10 v 2` differ, because in one world it is the columns' seeds that vary. Last: where "
        f"seeds are alike but for one in five of the rows', which fails ({FAILURE:g} weaker)."
    )
    found = Finding(_least_sentence(rows))
    sections = (
        Section("", (introduction, found, _win_rate_table(rows))),
        _means_section(means, study),
        Section(
            "Ratings",
            (
                "Where Bradley and Terry's model is true: three algorithms 100 points apart, the "
                "coverage of all their intervals.",
                Finding(f"It is {_range([one[2] for one in ratings])}."),
                _rating_table(ratings),
            ),
        ),
        _power_section(powers),
    )  # fmt: skip
    again = (Code(f"python -m studies.coverage --out {quote(str(study.out))}"),)
    return Page("Do 95 % intervals hold the truth 95 times in 100?", sections, again)


def _least_sentence(rows: Sequence[CoverageRow]) -> str:
    """Sentence: the least coverage without failing seeds, and with them."""
    sound = min(row.covered for row in rows if row.world in WORLDS)
    failing = min(row.covered for row in rows if row.world in FAILING)
    return (
        "The least coverage of any world, win rate and number of seeds is "
        f"{sound:.1%} without failing seeds, and {failing:.1%} where one seed in five fails."
    )


def _means_section(means: Sequence[MeanRow], study: CoverageStudy) -> Section:
    """Coverage of the intervals of means of any scale."""
    return Section(
        "Means of any scale",
        (
            "Student's intervals of means of normal scores, such as margins and rewards, in "
            f"{len(MEAN_WORLDS)} worlds of standard deviations of rows, columns and pairs: "
            + ", ".join(str(tuple(world)[:3]) for world in MEAN_WORLDS)
            + f". {MEANS_FACTOR * study.repetitions:,} tournaments of each. They hold the "
            "truth least often where one side alone varies, since few of its seeds may happen "
            "to lie close together.",
            Finding(
                f"The least coverage in any world is {min(row.least for row in means):.1%}, "
                f"the mean over worlds {min(row.mean for row in means):.1%} or more."
            ),
            Table(
                ("seeds", "coverage", "mean over worlds"),
                [
                    (f"{row.rows} v {row.columns}", _range([row.least, row.greatest]),
                     f"{row.mean:.1%}")
                    for row in means
                ],
            ),
        ),
    )  # fmt: skip


def _power_section(powers: Sequence[PowerRow]) -> Section:
    """Predicted and simulated power."""
    return Section(
        "Power",
        (
            "What `cmfq power` predicts from a tournament of two algorithms that are equally "
            f"strong ({PILOT_SEEDS} seeds each), beside the share of simulated tournaments "
            "that told them apart: the least and the greatest among the same worlds.",
            Finding(
                f"Predicted and simulated power differ by at most "
                f"{_points(max(row.largest_error for row in powers))} in any world."
            ),
            Table(
                ("seeds each", "true win rate", "power predicted", "told apart",
                 "largest error in a world"),
                [
                    (str(row.seeds), f"{0.5 + row.difference:.0%}", _range(row.foretold),
                     _range(row.told), _points(row.largest_error))
                    for row in powers
                ],
            ),
        ),
    )  # fmt: skip


def _rating_table(ratings: Sequence[tuple[int, float, float]]) -> Table:
    return Table(
        ("seeds each", "points between seeds (standard deviation)", "coverage"),
        [(str(seeds), f"{points:.0f}", f"{share:.1%}") for seeds, points, share in ratings],
    )


def _win_rate_table(rows: Sequence[CoverageRow]) -> Table:
    columns = (
        "seeds", "true win rate", "coverage", "mean width", "coverage of the plain bootstrap",
        "one in five fails", "plain bootstrap",
    )  # fmt: skip
    lines = []
    for sides in SIDES:
        for rate in RATES:
            of = {r.world: r for r in rows if (r.rows, r.columns, r.win_rate) == (*sides, rate)}
            found = [of[world] for world in WORLDS]
            (fails,) = (of[world] for world in FAILING)
            cells = (
                _range([r.covered for r in found]),
                f"{np.mean([row.width for row in found]):.2f}",
                _range([r.bootstrap_covered for r in found]),
                f"{fails.covered:.1%}",
                f"{fails.bootstrap_covered:.1%}",
            )
            lines.append((f"{sides[0]} v {sides[1]}", f"{rate:.0%}", *cells))
    return Table(columns, lines)


def _points(error: float) -> str:
    return counted(round(100 * error), "point")


def _range(values: Sequence[float]) -> str:
    return f"{min(values):.1%} to {max(values):.1%}"


def main(arguments: list[str] | None = None) -> int:
    """Run the study and write it."""
    study = tyro.cli(CoverageStudy, args=arguments)
    rows = list(measure(study.repetitions, study.games, study.seed))
    step = 100 / ELO
    ratings = [
        (seeds, points, rating_coverage((-step, 0, step), points / ELO, seeds, study.games,
                                        study.repetitions // 10, study.seed))
        for seeds in (3, 5, 10) for points in (50, 150)
    ]  # fmt: skip
    powers = list(measure_power(study.repetitions // 2, study.games, study.seed))
    means = list(measure_means(MEANS_FACTOR * study.repetitions, study.seed))
    make_folder(study.out)
    table = [list(asdict(rows[0])), *(list(asdict(row).values()) for row in rows)]
    write_bytes(study.out / "rows.csv", csv_text(table).encode())
    write_folder(study.out, page_of(rows, ratings, powers, means, study))
    return 0


if __name__ == "__main__":
    sys.exit(main())
