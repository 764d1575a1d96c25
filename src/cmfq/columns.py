"""Rows as a frame: one array per column, which pandas, polars and matplotlib take as it is."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Frame = dict[str, npt.NDArray[Any]]
"""Columns of one length by name. ``pandas.DataFrame(frame)`` makes a data frame of them."""


def frame_of(rows: Sequence[object], names: Mapping[str, Sequence[str]] | None = None) -> Frame:
    """Columns of rows; entries of lists and dictionaries get a column each, as ``rewards/red``.

    Args:
        rows: dictionaries or dataclasses; what one of them lacks is missing there.
        names: for columns that hold lists, the names of their entries; numbers from 0 if not given.

    Returns:
        ``(rows,)`` per column: float64 for numbers, with NaN where one is missing, bool where all
        are true or false, else objects.
    """
    flat = [dict(_cells("", _as_dictionary(row), names or {})) for row in rows]
    columns = dict.fromkeys(name for row in flat for name in row)
    return {column: _array([row.get(column) for row in flat]) for column in columns}


def _as_dictionary(row: object) -> object:
    return asdict(row) if is_dataclass(row) and not isinstance(row, type) else row


def _cells(
    name: str, value: object, names: Mapping[str, Sequence[str]]
) -> Iterator[tuple[str, object]]:
    """Name and value of every entry of a value that may hold more."""
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        value = value._asdict()
    elif isinstance(value, list | tuple):
        known = names.get(name, ())
        keys = known if len(known) == len(value) else [str(index) for index in range(len(value))]
        value = dict(zip(keys, value, strict=True))
    if not isinstance(value, Mapping):
        yield name, value
        return
    for key, entry in value.items():
        yield from _cells(f"{name}/{key}" if name else str(key), entry, names)


def _array(values: list[object]) -> npt.NDArray[Any]:
    if all(isinstance(value, bool) for value in values):
        return np.array(values, np.bool_)
    if all(value is None or isinstance(value, int | float) for value in values):
        return np.array([np.nan if value is None else value for value in values], np.float64)
    return np.array([*values, None], object)[:-1]  # None keeps it from being taken apart
