"""Figures of games, in the style of :mod:`cmfq.results.style`."""

import math
from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cmfq.environments.settings import EnvironmentSettings
from cmfq.play.crossing import CrossCell, roles_of, scaled
from cmfq.play.progress import ProgressRow, shared_by_seeds
from cmfq.play.standings import PairResults, Rating, Standings
from cmfq.results.style import (
    DASHES,
    MARKERS,
    beside,
    colours_of,
    name_lines,
    panels,
    show_rates,
)
from cmfq.results.table import signed
from cmfq.statistics.replication import Estimate

WON, DRAWN, LOST = "#757575", "#a8a8a8", "#dadada"
"""Colours of results: greys, because the others are those of groups."""
CELL = (1.35, 0.72)
"""Width and height of a cell of the matrix, in inches."""
DARK = 0.179
"""Relative luminance (WCAG) below which white text has more contrast than black."""


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
            dark = relative_luminance(colours(_shade(rate.value))) < DARK
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
    figure, (axes,) = panels(1, (6.9, 0.3 + 0.48 * len(ratings)), grid="x")
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
    axes.set_axisbelow(True)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    return figure


def game_margins(
    groups: Sequence[str], results: Mapping[tuple[str, str], PairResults], decided_by: str
) -> Figure:
    """Distribution of survivors of each group less its opponent's, over all its games.

    Args:
        groups: a panel for each.
        results: results of every two groups.
        decided_by: what the margins are of: survivors or rewards.
    """
    figure, drawn = panels(len(groups), (2.9, 1.9), grid="y")
    bins = _bins(max(float(np.abs(one.margins).max()) for one in results.values()))
    for axes, group in zip(drawn, groups, strict=True):
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
        axes.set_title(f"{group}: {signed(mean, 1)}")
        axes.yaxis.set_major_formatter(matplotlib.ticker.PercentFormatter(1, decimals=0))
    name_lines(figure, drawn[:1])
    figure.supxlabel(f"{decided_by} minus the opponent's", fontsize=10)
    figure.supylabel("share of games", fontsize=10)
    return figure


def win_rate_by_size(curves: Mapping[str, Mapping[str, Mapping[int, Estimate]]]) -> Figure:
    """Win rate against agents a side: a panel for each opponent, a line for each group.

    Args:
        curves: for each opponent and group, the win rate at each size.
    """
    groups = sorted({group for lines in curves.values() for group in lines})
    sizes = sorted({size for lines in curves.values() for line in lines.values() for size in line})
    figure, drawn = panels(len(curves), (2.9, 2.5), grid="y")
    for axes, (opponent, lines) in zip(drawn, curves.items(), strict=True):
        for number, group in enumerate(groups):
            line = lines.get(group, {})
            known = [size for size in sizes if size in line]
            if known:
                places = [sizes.index(size) for size in known]
                _intervals(axes, places, [line[size] for size in known], number, groups)
        axes.set_title(f"against {opponent}")
        axes.set_xticks(range(len(sizes)), [str(size) for size in sizes])
    show_rates(drawn)
    name_lines(figure, drawn, columns=5)
    figure.supxlabel("agents a side", fontsize=10)
    figure.supylabel("win rate", fontsize=10)
    return figure


def win_rate_bars(rates: Mapping[str, Mapping[str, Estimate | None]]) -> Figure:
    """Bars in groups along the axis, as in the paper's Fig 4.

    Args:
        rates: for each place on the axis, the win rate of each bar; None leaves its place empty.
            ``against cmfq`` has the colour of ``cmfq``.
    """
    bars = list(next(iter(rates.values())))
    groups = {bar: bar.removeprefix("against ") for bar in bars}
    colours, width = colours_of(list(groups.values())), 0.8 / len(bars)
    figure, (axes,) = panels(1, (max(5.6, 1.3 * len(rates)), 2.8), grid="y")
    for number, bar in enumerate(bars):
        known = [(place, at_place[bar]) for place, at_place in enumerate(rates.values())]
        found = {place: one for place, one in known if one is not None}
        places = [place + (number - (len(bars) - 1) / 2) * width for place in found]
        values = [one.value for one in found.values()]
        axes.bar(places, values, 0.92 * width, color=colours[groups[bar]], label=bar)
        for place, one in zip(places, found.values(), strict=True):
            if math.isfinite(one.low):
                axes.plot([place, place], [one.low, one.high], color="black", linewidth=1)
    axes.set_xticks(range(len(rates)), [_wrap(place) for place in rates])
    axes.set_axisbelow(True)
    show_rates([axes])
    name_lines(figure, [axes], columns=5)
    figure.supylabel("win rate", fontsize=10)
    return figure


def rewards_by_size(cells: Sequence[CrossCell], settings: EnvironmentSettings) -> Figure:
    """First role's reward against size, a panel for each second group."""
    first_role, second_role = roles_of(settings)
    firsts, seconds, sizes = (
        list(dict.fromkeys(getattr(cell, name) for cell in cells))
        for name in ("first", "second", "size")
    )
    figure, drawn = panels(len(seconds), (2.6, 2.9), columns=len(seconds))
    for axes, second in zip(drawn, seconds, strict=True):
        for number, first in enumerate(firsts):
            own = [cell for cell in cells if (cell.first, cell.second) == (first, second)]
            estimates = [Estimate(cell.first_reward, *cell.first_interval) for cell in own]
            _intervals(axes, range(len(own)), estimates, number, firsts)
        labels = ["/".join(map(str, scaled(settings, size).team_sizes)) for size in sizes]
        axes.set_xticks(range(len(sizes)), labels)
        axes.set_title(f"{second_role}: {second}")
    drawn[0].set_ylabel(f"reward per {first_role} and step")
    figure.supxlabel(f"size: {first_role}/{second_role}", fontsize=10)
    name_lines(figure, drawn, columns=5)
    return figure


def _intervals(
    axes: Axes,
    places: Sequence[int],
    estimates: Sequence[Estimate],
    number: int,
    groups: Sequence[str],
) -> None:
    """Draw a group's estimates with their intervals, beside those of the other groups."""
    values, low, high = np.array(estimates).T
    reach = np.nan_to_num([values - low, high - values], nan=0.0, posinf=0.0)
    shift = 0.08 * (number - (len(groups) - 1) / 2)
    axes.errorbar(np.array(places) + shift, values, reach, marker=MARKERS[number % len(MARKERS)],
                  markersize=5, linewidth=1.6, elinewidth=1, capsize=2,
                  color=colours_of(groups)[groups[number]], label=groups[number])  # fmt: skip


def win_rate_over_training(rows: Sequence[ProgressRow]) -> Figure:
    """Win rate against training episodes: a panel for each opponent.

    The line of a group is the mean of its seeds, the band holds the middle half of them.
    """
    opponents = list(dict.fromkeys(row.opponent for row in rows))
    colours = colours_of(list(dict.fromkeys(row.group for row in rows)))
    shifts = beside(len(colours), [row.episode for row in rows])
    figure, drawn = panels(len(opponents), (2.9, 2.4), grid="y")
    for axes, opponent in zip(drawn, opponents, strict=True):
        for number, (group, colour) in enumerate(colours.items()):
            found = [row for row in rows if (row.opponent, row.group) == (opponent, group)]
            shared = shared_by_seeds(found)
            episodes = sorted({row.episode for row in shared})
            rates = [[row.win_rate for row in shared if row.episode == one] for one in episodes]
            seeds = {row.run for row in found}
            low, high = np.array([np.quantile(one, (0.25, 0.75)) for one in rates]).T
            axes.fill_between(episodes, low, high, color=colour, alpha=0.14, linewidth=0)
            means = [float(np.mean(one)) for one in rates]
            label = f"{group} ({len(seeds)} seeds)" if len(seeds) > 1 else group
            places = np.array(episodes) + shifts[number]
            axes.plot(places, means, color=colour, label=label, linewidth=2, markersize=4.5,
                      marker=MARKERS[number % len(MARKERS)],
                      linestyle=DASHES[number % len(DASHES)])  # fmt: skip
        axes.set_title(f"against {opponent}")
    show_rates(drawn)
    name_lines(figure, drawn[:1])
    figure.supxlabel("training episode", fontsize=10)
    figure.supylabel("win rate", fontsize=10)
    return figure


def _shade(rate: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Place on the colour map: its darkest ends are left out, text would not be read there."""
    return 0.15 + 0.7 * np.asarray(rate, float)


def relative_luminance(colour: npt.ArrayLike) -> float:
    """Luminance of an sRGB colour ``(red, green, blue, ...)`` from 0, black, to 1 (WCAG 2)."""
    parts = np.asarray(colour, float)[:3]
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))


def _wrap(group: str) -> str:
    return group.replace(" ", "\n", 1).replace(", ", ",\n")


def _bins(largest: float) -> list[float]:
    """An odd number of bins of whole numbers, so that 0 stands in the middle of one."""
    width = 2 * math.ceil(largest / 16) + 1
    reach = math.ceil(largest / width) + 0.5
    return np.arange(-reach * width, reach * width + 1e-6, width).tolist()
