"""Arguments and options of a command, read from its signature, its docstring and its settings."""

import ast
import inspect
import os
import re
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import tyro

POSITIONAL = get_args(tyro.conf.Positional[int])[1]
"""Mark of tyro on an argument that has no option's name."""
METAVARS: dict[object, str] = {int: "N", float: "X", Path: "FILE", str: "NAME", bool: ""}
"""Placeholders of values in help."""
Folder = Annotated[Path, "FOLDER"]
"""Path of a folder. What follows a type in a signature stands for the value in help."""
Players = tuple[Annotated[str, "PLAYER"], ...]
Trackers = tuple[Annotated[str, "TRACKER"], ...]
EnvironmentName = Annotated[str, "NAME"]
LastCheckpoints = Annotated[str, "last:K"]
Workers = Annotated[str, "N|ray|slurm:NAME"]
Device = Annotated[str, "NAME"]
WORKERS = str(os.cpu_count() or 1)
"""Processes, if no others are asked for."""
OPPONENTS = {"--opponents": "PLAYER=SHARE ...", "--evaluate-against": "PLAYER ..."}
"""Placeholders of settings that name players."""


@dataclass(frozen=True)
class Option:
    """An argument or option as help shows it."""

    name: str
    """``--max-steps`` of an option, ``run`` of an argument that has no option's name."""
    metavar: str
    """Placeholder of the value: ``N``, ``FOLDER``, ``lines|random``; empty for a switch."""
    help: str
    """One or more sentences without markup."""
    default: object
    """Value if it is not given; ``inspect.Parameter.empty``: it must be given."""
    section: str
    """Help of the settings that it belongs to; empty: an option of the command itself."""

    @property
    def is_positional(self) -> bool:
        """True if it is given without a name."""
        return not self.name.startswith("-")

    @property
    def is_required(self) -> bool:
        """True if it must be given."""
        return self.default is inspect.Parameter.empty

    @property
    def spellings(self) -> tuple[str, ...]:
        """Spellings that may be typed: a switch can be turned off as well."""
        off = (f"--no-{self.name[2:]}",) if isinstance(self.default, bool) else ()
        return (self.name, *off)


def options_of(command: Callable[..., object]) -> list[Option]:
    """All arguments and options of a command, in the order of its signature."""
    helps = argument_helps(command)
    hints = get_type_hints(command, include_extras=True)
    found = []
    for name, parameter in inspect.signature(command).parameters.items():
        if is_dataclass(parameter.default):
            found += list(_settings_options(parameter.default))
            continue
        kind = hints[name]
        positional = get_origin(kind) is Annotated and POSITIONAL in get_args(kind)[1:]
        found.append(
            Option(
                name=name if positional else _spelt(name),
                metavar=_positional_metavar(name, kind) if positional else metavar(kind),
                help=helps.get(name, ""),
                default=parameter.default,
                section="",
            )
        )
    typed = {option.name[2:].replace("-", "_"): option.name for option in found}
    of_several_words = "|".join(one for one in typed if "_" in one) or "$^"
    fields_named = re.compile(rf"(?<!:)\b({of_several_words})\b")
    return [
        replace(option, help=fields_named.sub(lambda one: typed[one[1]], option.help))
        for option in found
    ]


def argument_helps(command: Callable[..., object]) -> dict[str, str]:
    """Texts of the ``Args`` section of a docstring."""
    _, _, section = (inspect.getdoc(command) or "").partition("\nArgs:\n")
    section = textwrap.dedent(re.split(r"\n\n\S", section, maxsplit=1)[0])
    entries = re.findall(r"^(\w+): (.*(?:\n[ \t]+.*)*)", section, flags=re.MULTILINE)
    return {name: unmarked(text) for name, text in entries}


def description_of(command: Callable[..., object]) -> str:
    """Docstring of a command up to its ``Args`` section, one paragraph a line."""
    text = (inspect.getdoc(command) or "").partition("\nArgs:\n")[0]
    return "\n".join(unmarked(paragraph) for paragraph in text.strip().split("\n\n"))


def unmarked(text: str) -> str:
    """Text on one line, without the markup of docstrings."""
    plain = re.sub(r":\w+:`~?\.?([^`]+)`", r"\1", " ".join(text.split()))
    return plain.replace("``", "").replace("`", "'")


def _settings_options(settings: Any) -> Iterator[Option]:
    """Options of a settings dataclass, those of the settings within it last."""
    helps = field_helps(type(settings))
    section = unmarked((inspect.getdoc(type(settings)) or "").split("\n\n")[0])
    within = []
    for field in fields(settings):
        value = getattr(settings, field.name)
        if is_dataclass(value):
            within.append(value)
            continue
        name = _spelt(field.name)
        value_name = OPPONENTS.get(name, metavar(field.type))
        yield Option(name, value_name, helps.get(field.name, ""), value, section)
    for part in within:
        yield from _settings_options(part)


def field_helps(settings: type) -> dict[str, str]:
    """Docstrings of the fields of a dataclass."""
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(settings))).body
    assert isinstance(tree, ast.ClassDef)
    helps = {}
    for field, text in zip(tree.body, tree.body[1:], strict=False):
        if not (isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)):
            continue
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
            helps[field.target.id] = unmarked(str(text.value.value))
    return helps


def metavar(kind: object) -> str:
    """Placeholder of a type in help."""
    arguments = get_args(kind)
    match get_origin(kind):
        case origin if origin is Annotated:
            words = [word for word in arguments[1:] if isinstance(word, str)]
            return words[0] if words else metavar(arguments[0])
        case origin if origin in (Union, UnionType):
            return metavar(next(one for one in arguments if one is not NoneType))
        case origin if origin is Literal:
            return "|".join(map(str, arguments))
        case origin if origin is tuple and Ellipsis in arguments:
            return f"{metavar(arguments[0])} ..."
        case origin if origin is tuple:
            return " ".join(map(metavar, arguments))
        case origin if origin is dict:
            return "ROLE NAME ..."
    return METAVARS.get(kind, "VALUE")


def _positional_metavar(name: str, kind: object) -> str:
    many = get_origin(get_args(kind)[0]) is tuple
    return f"{name.removesuffix('s').upper()} ..." if many else name.upper()


def _spelt(name: str) -> str:
    return f"--{name.replace('_', '-')}"
