"""The study of sides: red's games are counted right, kept, and not played again."""

from pathlib import Path

import pytest

from cmfq.environments.battle import BattleSettings
from cmfq.play.matches import play_match
from cmfq.statistics.replication import Estimate
from studies import fairness
from studies.fairness import Row, main, page_of, row_of
from studies.kept_rows import read_rows


def test_games_are_counted_for_red_whoever_plays_it() -> None:
    settings = BattleSettings(size=12, max_steps=40)
    match = play_match("rush", "rush", settings, episodes=6, seed=0)
    row = row_of(match, settings)
    margins = [
        game.a_survivors - game.b_survivors if game.game % 2 == 0
        else game.b_survivors - game.a_survivors
        for game in match.games
    ]  # fmt: skip
    assert row.margin.value == pytest.approx(sum(margins) / 6)
    points = [1 if margin > 0 else 0.5 if margin == 0 else 0 for margin in margins]
    assert row.win_rate.value == pytest.approx(sum(points) / 6)


def test_what_was_played_is_not_played_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ["--out", str(tmp_path), "--games", "2", "--cases"]
    assert main([*options, "rush 12 fair"]) == 0
    first = read_rows(tmp_path, Row)
    assert main([*options, "rush 12 fair", "rush 12 magent"]) == 0
    assert read_rows(tmp_path, Row)[0] == first[0]
    monkeypatch.setattr(fairness, "play_match", None)
    assert main([*options, "rush 12 magent", "rush 12 fair"]) == 0
    assert "| rush | 12 | magent | 2 |" in (tmp_path / "README.md").read_text()


def test_the_page_says_where_the_side_decides() -> None:
    even, against_red = Estimate(0.5, 0.47, 0.53), Estimate(0.03, 0.02, 0.05)
    margin = Estimate(0.1, -0.5, 0.7)
    rows = [
        Row("swarm", 64, "fair", 1000, even, margin),
        Row("swarm", 64, "magent", 1000, against_red, margin),
    ]
    text = str(page_of(rows, "again"))
    assert "Rules fair: no side is favoured, beyond chance." in text
    assert "Rules magent: the side decides for swarm at 64, beyond chance." in text
