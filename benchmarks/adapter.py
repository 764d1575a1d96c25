"""What the battle adapter costs on top of the engine calls that it makes.

Both sides play the same random episodes in one process, in turn; the figure is the ratio. The
bare side makes every engine call that the adapter makes, and nothing else.

    python benchmarks/adapter.py [agents a side] [rounds]
"""

import statistics
import sys
import time

import numpy as np

from cmfq.environments.battle import BattleEnvironment, BattleSettings

STEPS = 200


def play_adapter(environment: BattleEnvironment, actions: np.ndarray) -> float:
    environment.reset(0)
    started = time.perf_counter()
    for step in range(STEPS):
        environment.step(actions[step])
    return time.perf_counter() - started


def play_bare(environment: BattleEnvironment, actions: np.ndarray) -> float:
    environment.reset(0)
    engine = environment._engine
    handles = engine.get_handles()
    started = time.perf_counter()
    for step in range(STEPS):
        for handle, taken in zip(handles, actions[step], strict=True):
            engine.set_action(handle, taken)
        engine.step()
        for handle in handles:
            engine.get_reward(handle)
            engine.get_alive(handle)
        engine.clear_dead()
        for handle in handles:
            engine.get_observation(handle)
            engine.get_agent_id(handle)
            engine.get_pos(handle)
    return time.perf_counter() - started


def main(size: int = 64, rounds: int = 15) -> None:
    environment = BattleEnvironment(BattleSettings(size=size))
    moves = np.random.default_rng(0).integers(13, size=(STEPS, 2, size)).astype(np.int32)
    play_adapter(environment, moves)
    ratios, bare_ms = [], []
    for _ in range(rounds):
        bare = play_bare(environment, moves)
        ratios.append(play_adapter(environment, moves) / bare)
        bare_ms.append(1e3 * bare / STEPS)
    print(
        f"{size} v {size}: bare engine {statistics.median(bare_ms):.3f} ms a step, "
        f"adapter / bare median {statistics.median(ratios):.3f} "
        f"(min {min(ratios):.3f}, max {max(ratios):.3f}, {rounds} rounds)"
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
