"""Write pictures to files."""

import io
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from cmfq.errors import UserError
from cmfq.replays.draw import Picture
from cmfq.storage import write_bytes

FORMATS = {".gif": "GIF", ".webp": "WEBP", ".png": "PNG"}


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
