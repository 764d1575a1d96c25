"""Command lines that repeat a result, and what options of a command line mean together."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import is_dataclass

from cmfq.environments.settings import EnvironmentSettings
from cmfq.errors import UserError
from cmfq.hints import command
from cmfq.play.entrants import split_group
from cmfq.play.players import own_functions_of
from cmfq.training.presets import preset_training
from cmfq.training.settings import TrainSettings


def changes(default: object, settings: object) -> dict[str, object]:
    """Settings that differ from the default."""
    before, now = vars(default), vars(settings)
    return {name: now[name] for name in now if now[name] != before[name]}


def flat_changes(default: object, settings: object) -> dict[str, object]:
    """Settings that differ from the default, those of parts within them included."""
    found: dict[str, object] = {}
    for name, value in changes(default, settings).items():
        if is_dataclass(value):
            found |= flat_changes(getattr(default, name), value)
        else:
            found[name] = value
    return found


def option_words(options: Mapping[str, object]) -> list[str]:
    """Options as they are typed: ``--max-steps 400``, ``--no-share-roles``, ``--teams a=x b=y``.

    Those without a value (None) are left out.
    """
    words = []
    for name, value in options.items():
        option = name.replace("_", "-")
        if value is None:
            continue
        if isinstance(value, bool):
            words.append(f"--{option}" if value else f"--no-{option}")
        elif isinstance(value, list | tuple):
            words += [f"--{option}", *map(str, value)]
        else:
            words += [f"--{option}", str(value)]
    return words


def refuse_unplayed(
    players: Sequence[str],
    function: Callable[..., None],
    called: str = "players",
    **given: object,
) -> None:
    """Refuse options for playing where nobody is given who plays, and stored games are reported.

    Args:
        players: players that are given.
        function: function of the command, which has the defaults.
        called: what the command calls its players.
        given: values of these options by name.

    Raises:
        UserError: one of them is not its default.
    """
    if players:
        return
    parameters = inspect.signature(function).parameters
    for name, value in given.items():
        if value != parameters[name].default:
            raise UserError(
                f"{name} is {value}, but no games are played without {called}, only stored ones "
                f"reported: name the {called}, or leave {name} out"
            )


def last_of(checkpoints: str) -> int:
    """K of last:K, the value of an option.

    Raises:
        UserError: it is no such value.
    """
    word, _, number = checkpoints.partition(":")
    if word != "last" or not number.isdecimal() or int(number) < 1:
        is_number = checkpoints.isdecimal() and int(checkpoints) > 0
        meant = f"last:{int(checkpoints)}" if is_number else "last:1, last:5 or the like"
        raise UserError(f"checkpoints is {checkpoints!r}: give {meant}")
    return int(number)


def repeating(
    verb: str,
    players: Sequence[str],
    options: Mapping[str, object],
    environment: EnvironmentSettings,
    opponents: Sequence[str] = (),
) -> str:
    """Command line that does the same again with these players in an environment.

    Args:
        verb: name of the command.
        players: its arguments.
        options: see :func:`option_words`.
        environment: settings of the environment. The line allows its own functions, and those of
            the players.
        opponents: players that are among the options.
    """
    own = own_functions_of([split_group(player)[1] for player in (*players, *opponents)])
    words = verb, *players, *option_words(options)
    return command(*words, own_functions=[*environment.own_functions, *own])


def preset_options(
    name: str, environment: EnvironmentSettings, unused: Sequence[str] = ()
) -> list[str]:
    """Settings of a preset in an environment, as options: ``["--episodes", "80"]``.

    Args:
        name: name of the preset.
        environment: settings of the environment.
        unused: settings that do nothing in a run, and are left out.

    Raises:
        UserError: there is no such preset, or it does not fit the environment.
    """
    set_by_preset = flat_changes(TrainSettings(environment), preset_training(name, environment))
    for left_out in ("preset", *unused):
        set_by_preset.pop(left_out, None)
    return option_words(set_by_preset)
