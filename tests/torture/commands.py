"""Bad command lines: each ends with exit code 2 and one sentence, and changes no file."""

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path

from readers import fault_of_sentence
from samples import GAME, SMALL, call

from cmfq.cli import main

LONG = "x" * 300
COMMANDS = (
    "train battle --run {run}",
    "train battle --run {run}/run.json/x",
    "train battle --run {replay}",
    "train battle --run " + LONG,
    "train nothing --run {new}",
    "train battle --size 0 --run {new}",
    "train battle --discount nan --run {new}",
    "train battle --episodes -1 --run {new}",
    "train battle --replay-bytes 10 --run {new}",
    "train battle --seed -1 --run {new}",
    "resume {new}",
    "resume {folder}",
    "resume {replay}",
    "resume {run} --skip-seed 7",
    "evaluate {run} nobody",
    "evaluate {replay} rush",
    "evaluate rush random --games 1 --json {run}/run.json",
    "evaluate rush random --games 1 --json {run}/metrics.jsonl",
    "evaluate rush random --games 1 --json {folder}",
    "evaluate rush random --games 1 --json {folder}/no/x.json",
    "evaluate rush random --games 1 --json {mine}",
    "evaluate rush random --games 1 --json ''",
    "evaluate rush random --games 1 --json " + LONG,
    "evaluate rush random --games 0",
    "evaluate rush random --workers 0",
    "view {replay} --html {replay}",
    "view {replay} --html {mine}",
    "view {replay} --html {run}/run.json",
    "view {replay} --html ''",
    "view {replay} --html {folder}/x.pdf",
    "view {replay} --html {run}/checkpoints/x.html",
    "view {mine}",
    "view",
    "record {run} random --out {run}/run.json",
    "record {run} random --out {run}/replays/000001.replay",
    "record {run} random --out {mine}",
    "render {replay} --out {mine}",
    "render {replay} --out {folder}/x.pdf",
    "export {run} --out {run}/checkpoints/000002.safetensors",
    "export {run} --out {run}/checkpoints/000009.safetensors",
    "export {run} --out {run}/state.safetensors",
    "export {run} --out {folder}/new.txt",
    "check {run} --json {run}/run.json",
    "check {replay}",
    "bench --json {run}/run.json --steps 1",
    "report {run} --out {mine}",
    "report {run} --out {run}/run.json",
    "report {run} --out {folder}/x.pdf",
    "report {run} --against",
    "tournament rush random --log {run}/run.json",
    "tournament rush random --log {mine}",
    "tournament rush random --log ''",
    "tournament --log {folder}/no.json",
    "tournament rush random --log {folder}/t.json --out {run}",
    "tournament rush random --log {folder}/t.json --html {mine}",
    "progress {run} --log {run}/run.json",
    "progress {run} --out {mine}",
    "curves {run} --out {run}",
    "curves {replay} --out {folder}/out",
    "power {mine}",
    "sizes {mine} --out {folder}/out",
    "explain {run} --agent 1000",
    "explain {replay}",
)


def check_commands(folder: Path) -> Iterator[str]:
    """Call them all in a folder; for each what went wrong; nothing: an empty string."""
    said = io.StringIO()
    run, replay, mine = folder / "run", folder / "a.replay", folder / "mine.png"
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        call("train", "battle", *SMALL, "--run", run)
        call("record", run, "random", *GAME, "--out", replay)
    mine.write_text("what the user wrote")
    names = {"run": run, "replay": replay, "mine": mine, "folder": folder, "new": folder / "new"}
    before = _content(folder)
    for line in COMMANDS:
        arguments = ["" if word == "''" else word.format(**names) for word in line.split(" ")]
        code, sentence = _call(arguments)
        wrong = []
        if code != 2 or fault_of_sentence(sentence):
            wrong.append(f"{code}, {fault_of_sentence(sentence) or sentence}")
        after = _content(folder)
        if after != before:
            wrong.append("it changed files")
            before = after
        yield f"cmfq {line}: {'; '.join(wrong)}" if wrong else ""


def _call(arguments: list[str]) -> tuple[object, str]:
    """Exit code, or the name of what was raised; and what was said of it."""
    said = io.StringIO()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(said):
        try:
            code: object = main(arguments)
        except BaseException as error:
            return type(error).__name__, str(error)
    lines = [line for line in said.getvalue().splitlines() if line.startswith("cmfq: ")]
    return code, lines[-1] if lines else said.getvalue()


def _content(folder: Path) -> dict[Path, bytes]:
    """All files but locks."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")
    return {path: path.read_bytes() for path in files}
