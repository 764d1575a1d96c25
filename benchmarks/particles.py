"""How many times as many steps per second as mpe2 the arrays of predator-prey make.

Both play random actions in one process, in turn, observations and rewards included; the figures
are ratios of environment steps per second, with one world and with many (steps summed over them).

    python benchmarks/particles.py [worlds] [rounds]
"""

import statistics
import sys
import time

import numpy as np
from mpe2 import simple_tag_v3

from cmfq.environments.particle_world import observe, step_physics
from cmfq.environments.particles import ParticlesEnvironment, ParticlesSettings, rewards, start

SETTINGS = ParticlesSettings(max_steps=1000)
AGENTS = SETTINGS.predators + SETTINGS.prey
SPEEDS = SETTINGS.predator_speed, SETTINGS.prey_speed


def mpe2_seconds(steps: int) -> float:
    game = simple_tag_v3.parallel_env(
        num_good=SETTINGS.prey,
        num_adversaries=SETTINGS.predators,
        num_obstacles=SETTINGS.obstacles,
        max_cycles=SETTINGS.max_steps,
    )
    game.reset(seed=0)
    drawn = np.random.default_rng(0).integers(5, size=(steps, AGENTS))
    actions = [dict(zip(game.agents, taken.tolist(), strict=True)) for taken in drawn]
    started = time.perf_counter()
    for taken in actions:
        game.step(taken)
    return (time.perf_counter() - started) / steps


def one_world_seconds(steps: int) -> float:
    environment = ParticlesEnvironment(SETTINGS)
    environment.reset(0)
    drawn = np.random.default_rng(0).integers(5, size=(steps, AGENTS), dtype=np.int32)
    actions = np.split(drawn, [SETTINGS.predators], axis=1)
    started = time.perf_counter()
    for taken in zip(*actions, strict=True):
        environment.step(taken)
    return (time.perf_counter() - started) / steps


def many_worlds_seconds(worlds: int, steps: int) -> float:
    state = start(SETTINGS, range(worlds))
    drawn = np.random.default_rng(0).integers(5, size=(steps, worlds, AGENTS), dtype=np.int32)
    started = time.perf_counter()
    for taken in drawn:
        state = step_physics(state, taken, SETTINGS.predators, SPEEDS)
        observe(state, SETTINGS.predators)
        rewards(state, SETTINGS)
    return (time.perf_counter() - started) / steps / worlds


def main(worlds: int = 64, rounds: int = 7) -> None:
    timings = [
        (mpe2_seconds(20), one_world_seconds(500), many_worlds_seconds(worlds, 50))
        for _ in range(rounds)
    ]
    theirs = statistics.median(mpe2 for mpe2, _, _ in timings)
    print(f"mpe2: {1 / theirs:.1f} steps a second, median of {rounds} rounds")
    for column, name in ((1, "1 world"), (2, f"{worlds} worlds")):
        ratios = [timing[0] / timing[column] for timing in timings]
        ours = statistics.median(timing[column] for timing in timings)
        print(
            f"{name}: {1 / ours:.0f} steps a second, {statistics.median(ratios):.0f} times mpe2 "
            f"(min {min(ratios):.0f}, max {max(ratios):.0f})"
        )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
