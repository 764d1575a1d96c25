"""What recording costs: the same games played with and without it, in turn, in one process.

CMFQ plays MFQ, both with the weights of zoo:mfq64. Figures are medians over games of the ratio
within a game.

    python benchmarks/recording.py [games]
"""

import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import NamedTuple, TypeVar

import numpy as np
import torch

from cmfq.environments.battle import BattleEnvironment, BattleSettings
from cmfq.policies import QPolicy
from cmfq.recordings.record import Recorder
from cmfq.rollout import Episode, play_episode
from cmfq.training.checkpoint import load
from cmfq.zoo import FOLDER

T = TypeVar("T")
Policies = tuple[QPolicy, QPolicy]


class Cost(NamedTuple):
    """Seconds of a game."""

    playing: float
    """Of the thread that plays: what the game is slowed by, while a core is free to pack."""
    processor: float
    """Of all threads: what it is slowed by on a single core."""


def measure(call: Callable[[], T]) -> tuple[Cost, T]:
    thread, process = time.thread_time(), time.process_time()
    result = call()
    return Cost(time.thread_time() - thread, time.process_time() - process), result


def play(environment: BattleEnvironment, policies: Policies, seed: int) -> Episode:
    generator = np.random.default_rng(seed)
    return play_episode(environment, policies, seed=seed, generator=generator)


def record(environment: BattleEnvironment, policies: Policies, seed: int) -> int:
    generator = np.random.default_rng(seed)
    players = ("cmfq", "mfq")
    with Recorder(environment, policies, name="battle", players=players, seed=seed) as recorder:
        play_episode(environment, policies, seed=seed, generator=generator, observers=(recorder,))
    return len(recorder.content)


def main(games: int = 15) -> None:
    torch.set_num_threads(1)
    mfq = load(FOLDER / "mfq64")
    policies = (replace(mfq, algorithm="cmfq"), mfq)
    for size in (64, 400):
        environment = BattleEnvironment(BattleSettings(size=size))
        play(environment, policies, 0)
        rows = []
        for seed in range(games if size == 64 else max(1, games // 5)):
            plain, episode = measure(partial(play, environment, policies, seed))
            recorded, file_size = measure(partial(record, environment, policies, seed))
            ratios = Cost(*(a / b for a, b in zip(recorded, plain, strict=True)))
            rows.append((ratios, file_size / 1e6, episode))
        largest = max(rows, key=lambda row: row[1])
        print(
            f"{size} v {size}, {len(rows)} games: recording takes "
            f"{spread([ratios.playing for ratios, _, _ in rows])} times as long where a core is "
            f"free to pack, {spread([ratios.processor for ratios, _, _ in rows])} in all; "
            f"largest file {largest[1]:.2f} MB, of {largest[2].steps} steps and "
            f"{largest[2].agent_steps} decisions"
        )


def spread(ratios: list[float]) -> str:
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
