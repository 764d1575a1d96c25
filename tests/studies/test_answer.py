"""The answer page: its figures are those of the stored results, and nothing is typed in."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import ttest_rel

from cmfq.algorithms import ALGORITHMS
from cmfq.experiments.paper.claims import CLAIMS
from cmfq.experiments.paper.page import found_text, summary
from cmfq.experiments.paper.plan import Effort
from cmfq.experiments.paper.verdicts import check_claims
from cmfq.play.reading import finished_tournament
from cmfq.play.standings import standings
from cmfq.results.page import Finding, Table
from cmfq.results.writing import as_markdown
from studies.answer import battle_parts, duel_claims, main, page_of, worth_parts
from studies.known_neighbour import signal_parts
from studies.population_rows import mean_and_range, together
from studies.practice import Kind, practice_parts, recommended

STORED = Path("docs/results")


@pytest.fixture(autouse=True)
def at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])


def test_the_stored_page_is_what_the_stored_results_say() -> None:
    assert (STORED / "answer" / "README.md").read_text() == as_markdown(
        page_of(STORED, STORED / "answer")
    )


def test_differences_in_the_signal_world_are_paired_by_seed() -> None:
    *findings, table, _, other = signal_parts(STORED)
    assert isinstance(table, Table)
    with (STORED / "signal" / "rows.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["setting"] == "action"]

    def rewards(name: str, babblers: str) -> NDArray[np.float64]:
        ours = [row for row in rows if (row["variant"], row["babblers"]) == (name, babblers)]
        return np.array([float(row["reward"]) for row in sorted(ours, key=lambda row: row["seed"])])

    variants = ("cmfq", "cmfq, recomputed", "cmfq, leave-one-out")
    for at, (variant, finding) in enumerate(zip(variants, findings, strict=True)):
        assert isinstance(finding, Finding)
        for line in table.rows:
            ours, theirs = rewards(variant, line[0]), rewards("mfq", line[0])
            assert line[1] == f"{theirs.mean():.2f}"
            assert line[2 + 2 * at] == f"{ours.mean():.2f}"
            verb = "cannot"
            if np.ptp(ours - theirs):
                interval = ttest_rel(ours, theirs).confidence_interval(0.95)
                text = (
                    f"{np.mean(ours - theirs):+.2f} ({interval.low:+.2f} to {interval.high:+.2f})"
                )
                assert line[3 + 2 * at] == text.replace("-", "\N{MINUS SIGN}")
                verb = "more" if interval.low > 0 else "less" if interval.high < 0 else "cannot"
            (part,) = (part for part in finding.text.split("; ") if verb in part)
            assert line[0] in part.rpartition("with ")[2]
    assert "Attention-MFQ: earns more with 1, 4, 16 and 32." in str(other)


def test_it_is_written_where_it_is_asked_for(tmp_path: Path) -> None:
    assert main(["--out", str(tmp_path / "page")]) == 0
    page = (tmp_path / "page" / "README.md").read_text()
    assert page.startswith("# Does causal weighing help?")
    assert (tmp_path / "page" / "index.html").is_file()


def test_ranges_are_those_of_all_policies_that_are_stored() -> None:
    """Of every algorithm, alone and together, of the trainings that are in the table."""
    rows = json.loads((STORED / "populations" / "rows.json").read_text())
    _, _, table, *_ = practice_parts(STORED)
    assert isinstance(table, Table)
    assert {line[0] for line in table.rows} == set(ALGORITHMS)
    for algorithm, training, plays, *cells in table.rows:
        named = "preset strong, "
        if algorithm != "cmfq":
            named += f"algorithm {algorithm}, "
        named += "episodes 600" + ("; then episodes 100" if training == "two sizes" else "")
        ours = [
            row
            for row in rows
            if row["training"].partition(", sizes")[0] == named
            and together(len(row["runs"])) == plays
            and row.get("least_attacks_hurt") is None
        ]
        for size, cell in zip((64, 400), cells, strict=True):
            case = "swarm", size, 0
            rates = [
                row["win_rate"][0]
                for row in ours
                if (row["opponent"], row["size"], row["until"]) == case
            ]
            assert cell == mean_and_range(rates)


def test_the_training_of_enough_policies_that_wins_most_at_both_sizes_is_recommended() -> None:
    def kind(training: str) -> Kind:
        return Kind("cmfq", training, 5)

    found = {
        kind("large battles"): {64: [0.8] * 5, 400: [0.9] * 5},
        kind("few policies"): {64: [1.0] * 4, 400: [1.0] * 5},
        kind("most policies"): {64: [0.9] * 9, 400: [0.6] * 9},
        kind("one size"): {64: [1.0] * 9},
    }
    assert recommended(found) == kind("large battles")
    finding, rule, table, *_ = practice_parts(STORED)
    assert isinstance(finding, Finding) and isinstance(table, Table)
    (line,) = (line for line in table.rows if line[:3] == ("cmfq", "two sizes", "5 runs together"))
    assert finding.text == (
        "In battle, use preset strong at two sizes, 5 runs together: against swarm such policies "
        f"win {line[3]} at 64 a side and {line[4]} at 400 a side."
    )
    assert "Only cmfq has so many policies" in str(rule)


def test_tournaments_are_named_after_the_settings_of_their_runs() -> None:
    first, second, table, text, *_ = battle_parts(STORED)
    assert isinstance(first, Finding) and isinstance(second, Finding) and isinstance(table, Table)
    names = [line[0] for line in table.rows]
    assert set(names) == {"paper, 400 episodes", "strong, 600 episodes"}
    assert "random-weights ahead of attention-mfq by +10.8 (+0.4 to +21.2)" in first.text
    assert "mfq ahead of cmfq by +2.7 (+0.1 to +5.3)" in second.text
    with (STORED / "strong-battle" / "comparisons.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    margins = {(row["a"], row["b"]): float(row["margin"]) for row in rows}
    margins |= {(b, a): -margin for (a, b), margin in margins.items()}
    for name, other, _, _, cell in table.rows:
        if name.startswith("strong"):
            said = f"{margins['cmfq', other]:+.1f}".replace("-", "\N{MINUS SIGN}")
            assert cell.startswith(f"{said} (")
    assert "several looks" in str(text) and "not corrected" in str(text)


def test_the_largest_effect_of_an_exchange_is_said() -> None:
    finding, _, text = worth_parts(STORED)
    assert isinstance(finding, Finding)
    assert finding.text.startswith("With preset paper, 5 seeds: CMFQ plays better")
    with (STORED / "reliance" / "plays.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["group"] == "cmfq"]
    means = {
        exchange: np.mean([float(row["margin"]) for row in rows if row["exchange"] == exchange])
        for exchange in {row["exchange"] for row in rows}
    }
    largest = max(means, key=lambda one: abs(means[one]))
    said = f"{largest} in place of the merged action, {means[largest]:.1f}"
    assert said.replace("-", "\N{MINUS SIGN}") in str(text)


def test_claims_about_battles_are_those_of_the_papers_page_and_of_other_trainings_too() -> None:
    paper, strong = Path("docs/results/paper"), Path("docs/results/strong-battle")
    claims = [one for one in CLAIMS if one.measured.figure in ("4a", "4b")]
    checked = check_claims(claims, Effort(), paper)
    first, second, table, _ = duel_claims({"paper": paper / "4b", "strong": strong})
    assert isinstance(first, Finding) and isinstance(second, Finding) and isinstance(table, Table)
    assert first.text.endswith(f"preset paper. {summary(checked)}")
    assert [row[1] for row in table.rows] == [
        f"{one.verdict}: {found_text(one)}" for one in checked
    ]
    pair = standings(finished_tournament(strong / "tournament.json.gz")).between("cmfq", "mfq")
    (ours,) = (row[2] for row in table.rows if row[0] == "CMFQ beats MFQ")
    assert f"{pair.win_rate.value:.0%} ({pair.win_rate.low:.0%} to" in ours
