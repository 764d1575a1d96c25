"""What the MAgent2 adapters cost on top of the engine calls that they stand for.

Both sides play the same random episodes in one process, in turn; the figure is the ratio. The
bare side asks the engine, through its own Python calls, for all that the adapter asks for.

    python benchmarks/adapter.py battle [agents a side] [rounds]
    python benchmarks/adapter.py pursuit [predators] [rounds]
"""

import statistics
import sys
import time

import numpy as np

from cmfq.environments.battle import BattleEnvironment, BattleSettings
from cmfq.environments.pursuit import PursuitEnvironment, PursuitSettings

STEPS = 200

MAgentEnvironment = BattleEnvironment | PursuitEnvironment
Actions = list[list[np.ndarray]]


def play_adapter(environment: MAgentEnvironment, actions: Actions) -> float:
    environment.reset(0)
    started = time.perf_counter()
    for taken in actions:
        environment.step(taken)
    return time.perf_counter() - started


def play_bare(environment: MAgentEnvironment, actions: Actions) -> float:
    environment.reset(0)
    engine = environment._world._engine
    handles = engine.get_handles()
    started = time.perf_counter()
    for joint in actions:
        for handle, taken in zip(handles, joint, strict=True):
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


def main(game: str = "battle", size: int = 0, rounds: int = 15) -> None:
    environment: MAgentEnvironment
    if game == "battle":
        environment = BattleEnvironment(BattleSettings(size=size or 64))
        kinds = [13, 13]  # moves only: nobody dies, the number of rows stays
    else:
        environment = PursuitEnvironment(PursuitSettings().resized(size or 20))
        kinds = [len(team.actions) for team in environment.teams]
    sizes = [len(team.ids) for team in environment.reset(0)]
    rng = np.random.default_rng(0)
    actions = [
        [rng.integers(k, size=n, dtype=np.int32) for k, n in zip(kinds, sizes, strict=True)]
        for _ in range(STEPS)
    ]
    play_adapter(environment, actions)
    ratios, bare_ms = [], []
    for _ in range(rounds):
        bare = play_bare(environment, actions)
        ratios.append(play_adapter(environment, actions) / bare)
        bare_ms.append(1e3 * bare / STEPS)
    print(
        f"{environment.settings.title}: bare engine {statistics.median(bare_ms):.3f} ms a step, "
        f"adapter / bare median {statistics.median(ratios):.3f} "
        f"(min {min(ratios):.3f}, max {max(ratios):.3f}, {rounds} rounds)"
    )


if __name__ == "__main__":
    main(*sys.argv[1:2], *map(int, sys.argv[2:]))
