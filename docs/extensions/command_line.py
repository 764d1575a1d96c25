"""The page of the command line, written from the same options as ``cmfq COMMAND --help``."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cmfq.cli.arguments import command_function
from cmfq.cli.commands import COMMANDS, GROUPS
from cmfq.cli.help import shown
from cmfq.cli.options import Option, description_of, options_of
from cmfq.cli.playing import WORKERS
from cmfq.environments.registry import KINDS

if TYPE_CHECKING:
    from sphinx.application import Sphinx

PAGE = "command-line.md"
INTRODUCTION = """\
# Command line

This page is written from the program's own options when the site is built; `cmfq COMMAND
--help-all` prints the same. Options of the environment are those of `battle` here; those of the
other environments are [at the end](#options-of-the-environments). Every command exits with 0 when
it is done, with 2 after a mistake, which it explains in one sentence on standard error, and with
130 when it was stopped (`view` and `watch`, which end no other way, with 0).
"""
PLAIN = str.maketrans({"|": r"\|", "*": r"\*", "<": "&lt;", "$": r"\$", "_": r"\_", "`": r"\`"})


def page() -> str:
    """Text of the page."""
    parts = [INTRODUCTION]
    for title, group in GROUPS.items():
        names = ", ".join(f"[{name}](#cmfq-{name})" for name in group)
        parts.append(f"**{title}**: {names}\n")
    for name in COMMANDS:
        parts += [f"## cmfq {name}\n", *_command(name)]
    parts.append("## Options of the environments\n")
    for name in KINDS:
        options = options_of(command_function("train", [name]))
        section = next(one.section for one in options if one.name == "--max-steps")
        of_world = [one for one in options if one.section == section]
        parts += [f"### {name}\n", f"{section.translate(PLAIN)}\n", _table(of_world)]
    return "\n".join(parts)


def _command(name: str) -> Iterator[str]:
    function = command_function(name)
    for paragraph in description_of(function).split("\n"):
        yield f"{paragraph.translate(PLAIN)}\n"
    options = options_of(function)
    arguments = [one for one in options if one.is_positional]
    if arguments:
        yield _table(arguments)
    named = [one for one in options if not one.is_positional]
    for section in dict.fromkeys(one.section for one in named):
        yield f"**{section.rstrip('.').translate(PLAIN) or 'Options'}**\n"
        yield _table([one for one in named if one.section == section])


def _table(options: Sequence[Option]) -> str:
    kind = "argument" if options[0].is_positional else "option"
    rows = [f"| {kind} | meaning | default |", "| --- | --- | --- |"]
    for one in options:
        value = "" if one.is_positional else one.metavar
        name = one.metavar if one.is_positional else ", ".join(one.spellings)
        typed = f"{name} {value}".strip().replace("|", " or ")
        rows.append(f"| `{typed}` | {one.help.translate(PLAIN)} | {_default(one)} |")
    return "\n".join(rows) + "\n"


def _default(option: Option) -> str:
    if option.is_required:
        return "must be given"
    if option.name == "--workers" and option.default == WORKERS:
        return "all cores"
    return shown(option.default).translate(PLAIN)


def write(app: "Sphinx") -> None:
    """Write the page, unless it says so already: what did not change is not built again."""
    path, text = Path(app.srcdir) / PAGE, page()
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def setup(app: "Sphinx") -> dict[str, bool]:
    """Have the page written before pages are read."""
    app.connect("builder-inited", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
