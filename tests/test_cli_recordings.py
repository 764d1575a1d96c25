"""Recording games and showing them, as a user types it."""

import threading
import urllib.request
from pathlib import Path

import pytest
from PIL import Image

from cmfq.cli import main
from cmfq.cli.recordings import file_size
from cmfq.recordings import read


@pytest.fixture(scope="module")
def replay(tmp_path_factory: pytest.TempPathFactory, zoo: Path) -> Path:
    path = tmp_path_factory.mktemp("replays") / "fight.replay"
    arguments = ["--size", "12", "--seed", "3", "--out", str(path)]
    assert main(["record", str(zoo / "mfq64"), "rush", *arguments]) == 0
    return path


def test_record_writes_a_replay(replay: Path) -> None:
    game = read(replay)
    assert game.ending is not None
    assert [team.player for team in game.header.teams] == ["mfq64", "rush"]
    assert game.traces(3)[0] is not None


def test_sides_swap_in_odd_games(tmp_path: Path, zoo: Path) -> None:
    path = tmp_path / "fight.replay"
    arguments = ["--size", "12", "--game", "1", "--max-steps", "3", "--out", str(path)]
    assert main(["record", str(zoo / "mfq64"), "rush", *arguments]) == 0
    assert [team.player for team in read(path).header.teams] == ["rush", "mfq64"]
    assert len(read(path).steps) == 3


def test_a_film_of_a_recording_that_is_cut_short_says_so(
    replay: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = replay.read_bytes()
    (tmp_path / "cut.replay").write_bytes(content[: len(content) * 2 // 3])
    assert main(["render", str(tmp_path / "cut.replay"), "--out", str(tmp_path / "c.gif")]) == 0
    assert "cut.replay is cut short: it has" in capsys.readouterr().out


def test_render_draws_films_animations_and_stills(replay: Path, tmp_path: Path) -> None:
    still, film, animation = (tmp_path / f"fight{suffix}" for suffix in (".png", ".mp4", ".gif"))
    assert main(["render", str(replay), "--out", str(still), "--steps", "3", "--cell", "12"]) == 0
    with Image.open(still) as image:
        assert image.width == 20 * 12
    assert main(["render", str(replay), "--out", str(animation), "--steps", "2:6"]) == 0
    with Image.open(animation) as image:
        assert image.n_frames == 4
    assert main(["render", str(replay), "--out", str(film), "--steps", ":6", "--agent", "0"]) == 0
    assert film.stat().st_size > 1000


def test_view_writes_one_file(replay: Path, tmp_path: Path) -> None:
    page = tmp_path / "fight.html"
    assert main(["view", str(replay), "--html", str(page)]) == 0
    assert page.stat().st_size > replay.stat().st_size


def test_view_serves_until_it_is_stopped(
    replay: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    opened = []

    def visit(door: str) -> None:
        """As a browser would, after which the user presses Ctrl-C."""
        leads = urllib.request.urlopen(door).read().decode()
        url = leads.partition('href="')[2].partition('"')[0]

        def ask() -> None:
            try:
                with urllib.request.urlopen(f"{url}replays/0") as answer:
                    opened.append(answer.read())
            finally:
                server.shutdown()

        threading.Thread(target=ask).start()

    from cmfq.cli import recordings as command

    make = command.make_server

    def keep(*arguments: object) -> object:
        nonlocal server
        server = make(*arguments)  # type: ignore[arg-type]
        return server

    server = None  # type: ignore[assignment]
    monkeypatch.setattr(command, "make_server", keep)
    monkeypatch.setattr(command.webbrowser, "open", visit)
    assert main(["view", str(replay)]) == 0
    assert opened == [replay.read_bytes()]
    assert "watch at http://127.0.0.1:" in capsys.readouterr().out


MISTAKES = {
    "step that is not there": (
        ["render", "{replay}", "--out", "{new}.png", "--steps", "9999"],
        "steps is '9999': the replay has steps 0 to",
    ),
    "steps that end before they begin": (
        ["render", "{replay}", "--out", "{new}.png", "--steps", "5:3"],
        "steps is '5:3': give a first step and a greater one, before which to end",
    ),
    "steps that are none": (
        ["render", "{replay}", "--out", "{new}.png", "--steps", "a:b"],
        "steps is 'a:b': give one, as 12, or several, as 10:30",
    ),
    "steps of which there are none": (
        ["render", "{replay}", "--out", "{new}.png", "--steps", "5:5"],
        "steps is '5:5'",
    ),
    "unknown image format": (["render", "{replay}", "--out", "{new}.xyz"], "cannot write an image"),
    "agent that is not there": (
        ["render", "{replay}", "--out", "{new}.png", "--agent", "99"],
        "agent 99 is not alive in any of these steps",
    ),
    "tiny cells": (["render", "{replay}", "--out", "{new}.png", "--cell", "0"], "cell is 0"),
    "no speed": (["render", "{replay}", "--out", "{new}.gif", "--speed", "0"], "speed is 0"),
    "nothing to show": (["view"], "there is no replay to show"),
    "no replay": (["view", __file__], "is not a replay"),
    "no such file": (["view", "{new}"], "cannot be read: No such file"),
    "negative seed": (["record", "rush", "rush", "--out", "{new}", "--seed", "-1"], "seed is -1"),
    "folder that is not there": (
        ["record", "rush", "rush", "--out", "{new}/x/fight.replay"],
        "there is no folder",
    ),
    "unknown player": (["record", "rusch", "rush", "--out", "{new}"], "there is no player 'rusch'"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_sentence(
    mistake: str, replay: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments, sentence = MISTAKES[mistake]
    assert main([text.format(replay=replay, new=tmp_path / "new") for text in arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("cmfq: ")
    assert error.count("\n") == 1
    assert sentence in error
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("size", "said"), [(0, "0.0 KB"), (12_345, "12.3 KB"), (3_140_000, "3.1 MB")]
)
def test_the_size_of_a_small_file_is_not_zero(size: int, said: str, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(bytes(size))
    assert file_size(file) == said
