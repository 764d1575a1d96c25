"""Runs whose hurt agents retreat: what its own training tells of a run's strength.

In battle most such runs lose most games against scripts when they play alone. An ensemble is on
average no stronger without them (``docs/results/weak-runs``).
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cmfq.notices import notify
from cmfq.training.run import METRICS_FILE, Run
from cmfq.zoo import locate

EPISODES = 50
"""Last episodes of a run that are looked at."""
FEWEST = 3
"""Runs among which one can stand out."""
BELOW = 0.1
"""How far below the median of several runs a share of attacks is taken for a retreat."""


def attacks_of_hurt(run: Path, until: int | None = None) -> float | None:
    """Share of attacks of agents with less than half of their hit points and an enemy in reach.

    Args:
        run: run folder.
        until: look at the last episodes up to this one.

    Returns:
        The mean over teams and the last episodes; ``None`` where no such agent had a choice, or
        there are no metrics.
    """
    folder = locate(run)
    if not (folder / METRICS_FILE).is_file():
        return None
    rows = Run(folder).metrics()[:until][-EPISODES:]
    shares = [share for row in rows for share in row.get("attacks_hurt") or () if share is not None]
    return float(np.mean(shares)) if shares else None


def notify_of_retreats(runs: Sequence[Path], until: int | None = None) -> None:
    """Say which of several runs are probably weak.

    Args:
        runs: run folders.
        until: as of :func:`attacks_of_hurt`.
    """
    if len(runs) < FEWEST:
        return
    found = {run: attacks_of_hurt(run, until) for run in runs}
    shares = {run: share for run, share in found.items() if share is not None}
    if len(shares) < FEWEST:
        return
    median = float(np.median(list(shares.values())))
    weak = [f"{run} ({share:.0%})" for run, share in shares.items() if share < median - BELOW]
    if weak:
        notify(
            "retreats",
            f"agents with less than half of their hit points attacked less in {', '.join(weak)} "
            f"than in the median of these runs ({median:.0%}): in battle most such runs were "
            "weak alone; the ensemble may be stronger or weaker without them, so compare the two",
        )
