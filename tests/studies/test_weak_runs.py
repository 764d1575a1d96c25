"""Strength of single runs beside what their training recorded."""

from pathlib import Path

import numpy as np
import pytest

from cmfq.errors import UserError
from cmfq.results.page import Finding
from cmfq.results.writing import as_markdown
from cmfq.statistics.replication import Estimate
from studies.kept_rows import read_rows
from studies.population_rows import Row
from studies.run_measures import MEASURES, RETREAT, WeakRow, correlation, retreats, row_of
from studies.weak_runs import page_of

STORED = Path("docs/results/weak-runs")


@pytest.fixture(autouse=True)
def at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])


def games() -> list[Row]:
    """Of runs alone and several together, with weak ones and without."""
    return read_rows(Path("docs/results/populations"), Row)


def test_the_stored_page_is_what_the_stored_rows_say() -> None:
    page = (STORED / "README.md").read_text()
    (command,) = (line.strip() for line in page.splitlines() if "-m studies.weak_runs" in line)
    assert page == as_markdown(page_of(read_rows(STORED, WeakRow), games(), command))


def test_games_of_the_stored_rows_are_those_of_the_populations() -> None:
    played = {
        row.runs: row
        for row in games()
        if (row.opponent, row.size, row.until, row.checkpoints) == ("swarm", 64, 0, 1)
    }
    for row in read_rows(STORED, WeakRow):
        alone = played[row.run,]
        assert (alone.training, alone.win_rate.value) == (row.training, row.win_rate)
        assert alone.damage.value == row.damage


def test_runs_left_out_are_those_in_which_hurt_agents_retreat() -> None:
    """And all of them: their measures are stored, but those of runs that came later."""
    measures = {
        row.run.rpartition("-")[2]: row.measures["hurt"] for row in read_rows(STORED, WeakRow)
    }
    without = [row for row in games() if row.without_weak]
    assert any(row.left_out for row in without)
    for row in without:
        for run in row.runs:
            seed = run.rpartition("-")[2]
            if seed in measures:
                assert (run in row.left_out) == (measures[seed] < RETREAT)


def test_a_measure_that_goes_with_strength_is_found_and_one_of_chance_is_not() -> None:
    damage = np.linspace(-0.1, 0.1, 20)
    chance = np.random.default_rng(1).standard_normal((len(MEASURES), 20))

    def found(rows: list[WeakRow]) -> str:
        (finding,) = (part for part in page_of(rows, games(), "x").sections[0].parts
                      if isinstance(part, Finding))  # fmt: skip
        return finding.text

    rows = [
        WeakRow(f"r-{n}", "t", 0.5, float(damage[n]), dict(zip(MEASURES, values, strict=True)))
        for n, values in enumerate(chance.T.tolist())
    ]
    assert found(rows) == "None of the measures can be told from chance."
    rows = [
        WeakRow(
            row.run,
            "t",
            0.5,
            row.damage,
            row.measures | {"hurt": 0.9 - row.damage + 0.001 * (n % 3)},
        )
        for n, row in enumerate(rows)
    ]
    assert found(rows) == f"What goes with strength: {MEASURES['hurt'].title}."


def test_the_interval_of_a_correlation_covers_the_true_one() -> None:
    generator, true, inside = np.random.default_rng(0), 0.6, 0
    for _ in range(1000):
        x, y = generator.multivariate_normal([0, 0], [[1, true], [true, 1]], 25).T
        found = correlation(x.tolist(), y.tolist())
        inside += found.low <= true <= found.high
    assert 930 <= inside <= 970


def test_a_run_that_has_not_played_alone_is_refused() -> None:
    together = Row(
        ("a-1", "a-2"), 3, "t", "swarm", 64, 100, Estimate(0.5, 0.4, 0.6), Estimate(0, -1, 1), 0
    )
    with pytest.raises(UserError, match="a-1 has not played alone against swarm"):
        row_of(Path("runs/a-1"), [together])


def test_weak_runs_without_retreat_and_strong_ones_with_it_are_counted() -> None:
    def run(win_rate: float, hurt: float) -> WeakRow:
        return WeakRow("r", "t", win_rate, 0.0, {"hurt": hurt})

    rows = [run(0.1, 0.95), run(0.2, 0.8), run(0.3, 0.7), run(0.75, 0.85), run(0.9, 0.95)]
    assert retreats(rows).endswith(
        "in 2 of the 3 runs that win less than half of their games against swarm, and in 1 of the "
        "other 2."
    )
    stored = read_rows(STORED, WeakRow)
    before = [row for row in stored if not row.later]
    assert retreats(before) in (STORED / "README.md").read_text()
    assert retreats(stored) in Path("docs/results/strength/README.md").read_text()


def test_runs_trained_afterwards_are_judged_by_themselves() -> None:
    """What was found with the others goes the other way in these, and both are said."""
    generator = np.random.default_rng(0)

    def rows(sign: float, later: bool) -> list[WeakRow]:
        damage = np.linspace(-0.1, 0.1, 12)
        return [
            WeakRow(
                f"{'new' if later else 'old'}-{n}",
                "t",
                float(0.5 + one),
                float(one),
                dict(zip(MEASURES, generator.random(len(MEASURES)).tolist(), strict=True))
                | {"hurt": float(RETREAT + sign * one + 0.001 * (n % 2))},
                later,
            )
            for n, one in enumerate(damage)
        ]

    page = page_of(rows(1, later=False) + rows(-1, later=True), games(), "x")
    first, afterwards = page.sections[0].parts, page.sections[1].parts
    said = [part.text for part in (*first, *afterwards) if isinstance(part, Finding)]
    assert MEASURES["hurt"].title in said[0]
    assert said[1].startswith("In 12 runs that were trained afterwards the correlation is −1.00")
    text = as_markdown(page)
    assert "| below 90% | 6 |" in text and "| at least 90% | 6 |" in text
