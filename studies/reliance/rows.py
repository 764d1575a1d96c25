"""Rows of the study of reliance, and what gave them."""

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from cmfq.errors import UserError
from cmfq.storage import write_bytes, write_json
from cmfq.text import csv_text
from cmfq.training.former import todays_algorithm

SETTINGS_FILE = "settings.json"
WEIGHTS_FILE = "weights.csv"
EXCHANGES_FILE = "exchanges.csv"
PLAYS_FILE = "plays.csv"
EXCHANGES = {
    "mean": "the plain mean ā",
    "random weights": "random weights",
    "another's": "another agent's ǎ",
    "usual": "its own mean ǎ, always",
    "zero": "zero",
}
"""Replacements of the merged action, and their names in the report."""
UNANIMOUS = "unanimous"


@dataclass(frozen=True)
class StudySettings:
    """Settings that give the rows."""

    runs: tuple[str, ...]
    watched: int
    games: int
    seed: int
    versions: dict[str, str]


@dataclass(frozen=True)
class WeightRow:
    """Merged actions of one run's policy: means over its decisions by one."""

    group: str
    run_seed: int
    episode: int
    beta: float
    decisions: int
    """In all."""
    heeding: float
    """Share of them that had a merged action: not in the first step, alone, or in IQL."""
    neighbours: float
    distance: float
    effective: float
    greedy: float


@dataclass(frozen=True)
class ExchangeRow:
    """Change of decisions by one exchange of one run's merged action."""

    group: str
    run_seed: int
    exchange: str
    changed: float
    variation: float


@dataclass(frozen=True)
class PlayRow:
    """Games of one run's altered policy against itself as trained."""

    group: str
    run_seed: int
    exchange: str
    win_rate: float
    margin: float
    first_wins: float


def write_settings(folder: Path, settings: StudySettings) -> None:
    """Write what gives the rows."""
    write_json(folder / SETTINGS_FILE, settings)


def write_rows(
    folder: Path, name: str, rows: Sequence[WeightRow] | Sequence[ExchangeRow] | Sequence[PlayRow]
) -> None:
    """Write a file of rows."""
    heading = [one.name for one in fields(rows[0])]
    text = csv_text([heading, *(list(asdict(row).values()) for row in rows)])
    write_bytes(folder / name, text.encode())


class Found(NamedTuple):
    """All that a study wrote."""

    settings: StudySettings
    weights: list[WeightRow]
    exchanged: list[ExchangeRow]
    played: list[PlayRow]


def read_all(folder: Path) -> Found:
    """Read what :func:`write_settings` and :func:`write_rows` wrote.

    Raises:
        UserError: it is not there, or something else wrote it.
    """

    def read(name: str, kind: Any) -> Any:
        with (folder / name).open(newline="", encoding="utf-8") as file:
            stored = list(csv.DictReader(file))
        rows = [{**row, "group": todays_algorithm(row.get("group"))} for row in stored]
        return msgspec.convert(rows, kind, strict=False)

    try:
        return Found(
            msgspec.json.decode((folder / SETTINGS_FILE).read_bytes(), type=StudySettings),
            read(WEIGHTS_FILE, list[WeightRow]),
            read(EXCHANGES_FILE, list[ExchangeRow]),
            read(PLAYS_FILE, list[PlayRow]),
        )
    except (OSError, msgspec.MsgspecError) as error:
        raise UserError(
            f"{folder} has no rows of this study ({error}): run it without --report-only first"
        ) from error
