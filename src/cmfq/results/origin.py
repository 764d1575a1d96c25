"""What results of ``cmfq cross`` and ``cmfq curves`` hold to be written again without the runs.

::

    results/
      origin.json   the command, the game and the group of each run
      runs.json     settings and versions of every run
"""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cmfq.decoding import convert, damage_of, decode_json, read_bytes
from cmfq.environments.registry import find_kind
from cmfq.environments.settings import EnvironmentSettings
from cmfq.errors import UserError
from cmfq.hints import command
from cmfq.play.entrants import Entrant, named_as_today
from cmfq.storage import write_json
from cmfq.text import inline_code
from cmfq.training.former import former_environment

ORIGIN, RUNS = "origin.json", "runs.json"


@dataclass(frozen=True)
class Origin:
    """Where results come from."""

    command: str
    """Command that trains nothing, but plays or draws them."""
    settings: EnvironmentSettings
    """Settings of the game."""
    entrants: tuple[Entrant, ...]
    """Runs, without players."""


@dataclass(frozen=True)
class _Stored:
    command: str
    environment: str
    settings: dict[str, Any]
    groups: dict[str, str]


def write_origin(
    folder: Path, entrants: Sequence[Entrant], settings: EnvironmentSettings, command: str
) -> None:
    """Write both files."""
    runs = {one.name: one for one in entrants if one.run}
    write_json(folder / RUNS, {name: one.run for name, one in runs.items()})
    groups = {name: one.group for name, one in runs.items()}
    parts = {"environment": settings.kind, "settings": settings, "groups": groups}
    write_json(folder / ORIGIN, {"command": command, **parts})


def read_origin(folder: Path) -> Origin:
    """Read both files.

    Raises:
        UserError: they are not there, or damaged.
    """
    if not (folder / ORIGIN).is_file():
        raise UserError(
            f"{folder} has no {ORIGIN} with what results are written again from: give entrants"
        )
    with damage_of(folder / ORIGIN, "give entrants"):
        stored = decode_json(read_bytes(folder / ORIGIN), _Stored)
        kind = find_kind(stored.environment)
        settings = convert(former_environment(kind.kind, stored.settings), kind)
    with damage_of(folder / RUNS, "give entrants"):
        runs = decode_json(read_bytes(folder / RUNS), dict[str, dict[str, Any]])
    entrants = [
        named_as_today(Entrant(name, stored.groups.get(name, name), None, (), run))
        for name, run in runs.items()
    ]
    return Origin(stored.command, settings, tuple(entrants))


def writing_command(played_by: str, folder: Path) -> str:
    """The command that played the games, with the folder to write.

    ``cmfq paper`` has a folder of its own, in which others are.
    """
    words = shlex.split(played_by)
    if "cmfq paper " in played_by:
        return played_by
    if "--out" in words[:-1]:
        place = words.index("--out")
        del words[place : place + 2]
        played_by = " ".join(map(shlex.quote, words))
    return f"{played_by} --out {shlex.quote(str(folder))}"


def from_stored(verb: str, folder: Path) -> str:
    """Paragraph of a page: the command that writes it again from what is stored."""
    return (
        f"To write the page from the stored results: {inline_code(command(verb, '--out', folder))}."
    )
