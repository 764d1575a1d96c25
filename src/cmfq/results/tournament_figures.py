"""Figures of tournaments, in the style of :mod:`cmfq.results.style`."""

import math
from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from cmfq.play.standings import Rating, Results, Standings
from cmfq.results.style import colours_of, leave_empty
from cmfq.results.table import signed
from cmfq.statistics.replication import Estimate

WON, DRAWN, LOST = "#0072b2", "#bbbbbb", "#d55e00"
"""Colours of results."""
CELL = (1.35, 0.72)
"""Width and height of a cell of the matrix, in inches."""
DARK = 0.52
"""Luminance below which text is white."""
MARKERS = "osD^vPX*"


def win_rate_matrix(standings: Standings) -> Figure:
    """Win rate of each row against each column, with its 95 % interval; best group first.

    Bold where the interval leaves out 1/2.
    """
    groups = [one.group for one in standings.ratings]
    rates = np.full((len(groups), len(groups)), np.nan)
    figure = Figure(
        figsize=(1.6 + CELL[0] * len(groups), 1.1 + CELL[1] * len(groups)), layout="constrained"
    )
    axes = figure.subplots()
    colours = matplotlib.colormaps["PuOr"]
    for row, a in enumerate(groups):
        for column, b in enumerate(groups):
            if a == b:
                axes.text(column, row, "–", ha="center", va="center", color="#888888")
                continue
            rate = standings.between(a, b).win_rate
            rates[row, column] = rate.value
            red, green, blue, _ = colours(_shade(rate.value))
            dark = 0.299 * red + 0.587 * green + 0.114 * blue < DARK
            axes.text(
                column,
                row,
                f"{rate.value:.0%}\n{100 * rate.low:.0f} to {100 * rate.high:.0f} %",
                ha="center",
                va="center",
                fontsize=9,
                color="white" if dark else "black",
                fontweight="bold" if rate.leaves_out(0.5) else "normal",
            )
    edges = np.arange(len(groups) + 1) - 0.5
    axes.pcolormesh(
        edges, edges, _shade(rates), cmap=colours, vmin=0, vmax=1, edgecolors="white", linewidth=2
    )
    axes.invert_yaxis()
    axes.set_xticks(range(len(groups)), [_wrap(group) for group in groups])
    axes.set_yticks(range(len(groups)), [_wrap(group) for group in groups])
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.set_title("win rate of the row against the column", fontsize=10, pad=12)
    axes.spines[:].set_visible(False)
    return figure


def rating_ladder(ratings: Sequence[Rating]) -> Figure:
    """Ratings with 95 % intervals, best on top; small dots are the single runs."""
    colours = colours_of([one.group for one in ratings])
    figure = Figure(figsize=(7.4, 0.8 + 0.48 * len(ratings)), layout="constrained")
    axes = figure.subplots()
    for height, one in enumerate(ratings):
        colour, (value, low, high) = colours[one.group], one.rating
        if math.isfinite(low):
            axes.plot([low, high], [height, height], color=colour, linewidth=6, alpha=0.35,
                      solid_capstyle="butt")  # fmt: skip
        axes.plot(value, height, "o", color=colour, markersize=8, zorder=3)
        if len(one.entrants) > 1:
            runs = list(one.entrants.values())
            axes.plot(runs, [height - 0.3] * len(runs), "|", color=colour, markersize=6)
        interval = f"  ({signed(low)} to {signed(high)})" if math.isfinite(low) else ""
        axes.text(1.02, height, signed(value) + interval, va="center", fontsize=9,
                  transform=axes.get_yaxis_transform())  # fmt: skip
    axes.set_yticks(range(len(ratings)), [one.group for one in ratings])
    axes.set_ylim(len(ratings) - 0.4, -0.7)
    axes.set_xlabel("rating, in Elo points (0: the mean)")
    axes.grid(axis="x", alpha=0.25)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    return figure


def game_margins(
    groups: Sequence[str], results: Mapping[tuple[str, str], Results], decided_by: str
) -> Figure:
    """How games of each group end: its survivors less its opponent's, over all its games.

    Args:
        groups: a panel for each.
        results: results of every two groups.
        decided_by: what the margins are of: survivors or rewards.
    """
    columns = min(3, len(groups))
    rows = math.ceil(len(groups) / columns)
    figure = Figure(figsize=(2.9 * columns, 1.9 * rows + 0.5), layout="constrained")
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    largest = max(float(np.abs(one.margins).max()) for one in results.values())
    bins = _bins(largest)
    for axes, group in zip(panels.flat, groups, strict=False):
        margins = np.concatenate(
            [one.margins.ravel() for (a, _), one in results.items() if a == group]
            + [-one.margins.ravel() for (_, b), one in results.items() if b == group]
        )
        parts = [margins[margins < 0], margins[margins == 0], margins[margins > 0]]
        shares = [np.full(len(part), 1 / len(margins)) for part in parts]
        axes.hist(parts, bins, weights=shares, stacked=True, color=[LOST, DRAWN, WON],
                  label=["lost", "drawn", "won"])  # fmt: skip
        mean = float(margins.mean())
        axes.axvline(mean, color="black", linewidth=1.2, linestyle="--", label="mean")
        axes.set_title(f"{group}: {signed(mean, 1)}", fontsize=10)
        axes.spines[["top", "right"]].set_visible(False)
        axes.yaxis.set_major_formatter(matplotlib.ticker.PercentFormatter(1, decimals=0))
    leave_empty(panels, len(groups))
    handles, names = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper center", ncols=4, frameon=False)
    figure.supxlabel(f"{decided_by} less the opponent's", fontsize=10)
    figure.supylabel("share of games", fontsize=10)
    return figure


def win_rate_by_size(curves: Mapping[str, Mapping[str, Mapping[int, Estimate]]]) -> Figure:
    """Win rate against agents a side: a panel for each opponent, a line for each group.

    Args:
        curves: for each opponent and group, the win rate at each size.
    """
    columns = min(3, len(curves))
    rows = math.ceil(len(curves) / columns)
    groups = sorted({group for lines in curves.values() for group in lines})
    colours = colours_of(groups)
    figure = Figure(figsize=(2.9 * columns + 0.4, 2.5 * rows + 0.5), layout="constrained")
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    sizes = sorted({size for lines in curves.values() for line in lines.values() for size in line})
    for axes, (opponent, lines) in zip(panels.flat, curves.items(), strict=False):
        for shift, group in enumerate(groups):
            if group not in lines:
                continue
            known = [size for size in sizes if size in lines[group]]
            at = np.array([sizes.index(size) for size in known])
            at = at + 0.08 * (shift - (len(groups) - 1) / 2)  # intervals side by side
            values = np.array([lines[group][size] for size in known])
            below, above = values[:, 0] - values[:, 1], values[:, 2] - values[:, 0]
            axes.errorbar(at, values[:, 0], (below, above), marker=MARKERS[shift % len(MARKERS)],
                          markersize=5, linewidth=1.6, elinewidth=1, capsize=2,
                          color=colours[group], label=group)  # fmt: skip
        axes.axhline(0.5, color="black", linewidth=0.8, linestyle=":")
        axes.set_title(f"against {opponent}", fontsize=10)
        axes.set_ylim(-0.03, 1.03)
        axes.set_xticks(range(len(sizes)), [str(size) for size in sizes])
        axes.grid(axis="y", alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
        axes.yaxis.set_major_formatter(matplotlib.ticker.PercentFormatter(1, decimals=0))
    leave_empty(panels, len(curves))
    by_label = {
        label: handle
        for axes in panels.flat
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(
        by_label.values(), by_label.keys(), loc="outside upper center",
        ncols=min(5, len(groups)), frameon=False,
    )  # fmt: skip
    figure.supxlabel("agents a side", fontsize=10)
    figure.supylabel("win rate", fontsize=10)
    return figure


def _shade(rate: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Place on the colour map: its darkest ends are left out, text would not be read there."""
    return 0.15 + 0.7 * np.asarray(rate, float)


def _wrap(group: str) -> str:
    return group.replace(" ", "\n", 1).replace(", ", ",\n")


def _bins(largest: float) -> npt.NDArray[np.float64]:
    """An odd number of bins of whole numbers, so that 0 stands in the middle of one."""
    width = 2 * math.ceil(largest / 16) + 1
    reach = math.ceil(largest / width) + 0.5
    return np.arange(-reach * width, reach * width + 1e-6, width)
