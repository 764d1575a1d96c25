"""Cells of a sweep one by one: their levels and responses."""

from collections.abc import Sequence

import numpy as np

from cmfq.experiments.sweep.plan import Plan, level_text
from cmfq.experiments.sweep.play import Responses
from cmfq.play.game_log import Tournament
from cmfq.results.table import Table
from cmfq.text import csv_text


def responses_csv(plan: Plan, found: Responses) -> str:
    """A row for each cell: levels and responses."""
    a, b = plan.algorithms
    names = [factor.name for factor in plan.factors]
    rows: list[Sequence[object]] = [
        ["cell", *names, f"{a} v {b}", f"strength of {a}", f"strength of {b}"]
    ]
    returns = found.episodes and found.episodes.returns.mean(-1)
    if returns is not None:
        rows[0] = [*rows[0], f"return of {a}", f"return of {b}"]
    if found.damage is not None:
        rows[0] = [*rows[0], f"log damage ratio of {a}", f"log damage ratio of {b}"]
    for role in found.roles:
        rows[0] = [*rows[0], f"reward of {a} as {role}", f"reward of {b} as {role}"]
    for cell, levels in enumerate(plan.design):
        chosen = [
            level_text(one.levels[level]) for one, level in zip(plan.factors, levels, strict=True)
        ]
        rates = (found.contrast[cell], *found.strength[:, cell])
        measured = [
            value
            for values in (returns, found.damage, *found.roles.values())
            if values is not None
            for value in values[:, cell]
        ]
        numbers = (*(f"{rate:.4f}" for rate in rates), *(f"{one:.6g}" for one in measured))
        rows.append([cell, *chosen, *numbers])
    return csv_text(rows)


def cells_sentence(plan: Plan, found: Responses, tournament: Tournament) -> str:
    """Sentence: in how many cells the first algorithm won more games than it lost."""
    a, b = plan.algorithms
    rates = found.contrast
    more = f"won more than half of the games against {b}"
    if tournament.alone:
        more = f"earned more than {b} in more than half of the episodes"
    elif tournament.paired:
        more = f"won more than half of the pairs of games with swapped roles against {b}"
    return (
        f"{a} {more} in {np.sum(rates > 0.5)} of "
        f"{len(rates)} cells and less than half in {np.sum(rates < 0.5)}; win rates range from "
        f"{rates.min():.0%} to {rates.max():.0%}, with one run of each algorithm per cell."
    )


def cells_table(plan: Plan, found: Responses) -> Table:
    """Levels and win rates of each cell."""
    a, b = plan.algorithms
    met = np.isfinite(found.strength).all()  # common opponents
    rows = []
    for cell, levels in enumerate(plan.design):
        chosen = [
            level_text(one.levels[level]) for one, level in zip(plan.factors, levels, strict=True)
        ]
        rates = (found.contrast[cell], *(found.strength[:, cell] if met else ()))
        rows.append((str(cell), *chosen, *(f"{rate:.0%}" for rate in rates)))
    names = (factor.name.rpartition(".")[2] for factor in plan.factors)
    strengths = (f"strength of {a}", f"of {b}") if met else ()
    return Table(("cell", *names, f"{a} v {b}", *strengths), rows)
