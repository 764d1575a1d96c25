"""The page of what makes teams stronger: its figures and verdicts are those of the results."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cmfq.environments.battle import BattleSettings
from cmfq.experiments.sweep.plan import Factor, read_plan
from cmfq.play.standings import Comparison
from cmfq.results.page import Finding, Table
from cmfq.results.writing import as_markdown
from cmfq.statistics.replication import Estimate
from cmfq.storage import flatten, plain
from cmfq.training.presets import preset_training
from studies.kept_rows import read_rows
from studies.lengths import paper_parts
from studies.population_rows import Row, together
from studies.recipe import (
    HABITS,
    LARGE,
    SMALL,
    algorithm_of,
    algorithm_parts,
    habits_text,
    strong_together,
    told_apart,
)
from studies.strength import (
    HALF,
    HOUR,
    Goal,
    _verdict,
    goal_parts,
    minute_parts,
    page_of,
    ratio_of_spreads,
    updates_of,
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
    assert algorithm_of(SMALL) == (SMALL, "cmfq")
    assert algorithm_of("preset strong, algorithm mfq, episodes 600") == (SMALL, "mfq")
    assert algorithm_of("preset strong, algorithm iql") == ("preset strong", "iql")


def test_whole_short_runs_are_shown_beside_half_finished_ones() -> None:
    """All that are stored, however few: of the rows that say so themselves."""
    rows = read_rows(STORED / "populations", Row)
    short = [
        row
        for row in rows
        if row.opponent == "swarm"
        and ("episodes 250" in row.training or row.training.endswith("min_updates 20"))
    ]
    assert len({row.training for row in short}) == 4
    finding, table, text, half, _, stage = minute_parts(rows)
    assert isinstance(finding, Finding) and isinstance(half, Finding) and isinstance(table, Table)
    for row in short:
        (line,) = (line for line in table.rows if line[0].startswith(f"{row.training}, 2 runs"))
        rates = [one.win_rate.value for one in short if one.training == row.training]
        strong = sum(rate >= 0.5 for rate in rates)
        assert line[1] == f"{strong} of {len(rates)}: {min(rates):.0%} to {max(rates):.0%}"
    reached = sum(row.win_rate.value >= 0.5 for row in short)
    assert f"against swarm at 64 a side: {reached} of {len(short)};" in finding.text
    assert "a user gets" in str(text) and "no goal can count as reached" in str(text)
    assert half.text.startswith(f"Runs of 600 episodes, stopped after {HALF}: of 3 goals")
    assert "high learning rate" in str(stage)


def test_updates_of_all_parts_of_a_training_count() -> None:
    assert updates_of("preset strong, max_steps 100, episodes 250") == 250 * 40
    assert updates_of(LARGE) == 700 * 40
    assert updates_of("preset strong, min_updates 20") == 400 * 20


def test_habits_are_those_of_preset_original_and_not_of_paper() -> None:
    original, paper = (
        flatten(plain(preset_training(name, BattleSettings()))) for name in ("original", "paper")
    )
    for path, value in HABITS.values():
        assert original[path] == value != paper[path]


def test_a_habit_that_the_plan_has_is_said_to_be_tried() -> None:
    plan = read_plan(STORED / "study64" / "plan.toml")
    tried, unknown = habits_text(plan).split("is not known: ")
    assert "has only double targets." in tried and "double targets" not in unknown
    head = replace(plan, factors=(*plan.factors, Factor("network.head", ("pairwise", "embedding"))))
    tried, unknown = habits_text(head).split("is not known: ")
    assert "double targets and the embedding head" in tried and "head" not in unknown


def test_the_weakest_policy_of_several_runs_and_the_range_of_single_ones_are_said() -> None:
    at = ("swarm", 64)
    found = {
        ("iql", 1): {at: [0.02, 0.99]},
        ("iql", 5): {at: [0.95]},
        ("mfq", 1): {at: [0.83]},
        ("mfq", 4): {at: [0.99]},
        ("mfq", 9): {at: [0.9], ("swarm", 400): [0.1]},
    }
    assert strong_together(found) == (
        "Against swarm at 64 a side, several runs together win at least 90% of their games with "
        "every algorithm that was tried: iql (1 policy) and mfq (2 policies). Single runs: iql "
        "(2% to 99%, 2 runs)."
    )


def test_margins_may_tell_apart_what_win_rates_do_not() -> None:
    even, ahead = Estimate(0.4, 0.3, 0.6), Estimate(-2.0, -3.0, -1.0)
    one = Comparison("cmfq", "mfq", (2, 2), 4, 0, 6, even, 0.3, None, ahead)
    assert told_apart([one]) == (
        "by win rate 0 of 1 pair of algorithms can be told apart; by margin 1 (mfq ahead of cmfq "
        "by +2.0 (+1.0 to +3.0))."
    )
    both = replace(one, win_rate=Estimate(0.3, 0.2, 0.4))
    assert "by win rate 1 of 1 pair of algorithms can be told apart (mfq ahead of cmfq);" in (
        told_apart([both])
    )
    finding, *_ = algorithm_parts(read_rows(STORED / "populations", Row), STORED)
    assert isinstance(finding, Finding) and "by margin 1 (mfq ahead of cmfq by" in finding.text


def test_preset_paper_from_its_first_checkpoint_to_its_last() -> None:
    _, table, told = paper_parts(STORED / "progress" / "progress.json.gz")
    assert isinstance(table, Table)
    page = (STORED / "progress" / "README.md").read_text()
    for at, episode in enumerate((50, 400)):  # the first table of every checkpoint has win rates
        (line, *_) = (line for line in page.splitlines() if line.startswith(f"| cmfq | {episode} "))
        means = [cell.split()[0] for cell in line.split("|")[3:6]]
        assert [row[1].split(" → ")[at] for row in table.rows] == means
    assert "from episode 50 to 400: 0 of 12." in str(told)
    assert "from episode 200 to 400: 1 of 12 (lower: iql against skirmish)." in str(told)
