"""Draw a step of any environment as an image: no display, no browser."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from cmfq.environments.base import Body, FloatArray, PositionArray, Scenery
from cmfq.errors import UserError
from cmfq.recordings.frames import TeamFrame

TEAM_COLOURS = ("#d1495b", "#2e6f9e", "#e0a100", "#1b8a6b", "#8a5fb0", "#7a5c3e")
"""Colours of team 0, 1, ...: hues that differ in lightness too, for readers who confuse some."""
ATTACK_COLOURS = ("#f2a65a", "#7fd1c7", "#fff0b3", "#b7f0dc", "#e3cff5", "#e8d2bc")
FIELD_COLOUR = "#f7f5f0"
SOLID_COLOUR = "#4a4a4a"
"""Colour of walls and obstacles."""
LOST_HEALTH_COLOUR = "#ffffff"
HEALTH_COLOUR = "#1d7a3a"
DEATH_COLOUR = "#1a1a1a"
TEXT_COLOUR = "#333333"
ITEM_COLOUR = "#6a8f1d"
"""Colour of what there is to gather."""
EDGE_COLOUR = "#26221c"
"""About arrows and bodies that may overlap."""
ASIDE = 0.07
"""How far an arrow is to the right of its line, in units: two that meet lie side by side."""
TEXT_SIZE = 14
CAPTION = 22
"""Height of the line of text above the field, in pixels."""
SUPERSAMPLING = 2
USUAL_SIDE = 640
"""Pixels of the longer side of a field whose scale is not given."""
SMALLEST_CELL = 4
"""Pixels of a unit of length that is not given, in fields up to ``LARGEST_SIDE`` pixels wide."""
SMALLEST_BODY = 2
"""Pixels."""
SMALLEST_TEXT = 8
"""Pixels."""
LARGEST_SIDE = 8000
"""Pixels."""

CHOSEN_COLOUR = "#111111"
WEIGHT_COLOUR = "#f2a900"
"""Colour of the weightiest neighbour."""
FADED = 0.7
"""How far agents that are not its neighbours fade into the field."""

Picture = npt.NDArray[np.uint8]
Places = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Highlight:
    """An agent and its neighbours."""

    place: tuple[int, int]
    """Its team and row."""
    view_radius: float | None
    """``None``: it sees everything."""
    weights: Mapping[tuple[int, int], float]
    """Weight of each neighbour, by team and row."""

    def colours(self, team: int, colours: Sequence[str]) -> list[str]:
        """Colours of a team's agents: neighbours by weight, others faded."""
        most = max(self.weights.values(), default=1.0) or 1.0
        shown = [mix(colour, FIELD_COLOUR, FADED) for colour in colours]
        for (other, row), weight in self.weights.items():
            if other == team:
                shown[row] = mix(colours[row], WEIGHT_COLOUR, weight / most)
        if self.place[0] == team:
            shown[self.place[1]] = colours[self.place[1]]
        return shown


def mix(colour: str, other: str, share: float) -> str:
    """``colour`` with a share of ``other``."""
    a, b = (np.array([int(name[i : i + 2], 16) for i in (1, 3, 5)]) for name in (colour, other))
    return "#" + bytes(np.rint(a + share * (b - a)).astype(np.uint8)).hex()


def readable_cell(scenery: Scenery) -> float:
    """Pixels per unit of length at which a field is about 640 pixels wide or high.

    A field of many cells is larger, so that each is seen, if that is no larger than a picture is.
    """
    side = _longer_side(scenery)
    if side * SMALLEST_CELL > LARGEST_SIDE:
        return USUAL_SIDE / side
    return max(SMALLEST_CELL, round(USUAL_SIDE / side))


def _longer_side(scenery: Scenery) -> float:
    left, top, right, bottom = scenery.bounds
    return max(right - left, bottom - top)


def draw_frame(
    frame: Sequence[TeamFrame],
    scenery: Scenery,
    *,
    cell: int | None = None,
    names: Sequence[str] = (),
    remark: str = "",
    highlight: Highlight | None = None,
    items: FloatArray | None = None,
    ranges: bool = False,
) -> Picture:
    """Draw one step: bodies with their hit points as a bar, attacks as arrows, deaths as crosses.

    Args:
        frame: every team.
        scenery: field of the episode.
        cell: pixels per unit of length, which on a grid is a cell; readable if not given.
        names: name of the player of each team: written above the field with how many are left.
        remark: written after them.
        highlight: an agent and its neighbours, with their weights in percent where they have room.
        items: ``(items, 3)``: x, y and radius of what there is to gather.
        ranges: a circle about each agent, as far as it strikes.

    Returns:
        ``(height, width, 3)`` pixels.

    Raises:
        UserError: the picture would be larger than any screen, or there is no such scale.
    """
    if cell is not None:
        _validate_cell(cell, scenery)
    canvas = _Canvas.of(scenery, readable_cell(scenery) if cell is None else cell)
    counted = zip(names, frame, cycle(TEAM_COLOURS), strict=False)
    texts = [(f"{name} {len(team.positions)}", colour) for name, team, colour in counted]
    canvas.paint_scenery(scenery)
    if items is not None:
        canvas.paint_items(items)
    painted = [
        (team, body, _middles(team, body)) for team, body in zip(frame, scenery.bodies, strict=True)
    ]
    for index, ((team, body, middles), colour) in enumerate(
        zip(painted, cycle(TEAM_COLOURS), strict=False)
    ):
        colours = [colour] * len(middles)
        if highlight is not None:
            colours = highlight.colours(index, colours)
        canvas.paint_bodies(team, body, middles, colours)
        if ranges:
            canvas.paint_ranges(middles, body, colour)
    for (team, body, middles), colour in zip(painted, cycle(ATTACK_COLOURS), strict=False):
        canvas.paint_attacks(team, body, middles, colour)
        canvas.paint_deaths(middles[~team.alive], body)
    if highlight is not None:
        _, body, middles = painted[highlight.place[0]]
        canvas.paint_chosen(middles[highlight.place[1]], body, highlight.view_radius)
        for (index, row), weight in highlight.weights.items():
            _, body, middles = painted[index]
            canvas.write_weight(middles[row], body, weight)
    canvas.write([*texts, (remark, TEXT_COLOUR)])
    return canvas.picture()


def _validate_cell(cell: int, scenery: Scenery) -> None:
    """Refuse a scale at which a picture is larger than any screen."""
    most = int(LARGEST_SIDE / _longer_side(scenery))
    if not 1 <= cell <= most:
        choice = f"give 1 to {most} pixels for this field" if most else "leave it out in this field"
        raise UserError(f"cell is {cell}: {choice}")


class _Canvas:
    """A field being drawn, larger than it will be shown: sides are smooth once it is shrunk."""

    def __init__(self, image: Image.Image, origin: tuple[float, float], scale: float) -> None:
        self._image = image
        self._pen = ImageDraw.Draw(image)
        self._origin = np.array(origin)
        self._scale = scale
        self._top = CAPTION * SUPERSAMPLING

    @classmethod
    def of(cls, scenery: Scenery, cell: float) -> "_Canvas":
        left, top, right, bottom = scenery.bounds
        scale = cell * SUPERSAMPLING
        width, height = (max(1, round(side * cell)) for side in (right - left, bottom - top))
        size = (width * SUPERSAMPLING, (height + CAPTION) * SUPERSAMPLING)
        return cls(Image.new("RGB", size, FIELD_COLOUR), (left, top), scale)

    def write(self, texts: Sequence[tuple[str, str]]) -> None:
        """Texts in their colours, in a line above the field; smaller where it is narrow."""
        width = self._image.size[0]
        self._pen.rectangle((0, 0, width, self._top - 1), fill=FIELD_COLOUR)
        size, x = float(TEXT_SIZE * SUPERSAMPLING), self._top / 3
        if width < 3 * x:
            return  # no letter fits
        length = sum(self._pen.textlength(text, font_size=size) + size for text, _ in texts) - size
        size *= min(1.0, (width - 2 * x) / max(length, 1.0))
        y = (self._top - 1.2 * size) / 2
        for text, colour in texts:
            self._pen.text((x, y), text, fill=colour, font_size=size)
            x += self._pen.textlength(text, font_size=size) + size

    def paint_scenery(self, scenery: Scenery) -> None:
        width, height = self._image.size
        edge = (0, self._top, width - 1, height - 1)
        self._pen.rectangle(edge, outline=SOLID_COLOUR, width=SUPERSAMPLING)
        for left, top in self._pixels(scenery.walls).tolist():
            side = max(0.0, self._scale - 1)
            self._pen.rectangle((left, top, left + side, top + side), fill=SOLID_COLOUR)
        middles, radii = self._pixels(scenery.obstacles[:, :2]), abs(scenery.obstacles[:, 2])
        for (x, y), radius in zip(middles.tolist(), (radii * self._scale).tolist(), strict=True):
            self._pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=SOLID_COLOUR)

    def paint_items(self, items: FloatArray) -> None:
        """What there is to gather, as diamonds."""
        radii = (items[:, 2] * self._scale).tolist()
        for (x, y), r in zip(self._pixels(items[:, :2]).tolist(), radii, strict=True):
            self._pen.polygon([(x, y - r), (x + r, y), (x, y + r), (x - r, y)], fill=ITEM_COLOUR)

    def paint_bodies(
        self, team: TeamFrame, body: Body, middles: Places, colours: Sequence[str]
    ) -> None:
        half = max(body.size * self._scale, SMALLEST_BODY * SUPERSAMPLING) / 2
        paint = self._pen.ellipse if body.shape == "circle" else self._pen.rectangle
        gap = min(1.0, half / 6) * SUPERSAMPLING / 2
        for (x, y), colour in zip(self._pixels(middles).tolist(), colours, strict=True):
            box = (x - half + gap, y - half + gap, x + half - gap, y + half - gap)
            paint(box, fill=colour, outline=mix(colour, EDGE_COLOUR, 0.35))
        if team.health is None or not body.full_health:
            return
        lost = 1 - np.clip(team.health / body.full_health, 0, 1)
        thickness, length = max(3.0, min(self._scale / 4, half)), max(1.0, 2 * half - 4 * gap)
        for (x, y), share in zip(self._pixels(middles).tolist(), lost.tolist(), strict=True):
            left, top = x - half + 2 * gap, y - length / 2
            right, bottom = left + thickness - 1, top + length - 1
            self._pen.rectangle((left, top, right, bottom), fill=HEALTH_COLOUR)
            if share:
                end = top + share * length
                self._pen.rectangle((left, top, right, end), fill=LOST_HEALTH_COLOUR)

    def paint_attacks(self, team: TeamFrame, body: Body, middles: Places, colour: str) -> None:
        if not body.attacks:
            return
        strikes = np.array([attack is not None for attack in body.attacks])
        reach = np.array([attack or (0, 0) for attack in body.attacks], np.float32)
        attacking = (team.actions >= 0) & strikes[team.actions]
        starts, tips = middles[attacking], middles[attacking] + reach[team.actions[attacking]]
        width = max(2, int(self._scale / 8))
        for start, tip in zip(self._pixels(starts), self._pixels(tips), strict=True):
            self._arrow(start, tip, colour, width)

    def paint_deaths(self, middles: Places, body: Body) -> None:
        half = body.size * self._scale * 0.3
        width = max(2, int(body.size * self._scale / 9))
        for x, y in self._pixels(middles).tolist():
            for slope in (-1, 1):
                line = (x - half, y - slope * half, x + half, y + slope * half)
                self._pen.line(line, fill=DEATH_COLOUR, width=width)

    def paint_chosen(self, middle: Places, body: Body, view_radius: float | None) -> None:
        """A frame about it, a circle as far as it sees, and one as far as it strikes."""
        ((x, y),) = self._pixels(middle[None]).tolist()
        half, width = body.size * self._scale / 2 + SUPERSAMPLING, 2 * SUPERSAMPLING
        frame = (x - half, y - half, x + half, y + half)
        paint = self._pen.ellipse if body.shape == "circle" else self._pen.rectangle
        paint(frame, outline=CHOSEN_COLOUR, width=width)
        for radius in (view_radius or 0.0, _reach(body)):
            self._circle((x, y), radius, CHOSEN_COLOUR)

    def paint_ranges(self, middles: Places, body: Body, colour: str) -> None:
        for x, y in self._pixels(middles).tolist():
            self._circle((x, y), _reach(body), mix(colour, FIELD_COLOUR, FADED / 2))

    def write_weight(self, middle: Places, body: Body, weight: float) -> None:
        """A neighbour's weight in percent, if it can be read."""
        size = body.size * self._scale / 2
        if size >= SMALLEST_TEXT * SUPERSAMPLING:
            place = tuple(self._pixels(middle[None])[0].tolist())
            self._pen.text(place, f"{100 * weight:.0f}", CHOSEN_COLOUR, font_size=size, anchor="mm")

    def _circle(self, middle: tuple[float, float], radius: float, colour: str) -> None:
        """A circle of a radius in units of length; none for 0."""
        (x, y), r = middle, radius * self._scale
        if r:
            circle = (x - r, y - r, x + r, y + r)
            self._pen.ellipse(circle, outline=colour, width=SUPERSAMPLING)

    def picture(self) -> Picture:
        """Shrunk to the size at which it is shown."""
        return np.asarray(self._image.reduce(SUPERSAMPLING))

    def _pixels(self, places: PositionArray | Places) -> Places:
        pixels: Places = (places - self._origin) * self._scale
        pixels[:, 1] += self._top
        return pixels

    def _arrow(
        self,
        start: Places,
        tip: Places,
        colour: str,
        width: int,
    ) -> None:
        direction = tip - start
        along = direction / max(1e-9, float(np.hypot(*direction))) * 3 * width
        across = np.array([-along[1], along[0]]) * 0.7
        aside = across / max(1e-9, float(np.hypot(*across))) * ASIDE * self._scale
        start, tip = start + aside, tip + aside
        base = tip - along
        line = (*start.tolist(), *base.tolist())
        self._pen.line(line, fill=EDGE_COLOUR, width=width + SUPERSAMPLING)
        self._pen.line(line, fill=colour, width=width)
        head = [tuple(point.tolist()) for point in (tip, base + across, base - across)]
        self._pen.polygon(head, fill=colour, outline=EDGE_COLOUR, width=SUPERSAMPLING // 2)


def _reach(body: Body) -> float:
    """How far from its middle a body strikes; 0 if it does not."""
    return max((float(np.hypot(*attack)) for attack in body.attacks if attack), default=0.0)


def _middles(team: TeamFrame, body: Body) -> Places:
    """Middles of the bodies, ``(agents, 2)``; in 64 bits, as 32 hold no fractions far away."""
    corner_to_middle = body.size / 2 if body.shape == "square" else 0.0
    return team.positions.astype(np.float64) + corner_to_middle
