"""Whether the paper's claims hold, from the stored results of its figures."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from cmfq.experiments.paper.claims import (
    Bounded,
    Claim,
    Converges,
    Earns,
    Measured,
    Neglected,
    Steadier,
    Wins,
    WinsMore,
)
from cmfq.experiments.paper.measuring import Stored, measure
from cmfq.experiments.paper.plan import Effort, size_of
from cmfq.statistics.replication import Estimate

Verdict = Literal["holds", "does not hold", "undecided", "not measured"]
NEAR = 0.1
"""How near to a figure that a claim names a rate has to be, and by how much the reward may still
move in the last half of training that has converged: a share of the range of its rewards."""
SMALL = 0.05
"""What can be neglected, as a share."""


@dataclass(frozen=True)
class Checked:
    """A claim and what was found."""

    claim: Claim
    verdict: Verdict
    found: Estimate | None = None
    """What was measured, with its 95 % interval over seeds."""
    smallest: float = np.nan
    """See :class:`~.measuring.Found`, as the others."""
    seeds: int = 0
    episodes: int = 0


def check_claims(claims: Sequence[Claim], effort: Effort, folder: Path) -> list[Checked]:
    """Check claims against the figures that are there.

    Args:
        claims: claims to check.
        effort: that the figures were made with.
        folder: folder of the paper, with a folder for each figure.

    Raises:
        UserError: stored results are damaged.
    """
    stored = Stored.readers()
    return [check_claim(claim, effort, folder / claim.measured.figure, stored) for claim in claims]


def verdict_of(measured: Measured, found: Estimate) -> Verdict:
    """What an interval says of a claim.

    A claim of an order holds where the interval lies on its side, one of a figure where it lies
    within :data:`NEAR` of the figure; it does not where the interval lies on the other side, or
    leaves out all that is near. Values of seeds that are all equal do not say how far others could
    be from them; the greatest use of a bound is a fact about the runs, without an interval.
    """
    low, high = _claimed(measured)
    alike = found.alike and not isinstance(measured, Bounded)
    if alike or not np.isfinite(found.low + found.high):
        return "undecided"
    if found.low >= low and found.high <= high:
        return "holds"
    return "does not hold" if found.low > high or found.high < low else "undecided"


def check_claim(claim: Claim, effort: Effort, figure: Path, stored: Stored) -> Checked:
    """Check a claim against the results in one folder.

    Args:
        claim: claim to check.
        effort: as of :func:`check_claims`.
        figure: folder of the claim's figure, or of other results of the same kind.
        stored: readers of results.

    Raises:
        UserError: as of :func:`check_claims`.
    """
    measured = claim.measured
    if isinstance(measured, Wins | WinsMore | Earns):
        measured = replace(measured, size=size_of(measured.size, effort))
    found = measure(measured, figure, stored)
    if found is None:
        return Checked(claim, "not measured")
    verdict = verdict_of(claim.measured, found.estimate)
    return Checked(claim, verdict, found.estimate, found.smallest, found.seeds, found.episodes)


def _claimed(measured: Measured) -> tuple[float, float]:
    """Least and greatest value that the claim allows."""
    match measured:
        case Wins(about=None):
            return measured.at_least, np.inf
        case Wins():
            assert measured.about is not None
            return measured.about - NEAR, measured.about + NEAR
        case Converges():
            return -NEAR, NEAR
        case Bounded():
            return -np.inf, 1.0
        case Neglected():
            return -np.inf, SMALL
        case WinsMore() | Earns() | Steadier():
            return 0.0, np.inf
