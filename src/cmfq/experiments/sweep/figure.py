"""Figure of a sweep: changes of win rates by each setting."""

import textwrap

import numpy as np
from matplotlib.figure import Figure

from cmfq.experiments.sweep.effects import Effects
from cmfq.experiments.sweep.plan import Plan
from cmfq.results.style import colours_of, panels

TITLE_WIDTH = 20
"""Characters of a line above a panel."""


def effects_figure(plan: Plan, effects: dict[str, Effects]) -> Figure:
    """A panel for each response, a line for each factor."""
    colours = colours_of(plan.algorithms)
    size = (2.5, 0.36 * len(plan.factors) + 0.7)
    figure, drawn = panels(len(effects), size, columns=len(effects), grid="x")
    places = np.arange(len(plan.factors))[::-1]
    for axes, (title, one) in zip(drawn, effects.items(), strict=True):
        changes = 100 * np.array(one.changes)
        reach = np.abs(changes[:, 1:] - changes[:, :1]).T
        colour = next(
            (colours[name] for name in colours if title == f"strength of {name}"), "black"
        )
        axes.errorbar(changes[:, 0], places, xerr=reach, fmt="o", color=colour, capsize=3,
                      markersize=5, linewidth=1.4)  # fmt: skip
        axes.axvline(0, color="black", linewidth=0.8, linestyle=":")
        axes.set_title(textwrap.fill(title, TITLE_WIDTH))
        axes.spines["left"].set_visible(False)
        axes.tick_params(axis="y", length=0)
    drawn[0].set_yticks(places, [factor.title for factor in plan.factors])
    drawn[0].set_ylim(-0.6, len(places) - 0.4)
    figure.supxlabel("change of the win rate, in points", fontsize=10)
    return figure
