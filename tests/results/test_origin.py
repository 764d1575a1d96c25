"""Results of crossings and curves are written again without the runs."""

import gzip
import json
import math
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest

from cmfq.cli import main
from cmfq.play.crossing import CrossCell, CrossGame
from cmfq.results.against_random import differences
from cmfq.results.crossing import best_sentence
from cmfq.results.tournament import _own_functions
from cmfq.statistics.intervals import mean_interval

STORED = Path("docs/results")
NONE = (math.nan, math.nan)
RANDOM = "random (script)"


def content(folder: Path) -> dict[str, bytes]:
    """Of all data files, unpacked."""
    return {
        file.name: gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
        for file in folder.iterdir()
        if file.suffix in (".gz", ".json", ".csv", ".svg")
    }


@pytest.mark.parametrize("name", ["paper/7", "paper/I"])
def test_a_stored_crossing_is_reported_again(name: str, tmp_path: Path) -> None:
    folder = copytree(STORED / name, tmp_path / "x")
    page = (folder / "README.md").read_text()
    (folder / "README.md").unlink()
    assert main(["cross", "--out", str(folder)]) == 0
    assert (folder / "README.md").read_text() == page.replace(
        f"`cmfq cross --out docs/results/{name}`", f"`cmfq cross --out {folder}`"
    )
    assert content(folder) == content(STORED / name)


def test_curves_are_drawn_again_without_the_runs(runs: Path, tmp_path: Path) -> None:
    copies, out = tmp_path / "copies", tmp_path / "curves"
    for name in ("cmfq-0", "mfq-0"):
        copytree(runs / name, copies / name)
    words = [str(copies / "cmfq-0"), f"another={copies / 'mfq-0'}"]
    assert main(["curves", *words, "--out", str(out)]) == 0
    before, page = content(out), (out / "README.md").read_text()
    assert "| another | 1 | 3 |" in page
    copies.rename(tmp_path / "gone")
    assert main(["curves", "--out", str(out)]) == 0
    assert (out / "README.md").read_text() == page
    assert content(out) == before


@pytest.mark.parametrize("verb", ["cross", "curves"])
def test_nothing_is_stored(verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([verb, "--out", str(tmp_path / "x")]) == 2
    assert "has no origin.json" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("file", ["origin.json", "runs.json", "games.jsonl.gz"])
def test_what_is_damaged_is_named(
    file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = copytree(STORED / "paper" / "I", tmp_path / "x")
    (folder / file).write_bytes(b"?")
    before = (folder / "README.md").read_bytes()
    assert main(["cross", "--out", str(folder)]) == 2
    assert file in capsys.readouterr().err
    assert (folder / "README.md").read_bytes() == before


def test_games_that_lack_a_pair_are_damaged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = copytree(STORED / "paper" / "I", tmp_path / "x")
    games = gzip.decompress((folder / "games.jsonl.gz").read_bytes()).splitlines(keepends=True)
    pair = ("cmfq", "mfq")
    kept = [one for one in games if (json.loads(one)["first"], json.loads(one)["second"]) != pair]
    assert 0 < len(kept) < len(games)
    (folder / "games.jsonl.gz").write_bytes(gzip.compress(b"".join(kept)))
    assert main(["cross", "--out", str(folder)]) == 2
    assert "games.jsonl.gz has no games of cmfq against mfq: give entrants" in (
        capsys.readouterr().err
    )


def test_the_sentence_says_who_earns_most_and_where_intervals_tell() -> None:
    def cell(first: str, second: str, value: float, reach: float) -> CrossCell:
        interval = (value - reach, value + reach)
        return CrossCell(first, second, 20, 3, value, interval, -value, NONE)

    cells = [
        *(cell("cmfq", "mfq", 0.5, 0.1), cell("mfq", "mfq", 0.2, 0.1)),
        *(cell("cmfq", "iql", 0.1, 0.1), cell("mfq", "iql", 0.2, 0.1)),
    ]
    assert best_sentence(cells, 20, 0, "hunter") == (
        "Highest mean as hunter: cmfq against mfq; mfq against iql; with an interval above all "
        "others: against mfq."
    )
    assert best_sentence(cells[:2], 20, 0, "hunter") == (
        "Highest mean as hunter: cmfq against all; with an interval above all others: against mfq."
    )
    assert best_sentence(cells[::2], 20, 0, "hunter") == "Only cmfq plays as hunter."
    assert best_sentence(cells, 20, 1, "prey") == (
        "Highest mean as prey: iql against cmfq; mfq against mfq; with an interval above all "
        "others: against none."
    )


def game(first: str, second: str, seed: int, number: int, reward: float) -> CrossGame:
    return CrossGame(first, second, seed, 20, number, 5, reward, -reward)


def test_trained_and_random_agents_are_compared_in_the_same_seed() -> None:
    """Opponents of seed 1 give 5 to all: cmfq earns 0.1 and 0.2 more than random agents do."""
    games = [
        *(game("cmfq", "mfq", 0, n, 0.1) for n in (0, 1)),
        *(game("cmfq", "mfq", 1, n, 5.2) for n in (0, 1)),
        *(game(RANDOM, "mfq", 0, n, 0.0) for n in (0, 1)),
        *(game(RANDOM, "mfq", 1, n, 5.0) for n in (0, 1)),
    ]
    (one,) = differences(games, 20, 0)["cmfq"]
    low, high = mean_interval(np.array([0.1, 0.2]))
    assert one == pytest.approx((0.15, low, high))
    assert differences(games, 20, 1) == {}  # nobody is random in the second role


def test_the_luck_of_random_agents_counts_too() -> None:
    """Trained agents earn 1.0 and 1.1 in two seeds; random ones 0 and 2 in two games."""
    games = [
        *(game("cmfq", "rush (script)", seed, 0, 1 + seed / 10) for seed in (0, 1)),
        *(game(RANDOM, "rush (script)", 0, number, -0.5 + 2 * number) for number in (0, 1)),
    ]
    (one,) = differences(games, 20, 0)["cmfq"]
    assert one.value == pytest.approx(0.55)
    assert not one.leaves_out(0)  # against the mean of random agents alone: 1.05 +/- 0.64
    (one,) = differences(games[:3], 20, 0)["cmfq"]  # one game of random agents says nothing
    assert math.isinf(one.low)


def test_values_that_are_all_equal_are_no_proof() -> None:
    cells = [CrossCell(one, "mfq", 20, 3, value, (value, value), -value, NONE)
             for one, value in (("cmfq", 0.5), ("mfq", 0.2))]  # fmt: skip
    assert best_sentence(cells, 20, 0, "hunter").endswith("against none.")


def test_commands_name_every_function_that_stored_runs_call() -> None:
    """Players among the opponents too: `cmfq reproduce` loads them, and asks for leave."""
    stored = {"algorithm": "cmfq", "opponents": ["self", "mymod:player=0.5"]}
    stored |= {"evaluate_against": ["rush", "mymod:other"], "environment": {"make_env": "w:make"}}
    assert _own_functions({"settings": stored}) == ["w:make", "mymod:player", "mymod:other"]
