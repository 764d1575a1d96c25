"""Help of ``cmfq`` and of its commands, for terminals of 80 columns."""

import shutil
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from cmfq.cli.commands import DESCRIPTION, GROUPS

if TYPE_CHECKING:
    from cmfq.cli.options import Option

INDENT = 2
HELP_COLUMN = 26
"""Column at which the help of an option begins."""
WIDEST = 100
FIRST_STEPS = (
    "First steps:",
    "  cmfq train battle --preset strong --run runs/first",
    "  cmfq report runs/first",
    "  cmfq train --help         Options of a command; --help-all shows all of them",
    "  cmfq --version            Version of the package",
    "  cmfq --completion bash    Script for tab completion: bash, fish, zsh",
)
"""Last lines of ``cmfq --help``."""


def overview() -> str:
    """``cmfq --help``: one line a command, grouped by what a user wants."""
    width = max(len(name) for group in GROUPS.values() for name in group)
    lines = ["usage: cmfq COMMAND [arguments] [options]", "", DESCRIPTION]
    for title, group in GROUPS.items():
        lines += ["", f"{title}:"]
        lines += [f"  {name:{width}}  {command.summary}" for name, command in group.items()]
    lines += ["", *FIRST_STEPS]
    return "\n".join(lines)


def command_page(
    name: str,
    description: str,
    options: Sequence["Option"],
    *,
    first: Sequence[str] = (),
    everything: bool = False,
    presets: Sequence[str] = (),
    typed: str = "",
) -> str:
    """Help of a command.

    Args:
        name: name of the command.
        description: paragraphs, one a line.
        options: all arguments and options.
        first: names of the options to show; empty: those of the command itself.
        everything: show all options, under the headings of their sections.
        presets: what each preset sets.
        typed: the command as it was typed, with its environment; empty: its name alone.
    """
    arguments = [option for option in options if option.is_positional]
    named = [option for option in options if not option.is_positional]
    if first:
        by_name = {option.name: option for option in named}
        wanted = [by_name[one] for one in first if one in by_name]
    else:
        wanted = sorted(
            (option for option in named if not option.section),
            key=lambda option: not option.is_required,
        )
    rest = [option for option in named if option not in wanted]
    lines = [_usage(name, arguments, named), ""]
    lines += _paragraphs(description)
    lines += _section("Arguments", arguments)
    lines += _section("Options", wanted)
    if everything:
        for section in dict.fromkeys(option.section for option in rest):
            part = [option for option in rest if option.section == section]
            lines += _section(section.rstrip(".") or "More options", part)
    if presets:
        lines += ["Presets:"]
        for preset in presets:
            lines += _wrapped(preset, INDENT, hanging=2)
        lines += [""]
    if rest and not everything:
        shown = ", ".join(option.name for option in rest[:3])
        more = f", {shown} and others" if len(rest) > 3 else f", {shown}"
        shows = f"'cmfq {typed or name} --help-all' shows {len(rest)} more options{more}."
        lines += _paragraphs(shows)
    return "\n".join(lines).rstrip()


def _usage(name: str, arguments: Sequence["Option"], named: Sequence["Option"]) -> str:
    words = [one.metavar if one.is_required else f"[{one.metavar}]" for one in arguments]
    words += [f"{option.name} {option.metavar}" for option in named if option.is_required]
    return " ".join(["usage: cmfq", name, *words, *["[options]"] * bool(named)])


def _section(title: str, options: Sequence["Option"]) -> list[str]:
    lines = [f"{title}:"] if options else []
    for option in options:
        left = " " * INDENT + _left(option)
        text = _wrapped(f"{option.help}{_default(option)}", HELP_COLUMN)
        if len(left) + 2 > HELP_COLUMN or not text:
            lines.append(left)
        else:
            text[0] = left.ljust(HELP_COLUMN) + text[0].lstrip()
        lines += text
    return [*lines, ""] if lines else []


def _left(option: "Option") -> str:
    if option.is_positional:
        return option.metavar
    if isinstance(option.default, bool):
        return f"--[no-]{option.name[2:]}"
    return f"{option.name} {option.metavar}".rstrip()


def _default(option: "Option") -> str:
    if option.is_required:
        return "" if option.is_positional else " (required)"
    value = shown(option.default)
    return f" (default: {value})" if value else ""


def shown(value: object) -> str:
    """A default as it is typed; empty if there is none."""
    if value is None or value == ():
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return " ".join(map(shown, value))
    if isinstance(value, dict):
        return " ".join(f"{key} {one}" for key, one in value.items())
    return f"{value:g}" if isinstance(value, float) else str(value)


def _paragraphs(text: str) -> list[str]:
    """Paragraphs, one a line, each wrapped and followed by an empty line."""
    return [line for part in text.split("\n") for line in (*_wrapped(part, 0), "")]


def _wrapped(text: str, indent: int, hanging: int = 0) -> list[str]:
    margin = " " * indent
    width = min(WIDEST, shutil.get_terminal_size((80, 24)).columns)
    return textwrap.wrap(
        text,
        max(width, indent + 20),
        initial_indent=margin,
        subsequent_indent=margin + " " * hanging,
        break_on_hyphens=False,
        break_long_words=False,
    )
