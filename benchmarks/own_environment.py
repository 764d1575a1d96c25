"""What the PettingZoo adapter costs on top of the environment's own step.

Random agents play one episode after another. The environment's own step is timed inside the
adapter's, so both see the same work at the same time; the figure is the median of their ratio over
steps.

    python benchmarks/own_environment.py [steps]
"""

import statistics
import sys
import time

import numpy as np
import pettingzoo
from mpe2 import simple_spread_v3

from cmfq.environments.pettingzoo import PettingZooEnvironment, PettingZooSettings

ENVIRONMENTS = (
    "__main__:spread",
    "__main__:pursuit",
    "__main__:knights",
    "__main__:pong",
    "magent2.environments.battle_v4:parallel_env",
    "magent2.environments.combined_arms_v6:parallel_env",
    "magent2.environments.gather_v5:parallel_env",
)


def spread():
    """30 agents spread over 30 landmarks."""
    return simple_spread_v3.parallel_env(N=30)


def pursuit():
    """8 pursuers who see a window of the map."""
    return pettingzoo.make("parallel", "sisl/pursuit-v5")


def knights():
    """2 archers and 2 knights against zombies."""
    return pettingzoo.make("parallel", "butterfly/knights_archers_zombies-v11")


def pong():
    """2 paddles that see images of 280 by 480."""
    return pettingzoo.make("parallel", "butterfly/cooperative_pong-v6")


def measure(make_env: str, steps: int) -> tuple[int, list[float], list[float]]:
    """Agents at the start; seconds of each step, of the environment's own and of the adapter."""
    environment = PettingZooEnvironment(PettingZooSettings(make_env))
    own_step = environment.world.step
    own: list[float] = []

    def timed_step(actions):
        started = time.perf_counter()
        answer = own_step(actions)
        own.append(time.perf_counter() - started)
        return answer

    environment.world.step = timed_step
    rng = np.random.default_rng(0)
    observations = environment.reset(0)
    agents = sum(len(team.ids) for team in observations)
    adapter: list[float] = []
    while len(adapter) < steps:
        actions = [
            rng.integers(len(team.actions), size=len(observation.ids)).astype(np.int32)
            for team, observation in zip(environment.teams, observations, strict=True)
        ]
        started = time.perf_counter()
        step = environment.step(actions)
        adapter.append(time.perf_counter() - started)
        over = step.terminated or step.truncated
        observations = environment.reset(len(adapter)) if over else step.observations
    environment.close()
    return agents, own, adapter


def main(steps: int = 300) -> None:
    for make_env in ENVIRONMENTS:
        agents, own, adapter = measure(make_env, steps)
        ratios = [whole / part for whole, part in zip(adapter, own, strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4)
        print(
            f"{make_env}, {agents} agents: own step {1e3 * statistics.median(own):.3f} ms, "
            f"adapter / own {middle:.3f} (quartiles {low:.3f} to {high:.3f})"
        )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
