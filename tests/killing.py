"""Commands that are killed in the middle, or stand still there until a signal comes."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

KILLED_AFTER_GAMES = """
import os, signal, sys
from cmfq.cli import main
from cmfq.play.game_log import GameLog

append, left = GameLog.append, [int(sys.argv[1])]

def appended(log, game):
    append(log, game)
    left[0] -= 1
    if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)

GameLog.append = appended
main(sys.argv[2:])
"""


def kill_among_games(arguments: Sequence[str], games: int) -> None:
    """Run ``cmfq`` in a process of its own, which is killed as soon as so many games are logged.

    Args:
        arguments: of the command; with one worker, so that games end in order.
        games: after how many it is killed.
    """
    command = [sys.executable, "-c", KILLED_AFTER_GAMES, str(games), *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr


HELD_AFTER_ROWS = """
import os, signal, sys
from pathlib import Path
from cmfq.cli import main
from cmfq.environments.battle import BattleEnvironment

rows, left = int(sys.argv[1]), [int(sys.argv[2])]
held, metrics = map(Path, sys.argv[3:5])
step = BattleEnvironment.step
came, comes = os.pipe()
os.set_blocking(comes, False)
signal.set_wakeup_fd(comes)

def held_step(self, actions):
    if left[0] and metrics.exists() and metrics.read_bytes().count(b"\\n") >= rows:
        left[0] -= 1
        held.touch()
        os.read(came, 1)
    return step(self, actions)

BattleEnvironment.step = held_step
sys.exit(main(sys.argv[5:]))
"""
HELD_AFTER_GAMES = KILLED_AFTER_GAMES.replace(
    "os.kill(os.getpid(), signal.SIGKILL)", "signal.pause()"
)
LIMIT = 900
"""Seconds to wait for what must come, on a machine that has much else to do."""


@contextmanager
def held_in_training(
    run: Path, rows: int, words: Sequence[str], signals: int = 1, **options: Any
) -> Iterator[subprocess.Popen[str]]:
    """``cmfq train battle`` in a process that stands still in an episode until it gets a signal.

    However late the signal is, the run is not finished. The process does not outlive the test.

    Args:
        run: folder of the run.
        rows: after how many episodes it stands still.
        words: of the command, after its environment.
        signals: how many it waits for, each in a step of the same episode.
        options: of the process.
    """
    held, metrics = run.with_name(f"{run.name}-held"), run / "metrics.jsonl"
    places = [str(rows), str(signals), str(held), str(metrics)]
    command = ["train", "battle", *words, "--run", str(run)]
    with started(HELD_AFTER_ROWS, [*places, *command], **options) as process:
        wait_for(held.exists, process)
        yield process


@contextmanager
def started(script: str, words: Sequence[str], **options: Any) -> Iterator[subprocess.Popen[str]]:
    """A script in a process that does not outlive the test."""
    with subprocess.Popen([sys.executable, "-c", script, *words], text=True, **options) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Wait for a condition that a process is to bring about."""
    deadline = time.monotonic() + LIMIT
    while not condition():
        assert process.poll() is None, "it ended before its time"
        assert time.monotonic() < deadline
        time.sleep(0.02)
