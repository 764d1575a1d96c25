"""Tournaments that are interrupted, killed, resumed and shared among workers."""

import gzip
import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from cmfq.cli import main
from cmfq.environments.battle import BattleSettings
from cmfq.environments.pursuit import PursuitSettings
from cmfq.errors import UserError
from cmfq.play.engine import validate_log
from cmfq.play.entrants import Entrant, find_entrants
from cmfq.play.game_log import GameLog, TournamentSettings
from cmfq.play.reading import finished_tournament, read_tournament
from cmfq.play.tournament import play_tournament
from killing import HELD_AFTER_GAMES, started, wait_for

PURSUIT = PursuitSettings()
SETTINGS = TournamentSettings(BattleSettings(size=12, max_steps=10), episodes=6)


def enter(names: list[str], checkpoints: int) -> tuple[Entrant, ...]:
    return find_entrants(names, "battle", checkpoints)


@pytest.fixture
def entrants(runs: Path) -> tuple[Entrant, ...]:
    return enter([str(runs / "cmfq-0"), str(runs / "mfq-0"), "rush"], 2)


def play(entrants: tuple[Entrant, ...], path: Path, workers: int = 1, **changes: object) -> bytes:
    settings = replace(SETTINGS, **changes)
    play_tournament(entrants, settings, path, command="again", workers=workers)
    return path.read_bytes()


def test_every_pair_plays_all_its_games(entrants: tuple[Entrant, ...], tmp_path: Path) -> None:
    play(entrants, tmp_path / "t.json")
    played = finished_tournament(tmp_path / "t.json")
    assert len(played.games) == 3 * 6
    assert len({game.key for game in played.games}) == 18
    assert played.entrants == entrants
    assert played.settings == SETTINGS
    assert not list(tmp_path.glob("*.lock"))


def test_games_hold_their_combat_and_files_without_it_are_read(
    entrants: tuple[Entrant, ...], tmp_path: Path
) -> None:
    path = tmp_path / "t.json"
    play(entrants, path)
    games = read_tournament(path)[0].games
    for game in games:
        assert game.truncated == (min(game.a_survivors, game.b_survivors) > 0)
        assert game.a_combat is not None
        assert game.a_combat.damage_taken >= 9.9 * (12 - game.a_survivors)
    lines = path.read_text().split("\n")
    for number, line in enumerate(lines[1:-2], 1):
        row = json.loads(line.removeprefix(","))
        for name in ("truncated", "a_combat", "b_combat"):
            del row[name]
        lines[number] = line[:1].replace("{", "") + json.dumps(row)
    path.write_text("\n".join(lines))
    old = replace(games[0], truncated=None, a_combat=None, b_combat=None)
    assert read_tournament(path)[0].games[0] == old


def test_the_file_does_not_depend_on_the_workers(
    entrants: tuple[Entrant, ...], tmp_path: Path
) -> None:
    alone = play(entrants, tmp_path / "a.json")
    assert play(entrants, tmp_path / "b.json", workers=2) == alone
    assert play(entrants, tmp_path / "c.json", seed=1) != alone


def test_games_do_not_depend_on_who_else_plays(
    entrants: tuple[Entrant, ...], runs: Path, tmp_path: Path
) -> None:
    play(entrants, tmp_path / "t.json")
    more = enter([str(runs / n) for n in ("cmfq-0", "mfq-0", "mfq-1")] + ["rush"], 2)
    play(more, tmp_path / "more.json")
    few = finished_tournament(tmp_path / "t.json").games
    assert set(few) < set(finished_tournament(tmp_path / "more.json").games)


@pytest.mark.parametrize("kept", [0, 1, 7, 18])
def test_a_file_cut_short_goes_on_to_the_same_end(
    entrants: tuple[Entrant, ...], tmp_path: Path, kept: int
) -> None:
    path = tmp_path / "t.json"
    whole = play(entrants, path)
    lines = whole.split(b"\n")
    path.write_bytes(b"\n".join([*lines[: 1 + kept], b',{"a": "0'[kept == 0 :]]))
    before, finished = read_tournament(path)
    assert (len(before.games), finished) == (kept, False)
    with pytest.raises(UserError, match=f"is not finished: it holds {kept} games?; continue with"):
        finished_tournament(path)
    played = []
    play_tournament(
        entrants,
        SETTINGS,
        path,
        command="again",
        on_progress=lambda finished, games: played.append(finished),
    )
    assert played[0] == kept
    assert path.read_bytes() == whole


def test_a_tournament_can_grow_but_not_change(
    entrants: tuple[Entrant, ...], runs: Path, tmp_path: Path
) -> None:
    path = tmp_path / "t.json"
    games = set(finished_tournament(path).games) if play(entrants, path) else set()
    with pytest.raises(UserError, match=("has games with seed 0, not 1: continue with the same")):
        play(entrants, path, seed=1)
    with pytest.raises(UserError, match="has games with max_steps 10, not 26: continue"):
        play(entrants, path, environment=BattleSettings(size=12, max_steps=26))
    with pytest.raises(UserError, match="with environment battle, 12 a side, not pursuit, 20"):
        validate_log(path, replace(finished_tournament(path), settings=TournamentSettings(PURSUIT)))
    with pytest.raises(UserError, match="has more than 4 games a pair"):
        play(entrants, path, episodes=4)
    with pytest.raises(UserError, match="has games of an earlier version of rush: give the same"):
        play(entrants[:2], path)
    assert set(finished_tournament(path).games) == games, "a refusal loses nothing"
    more = enter([str(runs / n) for n in ("cmfq-0", "mfq-0", "mfq-1")] + ["rush"], 2)
    play(more, path, episodes=8)
    assert games < set(finished_tournament(path).games)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_disk_that_takes_no_more_costs_no_finished_game(
    entrants: tuple[Entrant, ...], tmp_path: Path, workers: int
) -> None:
    """Refused by the system in the middle of a game's line, and called again when there is room."""
    whole = play(entrants, tmp_path / "undisturbed.json")
    lines = whole.split(b"\n")
    path, room = tmp_path / "t.json", len(b"\n".join(lines[:8])) + 20
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        with pytest.raises(UserError, match=r"cannot write .*t.json: File too large") as refusal:
            play(entrants, path, workers)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "\n" not in str(refusal.value)
    kept, finished = read_tournament(path)
    written = path.read_bytes()
    assert (len(kept.games), finished) == (written.count(b"\n") - 1, False)
    assert len(written) == room, "the next game is cut short"
    assert len(kept.games) == 7 or workers == 2, "lines of other games, of another length"
    assert play(entrants, path) == whole


def test_files_that_are_no_tournament(entrants: tuple[Entrant, ...], tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    whole = play(entrants, path)
    for content, sentence in (
        (whole.replace(b"tournament-1", b"tournament-0"), "this version of cmfq reads"),
        (whole[:100], "its first line was cut short"),
        (b"[]", "this version of cmfq reads"),
        (b"\xff\xfe", "cannot be read as a tournament"),
        (whole.replace(b'"game": 3,', b'"game": 3;', 1), r"line \d+ of .* is damaged"),
        (whole.replace(b'"steps": ', b'"stepz": ', 1), "line 2 of .* is damaged .*`steps`"),
    ):
        path.write_bytes(content)
        with pytest.raises(UserError, match=sentence):
            play(entrants, path)
        assert path.read_bytes() == content, "what cannot be read is left as it is"


def test_who_cannot_play(entrants: tuple[Entrant, ...], tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    with pytest.raises(UserError, match="was trained on battle: it cannot play pursuit"):
        play(entrants, path, environment=PursuitSettings())
    with pytest.raises(UserError, match="there is nothing to play"):
        play(entrants[:1], path)
    with pytest.raises(UserError, match="workers is 0"):
        play(entrants, path, workers=0)
    with GameLog(path), pytest.raises(UserError, match="written by another process"):
        play(entrants, path)
    bad = tmp_path / "bad.safetensors"
    bad.write_bytes(b"no policy")
    with pytest.raises(UserError, match="cut short or was not written by cmfq"):
        play(enter([str(bad), "rush"], 1), path)
    assert not path.exists()


def test_killed_and_called_again_it_ends_the_same(runs: Path, tmp_path: Path) -> None:
    """A real SIGKILL of the process that leads, in the middle, with two workers."""
    path, undisturbed = tmp_path / "t.json", tmp_path / "u.json"
    arguments = ["tournament", *(str(runs / n) for n in ("cmfq-0", "mfq-0")), "swarm"]
    arguments += ["--size", "36", "--max-steps", "40", "--games", "6", "--workers", "2"]
    words = ["3", *arguments, "--log", str(path)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with started(HELD_AFTER_GAMES, words, **quiet) as leader:
        wait_for(lambda: path.exists() and len(read_tournament(path)[0].games) == 3, leader)
        workers = children(leader.pid)
        assert len(workers) >= 2
        leader.kill()
    before, whole = read_tournament(path)
    assert len(before.games) == 3
    assert not whole
    deadline = time.monotonic() + 600
    while any(alive(worker) for worker in workers):
        assert time.monotonic() < deadline, "workers outlive the process that started them"
        time.sleep(0.05)
    arguments[-1] = "1"
    assert main([*arguments, "--log", str(path)]) == 0
    assert main([*arguments, "--log", str(undisturbed)]) == 0
    ours, theirs = finished_tournament(path), finished_tournament(undisturbed)
    assert ours.games == theirs.games
    assert set(before.games) < set(ours.games)


def test_a_notice_is_given_once_whatever_process_loads_the_player(
    runs: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    command = ["tournament", str(runs / "cmfq-0"), "rush", "--size", "36", "--max-steps", "5"]
    command += ["--checkpoints", "last:1", "--games", "6", "--workers", "2"]
    assert main([*command, "--log", str(tmp_path / "t.json")]) == 0
    errors = capfd.readouterr().err
    assert errors.count("plays on one of") == 1
    assert "Notice" not in errors


def test_a_log_whose_name_ends_in_gz_is_packed_at_its_end_and_goes_on(tmp_path: Path) -> None:
    """It is text while games are added, whatever it is called, and a kill leaves it so."""
    packed, plain = tmp_path / "t.json.gz", tmp_path / "t.json"
    command = ["tournament", "rush", "random", "--size", "12", "--max-steps", "5"]
    command += ["--workers", "1", "--games"]
    for path in (packed, plain):
        assert main([*command, "4", "--log", str(path)]) == 0
    games = finished_tournament(plain).games
    assert gzip.decompress(packed.read_bytes()).count(b"\n") == plain.read_text().count("\n")
    under_way = plain.read_bytes().splitlines(keepends=True)[:3]
    packed.write_bytes(b"".join(under_way))
    assert len(read_tournament(packed)[0].games) == 2
    for number in (4, 6):
        assert main([*command, str(number), "--log", str(packed)]) == 0
        assert finished_tournament(packed).games[:4] == games
    assert main(["tournament", "--log", str(packed)]) == 0


def test_ctrl_c_keeps_what_was_played(runs: Path, tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    command = [sys.executable, "-m", "cmfq.cli", "tournament", str(runs / "cmfq-0"), "swarm"]
    command += ["--size", "64", "--games", "500", "--workers", "1", "--log", str(path)]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    while not path.exists() or len(read_tournament(path)[0].games) < 2:
        assert process.poll() is None
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=600)
    assert process.returncode == 130
    assert "Traceback" not in errors
    kept = len(read_tournament(path)[0].games)
    assert f"{kept} of 500 games are kept in {path}: the same command continues" in errors


def children(parent: int) -> list[int]:
    tasks = Path(f"/proc/{parent}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


def alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().split(")")[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_entrants_of_one_group_are_rated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["tournament", "x=rush", "x=swarm", "--within-groups", "--games", "2", "--size", "12"]
    files = ["--log", str(tmp_path / "t.json"), "--html", str(tmp_path / "t.html")]
    assert main([*words, *files, "--out", str(tmp_path / "out"), "--workers", "1"]) == 0
    assert "All entrants are of one group, x: no groups are compared." in capsys.readouterr().out
    page = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "2 games for each pair of entrants;" in page
    ratings = re.findall(r"^\| (rush|swarm) \| ([^ ]+) \|$", page, re.MULTILINE)
    assert sorted(name for name, _ in ratings) == ["rush", "swarm"]
