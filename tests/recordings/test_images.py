import sys
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from cmfq.errors import UserError
from cmfq.recordings.images import save_animation


def pictures() -> list[np.ndarray]:
    return [np.full((8, 6, 3), shade, np.uint8) for shade in (10, 120, 240)]


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png"])
def test_pictures_become_an_animation(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"fight{suffix}"
    save_animation(pictures(), file)
    with Image.open(file) as image:
        assert image.n_frames == 3
        assert image.size == (6, 8)


def test_pictures_become_a_film(tmp_path: Path) -> None:
    file = tmp_path / "fight.mp4"
    odd = (np.full((9, 7, 3), shade, np.uint8) for shade in (10, 120, 240))
    save_animation(odd, file, milliseconds=100, hold=500)
    with av.open(str(file)) as film:
        frames = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
        assert film.streams.video[0].average_rate == 10
    assert len(frames) == 2 + 5
    assert frames[0].shape == (10, 8, 3)
    for frame, shade in zip(frames, (10, 120, 240, 240), strict=False):
        assert abs(frame.astype(int) - shade).max() <= 4


@pytest.mark.parametrize(
    ("speed", "rate", "seconds"), [(0.2, 1, 15), (2.5, 2.5, 2.4), (8, 8, 1.75), (0.7, 1.4, 5)]
)
def test_a_film_has_its_speed(tmp_path: Path, speed: float, rate: float, seconds: float) -> None:
    file = tmp_path / "fight.mp4"
    save_animation(pictures(), file, milliseconds=1000 / speed)
    with av.open(str(file)) as film:
        stream = film.streams.video[0]
        assert float(stream.average_rate) == pytest.approx(rate)
        assert float(stream.duration * stream.time_base) == pytest.approx(seconds, abs=0.01)


@pytest.mark.parametrize(
    ("suffix", "speed", "durations"),
    [
        (".gif", 60, [20, 10, 1500]),
        (".webp", 60, [17, 16, 1500]),
        (".gif", 0.2, [5000, 5000, 5000]),
    ],
)
def test_an_animation_has_its_speed(
    tmp_path: Path, suffix: str, speed: float, durations: list[int]
) -> None:
    file = tmp_path / f"fight{suffix}"
    save_animation(pictures(), file, milliseconds=1000 / speed)
    found = []
    with Image.open(file) as image:
        for frame in range(3):
            image.seek(frame)
            image.load()
            found.append(image.info["duration"])
    assert found == durations


def test_a_film_without_its_library_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(UserError, match=r"films need PyAV, `pip install 'cmfq\[film\]'`"):
        save_animation(pictures(), tmp_path / "fight.mp4")


def test_an_unknown_format_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot write an image to"):
        save_animation(pictures(), tmp_path / "fight.xyz")
