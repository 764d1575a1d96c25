"""Outputs of commands: a file is written over only if it is an output of the same kind.

So neither a run, nor a replay that is looked at, nor a file of the user's own is lost to a slip in
a path. Commands ask before their work begins.
"""

import json
import os
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cmfq.errors import UserError

RUN_SETTINGS = "run.json"
"""File by which a run's folder is known."""
RUN_FILES = (
    RUN_SETTINGS, "metrics.jsonl", "evaluations.jsonl", "state.safetensors", ".lock",
    "trackers.json",
)  # fmt: skip
"""Files of a run, which nothing else writes."""
RUN_FOLDERS = ("checkpoints", "replays")
GZIP_BITS = 31
"""``wbits`` by which zlib reads gzip."""
TAKEN = (
    ".html", ".htm", ".pdf", ".png", ".jpg", ".jpeg", ".svg", ".gif", ".webp", ".mp4",
    ".safetensors", ".pt", ".pt2", ".onnx", ".replay", ".json", ".jsonl", ".csv", ".md", ".toml",
    ".py",
)  # fmt: skip
"""Endings by which other programs, and people, take a file for one of a kind."""
HEAD = 2**16
"""Bytes of a file by which it is recognised."""


@dataclass(frozen=True)
class Output:
    """A kind of file that commands write."""

    name: str
    """For messages: what it is, with its article."""
    suffixes: tuple[str, ...]
    """Endings of file names."""
    recognise: Callable[[bytes], bool]
    """Test of the first bytes of a file."""
    strict: bool = False
    """No other ending will do; otherwise those do that no other kind of file has."""


def _is_page(content: bytes) -> bool:
    marks = (b'name="generator" content="cmfq', b"<title>cmfq: ", b'<script type="importmap"')
    return content.lstrip()[:9].lower() == b"<!doctype" and any(one in content for one in marks)


def _is_image(content: bytes) -> bool:
    marks = (b"\x89PNG", b"GIF8", b"RIFF", b"<?xml", b"<svg")
    return content.startswith(marks) or content[4:8] == b"ftyp"


def _is_policy(content: bytes) -> bool:
    return b"cmfq-policy-" in content


def _is_program(content: bytes) -> bool:
    return content.startswith(b"PK") and b"/data/weights/" in content


def json_with(*keys: str) -> Callable[[bytes], bool]:
    """A test of JSON that has these keys, wherever in it they are."""

    def recognise(content: bytes) -> bool:
        return content[:1] in (b"{", b"[") and all(f'"{key}":'.encode() in content for key in keys)

    return recognise


PAGE = Output("an HTML page of cmfq", (".html", ".htm"), _is_page, strict=True)
REPLAY = Output("a replay", (".replay",), lambda content: content.startswith(b"CMFQPLAY"))
POLICY = Output("a policy file of cmfq", (".safetensors",), _is_policy, strict=True)
PROGRAM = Output("an exported program", (".pt2",), _is_program, strict=True)
IMAGE = Output("a picture", (".png", ".svg", ".gif", ".webp", ".mp4"), _is_image)
GAMES = Output(
    "a file of games",
    (".json", ".json.gz"),
    lambda content: content.startswith(b'{"format": "cmfq-tournament-'),
)
MATCH = Output("a result of `cmfq evaluate`", (".json",), json_with("win_rate", "wins", "losses"))
TIMES = Output("a result of `cmfq bench`", (".json",), json_with("environment_ms", "acting_ms"))
THEORY = Output("a result of `cmfq check`", (".json",), json_with("weights", "gap_share"))


def kind_of(path: Path) -> str:
    """What a file is, with its article, if it is an output that commands write; else empty."""
    kinds = (PAGE, REPLAY, POLICY, IMAGE, GAMES, MATCH, TIMES, THEORY)
    try:
        with path.open("rb") as file:
            content = _unpacked(file.read(HEAD))
    except OSError:
        return ""
    return next((kind.name for kind in kinds if kind.recognise(content)), "")


def validate_output(path: Path, kind: Output) -> None:
    """Refuse a path to which an output should not, or could not, be written.

    Raises:
        UserError: something else is there, it belongs to a run, or the path is none.
    """
    reason = _reason(path, kind)
    if reason:
        raise UserError(f"cannot write {str(path) if path.name else repr('')}: {reason}")


def validate_log(log: Path, **others: Path | None) -> None:
    """Refuse a game log that could not be written, or to which another output would be written.

    Args:
        log: path of the log.
        others: paths of the command's other outputs, by the names of their options.

    Raises:
        UserError: see :func:`validate_output`, or another output has the same path.
    """
    for option, path in others.items():
        if path is not None and os.path.realpath(path) == os.path.realpath(log):
            raise UserError(f"--log and --{option} are both {log}: give each its own path")
    validate_output(log, GAMES)


def games_beside(path: Path, part: str = "") -> Path:
    """File that keeps the games of an output until it is written.

    Args:
        path: path of the output.
        part: name of a part of the games, where each has a file.
    """
    return path.with_name(f"{path.name}{part and '.'}{part}.games")


def _reason(path: Path, kind: Output) -> str:
    """Why an output should not be written there; empty if it may."""
    try:
        folder = path.absolute().parent
        if not path.name:
            return "the path is empty or ends in a folder, give a file"
        if path.is_dir():
            return "it is a folder, give a file"
        if not folder.is_dir():
            return f"there is no folder {path.parent}, make it or give another file"
        if not os.access(folder, os.W_OK):
            return f"{folder} is read-only, give another folder"
        if belongs_to_run(path):
            return "it belongs to a run, give a file outside of it"
        suffix = path.suffix.lower()
        if suffix not in kind.suffixes and (kind.strict or suffix in TAKEN):
            return f"{kind.name} ends in {' or '.join(kind.suffixes)}, give such a name"
        if path.exists() and not _recognised(path, kind):
            return f"this file is not {kind.name} and would be overwritten, give another file"
    except OSError as error:
        return f"{error.strerror or error}, give another file"
    return ""


def _recognised(path: Path, kind: Output) -> bool:
    """Whether a file is of a kind; an empty one is of any."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        content = file.read(HEAD)
    return not content or kind.recognise(_unpacked(content))


def _unpacked(content: bytes) -> bytes:
    """The first bytes of a file, out of gzip if it is packed."""
    try:
        return zlib.decompressobj(wbits=GZIP_BITS).decompress(content, HEAD)
    except zlib.error:
        return content


def belongs_to_run(path: Path) -> bool:
    """Whether a path is one at which runs keep their own files."""
    real = Path(os.path.realpath(path))  # Path.resolve raises at links that lead to themselves
    if is_run(real.parent) and (real.name in RUN_FILES or real.name.startswith("events.")):
        return True
    return any(part.name in RUN_FOLDERS and is_run(part.parent) for part in (real, *real.parents))


def is_run(folder: Path) -> bool:
    """Whether a folder is one of a run, by its settings."""
    settings = folder / RUN_SETTINGS
    try:
        return settings.is_file() and "settings" in json.loads(settings.read_bytes())
    except (ValueError, RecursionError, TypeError):
        return True  # damaged, and all the more worth keeping
