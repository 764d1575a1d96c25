"""Win rates grouped as in the paper's Fig 4b, 4c and 4d, from stored tournaments."""

from functools import partial
from pathlib import Path

from cmfq.experiments.paper.figures import FIGURES, Bars, Figure
from cmfq.experiments.paper.plan import Effort, size_of
from cmfq.play.reading import finished_tournament
from cmfq.play.standings import Standings, standings
from cmfq.results.figures import win_rate_bars
from cmfq.results.page import Picture
from cmfq.results.tournament import tournament_file
from cmfq.statistics.replication import Estimate

Rates = dict[str, dict[str, Estimate | None]]
"""Win rates by place on the axis and by bar; None for a group against itself."""
OF_AXIS = "win rate of the group on the axis"
OF_BARS = "win rate of each group against the one on the axis"


def bars_pictures(folder: Path, effort: Effort) -> list[Picture]:
    """A picture for each figure of win rates whose games are there.

    Args:
        folder: folder of the paper, with a folder for each figure.
        effort: that the figures were made with.

    Raises:
        UserError: stored games are damaged.
    """
    pictures = []
    for figure in FIGURES.values():
        if figure.bars is None:
            continue
        rates = rates_of(figure, figure.bars, effort, folder / figure.name)
        if rates:
            drawn = partial(win_rate_bars, rates)
            rule = OF_AXIS if figure.bars.of_axis else OF_BARS
            caption = f"Grouped as in the paper's Fig {figure.name}: {rule}; 95 % intervals over "
            caption += "seeds, nobody plays itself"
            pictures.append(Picture(f"bars-{figure.name}", drawn, caption))
    return pictures


def rates_of(figure: Figure, bars: Bars, effort: Effort, stored: Path) -> Rates:
    """Win rates of the bars; empty if games are missing."""
    found: dict[int, Standings] = {}
    for size in {size for _, size in bars.axis}:
        file = tournament_file(stored, size_of(size, effort))
        if not file.is_file():
            return {}
        found[size] = standings(finished_tournament(file))
    rates: Rates = {}
    for name, size in bars.axis:
        place = f"{name} at {size_of(size, effort)}" if size else name
        for bar in bars.bars:
            a, b = (name, bar) if bars.of_axis else (bar, name)
            label = f"against {bar}" if bars.of_axis else bar
            rates.setdefault(place, {})[label] = (
                None if a == b else found[size].between(a, b).win_rate
            )
    return rates
