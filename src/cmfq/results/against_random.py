"""Trained groups compared with random agents in their place, from the games of ``cmfq cross``."""

from collections.abc import Mapping, Sequence

import numpy as np

from cmfq.play.crossing import CrossGame
from cmfq.play.entrants import is_script_group, script_group
from cmfq.play.outcomes import estimate
from cmfq.play.players import RANDOM
from cmfq.results.page import Finding, Section
from cmfq.results.table import Table, signed
from cmfq.statistics.replication import Estimate, difference

RANDOM_GROUP = script_group(RANDOM)
HOW_TO_READ = (
    "*Earns more than random*: number of opponents against which the interval of the difference "
    "from random agents lies above 0. Differences are paired by the seed of the opponent; against "
    "a scripted opponent, which has no seeds, the games of random agents vary by themselves. "
    "*Difference*: lowest and highest over these opponents."
)

Rewards = Mapping[int, Sequence[float]]
"""Reward in each game, by training seed."""


def random_section(games: Sequence[CrossGame], roles: tuple[str, str]) -> Section:
    """Section of a page; without parts where random agents did not play.

    Args:
        games: all games of a crossing.
        roles: names of the two roles.
    """
    rows, told, compared = [], 0, 0
    for role, name in enumerate(roles):
        for size in dict.fromkeys(one.size for one in games):
            for group, found in differences(games, size, role).items():
                ahead = [one.value for one in found]
                more = sum(one.leaves_out(0) and one.value > 0 for one in found)
                rows.append(
                    (
                        f"{group} {name}",
                        str(size or "as trained"),
                        f"{more} of {len(found)}",
                        f"{signed(min(ahead), 2)} to {signed(max(ahead), 2)}",
                    )
                )
                told, compared = told + more, compared + len(found)
    said = (
        f"In {told} of {compared} comparisons trained policies earn more than random agents, "
        "beyond chance."
    )
    table = Table(("trained", "size", "earns more than random", "difference"), rows)
    return Section(
        "Trained agents compared with random agents in the same role",
        (Finding(said), table, HOW_TO_READ) if rows else (),
    )


def differences(
    games: Sequence[CrossGame], size: int, role: int, script: str = RANDOM_GROUP
) -> dict[str, list[Estimate]]:
    """What each trained group earns more than a script, against each other side.

    Args:
        games: all games of a crossing.
        size: size of the games that are compared.
        role: role that both play, 0 or 1.
        script: group of the script; random agents if not given.
    """
    earned: dict[tuple[str, str], dict[int, list[float]]] = {}
    for one in games:
        if one.size == size:
            own, other = (one.first, one.second)[:: -1 if role else 1]
            reward = (one.first_reward, one.second_reward)[role]
            earned.setdefault((own, other), {}).setdefault(one.seed, []).append(reward)
    found: dict[str, list[Estimate]] = {}
    for (own, other), ours in earned.items():
        if not is_script_group(own) and (script, other) in earned:
            more = _more(ours, earned[script, other], other)
            found.setdefault(own, []).append(more)
    return found


def _more(ours: Rewards, scripted: Rewards, other: str) -> Estimate:
    """What a group earns more than a script against one other side, over its seeds."""
    if is_script_group(other):
        (games,) = scripted.values()
        return difference([float(np.mean(ours[seed])) for seed in ours], games)
    shared = [seed for seed in ours if seed in scripted]
    paired = [[float(np.mean(ours[seed]) - np.mean(scripted[seed]))] for seed in shared]
    return estimate(np.array(paired), share=False)
