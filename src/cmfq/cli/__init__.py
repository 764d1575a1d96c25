"""The command line: ``cmfq COMMAND``. What a command needs is imported when it is chosen."""

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from importlib import import_module

from cmfq.cli.commands import COMMANDS
from cmfq.cli.help import overview
from cmfq.errors import UserError, nearest_name
from cmfq.interrupts import hear_interrupts
from cmfq.notices import notices_on_standard_error, notify
from cmfq.text import say, shortened

HELP = ("-h", "--help")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; a user's mistake is one sentence and exit code 2."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    try:
        with hear_interrupts(), notices_on_standard_error(), ExitStack() as at_the_end:
            _run(arguments, at_the_end)
    except UserError as error:
        say(f"cmfq: {shortened(str(error))}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        with suppress(OSError):  # of a terminal that was closed
            say("cmfq: stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:  # who read the output has left, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _run(arguments: Sequence[str], at_the_end: ExitStack) -> None:
    """Print help or the version, or run a command."""
    word = arguments[0] if arguments else ""
    if word in HELP:
        print(overview())
    elif word == "--version":
        print(f"cmfq {version()}")
    elif word == "--completion":
        import_module("cmfq.cli.arguments").print_completion(arguments[1:])
    else:
        _validate_command(arguments)
        keeping = import_module("cmfq.environments.keeping")
        at_the_end.callback(keeping.close_kept)
        call = import_module("cmfq.cli.arguments").parse(word, _renamed(word, arguments[1:]))
        if call is not None:
            _call(call)


def version() -> str:
    """Version of the package that is installed."""
    from importlib.metadata import version as installed

    return installed("cmfq")


OPTIONS = ("--help", "--version", "--completion")
"""Options of ``cmfq`` itself."""


def _validate_command(arguments: Sequence[str]) -> None:
    """Check the name of the command, and that no argument is empty, not text or an option of old.

    Raises:
        UserError: one of them is.
    """
    for before, argument in zip(("cmfq", *arguments), arguments, strict=False):
        if not argument:
            raise UserError(f"the argument after {before} is empty: give a value, or leave it out")
        if argument.encode(errors="replace").decode() != argument:
            raise UserError(f"{argument} is not valid UTF-8: rename the file, or give another name")
        option, equals, value = argument.partition("=")
        if option.startswith("--") and equals and not value:
            raise UserError(f"{option} has no value: give one, or leave it out")
    if not arguments or arguments[0].startswith("-"):
        near = nearest_name(arguments[0], OPTIONS, cutoff=0.6) if arguments else ""
        meant = f"did you mean `cmfq {near}`? " if near else ""
        raise UserError(f"the command is missing: {meant}`cmfq --help` lists the commands")
    word = arguments[0]
    if word not in COMMANDS:
        near = nearest_name(word, (*COMMANDS, *OPTIONS))
        meant = f"did you mean `cmfq {near}`? " if near else ""
        raise UserError(f"unknown command {word!r}: {meant}`cmfq --help` lists the commands")
    for option in (argument.partition("=")[0] for argument in arguments):
        if option in COMMANDS[word].renamed:
            instead = COMMANDS[word].renamed[option]
            raise UserError(f"`cmfq {word}` no longer has {option}: give {instead} instead")


def _renamed(word: str, arguments: Sequence[str]) -> list[str]:
    """The arguments of a command, with options of an old name under the new one, and a notice."""
    renamed = []
    for argument in arguments:
        option, equals, value = argument.partition("=")
        if option in COMMANDS[word].former:
            new = COMMANDS[word].former[option]
            notify(f"{word} {option}", f"`cmfq {word}` calls {option} {new} now; it is taken")
            renamed.append(new + equals + value)
        else:
            renamed.append(argument)
    return renamed


def _call(call: Callable[[], None]) -> None:
    """Run a command; only a user's mistake or a fault of the package may end it.

    Raises:
        UserError: there is not enough memory, the system refused something to do with a file, or
            a function of the user's own ended the process.
    """
    try:
        call()
    except SystemExit as error:
        raise UserError(
            f"your own function ended the process, with exit code {error.code}: let it raise an "
            "error instead"
        ) from error
    except BrokenPipeError:
        raise
    except OSError as error:
        raise UserError(_refused(error)) from error
    except MemoryError as error:
        what = f" ({error})" if str(error) else ""
        raise UserError(f"there is not enough memory{what}: ask for less at once") from error
    except RuntimeError as error:
        if "allocate memory" not in str(error):
            raise
        raise UserError("there is not enough memory: ask for less at once") from error


def _refused(error: OSError) -> str:
    """One sentence about something that the system refused, where no other sentence was ready."""
    what = " ".join((error.strerror or str(error) or type(error).__name__).split())
    where = "" if error.filename is None else f"{error.filename}: "
    return f"the operating system stopped it: {where}{what}; solve this and give the command again"
