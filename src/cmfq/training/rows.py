"""Rows of a run: a JSON object a line, each with the episode that it is about."""

import json
from pathlib import Path
from typing import Any

from cmfq.errors import UserError
from cmfq.storage import append_text, to_json, write_bytes


def append_row(path: Path, row: object) -> None:
    """Add a row, to a new file if there is none."""
    append_text(path, to_json(row) + "\n")


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Rows of a file, if it is there; a last line that was cut short is left out.

    Raises:
        UserError: it is damaged before its end.
    """
    if not path.exists():
        return []
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
        rows = [json.loads(line) for line in lines[:-1]]
        return [row for row in rows if row["episode"]]
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is damaged: {error}; mend or remove it") from error


def forget_rows(path: Path, after: int) -> None:
    """Drop the rows of the episodes that follow."""
    if path.exists():
        rows = [row for row in read_rows(path) if row["episode"] <= after]
        write_bytes(path, "".join(json.dumps(row) + "\n" for row in rows).encode())
