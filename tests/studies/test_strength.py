"""The page of what makes teams stronger: its figures and verdicts are those of the results."""

from dataclasses import replace
from pathlib import Path

import pytest

from cmfq.results.page import Finding, Table
from cmfq.results.writing import as_markdown
from cmfq.statistics.replication import Estimate
from studies.kept_rows import read_rows
from studies.populations import Row
from studies.strength import LARGE, SMALL, _algorithm, _verdict, battle_parts, page_of

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
    weak = replace(one, win_rate=Estimate(0.79, 0.5, 0.9))

    def verdict(*rows: Row) -> str:
        finding, table, _ = battle_parts([*_single(), *rows], STORED)
        assert isinstance(finding, Finding) and isinstance(table, Table)
        (line,) = (line for line in table.rows if "400 a side" in line[0])
        assert ("400 a side" in finding.text) == (line[2] == "not reached")
        return line[2]

    assert verdict(*[one] * 5) == "reached"
    assert verdict(*[one] * 4) == "reached by all, of fewer than five"
    assert verdict(*[one] * 4, weak) == "not reached"
    assert verdict() == "not played"


def _single() -> list[Row]:
    rows = read_rows(STORED / "populations", Row)
    return [row for row in rows if (row.training, len(row.runs)) == (SMALL, 1)]


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
