"""Runs whose hurt agents retreat: what its own training tells of a run's strength.

In battle such runs lose most games against scripts when they play alone; an ensemble carries them,
or does not (``docs/results/weak-runs``).
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cmfq.errors import UserError
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


def fighting(runs: Sequence[Path], least: float, until: int | None = None) -> list[Path]:
    """Runs whose hurt agents do not retreat.

    Args:
        runs: run folders.
        least: least share of attacks, as of :func:`attacks_of_hurt`.
        until: as of :func:`attacks_of_hurt`.

    Returns:
        Those with at least this share, in their order.

    Raises:
        UserError: the share is no share or not known of a run, or no run has it.
    """
    if not 0 <= least <= 1:
        raise UserError(f"least_attacks_hurt is {least}: give a share from 0 to 1, such as 0.88")
    found = [(run, attacks_of_hurt(run, until)) for run in runs]
    unknown = [str(run) for run, share in found if share is None]
    if unknown:
        raise UserError(
            f"how often hurt agents attacked is not known of {', '.join(unknown)}: leave "
            "least_attacks_hurt out, or give runs of battle with their metrics.jsonl"
        )
    shares = [(run, share) for run, share in found if share is not None]
    kept = [run for run, share in shares if share >= least]
    if not kept:
        most = np.floor(1000 * max(share for _, share in shares)) / 1000  # which keeps that run
        raise UserError(
            f"least_attacks_hurt is {least}, but hurt agents attacked less in all of these runs, "
            f"in {most:.3f} of cases at most: give no more than that, or leave it out"
        )
    return kept


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
            f"than in the median of these runs ({median:.0%}): in battle such runs were weak "
            "alone, so compare the ensemble with the one without them",
        )
