"""Variants of CMFQ where it is known which neighbour matters. Parts of :mod:`studies.answer`."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from cmfq.play.outcomes import estimate
from cmfq.results.page import Finding, Part
from cmfq.results.table import Table, listing, margin_text
from cmfq.statistics.replication import Estimate
from studies.signal_report import SignalRow, read_rows

VARIANTS = {
    "cmfq": "CMFQ",
    "cmfq, recomputed": "recomputed",
    "cmfq, leave-one-out": "leave-one-out",
}
"""Variants that are compared with MFQ, and their names on the page."""
WHY = (
    "The effect of a neighbour is how far the policy *moves*. Among many neighbours the mean "
    "action hides the one that matters: replacing the mean by its action moves the policy far, so "
    "it gets the weight. Among few neighbours the mean action already contains its information: "
    "replacing the mean by its action changes nothing, while replacing it by the action of an "
    "uninformative neighbour changes much."
)
Rewards = dict[tuple[str, int, int], float]
"""Reward by variant, number of uninformative neighbours and seed."""


def signal_parts(results: Path) -> list[Part]:
    """Variants of CMFQ compared with MFQ in the signal environment."""
    rows = read_rows(results / "signal")
    reward = _rewards(rows, "action")
    seeds = {seed for _, _, seed in reward}
    more = {name: _differences(reward, name) for name in VARIANTS}
    lines = []
    for number in sorted({many for _, many, _ in reward}):
        cells = [
            cell
            for name in VARIANTS
            for cell in (
                f"{_mean(reward, name, number):.2f}",
                margin_text(more[name][number], digits=2),
            )
        ]
        lines.append((str(number), f"{_mean(reward, 'mfq', number):.2f}", *cells))
    pairs = (cell for title in VARIANTS.values() for cell in (title, f"{title} less MFQ"))
    return [
        *(
            Finding(
                f"{_title(title)} compared with MFQ, by number of uninformative neighbours: "
                f"{_verdicts(more[name])}."
            )
            for name, title in VARIANTS.items()
        ),
        Table(("uninformative neighbours", "MFQ", *pairs), lines),
        f"Reward, and its difference from that of MFQ: {len(seeds)} seeds, paired; 1 is the "
        "optimum. *CMFQ* is the paper's, which learns from the merged actions that were stored; "
        "*recomputed* learns from merged actions with the current weights (`--merged-action "
        "recomputed`); *leave-one-out* has another do-operation (`--intervention leave-one-out`). "
        f"{WHY}",
        "This is the setting in which the neighbour that matters is known by its action. "
        f"{_by_observation(rows)} [Full study](../signal/README.md).",
    ]


def _by_observation(rows: Sequence[SignalRow]) -> str:
    """What is found where the neighbour that matters is known by its observation."""
    reward = _rewards(rows, "observation")
    said = [
        f"{_title(title)}: {_verdicts(_differences(reward, name))}"
        for name, title in (VARIANTS | {"attention-mfq": "Attention-MFQ"}).items()
    ]
    return f"Where it is known by its observation alone, compared with MFQ. {'. '.join(said)}."


def _title(title: str) -> str:
    return f"CMFQ ({title})" if title in ("recomputed", "leave-one-out") else title


def _rewards(rows: Sequence[SignalRow], setting: str) -> Rewards:
    return {
        (row.variant, row.babblers, row.seed): row.reward for row in rows if row.setting == setting
    }


def _values(reward: Rewards, name: str, number: int) -> list[float]:
    """Rewards of a variant in the order of seeds."""
    return [value for (variant, many, _), value in sorted(reward.items())
            if (variant, many) == (name, number)]  # fmt: skip


def _mean(reward: Rewards, name: str, number: int) -> float:
    return float(np.mean(_values(reward, name, number)))


def _differences(reward: Rewards, name: str) -> dict[int, Estimate]:
    """What a variant earns more than MFQ, paired by seed, by number of uninformative neighbours."""
    found = {}
    for number in sorted({many for _, many, _ in reward}):
        ours, theirs = (np.array(_values(reward, one, number)) for one in (name, "mfq"))
        found[number] = estimate((ours - theirs).reshape(-1, 1), share=False)
    return found


def _verdicts(found: Mapping[int, Estimate]) -> str:
    """At which numbers of uninformative neighbours a variant earns more, less or cannot be told."""
    signs = {
        number: int(np.sign(one.value)) if one.leaves_out(0) else 0 for number, one in found.items()
    }
    return "; ".join(
        f"{verb} with {listing(map(str, numbers))}"
        for verb, sign in (("earns more", 1), ("earns less", -1), ("cannot be told apart", 0))
        if (numbers := [number for number, one in signs.items() if one == sign])
    )
