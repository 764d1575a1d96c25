"""The page of what makes teams stronger: its figures and verdicts are those of the results."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cmfq.results.page import Finding, Table
from cmfq.results.writing import as_markdown
from cmfq.statistics.replication import Estimate
from studies.kept_rows import read_rows
from studies.populations import Row, together
from studies.strength import (
    HOUR,
    LARGE,
    SMALL,
    Goal,
    _algorithm,
    _verdict,
    goal_parts,
    page_of,
    ratio_of_spreads,
)

STORED = Path("docs/results")


@pytest.fixture(autouse=True)
def at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])


def test_the_stored_page_is_what_the_stored_results_say() -> None:
    page = as_markdown(page_of(STORED, STORED / "strength"))
    assert (STORED / "strength" / "README.md").read_text() == page


def test_one_weak_policy_misses_a_goal() -> None:
    (one, *_) = [
        row
        for row in read_rows(STORED / "populations", Row)
        if (row.training, len(row.runs), row.size) == (LARGE, 5, 400)
    ]
    strong, weak = (replace(one, win_rate=Estimate(rate, 0.5, 0.9)) for rate in (0.81, 0.79))
    goals = (Goal("swarm", 400, 0.8), Goal("rush", 400, 0.8))

    def found(*rows: Row) -> tuple[str, str]:
        finding, table, _ = goal_parts(LARGE, goals, rows)
        assert isinstance(finding, Finding) and isinstance(table, Table)
        (_, cell), (_, other) = table.rows
        assert other == "not played"
        return finding.text, cell

    assert found(*[strong] * 5) == ("Of 2 goals 5 runs together reach 1.", "5 of 5: 81% to 81%")
    assert found(*[strong] * 4, weak) == (
        "Of 2 goals 5 runs together reach 0.",
        "4 of 5: 79% to 81%",
    )


def test_kinds_with_few_policies_are_left_out() -> None:
    rows = read_rows(STORED / "populations", Row)
    _, table, _ = goal_parts(LARGE, HOUR, rows)
    assert isinstance(table, Table)
    assert together(10) not in table.columns and together(5) in table.columns


def test_the_ratio_of_spreads_covers_the_true_one() -> None:
    generator = np.random.default_rng(0)
    inside = 0
    for _ in range(1000):
        now, before = generator.normal(0, 1, 30), generator.normal(0, 2, 5)
        spreads = float(np.std(now, ddof=1)), float(np.std(before, ddof=1))
        share = ratio_of_spreads(spreads[0], 30, spreads[1], 5)
        assert share.low < share.value < share.high
        inside += share.low <= 0.5 <= share.high
    assert 930 <= inside <= 970


def test_verdicts_by_intervals() -> None:
    above, around, below = (Estimate(v, v - 0.5, v + 0.5) for v in (1.0, 0.2, -1.0))
    equal = Estimate(-1.0, -1.0, -1.0)
    assert _verdict([above, around]) == "reached"
    assert _verdict([around, equal]) == "cannot be told"
    assert _verdict([above, below]) == "not reached"


def test_the_algorithm_of_a_training() -> None:
    assert _algorithm(SMALL) == (SMALL, "cmfq")
    assert _algorithm("preset strong, algorithm mfq, episodes 600") == (SMALL, "mfq")
    assert _algorithm("preset strong, algorithm iql") == ("preset strong", "iql")
