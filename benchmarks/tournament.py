"""Games of 64 against 64 with two workers against one, in one process, in turn.

Prints seconds for 100 games, the start of worker processes included and not, and the ratio. The
aim is 40 s for 100 games on two free cores.

    python benchmarks/tournament.py [policy] [games] [rounds]
"""

import os
import statistics
import sys
import time
from pathlib import Path

from cmfq.environments.battle import BattleSettings
from cmfq.play.engine import play_games
from cmfq.play.entrants import player_of
from cmfq.play.game_log import TournamentSettings
from cmfq.play.schedule import ScheduledGame
from cmfq.training.checkpoint import latest_checkpoint


def measure(policy: Path, games: int, workers: int) -> tuple[float, float]:
    """Seconds for all games, and for those after the first: no process starts there."""
    player = player_of(latest_checkpoint(policy))
    planned = [ScheduledGame(player, player, game) for game in range(games)]
    started = time.perf_counter()
    results = iter(play_games(planned, TournamentSettings(BattleSettings(size=64)), workers))
    next(results)
    first = time.perf_counter()
    for _ in results:
        pass
    ended = time.perf_counter()
    return ended - started, (ended - first) * games / (games - 1)


def main(policy: str = "zoo:mfq64", games: int = 100, rounds: int = 3) -> None:
    measure(Path(policy), 2, 1)
    times: dict[int, list[tuple[float, float]]] = {1: [], 2: []}
    for _ in range(rounds):
        for workers, found in times.items():
            found.append(measure(Path(policy), games, workers))
    for workers, found in times.items():
        whole, steady = (statistics.median(column) for column in zip(*found, strict=True))
        print(
            f"{workers} worker{'s' * (workers > 1)}: {games} games in {whole:.1f} s, "
            f"{steady:.1f} s without the start of processes"
        )
    ratios = [one[1] / two[1] for one, two in zip(times[1], times[2], strict=True)]
    load = os.getloadavg()[0]
    print(
        f"one worker / two workers: median {statistics.median(ratios):.2f} (min {min(ratios):.2f}, "
        f"max {max(ratios):.2f}, {rounds} rounds); load of the machine {load:.1f}"
    )


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "zoo:mfq64", *map(int, sys.argv[2:]))
