"""Figures from stored metrics. One style: colour-blind safe, readable in print."""

import io
import textwrap
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import IO, Any

import matplotlib
import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.text import Text

from cmfq.errors import UserError
from cmfq.storage import write_aside
from cmfq.text import plain_text
from cmfq.training.deaths import somebody_died

COLOURS = {
    "iql": "#8c8c8c",
    "mfq": "#0072b2",
    "attention-mfq": "#009e73",
    "cmfq": "#d55e00",
    "random": "#cc79a7",
}
"""Of each algorithm, from the palette of Okabe and Ito."""
OTHER_COLOURS = ("#56b4e9", "#e69f00", "#000000")
"""Of other groups, in turn: the rest of that palette but for its yellow, which prints too pale."""
LEGEND_WIDTH = 40
"""Characters of a line in a legend: groups whose settings differ have long names."""
SMOOTHING = 10
"""Episodes over which curves are averaged."""

SVG_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))
"""Nothing beside the drawing: the same figures give the same file."""

Metrics = Sequence[Mapping[str, Any]]


def save_svg(figure: Figure, file: Path | IO[str]) -> None:
    """Write a figure as SVG: the same figure gives the same bytes."""
    names_are_text(figure)
    with matplotlib.rc_context({"svg.hashsalt": "cmfq", "text.parse_math": False}):
        figure.savefig(file, format="svg", metadata=SVG_METADATA)


def names_are_text(figure: Figure) -> None:
    """Keep names that are in a figure from being read as formulas, which they may not be."""
    for text in figure.findobj(Text):
        text.set_parse_math(False)
        text.set_text("\n".join(map(plain_text, text.get_text().split("\n"))))


def svg_text(figure: Figure) -> str:
    """The ``<svg>`` element, to be put into a page."""
    buffer = io.StringIO()
    save_svg(figure, buffer)
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def save_figure(figure: Figure, folder: Path, name: str) -> None:
    """Write ``name.svg`` and ``name.png``."""
    for ending in ("svg", "png"):
        save_picture(figure, folder / f"{name}.{ending}")


def save_picture(figure: Figure, file: Path) -> None:
    """Write a figure in the format that the file's name ends in.

    Raises:
        UserError: there is no such format, or no such folder.
    """
    refuse_picture(file)
    if file.suffix == ".svg":
        write_aside(file, partial(save_svg, figure))
    else:
        names_are_text(figure)
        with matplotlib.rc_context({"text.parse_math": False}):
            write_aside(file, partial(figure.savefig, format="png", dpi=150))


def refuse_picture(file: Path) -> None:
    """Refuse a file to which no picture can be written, before it is drawn.

    Raises:
        UserError: there is no such format, or no such folder.
    """
    if file.suffix not in (".svg", ".png"):
        raise UserError(f"cannot write a picture to {file}: end its name in .svg or .png")
    if not file.absolute().parent.is_dir():
        raise UserError(
            f"cannot write {file}: there is no folder {file.parent}, make it or give another file"
        )


def colours_of(groups: Sequence[str]) -> dict[str, str]:
    """A colour for each group; algorithms keep theirs in every figure, others get what is left."""
    left = [colour for name, colour in COLOURS.items() if name not in groups]
    others = cycle((*OTHER_COLOURS, *left))
    return {group: COLOURS.get(group) or next(others) for group in groups}


def learning_curves(runs: Mapping[str, Sequence[Metrics]]) -> Figure:
    """Reward, kills (where agents die), length and TD error per training episode.

    Args:
        runs: for each algorithm, the metrics of its runs. The line is their mean, the band their
            spread (least to greatest).
    """
    figure = Figure(figsize=(9, 5.2), layout="constrained")
    panels = figure.subplots(2, 2, sharex=True)
    colours = colours_of(list(runs))
    measures: dict[str, Callable[[Mapping[str, Any]], float]] = {
        "reward of a team": lambda row: float(np.mean(row["rewards"])),
        "kills, all teams": lambda row: sum(row["kills"]),
        "steps": lambda row: row["steps"],
        "squared TD error": lambda row: np.nan if row["loss"] is None else row["loss"],
    }
    if not any(somebody_died(row) for some in runs.values() for rows in some for row in rows):
        del measures["kills, all teams"]
    for axes, (label, measure) in zip(panels.flat, measures.items(), strict=False):
        for algorithm, metrics in runs.items():
            colour = colours[algorithm]
            length = min(len(rows) for rows in metrics)
            curves = np.array(
                [_smooth(np.array([measure(row) for row in rows[:length]])) for rows in metrics]
            )
            episodes = np.arange(1, length + 1)
            name = f"{algorithm} ({len(metrics)} seeds)" if len(metrics) > 1 else algorithm
            name = textwrap.fill(name, LEGEND_WIDTH)
            axes.plot(episodes, curves.mean(0), color=colour, label=name, linewidth=1.6)
            axes.fill_between(
                episodes, curves.min(0), curves.max(0), color=colour, alpha=0.18, linewidth=0
            )
        axes.set_ylabel(label)
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    leave_empty(panels, len(measures))
    for axes in panels[1]:
        axes.set_xlabel("training episode")
    handles, names = panels[0, 0].get_legend_handles_labels()
    figure.legend(
        handles, names, loc="outside upper center", ncols=min(5, len(names)), frameon=False
    )
    return figure


def _smooth(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Mean of each value and those before it, over at most ``SMOOTHING`` that are known."""
    known = np.isfinite(values)
    totals = np.cumsum(np.where(known, values, 0.0))
    numbers = np.cumsum(known)
    totals[SMOOTHING:] -= totals[:-SMOOTHING].copy()
    numbers[SMOOTHING:] -= numbers[:-SMOOTHING].copy()
    means: npt.NDArray[np.float64] = np.full(len(values), np.nan)
    np.divide(totals, numbers, out=means, where=numbers > 0)
    return means


def leave_empty(panels: npt.NDArray[Any], used: int) -> None:
    """Hide the panels from ``used`` on; those above them get the numbers of the x axis."""
    for axes in panels.flat[used:]:
        axes.set_axis_off()
    for axes in panels.flat[max(0, used - panels.shape[1]) : used]:
        axes.tick_params(labelbottom=True)
