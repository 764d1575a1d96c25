"""The page of the command line, written from the parsers that read it."""

import re
import warnings
from argparse import Action, ArgumentParser
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import tyro
from sphinx.application import Sphinx

from cmfq.cli import BY_ENVIRONMENT, COMMANDS
from cmfq.cli.playing import WORKERS
from cmfq.environments.registry import KINDS

PAGE = "command-line.md"
INTRODUCTION = """\
# Command line

Written from the program's own parsers when the site is built; `cmfq COMMAND --help` prints the
same.
Options of the environment are those of `battle` here; those of the other worlds are
[at the end](#options-of-the-worlds). Every command exits with 0 when it is done, 2 after a
mistake, which it says in one sentence on standard error, and 130 when it was stopped.
"""
PLAIN = str.maketrans({"|": r"\|", "*": r"\*", "<": "&lt;", "$": r"\$", "_": r"\_"})


def page() -> str:
    """Text of the page."""
    battle = KINDS["battle"].settings()
    parts = [INTRODUCTION]
    for name, command in COMMANDS.items():
        function = command(type(battle), battle) if name in BY_ENVIRONMENT else command
        parts += [f"## cmfq {name}\n", *_command(_parser(function))]
    parts.append("## Options of the worlds\n")
    for name, kind in KINDS.items():
        settings = kind.settings()
        function = COMMANDS["evaluate"](type(settings), settings)
        groups = dict(_groups(_parser(function)))
        parts += [f"### {name}\n", _table(groups["settings options"])]
    return "\n".join(parts)


def _parser(function: Callable[..., Any]) -> ArgumentParser:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return tyro.extras.get_parser(function)


def _command(parser: ArgumentParser) -> Iterator[str]:
    yield f"{_text(parser.description or '')}\n"
    for title, actions in _groups(parser):
        if title == "positional arguments":
            yield _table(actions)
        else:
            heading = "Options" if title == "options" else title.capitalize()
            yield f"**{heading.replace('-', ' ').replace('.', ', ')}**\n"
            yield _table(actions)


def _groups(parser: ArgumentParser) -> Iterator[tuple[str, list[Action]]]:
    for group in parser._action_groups:
        actions = [one for one in group._group_actions if one.dest != "help"]
        if actions:
            yield group.title or "options", actions


def _table(actions: list[Action]) -> str:
    rows = [f"| {_kind(actions)} | meaning |", "| --- | --- |"]
    for one in actions:
        value = str(one.metavar or "")
        shown = f"{', '.join(one.option_strings)} {value}" if one.option_strings else one.dest
        help_text = (one.help or "").replace(f"(default: {WORKERS})", "(default: all cores)")
        rows.append(f"| `{shown.strip().replace('|', ' or ')}` | {_text(help_text)} |")
    return "\n".join(rows) + "\n"


def _kind(actions: list[Action]) -> str:
    return "option" if actions[0].option_strings else "argument"


def _text(text: str) -> str:
    """Help text as Markdown: what stands between backquotes stays as it is."""
    one_line = re.sub(r"``([^`]*)``", r"`\1`", " ".join(text.split()))
    parts = re.split(r"(`[^`]*`)", one_line)
    return "".join(
        part.replace("|", r"\|") if part.startswith("`") else part.translate(PLAIN)
        for part in parts
    )


def write(app: Sphinx) -> None:
    """Write the page, unless it says so already: what did not change is not built again."""
    path, text = Path(app.srcdir) / PAGE, page()
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def setup(app: Sphinx) -> dict[str, bool]:
    """Have the page written before pages are read."""
    app.connect("builder-inited", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
