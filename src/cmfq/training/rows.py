"""Rows of a run: a JSON object a line, each with the episode that it is about."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec

from cmfq.decoding import Count, Damage, Finite, damage_of, decode_json, read_bytes
from cmfq.errors import UserError
from cmfq.storage import append_text, to_json, write_bytes

Positive = Annotated[int, msgspec.Meta(ge=1, le=2**53)]


@dataclass(frozen=True)
class Row:
    """Fields of every row."""

    episode: Positive


@dataclass(frozen=True)
class TimedRow(Row):
    """What resuming reads of a row of metrics, where it is there."""

    playing_seconds: Finite = 0.0
    learning_seconds: Finite = 0.0


@dataclass(frozen=True)
class MetricsRow(Row):
    """Keys of a row of metrics that figures and tables need; lists hold one entry per team."""

    steps: Positive
    agent_steps: Count
    rewards: tuple[Finite, ...]
    kills: tuple[Count, ...]
    survivors: tuple[Count, ...]
    loss: Finite | None
    updates: Count
    playing_seconds: Finite
    learning_seconds: Finite


def append_row(path: Path, row: object) -> None:
    """Add a row, to a new file if there is none."""
    append_text(path, to_json(row) + "\n")


def read_rows(path: Path, kind: type[Row] = Row, until: float = math.inf) -> list[dict[str, Any]]:
    """Rows of a file, if it is there; a last line that was cut short is left out.

    Args:
        path: file.
        kind: what every row must have; more is kept.
        until: the last episode whose rows are given.

    Raises:
        UserError: it is damaged before its end.
    """
    if not path.exists():
        return []
    with damage_of(path, "repair or remove it"):
        rows = []
        for number, line in enumerate(read_bytes(path).split(b"\n")[:-1], 1):
            try:
                if decode_json(line, Row).episode > until:
                    continue
                decode_json(line, kind)
                rows.append(decode_json(line, dict[str, Any]))
            except Damage as error:
                raise Damage(f"{error} (line {number})") from error
        return rows


def read_metrics(path: Path, until: float = math.inf) -> list[dict[str, Any]]:
    """Rows of a metrics file, as :func:`read_rows`: all are about the same teams."""
    rows = read_rows(path, MetricsRow, until)
    teams = {len(row[name]) for row in rows for name in ("rewards", "kills", "survivors")}
    if rows and (len(teams) > 1 or 0 in teams):
        raise UserError(f"{path} is damaged: rows are about different teams; repair or remove it")
    return rows


def require_rows(path: Path, rows: Sequence[dict[str, Any]], until: int) -> None:
    """Refuse to go on from an episode whose row, or that of one before, is gone.

    Args:
        path: file of the rows.
        rows: what it has.
        until: the last episode that it must have.

    Raises:
        UserError: an episode has no row; the first is named.
    """
    there = {row["episode"] for row in rows}
    missing = [episode for episode in range(1, until + 1) if episode not in there]
    if missing:
        raise UserError(
            f"{path} has no row for episode {missing[0]}, and for {len(missing)} of the {until} "
            "episodes that were played: put it back as it was; the run's checkpoints can still play"
        )


def drop_torn_row(path: Path) -> None:
    """Remove a last line that was cut short, so that the next row has a line of its own."""
    try:
        content = path.read_bytes() if path.exists() else b""
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        write_bytes(path, content[:whole])


def forget_rows(path: Path, after: int) -> None:
    """Drop the rows of the episodes that follow."""
    if path.exists():
        rows = [row for row in read_rows(path) if row["episode"] <= after]
        write_bytes(path, "".join(json.dumps(row) + "\n" for row in rows).encode())


def same_row(row: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two rows say the same, but for how long it took; the other may say less."""
    return all(
        value == row.get(name) for name, value in other.items() if not name.endswith("_seconds")
    )
