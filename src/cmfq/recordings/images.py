"""Write pictures to files: stills, animations and films."""

import io
import math
from collections.abc import Iterable
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from cmfq.errors import UserError
from cmfq.recordings.draw import Picture
from cmfq.storage import atomic_write, write_bytes

FORMATS = {".gif": "GIF", ".webp": "WEBP", ".png": "PNG"}
FILM = ".mp4"
SUFFIXES = (*FORMATS, FILM)
COLOURS = 64
"""Number of colours of an animation's palette."""


def require_format(path: Path) -> None:
    """Refuse early what could not be written.

    Raises:
        UserError: the suffix names no format, or a film is asked for and PyAV is not installed.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise UserError(f"cannot write an image to {path}: give a {', '.join(SUFFIXES)} file")
    if suffix == FILM:
        try:
            import av  # noqa: F401
        except ImportError as error:
            raise UserError(
                f"cannot write {path}: films need PyAV, `pip install 'cmfq[film]'`, or give "
                f"a {', '.join(FORMATS)} file"
            ) from error


def save_animation(
    pictures: Iterable[Picture], path: Path, *, milliseconds: float = 120, hold: float = 1500
) -> None:
    """Write pictures as one animation, in the format of the file's suffix.

    Args:
        pictures: at least one, all of one size; taken one by one.
        path: file to write: .gif, .webp, .png or .mp4.
        milliseconds: per picture.
        hold: milliseconds for which the last picture stays, at least as long as the others.

    Raises:
        UserError: as :func:`require_format`.
    """
    require_format(path)
    hold = max(hold, milliseconds)
    if path.suffix.lower() == FILM:
        atomic_write(path, lambda aside: _write_film(pictures, aside, milliseconds, hold))
        return
    first, *rest = [
        Image.fromarray(picture).quantize(COLOURS, dither=Image.Dither.NONE) for picture in pictures
    ]
    kind = FORMATS[path.suffix.lower()]
    unit = 10 if kind == "GIF" else 1  # milliseconds; rounded ends keep the speed
    ends = np.rint(np.arange(len(rest) + 1) * milliseconds / unit) * unit
    durations = [*np.diff(ends).tolist(), hold]
    content = io.BytesIO()
    first.save(content, kind, save_all=True, append_images=rest, duration=durations, loop=0)
    write_bytes(path, content.getvalue())


def _write_film(pictures: Iterable[Picture], path: Path, milliseconds: float, hold: float) -> None:
    """H.264 in an MP4 container, which every browser and presentation program plays."""
    import av

    coming = (_even(picture) for picture in pictures)
    first = next(coming)
    frames = math.ceil(milliseconds / 1000)  # of each picture: players want one a second at least
    rate = Fraction(1000 * frames / milliseconds).limit_denominator(1000)
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.height, stream.width = first.shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": "20"}
        last = first
        for picture in chain([first], coming):
            _write_frames(container, stream, picture, frames)
            last = picture
        _write_frames(container, stream, last, math.ceil(hold * rate / 1000) - frames)
        container.mux(stream.encode(None))


def _write_frames(container: Any, stream: Any, picture: Picture, frames: int) -> None:
    """Show a picture for so many frames of a film."""
    import av

    for _ in range(frames):
        container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))


def _even(picture: Picture) -> Picture:
    """Repeat the last row and column where the size is odd: the film's colours go in pairs."""
    height, width = picture.shape[:2]
    return np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
