"""What to use in practice? Parts of the page of :mod:`studies.answer`."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cmfq.results.page import Finding, Part
from cmfq.results.table import Table, listing
from studies import ensembles
from studies.kept_rows import read_rows
from studies.population_rows import Row, mean_and_range, together
from studies.recipe import LARGE, SMALL, algorithm_of

SIZES = (64, 400)
NAMES = {SMALL: "one size", LARGE: "two sizes"}
"""Trainings in the table."""
LEAST = 5
"""Policies of a kind that have played at both sizes, for it to be recommended."""


class Kind(NamedTuple):
    """What policies of one row have in common."""

    algorithm: str
    training: str
    runs: int
    """Runs that play together."""


Kinds = Mapping[Kind, Mapping[int, Sequence[float]]]
"""Win rates by the number of agents a side."""


def kinds_of(rows: Sequence[Row]) -> Kinds:
    """Win rates against swarm by the number of agents a side, of runs that were trained to an end.

    Without policies whose runs were chosen. In the order of algorithm, training and number of runs.
    """
    found: dict[Kind, dict[int, list[float]]] = {}
    for row in rows:
        if (row.opponent, row.until, row.without_weak) == ("swarm", 0, False):
            training, algorithm = algorithm_of(row.training)
            at = found.setdefault(Kind(algorithm, training, len(row.runs)), {})
            at.setdefault(row.size, []).append(row.win_rate.value)
    return dict(sorted(found.items()))


def enough_of(found: Kinds) -> list[Kind]:
    """Kinds of which enough policies have played at all sizes."""
    return [
        kind for kind, at in found.items() if all(len(at.get(size, ())) >= LEAST for size in SIZES)
    ]


def recommended(found: Kinds) -> Kind:
    """Of kinds with enough policies, that with the highest mean of its win rates at all sizes."""
    return max(
        enough_of(found),
        key=lambda kind: np.mean([np.mean(found[kind][size]) for size in SIZES]),
    )


def practice_parts(results: Path) -> list[Part]:
    """The training to use, and win rates against swarm by algorithm and how many runs play."""
    found = kinds_of(read_rows(results / "populations", Row))
    best, enough = recommended(found), enough_of(found)
    rates = " and ".join(f"{mean_and_range(found[best][size])} at {size} a side" for size in SIZES)
    rows = [
        (
            kind.algorithm,
            NAMES[kind.training],
            together(kind.runs),
            *(mean_and_range(at.get(size, ())) for size in SIZES),
        )
        for kind, at in found.items()
        if kind.training in NAMES
    ]
    own = [
        row.win_rate.value
        for row in read_rows(results / "ensembles", ensembles.Row)
        if (row.opponent, row.size, row.way) == ("swarm", 64, "own")
    ]
    described = "; ".join(f"*{name}*: {training}" for training, name in NAMES.items())
    return [
        Finding(
            f"In battle, use preset strong at {NAMES.get(best.training, best.training)}, "
            f"{together(best.runs)}: against swarm such policies win {rates}."
        ),
        f"Trainings: {described} (`docs/plans/strong.toml`). {RULE} {_of_one(enough)}",
        Table(
            ("algorithm", "training", "plays", *(f"swarm, {size} a side" for size in SIZES)), rows
        ),
        "Mean win rates, their range, and the number of policies. Policies of one row share no "
        "run, those of two rows may. Other runs may win more or less. Five checkpoints of a single "
        f"run, of other runs of CMFQ: {mean_and_range(own)} at 64 a side "
        "([ensembles](../ensembles/README.md)). [All trainings](../populations/README.md).",
        ADVICE,
    ]


def _of_one(enough: Iterable[Kind]) -> str:
    """Whether the rule chooses between algorithms at all."""
    algorithms = {kind.algorithm for kind in enough}
    if len(algorithms) > 1:
        return f"It chooses between {listing(sorted(algorithms))}."
    return f"Only {listing(algorithms)} has so many policies: it does not choose an algorithm."


RULE = (
    f"The recommendation follows a rule: of all kinds of policies of which at least {LEAST} have "
    "played at each size, the one with the highest mean of both win rates, of whichever training. "
    "The same games choose it and are shown, so expect somewhat less."
)
ADVICE = (
    "None of these results is a reason to prefer CMFQ to the other algorithms in battle: several "
    "runs together of each that was tried win most of their games against swarm at 64 a side. "
    "Where one neighbour among many matters, is known by its action, and is hidden by the mean, "
    "[the signal environment](#where-it-is-known-which-neighbour-matters) speaks for CMFQ with "
    "recomputed merged actions (`--merged-action recomputed`), but against it with a single other "
    "neighbour. In small neighbourhoods use MFQ, or the do-operation `leave-one-out`; where the "
    "neighbour is known by its observation, Attention-MFQ. "
    "[Presets](../../how-it-works.md#presets)."
)
