"""Causal mean-field reinforcement learning: train, play and understand hundreds of agents."""

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from itertools import takewhile
from typing import Any

from cmfq.cli.arguments import parse, shortened
from cmfq.cli.crossing import cross_in
from cmfq.cli.describing import environments
from cmfq.cli.planning import power
from cmfq.cli.playing import evaluate_in, report
from cmfq.cli.publishing import export
from cmfq.cli.replays import record_in, render, view
from cmfq.cli.studying import reproduce, sweep
from cmfq.cli.tournaments import curves, progress, sizes, tournament_in
from cmfq.cli.training import bench, resume, train_in
from cmfq.cli.understanding import check_in, explain_in
from cmfq.environments.keeping import close_kept
from cmfq.environments.registry import default_settings
from cmfq.environments.settings import EnvironmentSettings
from cmfq.errors import UserError
from cmfq.notices import notices_on_standard_error
from cmfq.play.entrants import split_group
from cmfq.play.players import game_of
from cmfq.text import say

COMMANDS: dict[str, Callable[..., Any]] = {
    "environments": environments,
    "train": train_in,
    "resume": resume,
    "evaluate": evaluate_in,
    "tournament": tournament_in,
    "cross": cross_in,
    "power": power,
    "sizes": sizes,
    "sweep": sweep,
    "reproduce": reproduce,
    "curves": curves,
    "progress": progress,
    "export": export,
    "report": report,
    "record": record_in,
    "view": view,
    "render": render,
    "explain": explain_in,
    "check": check_in,
    "bench": bench,
}
BY_ENVIRONMENT = {"train", "evaluate", "tournament", "cross", "record", "explain", "check"}
"""Commands whose options are those of an environment: the one that their arguments name."""
REPLACED = {
    "--opponent": "--opponents self (was shared), or --opponents gated --gate-win-rate 0 (was "
    "snapshot)",
    "--snapshot-period": "--gate-games, with --opponents gated --gate-win-rate 0",
}
"""Options of ``cmfq train`` that there are no more, and what has taken their place."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; a user's mistake is one sentence and exit code 2."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    try:
        with notices_on_standard_error(), ExitStack() as at_the_end:
            at_the_end.callback(close_kept)
            call = parse(_commands(arguments), arguments, __doc__)
            _run(call)
    except UserError as error:
        say(f"cmfq: {shortened(str(error))}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        say("cmfq: stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:  # who read the output has left, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _run(call: Callable[[], None]) -> None:
    """Call a command, of which nothing but an error may come out.

    Raises:
        UserError: there is not enough memory, the system refused something to do with a file, or
            a function of the user's own ended the process.
    """
    try:
        call()
    except SystemExit as error:
        raise UserError(
            f"a function of your own ended the process, with exit code {error.code}: let it raise "
            "an error instead"
        ) from error
    except BrokenPipeError:
        raise
    except OSError as error:
        raise UserError(_refused(error)) from error
    except MemoryError as error:
        raise UserError(f"there is not enough memory: {error}; ask for less") from error
    except RuntimeError as error:
        if "allocate memory" not in str(error):
            raise
        raise UserError("there is not enough memory: ask for less at once") from error


def _refused(error: OSError) -> str:
    """One sentence about something that the system refused, where no other sentence was ready."""
    what = " ".join((error.strerror or str(error) or type(error).__name__).split())
    where = "" if error.filename is None else f"{error.filename}: "
    return f"the system does not let it go on: {where}{what}; mend that and give the command again"


def _commands(arguments: Sequence[str]) -> dict[str, Callable[..., Any]]:
    """All commands; the one that is called has the options of its environment."""
    command = arguments[0] if arguments else ""
    for option in (argument.partition("=")[0] for argument in arguments):
        if command == "train" and option in REPLACED:
            raise UserError(f"there is no {option} any more: give {REPLACED[option]}")
    names = list(takewhile(lambda argument: not argument.startswith("-"), arguments[1:]))
    settings: EnvironmentSettings
    if command == "train" and names:
        settings = default_settings(names[0])
    else:
        players = [split_group(name)[1] for name in names]
        settings = game_of(players if command in BY_ENVIRONMENT else [])
    commands = {
        name: function(type(settings), settings) if name in BY_ENVIRONMENT else function
        for name, function in COMMANDS.items()
    }
    if command == "train":
        commands["train"] = train_in(type(settings), settings, _preset(arguments))
    return commands


def _preset(arguments: Sequence[str]) -> str:
    """The preset that is asked for: it decides what the other options are by default."""
    preset = "paper"
    for argument, following in zip(arguments, [*arguments[1:], ""], strict=True):
        name, equals, value = argument.partition("=")
        if name == "--preset":
            preset = value if equals else following
    return preset
