"""Arguments of a command as one call: parsed, and its paths checked before anything is done."""

import inspect
import io
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stderr, suppress
from dataclasses import dataclass
from functools import wraps
from importlib import import_module
from itertools import takewhile
from pathlib import Path
from typing import Any, get_args

import tyro

from cmfq.cli.command_line import preset_options
from cmfq.cli.commands import COMMANDS, DESCRIPTION
from cmfq.cli.help import command_page
from cmfq.cli.mistakes import sentence_of, validate_options, with_world
from cmfq.cli.options import Option, description_of, options_of
from cmfq.environments.registry import default_settings
from cmfq.errors import UserError
from cmfq.play.entrants import split_group
from cmfq.play.players import game_named, game_of
from cmfq.training.presets import Preset

FILES = ("json", "html", "log")
"""Options that name a file to write."""
PAGES = ("html",)
"""Those of them that are written as HTML."""
SHELLS = ("bash", "fish", "zsh")
"""Shells with completion of commands and options."""
LONGEST_NAME = 255
"""Greatest number of bytes in a file's name on Linux and macOS."""

Function = Callable[..., Any]
Call = Callable[[], None]


def parse(command: str, arguments: Sequence[str]) -> Call | None:
    """Find out what to call, without calling it; ``None`` if help was asked for and printed.

    Args:
        command: name of a command.
        arguments: what follows the name.

    Raises:
        UserError: the arguments do not fit the command, or a path among them is not valid.
    """
    function = command_function(command, arguments)
    options = options_of(function)
    everything = "--help-all" in arguments
    if everything or "--help" in arguments or "-h" in arguments:
        typed = with_world(command, arguments)
        print(help_of(command, function, options, everything=everything, typed=typed))
        return None
    call, names = _parse(command, arguments, function, options)
    if COMMANDS[command].by_environment and names != _leading(arguments):
        # Some come after options: they decide on the options, and on what is not given, too.
        function = command_function(command, [*names, *arguments])
        call, _ = _parse(command, arguments, function, options_of(function))
    return call


def _parse(
    command: str, arguments: Sequence[str], function: Function, options: Sequence[Option]
) -> tuple[Call, list[str]]:
    """What to call, and the arguments that are no options, wherever they stand.

    Raises:
        UserError: the arguments do not fit the function.
    """
    validate_options(command, arguments, options)
    said = io.StringIO()
    try:
        with redirect_stderr(said):
            asked: _Asked = tyro.cli(
                _deferred(function), prog=f"cmfq {command}", args=list(arguments)
            )
    except SystemExit:
        raise sentence_of(said.getvalue(), command, arguments, options) from None
    given = [asked.given.get(option.name) for option in options if option.is_positional]
    values = [one for value in given for one in (value if isinstance(value, tuple) else (value,))]
    return asked.call, [str(value) for value in values if value]


def _leading(arguments: Sequence[str]) -> list[str]:
    """Arguments before the first option."""
    return list(takewhile(lambda argument: not argument.startswith("-"), arguments))


def command_function(command: str, arguments: Sequence[str] = ()) -> Function:
    """Import the function of a command, with the options of the environment that is named.

    Args:
        command: name of the command.
        arguments: what follows the name; an environment or players among them decide on the
            options; without any they are those of battle.

    Raises:
        UserError: there is no such environment.
    """
    module, _, name = COMMANDS[command].function.partition(":")
    function: Function = getattr(import_module(f"cmfq.cli.{module}"), name)
    if not COMMANDS[command].by_environment:
        return function
    names = _leading(arguments)
    if command == "train":
        settings = default_settings(names[0] if names else "battle")
        preset = value_among(arguments, "--preset") or "paper"
        made: Function = function(type(settings), settings, preset)
    else:
        environment = value_among(arguments, "--environment")
        players = [split_group(name)[1] for name in names]
        settings = game_named(environment) if environment else game_of(players)
        made = function(type(settings), settings)
    return made


def value_among(arguments: Sequence[str], option: str) -> str:
    """Value of an option that decides on other options or defaults; empty if not given."""
    found = ""
    for argument, following in zip(arguments, (*arguments[1:], ""), strict=False):
        name, equals, value = argument.partition("=")
        if name == option:
            found = value if equals else following
    return found


def help_of(
    command: str,
    function: Function,
    options: Sequence[Option],
    *,
    everything: bool = False,
    typed: str = "",
) -> str:
    """Help of a command, with all options or those that matter first."""
    return command_page(
        command,
        description_of(function),
        options,
        first=COMMANDS[command].first,
        everything=everything,
        presets=_presets(function, everything=everything) if command == "train" else (),
        typed=typed,
    )


def _presets(train: Function, *, everything: bool) -> list[str]:
    """Settings of presets, an entry each: all that fit the environment, or the chosen one."""
    chosen = inspect.signature(train).parameters["settings"].default
    lines = {}
    for name in get_args(Preset):
        with suppress(UserError):  # a preset of another environment
            words = " ".join(preset_options(name, chosen.environment))
            lines[name] = f"{name} sets {words or 'nothing'}"
    if everything:
        return list(lines.values())
    others = [name for name in lines if name != chosen.preset]
    world = next(iter(chosen.environment.own_functions), chosen.environment.kind)
    shows = f"'cmfq train {world} --preset {others[-1]} --help' shows another one"
    return [lines[chosen.preset], shows]


def print_completion(arguments: Sequence[str]) -> None:
    """Print a script that completes commands and options of a shell.

    Args:
        arguments: name of the shell: bash, fish or zsh.

    Raises:
        UserError: it is not one of them.
    """
    if len(arguments) != 1 or arguments[0] not in SHELLS:
        raise UserError(f"--completion is {' '.join(arguments)!r}: give one of {', '.join(SHELLS)}")
    with suppress(SystemExit):
        tyro.extras.subcommand_cli_from_dict(
            {name: command_function(name) for name in COMMANDS},
            prog="cmfq",
            description=DESCRIPTION,
            args=["--tyro-print-completion", *arguments],
        )


@dataclass(frozen=True)
class _Asked:
    """What a command line asks for."""

    call: Call
    given: Mapping[str, object]
    """Values by the names of the function's parameters."""


def _deferred(command: Function) -> Function:
    """The command with the same options, which says what to call."""

    @wraps(command)
    def defer(*values: object, **options: object) -> _Asked:
        def call() -> None:
            command(
                *(_checked("", value) for value in values),
                **{name: _checked(name, value) for name, value in options.items()},
            )

        return _Asked(call, inspect.signature(command).bind(*values, **options).arguments)

    return defer


def _checked(option: str, value: object) -> object:
    """A valid path, ``..`` resolved; anything else as it is."""
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
