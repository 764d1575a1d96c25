"""What training recorded of single runs, beside how they play (``studies.weak_runs``)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy import special

from cmfq.errors import UserError
from cmfq.statistics.replication import Estimate
from cmfq.text import counted
from cmfq.training.run import Run
from studies.population_rows import SIZE, Row


class Measure(NamedTuple):
    """A mean over some episodes of a run."""

    title: str
    of: Callable[[Mapping[str, Any]], float]
    """Value of an episode, by its row of the metrics."""
    episodes: slice


def _mean(name: str) -> Callable[[Mapping[str, Any]], float]:
    """Mean of both sides, without one that had no such attack to decide on."""

    def of(row: Mapping[str, Any]) -> float:
        known = [value for value in row[name] if value is not None]
        return float(np.mean(known)) if known else float("nan")

    return of


RETREAT = 0.9
"""Share of attacks of hurt agents below which they are said to retreat, chosen with these runs."""
LAST, EARLY, ALL = slice(-100, None), slice(50, 100), slice(None)
MEASURES = {
    "hurt": Measure("attacks of the hurt in the last 100 episodes", _mean("attacks_hurt"), LAST),
    "hurt early": Measure(
        "attacks of the hurt in episodes 51 to 100", _mean("attacks_hurt"), EARLY
    ),
    "unhurt": Measure(
        "attacks of the unhurt in the last 100 episodes", _mean("attacks_unhurt"), LAST
    ),
    "steps": Measure(
        "steps of a game in the last 100 episodes", lambda row: float(row["steps"]), LAST
    ),
    "truncated": Measure(
        "games that reach the step limit, of all",
        lambda row: float(row["truncated"]),
        ALL,
    ),
    "loss": Measure("loss in the last 100 episodes", lambda row: float(row["loss"]), LAST),
}


@dataclass(frozen=True)
class WeakRow:
    """A run: how it plays, and what its training recorded."""

    run: str
    training: str
    """Preset, and what it changes of it."""
    win_rate: float
    """Against ``swarm``, alone, by its last checkpoint."""
    damage: float
    """Its log damage ratio there."""
    measures: dict[str, float]
    """By the names of :data:`MEASURES`."""
    later: bool = False
    """Whether it was trained after the measures had been compared."""


def row_of(folder: Path, played: Sequence[Row], later: bool = False) -> WeakRow:
    """A run with its games.

    Args:
        folder: run folder.
        played: games, its own among them.
        later: see :class:`WeakRow`.

    Raises:
        UserError: it has not played alone.
    """
    found = [
        row
        for row in played
        if row.runs == (folder.name,) and (row.opponent, row.size) == ("swarm", SIZE)
    ]
    if len(found) != 1:
        raise UserError(
            f"{folder} has not played alone against swarm: play it with studies.populations "
            "--members 1 --checkpoints 1"
        )
    (row,), metrics = found, Run(folder).metrics()
    measures = {
        name: float(np.nanmean([measure.of(one) for one in metrics[measure.episodes]]))
        for name, measure in MEASURES.items()
    }
    return WeakRow(folder.name, row.training, row.win_rate.value, row.damage.value, measures, later)


def correlation(x: Sequence[float], y: Sequence[float]) -> Estimate:
    """Pearson's correlation with its 95 % interval by Fisher's transformation."""
    value = float(np.corrcoef(x, y)[0, 1])
    reach = special.ndtri(0.975) / np.sqrt(len(x) - 3)
    low, high = np.tanh(np.arctanh(value) + np.array([-reach, reach]))
    return Estimate(value, float(low), float(high))


def retreats(rows: Sequence[WeakRow]) -> str:
    """In how many weak runs hurt agents retreat, and in how many of the others."""
    weak = [row.measures["hurt"] < RETREAT for row in rows if row.win_rate < 0.5]
    others = [row.measures["hurt"] < RETREAT for row in rows if row.win_rate >= 0.5]
    return (
        f"Hurt agents retreat, and attack in less than {RETREAT:.0%} of cases, in {sum(weak)} of "
        f"the {counted(len(weak), 'run')} that win less than half of their games against swarm, "
        f"and in {sum(others)} of the other {len(others)}."
    )
