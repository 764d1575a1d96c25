from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cmfq.errors import UserError
from cmfq.replays.images import save_animation


def pictures() -> list[np.ndarray]:
    return [np.full((8, 6, 3), shade, np.uint8) for shade in (10, 120, 240)]


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png"])
def test_pictures_become_an_animation(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"fight{suffix}"
    save_animation(pictures(), file)
    with Image.open(file) as image:
        assert image.n_frames == 3
        assert image.size == (6, 8)


def test_an_unknown_format_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot write an image to"):
        save_animation(pictures(), tmp_path / "fight.xyz")
