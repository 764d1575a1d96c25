"""Checkpoints against opponents that stay as they are."""

import json
from pathlib import Path

import pytest

from cmfq.cli import main
from cmfq.environments.battle import BattleSettings
from cmfq.errors import UserError
from cmfq.evaluation.tournament.progress import play_checkpoint, play_progress, progress_table

SMALL = BattleSettings(size=12, max_steps=25)


def test_every_checkpoint_plays_every_opponent(runs: Path) -> None:
    names = [str(runs / "cmfq-0"), str(runs / "cmfq-1")]
    rows = play_progress(names, ["swarm", str(runs / "mfq-0")], SMALL, games=3)
    assert [(row.run, row.episode, row.opponent) for row in rows] == [
        (run, episode, opponent)
        for run in names
        for episode in (1, 2, 3)
        for opponent in ("swarm", str(runs / "mfq-0"))
    ]
    assert all(row.wins + row.draws + row.losses == 3 for row in rows)
    table = progress_table(rows)
    assert [line[:2] for line in table.rows] == [("cmfq", "1"), ("cmfq", "2"), ("cmfq", "3")]
    rates = [row.win_rate for row in rows if (row.episode, row.opponent) == (1, "swarm")]
    assert table.rows[0][2] == (f"{sum(rates) / 2:.0%} ({min(rates):.0%} to {max(rates):.0%})")


def test_one_checkpoint_in_this_process_gives_the_row_of_the_whole(runs: Path) -> None:
    run = str(runs / "cmfq-0")
    rows = play_progress([run], ["swarm", "rush"], SMALL, games=4, seed=2)
    checkpoint = runs / "cmfq-0" / "checkpoints" / "000002.safetensors"
    rates = play_checkpoint(checkpoint, ["swarm", "rush"], SMALL, games=4, seed=2)
    assert rates == {row.opponent: row.win_rate for row in rows if row.episode == 2}


def test_rows_and_picture_are_written(runs: Path, tmp_path: Path) -> None:
    rows, picture = tmp_path / "rows.json", tmp_path / "p.svg"
    code = main(
        ["progress", str(runs / "cmfq-0"), str(runs / "mfq-0"), "--against", "random", "--games",
         "2", "--workers", "1", "--json", str(rows), "--out", str(picture)]
    )  # fmt: skip
    assert code == 0
    assert len(json.loads(rows.read_text())) == 2 * 3
    assert "<svg" in picture.read_text()


def test_nothing_to_play(runs: Path) -> None:
    with pytest.raises(UserError, match="there is nothing to play"):
        play_progress([str(runs / "cmfq-0")], [], SMALL, games=3)
