"""Rows of a study that are kept while it goes on, in ``rows.json`` beside its page."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from cmfq.decoding import damage_of, decode_json
from cmfq.storage import write_json

Row = TypeVar("Row")

ROWS = "rows.json"


def read_rows(folder: Path, kind: type[Row]) -> list[Row]:
    """Rows that are there, each an instance of the dataclass ``kind``.

    Raises:
        UserError: they are damaged.
    """
    path = folder / ROWS
    if not path.is_file():
        return []
    with damage_of(path, "repair or remove it"):
        return decode_json(path.read_bytes(), list[kind])  # type: ignore[valid-type]


def keep(folder: Path, rows: list[Any], row: Any) -> None:
    """Add a row to those that are there, on the disk too, and print it."""
    rows.append(row)
    write_rows(folder, rows)
    print(json.dumps(asdict(row)), flush=True)


def write_rows(folder: Path, rows: Sequence[Any]) -> None:
    """Write all rows."""
    write_json(folder / ROWS, [asdict(row) for row in rows])
