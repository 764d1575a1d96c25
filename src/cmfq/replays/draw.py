"""Draw a fight as images: no display, no browser."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from cmfq.environments.battle import ATTACKS, FULL_HEALTH, MOVES
from cmfq.errors import UserError
from cmfq.replays.fight import TeamFrame
from cmfq.storage import write_bytes

TEAM_COLOURS = ("#d1495b", "#2e6f9e")
"""Red and blue that differ in lightness too, for readers who cannot tell them by hue."""
ATTACK_COLOURS = ("#f2a65a", "#7fd1c7")
FIELD_COLOUR = "#f7f5f0"
WALL_COLOUR = "#4a4a4a"
TEXT_COLOUR = "#333333"
CAPTION = 22
"""Height of the line of text above the field, in pixels."""
SUPERSAMPLING = 2
FORMATS = {".gif": "GIF", ".webp": "WEBP", ".png": "PNG"}

Picture = npt.NDArray[np.uint8]


def draw_frame(
    frame: tuple[TeamFrame, ...], map_size: int, *, cell: int = 12, caption: str = ""
) -> Picture:
    """Draw one step: agents with their hit points as a bar, attacks as arrows.

    Args:
        frame: both teams.
        map_size: side of the field in cells.
        cell: pixels a side of a cell.
        caption: a line of text above the field.

    Returns:
        ``(height, width, 3)`` pixels.
    """
    scale = cell * SUPERSAMPLING
    side = map_size * scale
    top = CAPTION * SUPERSAMPLING
    image = Image.new("RGB", (side, side + top), FIELD_COLOUR)
    pen = ImageDraw.Draw(image)
    pen.text((scale, top // 5), caption, fill=TEXT_COLOUR, font_size=14 * SUPERSAMPLING)
    pen.rectangle((0, top, side - 1, side + top - 1), outline=WALL_COLOUR, width=scale)
    for team, colour in zip(frame, TEAM_COLOURS, strict=True):
        for (x, y), health in zip(team.positions.tolist(), _health(team).tolist(), strict=True):
            left, upper = x * scale, y * scale + top
            pen.rectangle((left + 1, upper + 1, left + scale - 2, upper + scale - 2), fill=colour)
            lost = (scale - 6) * (1 - min(1.0, max(0.0, health / FULL_HEALTH)))
            bar = max(2, scale // 6)
            pen.rectangle((left + 2, upper + 2, left + 1 + bar, upper + scale - 3), fill="#ffffff")
            pen.rectangle(
                (left + 2, upper + 2 + lost, left + 1 + bar, upper + scale - 3), fill="#1d7a3a"
            )
    for team, colour in zip(frame, ATTACK_COLOURS, strict=True):
        attacking = team.actions >= len(MOVES)
        origins = team.positions[attacking] + 0.5
        offsets = np.array(ATTACKS)[team.actions[attacking] - len(MOVES)]
        for (x, y), (dx, dy) in zip(origins.tolist(), offsets.tolist(), strict=True):
            tip = ((x + dx) * scale, (y + dy) * scale + top)
            _arrow(pen, (x * scale, y * scale + top), tip, colour, max(2, scale // 7))
    shape = (side // SUPERSAMPLING, (side + top) // SUPERSAMPLING)
    return np.asarray(image.resize(shape, Image.Resampling.BOX))


def _health(team: TeamFrame) -> npt.NDArray[np.float32]:
    assert team.health is not None, "agents of a battle have hit points"
    return team.health


def draw_fight(
    frames: Sequence[tuple[TeamFrame, ...]],
    names: tuple[str, str],
    map_size: int,
    *,
    cell: int = 12,
) -> list[Picture]:
    """Draw every step, captioned with who fights, how many are left and the step."""
    return [
        draw_frame(
            frame,
            map_size,
            cell=cell,
            caption=(
                f"{names[0]} (red) {len(frame[0].positions)} : "
                f"{len(frame[1].positions)} {names[1]} (blue)   step {step}"
            ),
        )
        for step, frame in enumerate(frames)
    ]


def save_animation(
    pictures: Sequence[Picture], path: Path, *, milliseconds: int = 120, hold: int = 1500
) -> None:
    """Write pictures as one animation, in the format of the file's suffix (.gif, .webp, .png).

    Args:
        pictures: all of one size.
        path: file to write.
        milliseconds: per picture.
        hold: milliseconds for which the last picture stays.
    """
    first, *rest = [
        Image.fromarray(picture).quantize(64, dither=Image.Dither.NONE) for picture in pictures
    ]
    durations = [milliseconds] * len(rest) + [hold]
    kind = FORMATS.get(path.suffix.lower())
    if kind is None:
        raise UserError(f"cannot write an image to {path}: give a {', '.join(FORMATS)} file")
    content = io.BytesIO()
    first.save(content, kind, save_all=True, append_images=rest, duration=durations, loop=0)
    write_bytes(path, content.getvalue())


def _arrow(
    pen: ImageDraw.ImageDraw,
    start: tuple[float, float],
    tip: tuple[float, float],
    colour: str,
    width: int,
) -> None:
    direction = np.subtract(tip, start)
    length = float(np.hypot(*direction))
    along = direction / length * 3 * width
    across = np.array([-along[1], along[0]]) * 0.7
    base = np.subtract(tip, along)
    pen.line((*start, *base.tolist()), fill=colour, width=width)
    head = [tip, tuple(base + across), tuple(base - across)]
    pen.polygon(head, fill=colour)
