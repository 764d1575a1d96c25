"""A command line as one call: parsed, and its paths checked before anything is done."""

import io
import os
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stderr
from functools import wraps
from pathlib import Path
from typing import Any

import tyro

from cmfq.errors import UserError

FILES = ("json", "html", "report")
"""Options that name a file to write."""
PAGES = ("html", "report")
"""Those of them that are written as HTML."""
OTHERS = ("environments", "resume")
"""Commands with few options: tyro wants two to choose from."""
LONGEST_NAME = 255
"""Bytes of a file's name: more no file system of Linux or macOS takes."""
LONGEST_WORD = 160
"""Letters of a word in an error; of a longer one beginning and end are shown."""

Command = Callable[..., Any]
Call = Callable[[], None]


def parse(commands: Mapping[str, Command], arguments: Sequence[str], description: str) -> Call:
    """Find out what to call, without calling it.

    Raises:
        UserError: the arguments are none of a command, or a path among them cannot be meant.
        SystemExit: help was asked for and printed.
    """
    for before, argument in zip(("cmfq", *arguments), arguments, strict=False):
        if not argument:
            raise UserError(f"the argument after {before} is empty: give a value, or leave it out")
    asked = dict(commands)
    if arguments and arguments[0] in commands:  # the others' options take a second to read
        asked = {name: commands[name] for name in (arguments[0], *OTHERS)}
    said = io.StringIO()
    try:
        with redirect_stderr(said):
            call: Call = tyro.extras.subcommand_cli_from_dict(
                {name: _deferred(command) for name, command in asked.items()},
                prog="cmfq",
                description=description,
                args=list(arguments),
            )
    except SystemExit as error:
        if not error.code:
            raise
        raise UserError(_as_sentence(said.getvalue(), arguments, commands)) from None
    return call


def _deferred(command: Command) -> Command:
    """The command with the same options, which says what to call."""

    @wraps(command)
    def defer(*values: Any, **options: Any) -> Call:
        def call() -> None:
            command(
                *(_checked("", value) for value in values),
                **{name: _checked(name, value) for name, value in options.items()},
            )

        return call

    return defer


def _checked(option: str, value: Any) -> Any:
    """A path that can be meant, ``..`` resolved; anything else as it is."""
    if isinstance(value, tuple):
        return tuple(_checked(option, one) for one in value)
    if not isinstance(value, Path):
        return value
    for name in value.parts:
        if len(os.fsencode(name)) > LONGEST_NAME:
            raise UserError(f"{value}: a name has at most {LONGEST_NAME} bytes, give a shorter one")
    path = Path(os.path.realpath(value)) if ".." in value.parts else value
    if option in FILES:
        if path.is_dir():
            raise UserError(f"cannot write {value}: it is a folder, give a file for --{option}")
        if option in PAGES and path.suffix.lower() not in (".html", ".htm"):
            raise UserError(f"{option} is {value}: it is written as HTML, end its name in .html")
    return path


def _as_sentence(box: str, arguments: Sequence[str], commands: Mapping[str, Command]) -> str:
    """What tyro says in a box of several paragraphs, as one sentence."""
    command = arguments[0] if arguments and arguments[0] in commands else ""
    if not command:
        return (
            f"unknown command {arguments[0]!r}: `cmfq --help` lists them"
            if arguments and not arguments[0].startswith("-")
            else "name a command: `cmfq --help` lists them"
        )
    plain = re.sub(r"\x1b\[[0-9;]*m", "", box)
    edges = ("╭", "╰", "+")
    lines = [line.strip("│| ") for line in plain.splitlines() if not line.startswith(edges)]
    rules = [number for number, line in enumerate(lines) if line and not line.strip("─-")]
    said = " ".join(lines[: rules[0]] if rules else lines).rstrip(". ")
    said = said[:1].lower() + said[1:].replace(" (required)", "")
    found = re.search(r"Perhaps you meant:.*?(--[\w-]+)", " ".join(lines))
    meant = f"did you mean {found[1]}? " if found else ""
    return f"{said}: {meant}`cmfq {command} --help` lists what there is"


def shortened(message: str) -> str:
    """An error whose words without end have lost their middle."""
    kept = LONGEST_WORD // 2
    return re.sub(
        rf"\S{{{LONGEST_WORD + 1},}}", lambda word: f"{word[0][:kept]}…{word[0][-kept:]}", message
    )
