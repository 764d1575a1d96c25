"""Commands that say what there is to train on."""

import inspect
import math
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from types import ModuleType

import tyro
from rich.console import Console

from cmfq.cli.screen import ScreenTable, new_console
from cmfq.environments.base import TeamSpecification
from cmfq.environments.keeping import kept_environment, teams_of
from cmfq.environments.registry import KINDS, default_settings
from cmfq.environments.settings import EnvironmentSettings
from cmfq.text import plain_text

MARKUP = re.compile(r"(?::\w+:)?`+[.~]?([^`]+)`+|\*\*([^*]+)\*\*|\*([^*]+)\*")
"""Code, cross-references, and what is bold or italic, in a docstring."""


def environments(name: tyro.conf.Positional[str] = "") -> None:
    """List the environments, or describe one.

    The description says what the agents observe, what they can do and what they earn.

    Args:
        name: Environment to describe, or package.module:make_env for one of your own.
    """
    if name:
        _describe(default_settings(name))
    else:
        _list()


def _list() -> None:
    table = ScreenTable(box=None, pad_edge=False)
    for column in ("name", "what it is", "teams"):
        table.add_column(column)
    for kind in KINDS.values():
        settings = kind()
        counts = zip(settings.team_sizes, teams_of(settings), strict=True)
        teams = ", ".join(f"{size} {team.name}" for size, team in counts)
        table.add_row(kind.kind, _summary(settings), teams)
    new_console().print(table)
    print(
        "\nand package.module:make_env, an environment of your own: PettingZoo parallel, or\n"
        "teams of arrays.\n"
        "`cmfq environments NAME` describes one, `cmfq train NAME --help` lists its settings."
    )


def _summary(settings: EnvironmentSettings) -> str:
    """First line of its settings' documentation."""
    return (inspect.getdoc(type(settings)) or "").split("\n")[0]


def _describe(settings: EnvironmentSettings) -> None:
    counts = zip(settings.team_sizes, teams_of(settings), strict=True)
    console = new_console()
    console.print(plain_text(settings.title), style="bold")
    for paragraph in _paragraphs(inspect.getdoc(_module_of(settings)) or ""):
        console.print(f"{paragraph}\n", markup=False, highlight=False)
    rewards = {
        field: value
        for field, value in vars(settings).items()
        if "reward" in field or "penalty" in field
    }
    if rewards:
        console.print("Rewards, as set by default", style="bold")
        for field, value in rewards.items():
            console.print(f"  --{field.replace('_', '-')} {value}", markup=False)
        console.print()
    alike: dict[TeamSpecification, list[str]] = {}
    for size, team in counts:
        alike.setdefault(replace(team, name=""), []).append(f"{size} {team.name}")
    for number, (team, members) in enumerate(alike.items()):
        if number:
            console.print()
        _describe_team(console, team, members)


def _module_of(settings: EnvironmentSettings) -> ModuleType:
    """Module of the class that plays the environment."""
    return sys.modules[type(kept_environment(settings)).__module__]


def _paragraphs(documentation: str) -> list[str]:
    """Paragraphs of a docstring, and entries of its lists, in one line each without markup."""
    plain = MARKUP.sub(lambda mark: mark[1] or mark[2] or mark[3], documentation)
    whole = re.sub(r"(?<!\n)\n(?!\n|- )\s*", " ", plain)
    return [part.strip() for part in whole.split("\n\n")]


def _describe_team(console: Console, team: TeamSpecification, counts: Sequence[str]) -> None:
    """Describe teams that differ in name and number alone."""
    who = plain_text(f"{' and '.join(counts)}, role {team.role}")
    bounded = math.isfinite(team.view_radius)
    near = f"within {team.view_radius:g}" if bounded else "are all of the team"
    console.print(f"{who}; neighbours {near}", style="bold")
    if team.channels:
        height, width = team.view_shape
        console.print(f"  view: {height} x {width} cells; its channels:")
        _print_names(console, team.channels)
    console.print(f"  features: {len(team.features)}")
    _print_names(console, team.features)
    allowed = ", not all of them allowed at all times" if team.action_masks else ""
    console.print(f"  actions: {len(team.actions)}{allowed}")
    _print_names(console, team.actions)


def _print_names(console: Console, names: Sequence[str]) -> None:
    """Numbered, as many to a line as fit."""
    if not names:
        return
    line = "   "
    for number, name in enumerate(names):
        entry = f" {number} {plain_text(name)}" + ("," if number + 1 < len(names) else "")
        if len(line) + len(entry) > min(console.width, 100):
            console.print(line, markup=False, soft_wrap=True)
            line = "   "
        line += entry
    console.print(line, markup=False, soft_wrap=True)
