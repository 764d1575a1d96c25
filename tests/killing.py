"""A command that is killed in the middle of its games, by a signal that no program can catch."""

import signal
import subprocess
import sys
from collections.abc import Sequence

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
