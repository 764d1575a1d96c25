"""Worlds of one team: players are compared by what they earn in the same episodes."""

from collections.abc import Mapping, Sequence
from csv import DictReader
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import t as student

from cmfq.cli import main
from cmfq.environments.signal import SignalSettings
from cmfq.play.entrants import Entrant, Player
from cmfq.play.game_log import GameRecord, Tournament, TournamentSettings
from cmfq.play.progress import last_differences, progress_rows
from cmfq.play.reading import finished_progress, finished_tournament, read_tournament
from cmfq.play.standings import returns_of, standings
from cmfq.results.details import difference_table, returns_table
from cmfq.results.table import margin_text, signed
from cmfq.training.run import Run
from killing import kill_among_games

WORLD = ("--clusters", "2", "--listeners", "3", "--babblers", "2", "--max-steps", "4")
SMALL = ("--episodes", "2", "--checkpoint-period", "1", "--batch-size", "8", "--min-updates", "1")
ALONE = ("--workers", "1")
PLAN = """
environment = "signal"
algorithms = ["cmfq", "mfq"]
[factors]
learner.discount = [0.5, 0.9]
environment.listeners = [3, 4]
[settings]
environment.clusters = 2
environment.babblers = 2
environment.max_steps = 4
episodes = 1
checkpoint_period = 1
learner.batch_size = 8
learner.min_updates = 1
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Two seeds of one algorithm: two checkpoints each."""
    folder = tmp_path_factory.mktemp("runs")
    found = [str(folder / f"mfq-{seed}") for seed in (0, 1)]
    for seed, run in enumerate(found):
        words = ["train", "signal", "--algorithm", "mfq", "--seed", str(seed), *WORLD, *SMALL]
        assert main([*words, "--run", run]) == 0
    return found


def test_evaluations_in_training_say_what_is_earned(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", "signal", *WORLD, *SMALL, "--run", str(tmp_path / "run")]
    evaluated = ["--evaluate-period", "2", "--evaluate-games", "2"]
    assert main([*words, *evaluated, "--evaluate-against", "random"]) == 0
    said = capsys.readouterr().out
    (row,) = Run.open(tmp_path / "run").evaluations()
    more = "less" if row.margin < 0 else "more"
    assert f"episode 2: earns {abs(row.margin):.1f} {more} than random in the same episodes" in said
    assert "win rate" not in said


def entrant(name: str, group: str, seed: int | None) -> Entrant:
    return Entrant(name, group, seed, (Player(f"{len(name):x}{ord(name[-1]):x}", name, 0),), None)


def games_of(earned: Mapping[Entrant, Sequence[float]]) -> tuple[GameRecord, ...]:
    """Episodes of each entrant alone, with these rewards."""
    return tuple(
        GameRecord(one.players[0].id, one.players[0].id, episode, 1, 0, 5, reward, 0.0)
        for one, rewards in earned.items()
        for episode, reward in enumerate(rewards)
    )


def test_differences_are_paired_by_episode_and_intervals_are_over_seeds_and_episodes() -> None:
    """By hand: two seeds of A, one of B, three episodes that differ far more than players do."""
    a0, a1, b = entrant("a0", "A", 0), entrant("a1", "A", 1), entrant("b", "B", None)
    earned = {a0: [100, 0, 53], a1: [102, 1, 52], b: [99, -1, 50]}
    games = games_of(earned)
    settings = TournamentSettings(SignalSettings(), 3)
    played = Tournament(settings, {}, "", (a0, a1, b), (), games, alone=True)
    assert returns_of(played)["a1"].tolist() == [102, 1, 52]
    found = standings(played).between("A", "B")
    # Differences 1, 1, 3 and 3, 2, 2: the mean square of what seeds and episodes leave over, 7/6,
    # is greater than those of both, so all three are 7/6 (of 1, 2 and 2 degrees of freedom).
    reach = student.ppf(0.975, 16 / 11) * np.sqrt(7 / 6 / 6)
    assert found.margin.value == pytest.approx(2)
    assert found.margin.high - found.margin.value == pytest.approx(reach)
    assert found.better is None
    assert (found.wins, found.draws, found.losses) == (6, 0, 0)
    assert [row[:2] for row in returns_table(played).rows] == [("A", "2"), ("B", "1")]
    (row,) = difference_table(standings(played)).rows
    assert row[0] == "A v B"
    assert row[2] == "cannot be told apart"


def test_the_luck_of_a_single_player_is_in_the_interval() -> None:
    """Two seeds that are nearly alike earn 20, 0, 1 and 1 more: B had one bad episode."""
    a0, a1, b = entrant("a0", "A", 0), entrant("a1", "A", 1), entrant("b", "B", None)
    earned = {a0: [10, 10, 10, 10], a1: [10, 10, 10, 10.1], b: [-10, 10, 9, 9]}
    games = games_of(earned)
    settings = TournamentSettings(SignalSettings(), 4)
    played = Tournament(settings, {}, "", (a0, a1, b), (), games, alone=True)
    found = standings(played).between("A", "B").margin
    assert found.value == pytest.approx(5.5125)
    assert found.low < -5 and not found.leaves_out(0)  # the two seeds alone: 5.35 to 5.67
    progress = Tournament(settings, {}, "", (a0, a1), (b,), games, alone=True)
    assert last_differences(progress)["A", "b"] == pytest.approx(found)


def test_everyone_plays_the_same_episodes(
    runs: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    json, out = tmp_path / "t.json", tmp_path / "out"
    words = ["tournament", *runs, "random", "--checkpoints", "last:2", "--games", "4", *ALONE]
    kill_among_games([*words, "--log", str(json)], 5)
    before = read_tournament(json)[0].games
    assert main([*words, "--log", str(json), "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "Returns, 95 % intervals over seeds" in said
    assert "beats" not in said and "Ratings" not in said
    played = finished_tournament(json)
    assert played.games[:5] == before
    assert played.alone and len(played.games) == 3 * 4
    for one in played.entrants:
        ours = [game for game in played.games if game.a in {player.id for player in one.players}]
        assert [game.game for game in ours] == [0, 1, 2, 3]
        assert [game.a for game in ours] == [one.players[e % len(one.players)].id for e in range(4)]
    page = (out / "README.md").read_text()
    assert "## Returns" in page and "## Ratings" not in page
    assert "each entrant plays the same episodes alone" in page
    html = tmp_path / "t.html"
    assert main(["tournament", "--log", str(json), "--html", str(html)]) == 0
    assert ">Returns</h2>" in html.read_text()


def test_an_evaluation_says_what_is_earned(
    runs: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["evaluate", *runs, "--games", "5", *ALONE]
    assert main([*words, "--json", str(tmp_path / "m.json")]) == 0
    said = capsys.readouterr().out
    assert "earns" in said and "beats" not in said and "win rate" not in said
    assert '"difference": [' in (tmp_path / "m.json").read_text()


def test_progress_compares_checkpoints_with_opponents_on_the_same_episodes(
    runs: list[str], tmp_path: Path
) -> None:
    json = tmp_path / "p.json"
    words = ["progress", runs[0], "--against", "random", runs[1], "--games", "3", *ALONE]
    assert main([*words, "--log", str(json)]) == 0
    played = finished_progress(json)
    assert len(played.games) == (2 + 2) * 3, "each checkpoint and each opponent alone"
    earned = {(game.a, game.game): game.a_reward for game in played.games}
    for row in progress_rows(played):
        (ours,) = (p for p in played.entrants[0].players if p.episode == row.episode)
        (theirs,) = (one.players[0] for one in played.opponents if one.name == row.opponent)
        ahead = [earned[ours.id, e] - earned[theirs.id, e] for e in range(3)]
        assert row.win_rate == pytest.approx(np.mean((np.sign(ahead) + 1) / 2))
        assert row.margin == pytest.approx(np.mean(ahead))


def test_a_run_that_is_its_own_opponent_plays_each_episode_once(
    runs: list[str], tmp_path: Path
) -> None:
    json = tmp_path / "p.json"
    words = ["progress", runs[0], "--against", runs[0], "--games", "2", *ALONE]
    assert main([*words, "--log", str(json), "--out", str(tmp_path / "p.svg")]) == 0
    played = finished_progress(json)
    assert [game.game for game in played.games] == [0, 1] * 2  # of each checkpoint
    assert progress_rows(played)[-1].margin == 0
    assert main([*words, "--log", str(json), "--out", str(tmp_path / "p.svg")]) == 0


def test_progress_says_what_the_last_checkpoints_earn_more_with_intervals_over_seeds(
    runs: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    json, out = tmp_path / "p.json", tmp_path / "out"
    words = ["progress", *runs, "--against", "random", "--games", "4", *ALONE]
    assert main([*words, "--log", str(json), "--out", str(out)]) == 0
    rows = [row for row in progress_rows(finished_progress(json)) if row.episode == 2]
    means = [row.margin for row in rows]
    assert len(means) == 2 and means[0] != means[1]
    ((pair, found),) = last_differences(finished_progress(json)).items()
    assert pair == ("mfq", "random (script)")
    assert found.value == pytest.approx(np.mean(means))
    assert found.low < found.value < found.high
    page = (out / "README.md").read_text()
    assert "## Returns" in page and f"| mfq | random (script) | {margin_text(found)} |" in page
    assert "Differences of the last checkpoints, 95 %" in capsys.readouterr().out


def test_a_sweep_says_what_settings_change_about_returns(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan, json, out = tmp_path / "plan.toml", tmp_path / "s.json", tmp_path / "out"
    plan.write_text(PLAN)
    words = ["sweep", str(plan), "--runs", str(tmp_path / "runs"), "--games", "3", *ALONE]
    words += ["--against", "random", "--checkpoints", "last:1", "--log", str(json)]
    assert main([*words, "--out", str(out)]) == 0
    earned = returns_of(read_tournament(json)[0])
    page = (out / "README.md").read_text()
    cells = list(DictReader((out / "cells.csv").read_text().splitlines()))
    for name, returns in earned.items():
        cell, _, algorithm = Path(name).name.partition("-")
        if algorithm:
            written = float(cells[int(cell)][f"return of {algorithm}"])
            assert written == pytest.approx(returns.mean(), rel=1e-4)
    assert "51 games: the same 3 for each run and each common opponent" in page
    assert "cmfq earned more than mfq in more than half of the episodes in" in page
    assert " won " not in page.partition("## The plan")[0]
    section = page[page.index("## Returns") :]
    for algorithm in ("cmfq", "mfq"):
        mean = np.mean([float(cell[f"return of {algorithm}"]) for cell in cells])
        assert f"| {signed(float(mean), 1)} (" in section
    assert "Returns of an episode, and their changes" in capsys.readouterr().out


def test_one_player_is_recorded(
    runs: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    game = tmp_path / "g.replay"
    assert main(["record", runs[0], "--game", "1", "--out", str(game)]) == 0
    assert game.stat().st_size > 100
    assert main(["record", "rush", "--size", "12", "--out", str(tmp_path / "b.replay")]) == 2
    assert "there are 2 teams: give two players" in capsys.readouterr().err
