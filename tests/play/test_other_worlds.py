"""Worlds that are no battle: one team, two roles, three; every comparison works on them."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import small_worlds
from cmfq.cli import main
from cmfq.environments.keeping import close_kept
from cmfq.environments.pettingzoo import PettingZooSettings
from cmfq.errors import UserError
from cmfq.notices import forget_notices
from cmfq.play.game_log import GameRecord
from cmfq.play.matches import play_match
from cmfq.play.progress import score_of
from cmfq.play.reading import read_tournament
from cmfq.play.standings import margins_of
from cmfq.statistics.intervals import mean_interval
from cmfq.training.checkpoint import TRUST_VARIABLE

WORLDS = {
    "alone": (),
    "duel": (),
    "three_roles": (),
    "three_teams": ("--share-roles",),
}
SMALL = ("--episodes", "2", "--checkpoint-period", "1", "--batch-size", "8", "--min-updates", "1")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A trained run of each world."""
    folder = tmp_path_factory.mktemp("runs")
    for world, options in WORLDS.items():
        arguments = [f"small_worlds:{world}", *options, *SMALL, "--run", str(folder / world)]
        assert main(["train", *arguments]) == 0
    return {world: folder / world for world in WORLDS}


@pytest.fixture(autouse=True)
def trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TRUST_VARIABLE, "1")


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_notice_of_a_world_is_given_once(workers: str, capfd: pytest.CaptureFixture[str]) -> None:
    command = ["evaluate", "random", "random", "--environment", "small_worlds:outside"]
    assert main([*command, "--games", "6", "--workers", workers]) == 0
    said = [line for line in capfd.readouterr().err.splitlines() if " of 6 games" not in line]
    observed, closed = sorted(said)
    assert observed.startswith("cmfq: environment small_worlds:outside: agent 'a_0' in step 0 of")
    assert closed.startswith("cmfq: environment small_worlds:outside: it failed in close: OSError")


@pytest.mark.parametrize("world", WORLDS)
def test_a_match_plays_every_role_and_says_what_is_compared(
    world: str, runs: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["evaluate", str(runs[world]), "random", "--games", "6", "--workers", "1"]
    assert main(command) == 0
    said = capsys.readouterr().out
    expected = {
        "alone": "There is one team: each player has it alone, in the same episodes",
        "duel": "Roles are a and b: each player has each of them in turn",
        "three_roles": "Roles are a and b and c: one player has a role, the other all other roles",
        "three_teams": "one player has a team, the other all others",
    }
    assert expected[world] in said
    assert "survivors" not in said
    assert ("over two games with swapped roles" in said) == (world != "alone")
    if world == "three_roles":
        assert "b and c" in said


def test_of_three_roles_each_player_has_each_and_all_others(runs: dict[str, Path]) -> None:
    settings = PettingZooSettings("small_worlds:three_roles")
    match = play_match("random", str(runs["three_roles"]), settings, episodes=6, seed=0)
    places = [row.role for row in match.rewards if row.player == "random"]
    assert places == ["a", "b", "c", "b and c", "a and c", "a and b"]
    (alone,) = (row for row in match.rewards if (row.player, row.role) == ("random", "b"))
    assert alone.mean == match.games[2].a_reward
    assert alone.survivors == 1  # the only agent of its role; of role a there are two
    assert match.games[0].a_survivors == 2
    assert match.games[1].a_survivors == 2


def test_a_match_of_unlike_roles_is_judged_by_two_games_with_swapped_roles(
    runs: dict[str, Path],
) -> None:
    settings = PettingZooSettings("small_worlds:duel")
    match = play_match("random", str(runs["duel"]), settings, episodes=7, seed=0)
    margins = [game.a_reward - game.b_reward for game in match.games]
    both = [margins[0] + margins[1], margins[2] + margins[3], margins[4] + margins[5]]
    assert match.ahead is not None
    assert match.ahead.value == pytest.approx(np.mean(both))
    low, high = mean_interval(np.array(both))
    assert (match.ahead.low, match.ahead.high) == pytest.approx((low, high))


def test_survivors_decide_between_unlike_roles_if_asked_to() -> None:
    games = [replace(record(0, 3, 0), a_survivors=1, b_survivors=4), record(1, 3, 0)]
    assert margins_of(games, "rewards", paired=True) == [6]
    assert margins_of(games, "survivors", paired=True) == [-3]


def test_one_team_has_no_survivors_to_decide(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["evaluate", "random", "random", "--environment", "small_worlds:alone"]
    assert main([*words, "--decided-by", "survivors"]) == 2
    assert "one team, whose players are compared by their rewards" in capsys.readouterr().err


def record(game: int, a_reward: float, b_reward: float) -> GameRecord:
    return GameRecord("a", "b", game, 1, 1, 8, a_reward, b_reward)


def test_two_games_with_swapped_roles_count_as_one() -> None:
    games = [record(0, 5, 1), record(1, 0, 3), record(2, 1, 1), record(3, 2, 2), record(4, 9, 0)]
    assert margins_of(games, "rewards", paired=True) == [(5 - 1) + (0 - 3), 0]
    assert margins_of(games, "rewards", paired=False) == [4, -3, 0, 0, 9]
    score = score_of(games, "rewards", paired=True)
    assert (score.wins, score.draws, score.losses, score.margin) == (1, 1, 0, 0.5)
    assert score.yardsticks == {}
    assert score_of(games, "rewards", paired=False).yardsticks["win_rate_first"] == 2.5 / 3


@pytest.mark.parametrize("world", WORLDS)
def test_tournaments_and_progress_say_who_wins(
    world: str, runs: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, file = str(runs[world]), tmp_path / "t.json"
    options = ["--workers", "1", "--log"]
    played = ["tournament", run, "random", "--games", "12", "--checkpoints", "last:2"]
    assert main([*played, *options, str(file), "--out", str(tmp_path / "results")]) == 0
    said = capsys.readouterr().out.lower()
    page = (tmp_path / "results" / "README.md").read_text()
    sentence = "the same episodes alone" if world == "alone" else "two such games count as one"
    assert sentence in said and sentence in page
    assert ("## By role" in page) == (world != "alone")
    assert ("reward by role" in said) == (world != "alone")
    assert "## By side" not in page and "## Other measures" not in page, "pairs are not to be split"
    assert not (tmp_path / "results" / "yardsticks.csv").exists()
    tournament, whole = read_tournament(file)
    assert whole and len(tournament.games) == (24 if world == "alone" else 12)
    assert (tournament.paired, tournament.alone) == (world != "alone", world == "alone")
    checkpoints = {(game.game, game.a, game.b) for game in tournament.games}
    if world.startswith("three"):  # six games give a checkpoint every role once
        assert len({one[1:] for one in checkpoints if one[0] < 6}) == 1
    report = tmp_path / "t.html"
    assert main(["tournament", "--log", str(file), "--html", str(report)]) == 0
    assert ">By side</h2>" not in report.read_text()
    assert (">By role</h2>" in report.read_text()) == (world != "alone")
    progress = ["progress", run, "--games", "6", *options, str(tmp_path / "p.json")]
    assert main([*progress, "--against", "random", "--out", str(tmp_path / "p")]) == 0
    said = capsys.readouterr().out
    assert "v random" in said
    assert "by side" not in said.lower() and "other measures" not in said.lower()
    page = (tmp_path / "p" / "README.md").read_text()
    assert "## The last checkpoints" not in page
    assert ("## By role" in page) == (world != "alone")


def test_too_few_games_for_every_role_are_refused(
    runs: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["tournament", str(runs["three_roles"]), "random", "--log", str(tmp_path / "t.json")]
    assert main([*command, "--games", "5", "--workers", "1"]) == 2
    error = capsys.readouterr().err
    assert "give at least 6, so that each plays every role once (a and b and c)" in error


def test_roles_that_are_not_two_are_not_crossed_and_the_way_out_is_named(
    runs: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["cross", str(runs["three_roles"]), "random", "--out", str(tmp_path / "x")]
    assert main(command) == 2
    error = capsys.readouterr().err
    assert "`cmfq cross` needs two teams of different roles; `cmfq tournament`" in error


def test_a_role_that_begins_empty_is_not_crossed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, out = tmp_path / "run", tmp_path / "x"
    assert main(["train", "small_worlds:growing", *SMALL, "--run", str(run)]) == 0
    assert main(["evaluate", str(run), "random", "--games", "2", "--workers", "1"]) == 0
    assert main(["cross", str(run), "random", "--games", "1", "--out", str(out)]) == 2
    error = capsys.readouterr().err
    assert "b of small_worlds:growing has no agents when an episode begins" in error
    assert not out.exists()


def test_what_a_name_stands_for_is_looked_up_for_every_match(tmp_path: Path) -> None:
    """In one process: after more training, and in a world of the same name that was changed."""
    settings = PettingZooSettings("small_worlds:duel", 12)
    for seed in ("0", "1"):
        options = (*SMALL, "--seed", seed, "--run", str(tmp_path / seed))
        assert main(["train", "small_worlds:duel", "--max-steps", "12", *options]) == 0
    shutil.copytree(tmp_path / "0", tmp_path / "run")

    def games(run: str) -> list[float]:
        name = str(tmp_path / run)
        return [
            game.a_reward for game in play_match(name, "random", settings, episodes=8, seed=0).games
        ]

    before = games("run")
    shutil.rmtree(tmp_path / "run" / "checkpoints")
    shutil.copytree(tmp_path / "1" / "checkpoints", tmp_path / "run" / "checkpoints")
    after = games("run")
    assert after != before
    assert after == games("1")
    close_kept()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("small_worlds.duel", small_worlds.three_roles)
        assert play_match("random", "random", settings, episodes=6, seed=0).games
        with pytest.raises(UserError, match="has policies of a, b: it cannot play c"):
            play_match(str(tmp_path / "run"), "random", settings, episodes=6, seed=0)
        close_kept()


@pytest.mark.parametrize("command", ["explain", "check"])
@pytest.mark.parametrize(
    ("world", "message"),
    [
        ("three_roles", "duel has policies of a, b: it cannot play c"),
        ("choices", r"duel was trained with actions .*'action_2'\), this game has .*'action_3'\)"),
    ],
)
def test_decisions_in_a_game_that_a_run_cannot_play_are_refused(
    command: str,
    world: str,
    message: str,
    runs: dict[str, Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    options = ["--make-env", f"small_worlds:{world}"]
    assert main([command, str(runs["duel"]), *options]) == 2
    assert re.search(message, capsys.readouterr().err)


def test_a_check_says_why_nothing_is_approximated(
    runs: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", str(runs["duel"])]) == 2
    assert "no agent has two neighbours that acted, so each merged" in capsys.readouterr().err


def test_runs_without_a_seed_in_common_are_not_crossed(
    runs: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other, out = tmp_path / "other", tmp_path / "x"
    options = (*SMALL, "--algorithm", "mfq", "--seed", "1", "--run", str(other))
    assert main(["train", "small_worlds:duel", *options]) == 0
    crossed = [str(runs["duel"]), str(other), "random", "--games", "1", "--out", str(out)]
    assert main(["cross", *crossed]) == 2
    assert "cmfq and mfq have no training seed in common" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize("rows", [None, b"", b'{"episode": 1, "st'])
def test_a_report_without_a_row_of_training_is_refused_before_its_games(
    rows: bytes | None, runs: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    shutil.copytree(runs["duel"], run)
    (run / "metrics.jsonl").unlink()
    if rows is not None:
        (run / "metrics.jsonl").write_bytes(rows)
    assert main(["report", str(run), "--games", "1"]) == 2
    said = capsys.readouterr()
    assert "has no episodes in its metrics.jsonl" in said.err
    assert "playing" not in said.out
    assert not (run / "report.html").exists()


@pytest.mark.parametrize("world", WORLDS)
def test_a_run_of_any_world_evaluates_itself(world: str, tmp_path: Path) -> None:
    options = [*WORLDS[world], *SMALL, "--evaluate-period", "1", "--evaluate-games", "6"]
    run = tmp_path / "run"
    assert main(["train", f"small_worlds:{world}", *options, "--run", str(run)]) == 0
    rows = [json.loads(line) for line in (run / "evaluations.jsonl").read_text().splitlines()]
    games = 6 if world == "alone" else 3
    assert [row["wins"] + row["draws"] + row["losses"] for row in rows] == [games] * 2
    assert all(np.isfinite(row["margin"]) for row in rows)


@pytest.mark.parametrize("world", WORLDS)
def test_games_are_recorded_and_decisions_explained(
    world: str, runs: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, game = str(runs[world]), tmp_path / "g.replay"
    others = [] if world == "alone" else ["random"]
    assert main(["record", run, *others, "--game", "3", "--out", str(game)]) == 0
    assert game.stat().st_size > 100
    if not others:  # who has no team to play is named, and the game is the same
        again = tmp_path / "again.replay"
        forget_notices()
        assert main(["record", run, "random", "--game", "3", "--out", str(again)]) == 0
        assert f"there is one team, which {run} plays, not random" in capsys.readouterr().err
        assert again.read_bytes() == game.read_bytes()
    assert main(["explain", run, "--step", "2"]) == 0
