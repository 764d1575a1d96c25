"""What the approximation leaves out, measured on trained policies against its bound (Eq 14-20)."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from cmfq.experiments.paper.figures import Figure
from cmfq.experiments.paper.plan import Effort, run_name, seeds_of, worlds_of
from cmfq.play.games import decisions_until
from cmfq.results.page import Code, Finding, Page, Section
from cmfq.results.table import Table
from cmfq.results.writing import write_folder
from cmfq.storage import make_folder, write_json
from cmfq.theory import TheoryRow, check_theory
from cmfq.training.checkpoint import load_checkpoint

STEPS = range(0, 21, 5)
"""Steps of a game whose decisions are measured."""


def write_remainder(folder: Path, figure: Figure, effort: Effort, runs: Path, command: str) -> None:
    """Measure the runs of every seed and write the page, with ``rows.json`` beside it."""
    (world,) = worlds_of(figure, effort).values()
    (group,) = figure.groups
    rows: dict[int, TheoryRow] = {}
    for seed in seeds_of(figure, effort):
        policies = load_checkpoint(runs / run_name(group, seed)).policies
        (policy,) = policies.values()
        generator = np.random.default_rng(seed)
        watched = decisions_until(policies, world, seed, max(STEPS), generator)
        decisions = [one for step in watched[:: STEPS.step] for _, _, one in step]
        measured = check_theory(policy, decisions, generator)
        rows.update((seed, row) for row in measured if row.weights == "causal")
    make_folder(folder)
    write_json(folder / "rows.json", {str(seed): asdict(row) for seed, row in rows.items()})
    page = Page(
        figure.title,
        [Section("", [_finding(list(rows.values())), _table(rows), HOW_TO_READ])],
        [Code(command)],
    )
    write_folder(folder, page)


HOW_TO_READ = (
    "*Remainder*: an agent's greatest `R`, the part of a neighbour's Q that Eq 9 leaves out, as a "
    "share of the spread of its Q over its actions (median and 95th percentile over agents). "
    "*Gap*: the difference in Eq 8, as the same share. *Bound used*: the greatest `R` as a share "
    "of its bound `L/2 ‖δ‖²`, with `L` from the weights; at most 100 %. Networks have the "
    "additive head and softplus: with the pairwise head the remainder is zero by construction, "
    "with ReLU `L` does not exist."
)


def _finding(rows: Sequence[TheoryRow]) -> Finding:
    used = [row.bound_used for row in rows if row.bound_used is not None]
    if not used:
        return Finding("No agent had two neighbours that acted differently: nothing to measure.")
    holds = "holds" if max(used) <= 1 else "does not hold"
    return Finding(
        f"The bound {holds}: at most {max(used):.1%} of it is used, in {len(used)} runs."
    )


def _table(rows: dict[int, TheoryRow]) -> Table:
    return Table(
        ("seed", "agents", "remainder", "95th percentile", "gap", "of the gap", "bound used"),
        [
            (
                str(seed),
                str(row.agents),
                f"{row.remainder_share:.1%}",
                f"{row.remainder_share_95:.1%}",
                f"{row.gap_share:.1%}",
                f"{row.gap_share_95:.1%}",
                "" if row.bound_used is None else f"{row.bound_used:.1%}",
            )
            for seed, row in rows.items()
        ],
    )
