"""What an update costs: each algorithm, stored and recomputed merged actions, against MFQ.

One process, in turn, on the same replayed battle; medians over rounds of ratios within a round.

    python benchmarks/learning.py [rounds]
"""

import statistics
import sys
import time
from dataclasses import replace

import torch

from acting import ENCODING, FIRST_CONVOLUTION, MERGING, peak_flops
from cmfq.environments.battle import BattleSettings
from cmfq.learner import LearnerSettings
from cmfq.networks import NetworkSettings
from cmfq.training.self_play import SelfPlay
from cmfq.training.settings import TrainSettings

BASE = TrainSettings(environment=BattleSettings(max_steps=40), learner=LearnerSettings())
PARTIES = {
    "mfq stored": ("mfq", "stored"),
    "cmfq stored": ("cmfq", "stored"),
    "cmfq recomputed": ("cmfq", "recomputed"),
    "attention-mfq": ("attention-mfq", "stored"),
}
UPDATES = 3


def make(algorithm: str, merged_action: str, head: str) -> SelfPlay:
    self_play = SelfPlay(
        replace(
            BASE,
            algorithm=algorithm,
            network=NetworkSettings(head),
            learner=replace(BASE.learner, merged_action=merged_action),
        )
    )
    self_play.run_episodes()
    return self_play


def seconds(self_play: SelfPlay) -> float:
    (side,) = self_play.sides.values()
    started = time.perf_counter()
    for _ in range(UPDATES):
        side.learner.update(side.learner.sample(side.replay))
    return (time.perf_counter() - started) / UPDATES


def update_flops(batch_size: int) -> float:
    """Of an update, pairwise head: both networks forward, one of them backward.

    Going backward costs twice as much as forward, but the observation itself needs no gradient.
    """
    return batch_size * (4 * (ENCODING + MERGING) - FIRST_CONVOLUTION)


def main(rounds: int = 15) -> None:
    torch.set_num_threads(1)
    peak = peak_flops(rounds)
    for head in ("additive", "pairwise"):
        for threads in (1, 2):
            parties = {name: make(*party, head) for name, party in PARTIES.items()}
            torch.set_num_threads(threads)
            times = [{name: seconds(p) for name, p in parties.items()} for _ in range(rounds)]
            for name in parties:
                ratios = [row[name] / row["mfq stored"] for row in times]
                milliseconds = 1e3 * statistics.median(row[name] for row in times)
                print(
                    f"{head}, {threads} thread(s), {name}: {statistics.median(ratios):.2f} times "
                    f"MFQ ({min(ratios):.2f} to {max(ratios):.2f}), {milliseconds:.1f} ms"
                )
                if (head, threads, name) == ("pairwise", 1, "cmfq stored"):
                    share = update_flops(BASE.learner.batch_size) / milliseconds / 1e-3 / peak
                    print(f"  {share:.0%} of the {peak / 1e9:.0f} GFLOP/s of a matrix product")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
