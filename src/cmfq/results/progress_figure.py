"""Figure of learning over time, in the style of :mod:`cmfq.results.style`."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from cmfq.play.progress import ProgressRow, shared_by_seeds
from cmfq.results.style import colours_of, leave_empty


def win_rate_over_training(rows: Sequence[ProgressRow]) -> Figure:
    """Win rate against training episodes: a panel for each opponent.

    The thick line of a group is the mean of its seeds, a thin one is a single seed.
    """
    opponents = list(dict.fromkeys(row.opponent for row in rows))
    groups = list(dict.fromkeys(row.group for row in rows))
    colours = colours_of(groups)
    columns = min(3, len(opponents))
    panel_rows = math.ceil(len(opponents) / columns)
    figure = Figure(figsize=(2.9 * columns + 0.6, 2.4 * panel_rows + 0.6), layout="constrained")
    panels = figure.subplots(panel_rows, columns, sharex=True, sharey=True, squeeze=False)
    for axes, opponent in zip(panels.flat, opponents, strict=False):
        for group in groups:
            found = [row for row in rows if (row.opponent, row.group) == (opponent, group)]
            shared = shared_by_seeds(found)
            episodes = sorted({row.episode for row in shared})
            rates = [[row.win_rate for row in shared if row.episode == one] for one in episodes]
            seeds = list(dict.fromkeys(row.run for row in found))
            for run in seeds if len(seeds) > 1 else []:
                line = [(row.episode, row.win_rate) for row in found if row.run == run]
                axes.plot(*zip(*line, strict=True), color=colours[group], linewidth=0.7, alpha=0.4)
            label = f"{group} ({len(seeds)} seeds)" if len(seeds) > 1 else group
            means = [float(np.mean(one)) for one in rates]
            axes.plot(
                episodes, means, "o-", color=colours[group], linewidth=2, markersize=4, label=label
            )
        axes.axhline(0.5, color="black", linewidth=0.8, linestyle=":")
        axes.set_title(f"against {opponent}", fontsize=10)
        axes.set_ylim(-0.03, 1.03)
        axes.grid(axis="y", alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    leave_empty(panels, len(opponents))
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside upper center", ncols=min(4, len(groups)), frameon=False
    )
    figure.supxlabel("training episode", fontsize=10)
    figure.supylabel("win rate", fontsize=10)
    return figure
