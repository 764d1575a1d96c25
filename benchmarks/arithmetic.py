"""What cheaper arithmetic would gain: bfloat16, channels first, a compiled update.

One process, in turn, on the same replayed battle; medians over rounds of ratios within a round,
and how far the values of actions move. Of these bfloat16 is a setting, ``--arithmetic``; nothing
else gained anything.

    python benchmarks/arithmetic.py [rounds] [--compile]

``--compile`` needs a C++ compiler and some minutes.
"""

import copy
import statistics
import sys
import time
from collections.abc import Callable

import torch

from cmfq.batch import Batch
from cmfq.environments.battle import BattleSettings
from cmfq.networks import QNetwork
from cmfq.training.self_play import SelfPlay
from cmfq.training.settings import TrainSettings


def as_planes(view: torch.Tensor) -> torch.Tensor:
    """The same view, in memory one channel after the other, not one cell after the other."""
    return view.permute(0, 3, 1, 2).contiguous().permute(0, 2, 3, 1)


def update(network: QNetwork, batch: Batch) -> torch.Tensor:
    """The arithmetic of an update with stored merged actions, without its bookkeeping."""
    with torch.no_grad():
        following = network.encode(batch.next_view, batch.next_features, batch.next_action_mask)
        values = network.q_values(following, batch.next_merged_actions).amax(1)
    encoding = network.encode(batch.view, batch.features, batch.action_mask)
    q_values = network.q_values(encoding, batch.merged_actions)
    chosen = q_values.gather(1, batch.actions.clamp(min=0).unsqueeze(1).long()).squeeze(1)
    (batch.rewards + batch.discounts * values - chosen).square().mean().backward()
    network.zero_grad()
    return q_values.detach()


@torch.no_grad()
def act(network: QNetwork, batch: Batch) -> torch.Tensor:
    """Values of all actions, for as many agents as the batch has rows."""
    encoding = network.encode(batch.view, batch.features, batch.action_mask)
    return network.q_values(encoding, batch.merged_actions)


def main(rounds: int, compiles: bool) -> None:
    torch.set_num_threads(1)
    run = SelfPlay(TrainSettings(BattleSettings(max_steps=60), algorithm="cmfq", episodes=4))
    run.run_episodes()
    (side,) = run.sides.values()
    batch, network = side.learner.sample(side.replay), side.policy.network
    rounded = copy.deepcopy(network)
    rounded.in_bfloat16 = True
    planes = batch._replace(view=as_planes(batch.view), next_view=as_planes(batch.next_view))
    parties: dict[str, Callable[[], torch.Tensor]] = {
        "update": lambda: update(network, batch),
        "update, bfloat16": lambda: update(rounded, batch),
        "update, channels first": lambda: update(network, planes),
        "acting": lambda: act(network, batch),
        "acting, bfloat16": lambda: act(rounded, batch),
        "acting, channels first": lambda: act(network, planes),
    }
    if compiles:
        compiled = torch.compile(update)
        parties["update, compiled"] = lambda: compiled(network, batch)
    values = {name: party() for name, party in parties.items()}
    times: dict[str, list[float]] = {name: [] for name in parties}
    for _ in range(rounds):
        for name, party in parties.items():
            started = time.perf_counter()
            party()
            times[name].append(time.perf_counter() - started)
    for name in parties:
        plain = name.partition(",")[0]
        ratios = [x / y for x, y in zip(times[name], times[plain], strict=True)]
        moved = float((values[name] - values[plain]).abs().max() / values[plain].std())
        print(
            f"{name}: {statistics.median(ratios):.2f} times the time ({min(ratios):.2f} to "
            f"{max(ratios):.2f}), values move by at most {moved:.1%} of their standard deviation"
        )
    rows = len(side.replay.state()["next_row"])
    share = len(batch.actions) / rows
    print(f"{share:.1%} of a batch from {rows} rows have their next step in it: shared encodings")


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:] if word.isdecimal()]
    main(numbers[0] if numbers else 9, "--compile" in sys.argv)
