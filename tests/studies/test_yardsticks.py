"""How many seeds a difference needs, from known differences."""

import re
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from cmfq.errors import UserError
from cmfq.play.progress import ProgressRow, progress_rows
from cmfq.play.reading import finished_progress
from cmfq.results.writing import as_markdown
from studies.yardsticks import MOST, differences, main, page_of, seeds_needed

STORED = Path(__file__).parents[2] / "docs/results/strong64/progress.json.gz"


def test_the_number_of_seeds_is_the_least_that_has_the_power() -> None:
    """Against simulated t tests: 10 seeds for a difference as large as its deviation."""
    needed = seeds_needed(1.0, 1.0)
    generator = np.random.default_rng(0)
    for seeds, enough in ((needed, True), (needed - 1, False)):
        drawn = generator.normal(1.0, 1.0, (40_000, seeds))
        seen = np.mean(stats.ttest_1samp(drawn, 0, axis=1).pvalue < 0.05)
        assert (seen > 0.8) == enough
    assert seeds_needed(-1.0, 1.0) == needed
    assert seeds_needed(0.0, 1.0) == MOST


def row(run: str, episode: int, win_rate: float, ratio: float) -> ProgressRow:
    yardsticks = {"log_damage_ratio": ratio, "truncated": win_rate / 2, "damage_dealt": 7.0}
    return ProgressRow(run, "cmfq", 0, episode, "rush", win_rate, yardsticks, margin=episode / 10)


ROWS = [
    row("a", 10, 0.5, 0.0), row("a", 20, 0.75, 0.25),
    row("b", 10, 0.5, 0.5), row("b", 20, 1.0, 1.0),
    row("c", 10, 0.0, 9.0),  # has no later checkpoint
]  # fmt: skip


def test_differences_are_taken_within_a_run() -> None:
    found = {one.yardstick: one for one in differences(ROWS, 10, 20)}
    assert found.keys() == {"win_rate", "margin", "log_damage_ratio", "truncated"}
    assert found["win_rate"].differences == (0.25, 0.5)
    assert found["log_damage_ratio"].differences == (0.25, 0.5)
    assert found["margin"].differences == (1.0, 1.0)
    assert found["truncated"].differences == (0.125, 0.25)
    assert found["win_rate"].later == (0.75, 1.0)
    with pytest.raises(UserError, match=r"0 run\(s\) have checkpoints of the episodes 10 and 30"):
        differences(ROWS, 10, 30)


def test_ties_are_named_and_equal_differences_have_no_number_of_seeds() -> None:
    found = differences(ROWS, 10, 20)
    by_name = {one.yardstick: one for one in found}
    assert by_name["margin"].seeds_needed is None
    least = by_name["win_rate"].seeds_needed
    text = as_markdown(page_of(found, 10, 20, "again"))
    assert f"rush: win rate and log ratio and step limit ({least})." in text
    assert "| rush | margin | +1.0 (all equal) | 0.0 | – |" in text
    assert "A dash (–): all seeds have the same difference" in text
    differing = [one for one in found if one.yardstick != "margin"]
    assert "A dash" not in as_markdown(page_of(differing, 10, 20, "again"))
    alike = [row(run, episode, 0.5, 0.0) for run in "ab" for episode in (10, 20)]
    page = as_markdown(page_of(differences(alike, 10, 20), 10, 20, "again"))
    assert "No number of seeds can be estimated" in page


def test_the_docs_show_the_stored_table() -> None:
    docs = STORED.parents[2]
    include = re.search(
        r'```\{include\} (results/yardsticks/README.md)\n:start-after: "(.+)"\n'
        r':end-before: "(.+)"\n```',
        (docs / "statistics.md").read_text(encoding="utf-8"),
    )
    assert include
    stored = (docs / include[1]).read_text(encoding="utf-8")
    assert stored.count(include[2]) == stored.count(include[3]) == 1
    shown = stored.partition(include[2])[2].partition(include[3])[0]
    rows = [row for row in progress_rows(finished_progress(STORED)) if row.group == "cmfq"]
    found = differences(rows, 400, 800)
    for opponent in ("swarm", "skirmish"):
        ours = [one for one in found if one.opponent == opponent]
        assert shown.count(f"| {opponent} | ") == len(ours) == 7
        needed = {one.yardstick: one.seeds_needed or 0 for one in ours}
        assert needed["win_rate"] == max(needed.values()) > needed["margin"]
        assert needed["margin"] > needed["log_damage_ratio"] > 0


def test_the_stored_page_is_what_the_stored_games_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(STORED.parents[3])
    out, games = tmp_path / "x", STORED.relative_to(STORED.parents[3])
    assert main([str(games), "--out", str(out)]) == 0
    stored = (STORED.parents[1] / "yardsticks" / "README.md").read_text(encoding="utf-8")
    written = (out / "README.md").read_text(encoding="utf-8")
    assert written.replace(str(out), "docs/results/yardsticks") == stored


def test_the_page_is_written_from_stored_games(tmp_path: Path) -> None:
    assert main([str(STORED), "--out", str(tmp_path)]) == 0
    text = (tmp_path / "README.md").read_text()
    assert "| swarm | win rate | " in text
    assert f"python -m studies.yardsticks {STORED} --earlier 400 --later 800" in text
