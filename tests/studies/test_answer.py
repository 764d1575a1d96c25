"""The answer page: its figures are those of the stored results, and nothing is typed in."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import ttest_rel

from cmfq.results.page import Finding, Table
from cmfq.results.writing import as_markdown
from studies.answer import main, page_of, practice_parts, signal_parts

STORED = Path("docs/results")


@pytest.fixture(autouse=True)
def at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])


def test_the_stored_page_is_what_the_stored_results_say() -> None:
    assert (STORED / "answer" / "README.md").read_text() == as_markdown(
        page_of(STORED, STORED / "answer")
    )


def test_differences_in_the_signal_world_are_paired_by_seed() -> None:
    finding, table, _ = signal_parts(STORED)
    assert isinstance(table, Table) and isinstance(finding, Finding)
    with (STORED / "signal" / "rows.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["setting"] == "action"]
    for line in table.rows:
        ours, theirs = (
            np.array([float(row["reward"]) for row in sorted(rows, key=lambda row: row["seed"])
                      if (row["variant"], row["babblers"]) == (name, line[0])])
            for name in ("cmfq", "mfq")
        )  # fmt: skip
        interval = ttest_rel(ours, theirs).confidence_interval(0.95)
        ends = f"({interval.low:+.2f} to {interval.high:+.2f})".replace("-", "\N{MINUS SIGN}")
        assert f"{np.mean(ours - theirs):+.2f} {ends}".replace("-", "\N{MINUS SIGN}") == line[3]
        verb = "earns more" if interval.low > 0 else "earns less" if interval.high < 0 else "cannot"
        (part,) = (part for part in finding.text.split("; ") if verb in part)
        assert line[0] in part.rpartition("with ")[2]


def test_it_is_written_where_it_is_asked_for(tmp_path: Path) -> None:
    assert main(["--out", str(tmp_path / "page")]) == 0
    page = (tmp_path / "page" / "README.md").read_text()
    assert page.startswith("# Does causal weighing help?")
    assert (tmp_path / "page" / "index.html").is_file()


def test_ranges_are_those_of_all_runs_that_are_stored() -> None:
    """The worst single run and the worst five that the study of populations has are in them."""
    rows = json.loads((STORED / "populations" / "rows.json").read_text())
    against = [row for row in rows if "algorithm" not in row["training"]
               and (row["opponent"], row["size"], row["until"]) == ("swarm", 64, 0)]  # fmt: skip
    trainings = [row["training"] for row in against]
    training = max(trainings, key=trainings.count)
    finding, *parts = practice_parts(STORED)
    table = parts[parts.index(f"Training: {training}.") + 1]
    assert isinstance(table, Table) and isinstance(finding, Finding)
    assert training in finding.text
    for name, members in (("single runs", 1), ("5 runs together", 5)):
        rates = [row["win_rate"][0] for row in against
                 if (row["training"], len(row["runs"])) == (training, members)]  # fmt: skip
        (line,) = (line for line in table.rows if line[0] == name)
        said = f"{np.mean(rates):.0%} ({min(rates):.0%} to {max(rates):.0%}, {len(rates)} policies)"
        assert line[1] == said
        assert f"{name} {said}" in finding.text
    others = [part for part in parts if isinstance(part, str) and part.startswith("Training: ")]
    assert len(others) == len({row["training"] for row in against}) > 1
    assert "no matter which" not in finding.text
