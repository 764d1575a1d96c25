"""The study of populations: they share no run, and nothing is played twice."""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cmfq
from cmfq.decoding import convert
from cmfq.environments.battle import BattleSettings
from cmfq.errors import UserError
from cmfq.play.by_side import BySide, SideResult
from cmfq.play.matches import MatchResult, play_match
from cmfq.results.writing import as_markdown
from cmfq.statistics.replication import Estimate
from cmfq.training.checkpoint import load_checkpoint
from cmfq.training.export import export_policy
from cmfq.training.settings import TrainSettings
from studies import populations as study
from studies.kept_rows import read_rows
from studies.population_rows import Row
from studies.populations import PAPER, main, populations
from studies.populations_page import commands_of, page_of, spreads

STORED = Path(__file__).parents[2] / PAPER


def row(runs: tuple[str, ...], rate: float, opponent: str = "swarm", size: int = 64) -> Row:
    win_rate, damage = Estimate(rate, rate - 0.1, rate + 0.1), Estimate(rate - 0.5, -1, 1)
    checkpoints = 3 if len(runs) > 1 else 1
    return Row(runs, checkpoints, "preset strong", opponent, size, 100, win_rate, damage)


def test_populations_share_no_run() -> None:
    runs = [Path(name) for name in "abcdef"]
    assert populations(runs, 3) == [tuple(runs[:3]), tuple(runs[3:])]
    assert populations(runs, 1) == [(run,) for run in runs]
    with pytest.raises(UserError, match="6 runs make no populations of 4"):
        populations(runs, 4)


def test_what_a_run_was_trained_with_says_what_it_started_from(
    tiny: TrainSettings[BattleSettings], tmp_path: Path
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    cmfq.train(replace(tiny, episodes=2, seed=1), run=first)
    on = replace(tiny, episodes=3, seed=2, start_from=str(first), sizes=(12, 16))
    cmfq.train(on, run=second)
    training = study.training_of(second)
    assert training.startswith(f"{study.training_of(first)}; then size 12, ")
    assert "episodes 3, sizes 12 16, " in training.partition("; then ")[2]
    assert "seed" not in training
    assert "start_from" not in training


def test_nothing_is_played_twice(
    tiny: TrainSettings[BattleSettings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = replace(tiny.network, head="pairwise")
    runs = []
    for seed in range(4):
        runs.append(str(tmp_path / f"cmfq-{seed}"))
        settings = replace(tiny, network=network, episodes=2, checkpoint_period=1, seed=seed)
        cmfq.train(settings, run=runs[-1])
    page = tmp_path / "page"
    options = [*runs, "--out", str(page), "--games", "2", "--size", "12", "--against", "rush"]
    both = [[*options, "--members", str(n), "--checkpoints", str(n)] for n in (2, 1)]
    both.append([*options, "--members", "2", "--checkpoints", "1", "--until", "1"])
    assert [main(one) for one in both] == [0, 0, 0]
    rows = read_rows(page, Row)
    assert [one.runs for one in rows] == [
        ("cmfq-0", "cmfq-1"), ("cmfq-2", "cmfq-3"), *((f"cmfq-{n}",) for n in range(4)),
        ("cmfq-0", "cmfq-1"), ("cmfq-2", "cmfq-3"),
    ]  # fmt: skip
    assert [one.until for one in rows] == [0] * 6 + [1] * 2
    monkeypatch.setattr(study, "play_match", None)
    assert [main(one) for one in both] == [0, 0, 0]
    assert read_rows(page, Row) == rows
    text = (page / "README.md").read_text(encoding="utf-8")
    assert "## Populations of 2 runs: preset paper, size 12, " in text
    assert "2 runs each, the last 2 checkpoints of every one: 4 networks." in text
    assert ", after 1 of them" in text
    assert "--members 2 --checkpoints 1 --until 1 --against rush" in text
    assert "cmfq-2, cmfq-3" in text


def test_weak_runs_are_left_out_if_asked_and_what_nobody_leaves_is_not_played_again(
    tiny: TrainSettings[BattleSettings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = replace(tiny.network, head="pairwise")
    runs = []
    for seed, share in enumerate((0.9, 0.7, 0.95, 0.9)):
        runs.append(tmp_path / f"cmfq-{seed}")
        cmfq.train(replace(tiny, network=network, episodes=1, seed=seed), run=runs[-1])
        metrics = runs[-1] / "metrics.jsonl"
        one = json.loads(metrics.read_text()) | {"attacks_hurt": [share, share]}
        metrics.write_text(json.dumps(one) + "\n")
    page, exported = tmp_path / "page", []

    def export(used: Sequence[Path], *rest: Any) -> None:
        exported.append([run.name for run in used])
        export_policy(used, *rest)

    monkeypatch.setattr(study, "export_policy", export)
    options = [*map(str, runs), "--out", str(page), "--games", "2", "--size", "12"]
    options += ["--members", "2", "--checkpoints", "1", "--against", "rush"]
    assert main(options) == 0
    assert main([*options, "--least-attacks-hurt", "0.88"]) == 0
    assert exported == [["cmfq-0", "cmfq-1"], ["cmfq-2", "cmfq-3"], ["cmfq-0"]]
    rows = read_rows(page, Row)
    assert [one.left_out for one in rows] == [(), (), ("cmfq-1",), ()]
    assert rows[3] == replace(rows[1], least_attacks_hurt=0.88)
    assert [one.runs for one in rows[:2]] == [one.runs for one in rows[2:]]
    text = (page / "README.md").read_text(encoding="utf-8")
    assert ", without weak ones" in text
    assert (
        "2 networks at most. Runs in whose last episodes hurt agents attacked in less than" in text
    )
    assert "less than 88% of cases are left out: cmfq-1." in text
    assert "--checkpoints 1 --least-attacks-hurt 0.88 --against rush" in text


def test_a_row_keeps_sides_margin_and_length_of_its_games(
    tiny: TrainSettings[BattleSettings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, matches = tmp_path / "run", []

    def play(*players: str, **options: Any) -> MatchResult:
        matches.append(play_match(*players, **options))
        return matches[-1]

    network = replace(tiny.network, head="pairwise")
    cmfq.train(replace(tiny, network=network, episodes=1), run=run)
    monkeypatch.setattr(study, "play_match", play)
    page = tmp_path / "page"
    options = [str(run), "--out", str(page), "--members", "1", "--checkpoints", "1"]
    assert main([*options, "--games", "6", "--size", "12", "--against", "random"]) == 0
    (kept,), games = read_rows(page, Row), matches[0].games
    assert kept.sides is not None
    for side, one in enumerate((kept.sides.first, kept.sides.second)):
        margins = [game.a_survivors - game.b_survivors for game in games if game.a_side == side]
        assert one.games == len(margins) == 3
        assert one.wins == sum(margin > 0 for margin in margins)
        assert one.draws == sum(margin == 0 for margin in margins)
    margins = [game.a_survivors - game.b_survivors for game in games]
    assert kept.yardsticks["margin"].value == pytest.approx(np.mean(margins))
    assert kept.yardsticks["margin"].low < np.mean(margins) < kept.yardsticks["margin"].high
    assert kept.yardsticks["steps"].value == pytest.approx(np.mean([one.steps for one in games]))
    truncated = np.mean([bool(game.truncated) for game in games])
    assert kept.yardsticks["truncated"].value == pytest.approx(truncated)


def test_the_page_shows_what_rows_keep_and_older_rows_load_without_it() -> None:
    older = row(("a",), 0.5)
    lacking = asdict(older)
    del lacking["sides"], lacking["yardsticks"]
    assert convert(lacking, Row) == older
    text = as_markdown(page_of([older], [], {}))
    assert "as first" not in text
    assert "older" not in text
    rates = [Estimate(0.3, 0.2, 0.4), Estimate(0.7, 0.6, 0.8)]
    first, second = (SideResult(5, 1, 1, 3, rate, Estimate(0.0, -1.0, 1.0)) for rate in rates)
    yardsticks = {
        "margin": Estimate(4.25, 3.0, 5.5),
        "steps": Estimate(51.0, 50.0, 52.0),
        "truncated": Estimate(0.1, 0.05, 0.2),
    }
    newer = replace(row(("b",), 0.5), sides=BySide(first, second, rates[0]), yardsticks=yardsticks)
    page = page_of([older, newer], [], {})
    text = as_markdown(page)
    assert (
        "| policy | opponent | win rate as first | win rate as second | margin | steps | step limit"
        in text
    )
    assert "| b | swarm, 64 a side | 30.0% (20 to 40\N{NO-BREAK SPACE}%) | 70.0% (" in text
    assert "| +4.2 (+3.0 to +5.5) | 51 (50 to 52) | 10.0% (5 to 20\N{NO-BREAK SPACE}%) |" in text
    assert "| a | swarm, 64 a side" not in text
    assert "the rows of older games lack them" in text
    assert "the rows of older games lack them" not in as_markdown(page_of([newer], [], {}))


def test_a_policy_meets_itself_as_it_was(
    tiny: TrainSettings[BattleSettings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    network = replace(tiny.network, head="pairwise")
    cmfq.train(replace(tiny, network=network, episodes=3, checkpoint_period=1), run=run)
    met = []

    def note(first: str, second: str, *args: object, **options: object) -> MatchResult:
        met.append([load_checkpoint(Path(file)).description.episode for file in (first, second)])
        return play_match("rush", "random", BattleSettings(size=12), episodes=2, seed=0)

    monkeypatch.setattr(study, "play_match", note)
    study.play([run], 1, "itself@2", 12, 2, 1)
    assert met == [[3, 2]]


def test_the_page_says_how_many_are_strong() -> None:
    rows = [row(("a", "b"), 0.9), row(("c", "d"), 0.8), row(("a",), 0.5), row(("b",), 0.1)]
    text = str(page_of(rows, [], {"swarm": "0.14 over 5 runs"}))
    assert "2 populations of 2 runs win 85% of their games, 80% to 90%; 1 of 2 win at" in text
    assert "2 single runs win 30% of their games, 10% to 50%; 0 of 2 win at least 90%" in text
    assert "over them: 0.071 (0.14 over 5 runs of preset paper)." in text
    assert "over them: 0.283 (0.14" in text
    assert spreads(STORED).keys() == {"skirmish", "swarm", "rush"}
    assert all(words.endswith(" over 5 runs") for words in spreads(STORED).values())


def test_commands_name_what_was_played() -> None:
    rows = [row(("a", "b"), 0.9), row(("a", "b"), 0.9, "rush"), row(("a", "b"), 0.9, size=400)]
    assert commands_of(rows, Path("page")) == [
        "python -m studies.populations runs/a runs/b --members 2 --checkpoints 3 "
        "--against swarm rush --size 64 --games 100 --out page",
        "python -m studies.populations runs/a runs/b --members 2 --checkpoints 3 "
        "--against swarm --size 400 --games 100 --out page",
    ]
