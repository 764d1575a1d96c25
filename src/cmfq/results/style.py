"""The style of all figures: colour-blind safe, readable in print; and how they are written."""

import io
import math
import textwrap
import zlib
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import IO, Any, Literal

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import PercentFormatter

from cmfq.errors import UserError
from cmfq.storage import atomic_write
from cmfq.text import plain_text

COLOURS = {
    "iql": "#8c8c8c",
    "mfq": "#0072b2",
    "attention-mfq": "#009e73",
    "cmfq": "#d55e00",
    "random-weights": "#cc79a7",
}
"""Colour of each algorithm, from the palette of Okabe and Ito."""
OTHER_COLOURS = (
    *("#56b4e9", "#e69f00", "#000000"),
    *("#6a3d9a", "#8c564b", "#17767a", "#7a8a00", "#b2182b", "#4d4d9a", "#c51b7d"),
)
"""Colours of other groups: the rest of that palette, of which the yellow would print too pale, and
some that differ from it in lightness."""
DASHES = (
    *("-", (0, (5, 1.5)), (0, (3, 1.5)), (0, (5, 1.5, 1, 1.5)), (0, (1, 1))),
    (0, (5, 1.5, 1, 1.5, 1, 1.5)),
)
"""Styles of lines that may lie on each other, in turn: the lower ones are seen in the gaps."""
LEGEND_WIDTH = 40
"""Characters of a line in a legend: groups whose settings differ have long names."""
MARKERS = "osD^vPX*"
BESIDE = 0.12
"""Distance of curves whose points would lie on each other, in shares of that of their points."""
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
    validate_picture(file)
    if file.suffix == ".svg":
        atomic_write(file, partial(save_svg, figure))
    else:
        names_are_text(figure)
        with matplotlib.rc_context({"text.parse_math": False}):
            atomic_write(file, partial(figure.savefig, format="png", dpi=150))


def validate_picture(file: Path) -> None:
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
    """A colour for each group: the same in every figure, whatever groups there are beside it.

    Algorithms have their own. The colour of another group follows from its name; the next one that
    is free if a group of this figure has it already.
    """
    found = {group: COLOURS[group] for group in groups if group in COLOURS}
    spare = [colour for name, colour in COLOURS.items() if name not in groups]
    for group in sorted(set(groups) - set(found)):
        start = zlib.crc32(group.encode()) % len(OTHER_COLOURS)
        turn = (*OTHER_COLOURS[start:], *OTHER_COLOURS[:start])
        free = [colour for colour in (*turn, *spare) if colour not in found.values()]
        found[group] = free[0] if free else turn[0]
    return {group: found[group] for group in groups}


def beside(number: int, places: Sequence[float]) -> list[float]:
    """Shifts of as many curves, so that the marks of equal ones lie beside each other."""
    known = sorted(set(places))
    gap = min((later - earlier for earlier, later in pairwise(known)), default=1)
    return [BESIDE * gap * (one - (number - 1) / 2) for one in range(number)]


def panels(
    number: int,
    size: tuple[float, float],
    *,
    columns: int = 3,
    grid: Literal["both", "x", "y"] = "both",
    shared: Literal["both", "x", "y"] = "both",
) -> tuple[Figure, list[Axes]]:
    """Begin a figure of panels that look alike.

    Args:
        number: number of panels.
        size: width and height of each, in inches.
        columns: greatest number of panels in a row; one less if that leaves fewer places empty.
        grid: directions of the lines behind the drawing, by the axis that they start at.
        shared: axes that are the same in all panels.

    Returns:
        The figure and its panels; those of the last row have the numbers of the x axis.
    """
    columns = min(columns, number)
    columns = min((columns, max(1, columns - 1)), key=lambda many: -number % many)
    rows = math.ceil(number / columns)
    figure = Figure(figsize=(size[0] * columns + 0.5, size[1] * rows + 0.5), layout="constrained")
    with matplotlib.rc_context(
        {
            "axes.grid": True,
            "axes.grid.axis": grid,
            "axes.spines.right": False,
            "axes.spines.top": False,
            "axes.titlesize": 10,
            "grid.alpha": 0.25,
        }
    ):
        cells = figure.subplots(
            rows, columns, sharex=shared != "y", sharey=shared != "x", squeeze=False
        )
    for axes in cells.flat[number:]:
        axes.set_axis_off()
    for axes in cells.flat[max(0, number - columns) : number]:
        axes.tick_params(labelbottom=True)
    return figure, list(cells.flat[:number])


def name_lines(figure: Figure, drawn: Sequence[Axes], columns: int = 4) -> None:
    """Say which line is which, each name once: where no panel is, or else above them."""
    names = {
        textwrap.fill(name, LEGEND_WIDTH): line
        for axes in drawn
        for line, name in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    lines, words = list(names.values()), list(names)
    with matplotlib.rc_context({"text.parse_math": False}):
        for empty in (axes for axes in figure.axes if not axes.axison):
            legend = empty.legend(lines, words, loc="center", frameon=False)
            needed, place = legend.get_window_extent(), empty.get_window_extent()
            if needed.width <= place.width and needed.height <= place.height:
                return
            legend.remove()
        for most in range(columns, 0, -1):
            legend = figure.legend(
                lines,
                words,
                loc="outside upper center",
                ncols=math.ceil(len(names) / math.ceil(len(names) / most)),  # rows of equal length
                frameon=False,
            )
            if most == 1 or legend.get_window_extent().width <= figure.bbox.width:
                return
            legend.remove()


def show_rates(drawn: Sequence[Axes]) -> None:
    """Make the y axes win rates, with a line at one half."""
    for axes in drawn:
        axes.axhline(0.5, color="black", linewidth=0.8, linestyle=":")
        axes.set_ylim(-0.03, 1.03)
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
