"""Command lines that cannot be meant: exit code 2, one short sentence, nothing written."""

import os
from pathlib import Path

import pytest

from cmfq.cli import COMMANDS, main

LONGEST = 420
"""Letters of an error, paths of the test's own folder among them."""
NO_TEXT = os.fsdecode(b"run\xff")
LONG = "x" * 300

NUMBERS = {  # options of a command that names no file, with values that none of them takes
    "train battle --run new": {
        "--size": "0 -1 65 1000000000 many 1.5",
        "--map-size": "-1 5 1000000 nan",
        "--max-steps": "0 -1 inf 1e3",
        "--episodes": "0 -1 1e3 x",
        "--environments": "0 -1 2000",
        "--seed": "-1 x 99999999999999999999999",
        "--checkpoint-period": "0 -1",
        "--record-period": "-1 x",
        "--evaluate-period": "-1 x",
        "--threads": "0 -1 100000",
        "--radius": "-1 nan x",
        "--epsilon": "0 -1 nan x",
        "--effect-beta": "0 -1 inf nan",
        "--head": "x additiv",
        "--activation": "tanh x",
        "--channels": "1 x",
        "--hidden-units": "0 -1 1000000000",
        "--view-units": "0 -1 1000000000",
        "--feature-units": "0 -1",
        "--attention-units": "0 -1",
        "--learning-rate": "0 -1 inf nan x",
        "--final-learning-rate": "-1 inf nan",
        "--discount": "-1 2 nan",
        "--batch-size": "0 -1 10000000",
        "--replay-ratio": "0 -1 inf nan",
        "--min-updates": "-1 x",
        "--replay-bytes": "0 -1 1000",
        "--target-period": "0 -1",
        "--average-updates": "0 -1",
        "--beta-start": "-1 nan inf x",
        "--beta-end": "-1 nan inf",
        "--beta-episodes": "-1 x",
        "--step-reward": "nan inf x",
        "--algorithm": "cmfqq x mfqq",
        "--intervention": "x : a: :b nowhere:nothing json:nothing",
        "--effect": "x kll : nowhere:nothing",
        "--merged-action": "x",
        "--neighbours": "x nobody",
        "--preset": "x papr",
        "--sizes": "0 -1 65 x",
        "--play-beta": "-1 nan inf",
        "--learning-rate-episodes": "-1 x",
    },
    "train pursuit --run new": {
        "--predators": "0 -1 1000000 x",
        "--prey": "0 -1 1000000",
        "--map-size": "5 -1 100000",
        "--tag-reward": "nan inf",
    },
    "train particles --run new": {
        "--predators": "0 -1 1000000",
        "--prey": "0 -1 1000000",
        "--obstacles": "-1 1000000",
        "--prey-speed": "-1 nan",
    },
    "train signal --run new": {
        "--clusters": "0 -1 1000000000",
        "--listeners": "0 -1 1000000000",
        "--signallers": "0 -1 1000000000",
        "--babblers": "-1 1000000000",
        "--signals": "0 1 1000000000",
        "--noises": "0 1000000000",
        "--setting": "x",
    },
    "evaluate rush rush": {
        "--games": "0 -1 x 1000000000",
        "--seed": "-1 x",
        "--workers": "0 -1 x",
        "--size": "0 65",
        "--json": f". new/x/y.json {LONG}",
    },
    "record rush rush --out new.replay": {"--seed": "-1 x", "--game": "-1 x"},
    "record rush rush": {
        "--out": f"new/x/y.replay {LONG} ../{LONG}/x.replay new.pdf new.html new.json new.mp4"
    },
    "cross random random --out new": {"--sizes": "0 -1 x", "--games": "0 -1", "--seed": "-1"},
    "bench": {"--algorithms": "x", "--sizes": "0 65 x", "--steps": "0 -1", "--threads": "0"},
    "tournament random rush --log new.json": {
        "--html": f"x.pdf . new/x.txt {LONG}.html",
        "--games": "0 -1 1000000000",
        "--seed": "-1",
        "--checkpoints": "0 last:0 last:x best:1",
    },
    "tournament random rush": {"--log": f". new/x/y.json {LONG} new.html new.replay"},
    "environments": {"": "x batle : nowhere:nothing os: :x"},
    "train": {"": "x batle : nowhere:nothing"},
    "resume": {"": f". new {LONG} ../new"},
    "check": {"": f". new {LONG}"},
    "explain": {"": f". new {LONG}"},
    "export new": {"--out": "new.safetensors", "--method": "x"},
    "view": {"": f"new.replay {LONG} .", "--port": "x"},
    "render new.replay": {"--out": f"new.gif {LONG}.gif new.txt"},
    "power": {"": f"new.json {LONG} ."},
    "progress new": {"--out": f"new.bmp {LONG}", "--games": "0 1000000000"},
    "sizes new.json": {"--out": "new"},
    "curves new": {"--out": "new"},
    "sweep new.toml": {"--log": "new.json"},
    "reproduce new.json --runs new": {"--log": "new.json"},
    "report": {"": f"new {LONG}"},
    "paper 4b": {"--seeds": "0 x", "--preset": "x", "--workers": "0", "--out": f"new.txt/{LONG}"},
}
TABLE = [
    f"{command} {option} {value}"
    for command, options in NUMBERS.items()
    for option, values in options.items()
    for value in values.split()
]
TABLE += [f"{command} {rest}" for command in COMMANDS for rest in ("--nothing 1", "--seedd", "-x")]
TABLE += [f"{command} EMPTY" for command in COMMANDS if command != "bench"]
TABLE += [
    f"{command} {option} EMPTY"
    for command in ("evaluate rush rush", "view new.replay", "report new", "bench", "check new")
    for option in ("--json", "--html", "--out", "--seed")
]
TABLE += [command for command in COMMANDS if command not in ("environments", "bench", "paper")]
# Files that name it, such as recordings and weights, could not be written or read.
TABLE += ["train battle --run BYTE", "evaluate BYTE rush", "tournament rush random --log BYTE"]
TABLE += ["", "nothing", "trian battle", "--nothing", "bench --algorithms", "bench --sizes"]


@pytest.mark.parametrize("line", TABLE, ids=lambda line: line.replace(LONG, "LONG"))
def test_it_is_refused_in_a_sentence(
    line: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    words = [word.replace("EMPTY", "").replace("BYTE", NO_TEXT) for word in line.split()]
    _expect_sentence(words, capsys)
    assert list(tmp_path.iterdir()) == []


OWN = """
import sys
def ends(): sys.exit(3)
def raises(): raise ValueError("a\\nb")
def fails(*_): raise KeyError("no")
def short(before, after, agent): return 1
"""


@pytest.mark.parametrize(
    "options",
    [
        "own_parts:ends",
        "own_parts:raises",
        "battle --intervention own_parts:fails",
        "battle --effect own_parts:fails",
        "battle --effect own_parts:short",
        "battle --effect own_parts:ends",
        "signal --intervention own_parts:fails",
    ],
)
def test_functions_of_the_users_own_leave_no_run_behind(
    options: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "own_parts.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    _expect_sentence(["train", *options.split(), "--run", "new"], capsys)
    assert not (tmp_path / "new").exists()


def _expect_sentence(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("cmfq: ")
    assert error.count("\n") == 1
    assert "Traceback" not in error
    assert len(error) < LONGEST
