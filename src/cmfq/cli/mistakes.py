"""Mistakes in arguments, each as one sentence."""

import re
import shlex
from collections.abc import Sequence
from itertools import dropwhile, takewhile

from cmfq.cli.commands import COMMANDS
from cmfq.cli.options import Option
from cmfq.errors import UserError, nearest_name
from cmfq.text import is_number

EXPECTED = {
    "N": "a whole number",
    "X": "a number",
    "N ...": "whole numbers",
    "N N": "two whole numbers",
    "ROLE NAME ...": "a role and a name for each, as in predator cmfq prey mfq",
}
"""Advice for an option, by the placeholder of its value in help."""

ELSEWHERE = {
    "--out": ("--run", "--runs", "--log"),
    "--run": ("--out",),
    "--runs": ("--run",),
    "--json": ("--log", "--out"),
    "--log": ("--out", "--runs"),
    "--html": ("--out",),
    "--games": ("--episodes",),
    "--episodes": ("--games",),
    "--against": ("--opponents",),
    "--opponents": ("--against",),
    "--size": ("--sizes",),
    "--sizes": ("--size",),
}
"""Options of other commands, and what a command may have instead."""
HELP = ("--help", "--help-all")


def validate_options(command: str, arguments: Sequence[str], options: Sequence[Option]) -> None:
    """Check the names of the options, and suggest the nearest one.

    Raises:
        UserError: the command has no such option, or no longer has it.
    """
    known = [spelling for option in options for spelling in option.spellings]
    for argument in arguments:
        name = argument.partition("=")[0].replace("_", "-")
        if not re.match(r"--?[a-zA-Z]", name) or name in known or is_number(argument):
            continue
        renamed = COMMANDS[command].renamed | COMMANDS[command].former
        words = [one[2:] for one in (*known, *renamed, *HELP) if one.startswith("--")]
        wanted = name.lstrip("-").rpartition(".")[2]  # a path of run.json ends in the option's name
        instead = [one for one in ELSEWHERE.get(name, ()) if one in known]
        near = instead[0] if instead else "--" + nearest_name(wanted, words, cutoff=0.6)
        meant = f"did you mean {renamed.get(near, near)}? " if near != "--" else ""
        lists = f"`cmfq {with_world(command, arguments)} --help-all` lists the options"
        if COMMANDS[command].by_environment and arguments[0].startswith("-"):
            lists += ", which depend on the game: name it, or the players, before them"
        raise UserError(f"unknown option {argument.partition('=')[0]}: {meant}{lists}")


def with_world(command: str, arguments: Sequence[str]) -> str:
    """The command, with the environment that decides on its options if it is the first argument."""
    world = next(iter(arguments), "-") if command == "train" else "-"
    return command if world.startswith("-") else f"{command} {shlex.quote(world)}"


def sentence_of(
    box: str, command: str, arguments: Sequence[str], options: Sequence[Option]
) -> UserError:
    """An error of tyro, which is a box of several paragraphs, as one sentence.

    Args:
        box: what tyro printed.
        command: name of the command.
        arguments: what follows the name.
        options: all options of the command.
    """
    said = _first_paragraph(box)
    lists = f"`cmfq {with_world(command, arguments)} --help` lists the options"
    if said.lower().startswith("missing from"):
        return UserError(f"{_missing(said, options)}: {lists}")
    if said.lower().startswith("unrecognized"):
        return UserError(f"unexpected argument {said.partition(': ')[2]!r}: {lists}")
    named = re.search(r"--[\w-]+", said)
    option = next((one for one in options if named and named[0] in one.spellings), None)
    if option is None:
        return UserError(f"{said[:1].lower()}{said[1:]}: {lists}")
    given = _values_after(option.name, arguments)
    fault = f"{option.name} is {given!r}" if given else f"{option.name} has no value"
    return UserError(f"{fault}: give {_expected(option)}")


def _first_paragraph(box: str) -> str:
    """Text below the title of a box, down to the next rule: drawn with lines, or in ASCII."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", box)
    lines = [line.strip("│| ") for line in plain.strip().splitlines()[1:]]
    below = dropwhile(lambda line: not line.strip("─-"), lines)
    said = takewhile(lambda line: line.strip("─-╰╯"), below)
    return " ".join(said).rstrip(". ")


def _missing(said: str, options: Sequence[Option]) -> str:
    """The missing options by name; tyro shows the help instead of arguments without a name."""
    words = re.sub(r"[`'\s]", "", said)
    missing = [
        option.metavar if option.is_positional else option.name
        for option in options
        if option.is_required
        and re.sub(r"[`'\s]", "", option.help if option.is_positional else option.name) in words
    ]
    return f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing"


def _values_after(name: str, arguments: Sequence[str]) -> str:
    for number, argument in enumerate(arguments):
        word, equals, value = argument.partition("=")
        if word.replace("_", "-") == name:
            following = takewhile(lambda one: not one.startswith("--"), arguments[number + 1 :])
            return value if equals else " ".join(following)
    return ""


def _expected(option: Option) -> str:
    if "|" in option.metavar:
        return f"one of {option.metavar.replace('|', ', ')}"
    return EXPECTED.get(option.metavar, option.metavar)
