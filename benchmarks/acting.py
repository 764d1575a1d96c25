"""What acting costs: CMFQ against MFQ, against Eq 7 neighbour by neighbour, and as teams grow.

Everything is measured in one process, the compared parties in turn; figures are medians over
rounds of ratios within a round.

    python benchmarks/acting.py [rounds]
"""

import statistics
import sys
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import torch

from cmfq.algorithms import MeanFieldSettings
from cmfq.environments.base import TeamObservation
from cmfq.environments.battle import BattleEnvironment, BattleSettings
from cmfq.mean_field.merging import mean_action
from cmfq.mean_field.neighbourhood import find_interactions
from cmfq.networks import NetworkSettings
from cmfq.new_network import new_network
from cmfq.policies import QPolicy

HEADS = ("additive", "pairwise")
SIZES = (64, 400)
WARM_STEPS = 8
"""Random steps before observations are taken: neighbours have acted, and differently."""


def seconds(call: Callable[[], object], repeats: int) -> float:
    started = time.perf_counter()
    for _ in range(repeats):
        call()
    return (time.perf_counter() - started) / repeats


def compare(
    calls: dict[str, Callable[[], object]], rounds: int, repeats: int
) -> dict[str, list[float]]:
    """Seconds of each call, round by round, taken in turn."""
    for call in calls.values():
        call()
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            times[name].append(seconds(call, repeats))
    return times


def ratio(times: dict[str, list[float]], a: str, b: str) -> str:
    ratios = [x / y for x, y in zip(times[a], times[b], strict=True)]
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


def observe(size: int) -> tuple[TeamObservation, ...]:
    environment = BattleEnvironment(BattleSettings(size=size))
    generator = np.random.default_rng(0)
    observations = environment.reset(0)
    for _ in range(WARM_STEPS):
        actions = [generator.integers(21, size=len(o.ids)).astype(np.int32) for o in observations]
        observations = environment.step(actions).observations
    return observations


def make_policy(algorithm: str, head: str) -> QPolicy:
    torch.manual_seed(0)
    specification = BattleEnvironment(BattleSettings(size=12)).teams[0]
    network = new_network(specification, NetworkSettings(head), algorithm)
    return QPolicy(specification, network, algorithm, MeanFieldSettings(), beta=30.0)


def neighbour_by_neighbour(policy: QPolicy, observations: tuple[TeamObservation, ...]) -> None:
    """Eq 7 as it reads: one more row of the head for every neighbour of every agent."""
    positions = np.concatenate([o.positions for o in observations])
    previous = np.concatenate([o.previous_actions for o in observations])
    groups = np.repeat(np.arange(len(observations)), [len(o.ids) for o in observations])
    found = find_interactions(positions, groups, previous, 6.0)
    network, beta, epsilon = policy.network, policy.beta, policy.mean_field.epsilon
    with torch.inference_mode():
        encoding = policy.encode(observations)
        counts = policy.neighbourhood(observations).counts
        before = torch.log_softmax(beta * network.q_values(encoding, mean_action(counts)), -1)
        eye = torch.eye(counts.shape[1])
        merged = torch.zeros_like(counts)
        for i in range(len(positions)):
            mine = np.flatnonzero(found.agent == i)
            row = encoding.rows(slice(i, i + 1))
            effects = []
            for k in found.action[mine]:
                after = torch.log_softmax(beta * network.q_values(row, eye[k : k + 1]), -1)
                effects.append((before[i].exp() * (before[i] - after[0])).sum() + epsilon)
            for k, effect in zip(found.action[mine], effects, strict=True):
                merged[i, k] += effect / sum(effects)
        network.q_values(encoding, merged)


def against_mfq(rounds: int) -> None:
    print("\nCMFQ / MFQ, one call for both teams")
    for threads in (1, 2):
        torch.set_num_threads(threads)
        for size in SIZES:
            observations = observe(size)
            generator = np.random.default_rng(0)
            for head in HEADS:
                mfq, cmfq = make_policy("mfq", head), make_policy("cmfq", head)
                times = compare(
                    {
                        "mfq": partial(mfq.decide, observations, generator),
                        "cmfq": partial(cmfq.decide, observations, generator),
                    },
                    rounds,
                    repeats=max(1, 1000 // size),
                )
                print(
                    f"  {size} v {size}, {threads} thread(s), {head}: {ratio(times, 'cmfq', 'mfq')}"
                    f", CMFQ {1e3 * statistics.median(times['cmfq']):.2f} ms"
                )
    torch.set_num_threads(1)


def against_loops() -> None:
    print("\nEq 7 neighbour by neighbour / by action")
    for head in HEADS:
        observations, policy = observe(64), make_policy("cmfq", head)
        times = compare(
            {
                "loops": partial(neighbour_by_neighbour, policy, observations),
                "shipped": partial(policy.decide, observations, np.random.default_rng(0)),
            },
            rounds=3,
            repeats=1,
        )
        print(f"  64 v 64, {head}: {ratio(times, 'loops', 'shipped')}")


def growth(rounds: int) -> None:
    print("\nCMFQ's cost of an agent, as teams grow at the same density")
    policy = make_policy("cmfq", "pairwise")
    times = {}
    for agents in (128, 800, 3200, 8192):
        observations = crowd_of(agents)
        generator = np.random.default_rng(0)
        times[agents] = [
            seconds(partial(policy.decide, observations, generator), max(1, 4000 // agents))
            / agents
            for _ in range(rounds)
        ]
    for agents, per_agent in times.items():
        relative = statistics.median(per_agent) / statistics.median(times[128])
        print(
            f"  {agents} agents: {1e6 * statistics.median(per_agent):.1f} us each, {relative:.2f}"
        )


def crowd_of(agents: int) -> tuple[TeamObservation, ...]:
    """Random agents, 8 % of the cells taken, as at 64 v 64."""
    generator = np.random.default_rng(0)
    side = round((agents / 0.08) ** 0.5)
    cells = generator.choice(side * side, agents, replace=False)
    positions = np.stack([cells // side, cells % side], 1).astype(np.int32)
    half = agents // 2
    return tuple(
        TeamObservation(
            generator.random((half, 13, 13, 7), dtype=np.float32),
            generator.random((half, 34), dtype=np.float32),
            np.arange(half, dtype=np.int32),
            positions[team::2],
            generator.integers(21, size=half).astype(np.int32),
        )
        for team in (0, 1)
    )


def peak_flops(rounds: int) -> float:
    """Operations per second of a large matrix product."""
    a = torch.randn(1024, 1024)
    return max(2 * 1024**3 / seconds(lambda: a @ a, 5) for _ in range(rounds))


def shares(rounds: int) -> None:
    print("\nShares of an acting step of CMFQ, pairwise head")
    peak = peak_flops(rounds)
    for size in SIZES:
        environment = BattleEnvironment(BattleSettings(size=size))
        observations = environment.reset(0)
        stay = [np.full(size, 6, np.int32)] * 2
        policy, generator = make_policy("cmfq", "pairwise"), np.random.default_rng(0)
        observations = environment.step(stay).observations
        times = compare(
            {
                "environment": partial(environment.step, stay),
                "neighbourhood": partial(policy.neighbourhood, observations),
                "decide": partial(policy.decide, observations, generator),
            },
            rounds,
            repeats=max(1, 1000 // size),
        )
        median = {name: statistics.median(values) for name, values in times.items()}
        flops = 2 * size * acting_flops(policy, observations)
        print(
            f"  {size} v {size}: environment {median['environment'] / median['decide']:.1%}, "
            f"neighbourhood {median['neighbourhood'] / median['decide']:.1%}; "
            f"{flops / median['decide'] / peak:.0%} of the {peak / 1e9:.0f} GFLOP/s of a large "
            "matrix product"
        )


FIRST_CONVOLUTION = 2 * 121 * 63 * 16
ENCODING = FIRST_CONVOLUTION + 2 * (
    25 * 144 * 32 + 800 * 128 + 34 * 32 + 160 * 128 + 128 * (21 + 21 * 21)
)
"""Multiplications and additions of encoding one observation, pairwise head included."""
MERGING = 2 * 21 * 21
"""Of ``Q(s, ·, ǎ)`` from an encoding."""


def acting_flops(policy: QPolicy, observations: tuple[TeamObservation, ...]) -> float:
    """Multiplications and additions of one agent's decision."""
    interactions = float((policy.neighbourhood(observations).counts > 0).sum(1).float().mean())
    return ENCODING + 2 * MERGING + interactions * 2 * 21


def main(rounds: int = 15) -> None:
    torch.set_num_threads(1)
    against_mfq(rounds)
    against_loops()
    growth(rounds)
    shares(rounds)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
