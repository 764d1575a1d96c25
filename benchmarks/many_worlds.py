"""What worlds side by side gain: agent-steps per second of whole trainings, as ratios.

All trainings take turns in one process. Each pass plays one round of every training: K episodes
and the updates that they earn. Figures are medians over rounds of ratios within a round.

    python benchmarks/many_worlds.py [rounds] [size] [steps]
"""

import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing

import numpy as np
import torch

from cmfq.environments.battle import BattleEnvironment, BattleSettings
from cmfq.training.self_play import SelfPlay
from cmfq.training.settings import TrainSettings

WAYS = {"K = 1": (1, 1), "K = 8": (8, 1), "K = 8, 2 threads": (8, 2)}
"""Worlds, and threads that step them; the network keeps one."""


def rates(rounds: int, size: int, steps: int, algorithm: str) -> dict[str, list[float]]:
    """Agent-steps per second of each way, round by round."""
    world = BattleSettings(size=size, max_steps=steps)
    found: dict[str, list[float]] = {name: [] for name in WAYS}
    with ExitStack() as opened:
        runs = {}
        for name, (worlds, threads) in WAYS.items():
            settings = TrainSettings(
                world, algorithm=algorithm, environments=worlds, episodes=10**6, threads=threads
            )
            runs[name] = opened.enter_context(closing(SelfPlay(settings)))
            runs[name].run_episodes()
        torch.set_num_threads(1)
        for _ in range(rounds):
            for name, run in runs.items():
                agent_steps, started = 0, time.perf_counter()
                while agent_steps < 8 * steps * size:
                    agent_steps += sum(row.agent_steps for row in run.run_episodes())
                found[name].append(agent_steps / (time.perf_counter() - started))
    return found


def ratio(rates: dict[str, list[float]], a: str, b: str) -> str:
    """Median of ``a`` / ``b`` with its range."""
    ratios = [x / y for x, y in zip(rates[a], rates[b], strict=True)]
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


def stepping(size: int, steps: int) -> None:
    """The engines alone: eight of them on one thread and on two."""
    worlds = [BattleEnvironment(BattleSettings(size=size, max_steps=steps + 1)) for _ in range(8)]
    generator = np.random.default_rng(0)

    def advance(world: BattleEnvironment, actions: list[np.ndarray]) -> list[int]:
        return [len(one.ids) for one in world.step(actions).observations]

    ratios = []
    with ThreadPoolExecutor(2) as pool:
        seconds = {}
        for number, each in enumerate((map, pool.map) * 3):
            counts = [[len(one.ids) for one in world.reset(number // 2)] for world in worlds]
            started = time.perf_counter()
            for _ in range(steps):
                actions = [
                    [generator.integers(21, size=count).astype(np.int32) for count in both]
                    for both in counts
                ]
                counts = list(each(advance, worlds, actions))
            seconds[number] = time.perf_counter() - started
        ratios = [seconds[number] / seconds[number + 1] for number in (0, 2, 4)]
    print(f"eight engines, two threads / one: {statistics.median(ratios):.2f} times the speed")


def main() -> None:
    given = [int(word) for word in sys.argv[1:]]
    rounds, size, steps = (*given, *(3, 64, 400)[len(given) :])
    stepping(size, min(steps, 100))
    for algorithm in ("cmfq", "mfq"):
        found = rates(rounds, size, steps, algorithm)
        print(f"{algorithm}, {size} v {size}, {steps} steps, times the speed of K = 1:")
        for name in ("K = 8", "K = 8, 2 threads"):
            print(f"  {name}: {ratio(found, name, 'K = 1')}")


if __name__ == "__main__":
    main()
