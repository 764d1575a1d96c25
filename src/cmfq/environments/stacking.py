"""One array from what each agent gave, if all of it has the promised shape."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from cmfq.errors import UserError

ACTION_MASK = "action_mask"
SHOWN = 100
"""Characters of a value that an error shows."""

Values = Sequence[Any]
"""Values of the agents: one entry per agent."""
Tell = Callable[[int, str], None]
"""Told of something odd: the row of an agent, and what it is."""


class Unreadable(UserError):
    """Invalid value of one agent: its row, and the reason."""

    def __init__(self, row: int, why: str) -> None:
        super().__init__(why)
        self.row = row


def tell_nobody(row: int, what: str) -> None:
    """Let it pass."""


def stack(
    values: Values,
    shape: tuple[int, ...],
    dtype: type[np.floating[Any]],
    name: str,
    promise: str = "its space promises",
) -> npt.NDArray[Any]:
    """``(agents, *shape)``, fresh. One number in an array of any shape stands for a number.

    Args:
        values: arrays, numbers or nested lists.
        shape: promised of each.
        dtype: dtype of the result.
        name: name of the values, for errors.
        promise: what asks for the shape, for errors.

    Raises:
        Unreadable: one has another shape, or holds no numbers.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # infinity is refused later
        try:
            stacked = _stack_alike(values, shape, dtype)
        except (AttributeError, TypeError, ValueError, OverflowError):
            stacked = None
        if stacked is None:
            rows = [_array(row, one, shape, dtype, name, promise) for row, one in enumerate(values)]
            stacked = np.array(rows, dtype).reshape(len(values), *shape)
    return stacked


def _stack_alike(
    values: Values, shape: tuple[int, ...], dtype: type[np.floating[Any]]
) -> npt.NDArray[Any] | None:
    """The usual case at full speed; ``None`` if not every value is an array of the shape."""
    if shape == ():
        stacked = numbers_of(values, dtype)
        return stacked if stacked.shape == (len(values),) else None
    if not values:
        return np.zeros((0, *shape), dtype)
    if [value.shape for value in values].count(shape) < len(values):
        return None
    # Twice as fast as np.stack, which runs Python code for every agent.
    joined = np.concatenate(values, dtype=dtype, casting="same_kind")  # text is no number
    if isinstance(joined, np.ma.MaskedArray):
        return None
    return joined.reshape(len(values), *shape)


def _array(
    row: int,
    value: Any,
    shape: tuple[int, ...],
    dtype: type[np.floating[Any]],
    name: str,
    promise: str,
) -> npt.NDArray[Any]:
    try:
        array = numbers_of(value, dtype)
    except (TypeError, ValueError, OverflowError):
        array = None
    if value is None or array is None:
        raise Unreadable(
            row, f"{name} is {short(value)}: give numbers of shape {shape}, as {promise}"
        )
    if array.shape == shape:
        return array
    if array.size == 1 and np.prod(shape) == 1:
        return array.reshape(shape)
    raise Unreadable(row, f"{name} has shape {array.shape}, and {promise} {shape}")


def numbers_of(value: object, dtype: type[np.floating[Any]]) -> npt.NDArray[Any]:
    """An array of numbers, fresh; NumPy would take "1" for one.

    Raises:
        TypeError, ValueError, OverflowError: there is something else in it.
    """
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError("some of it may be masked")
    found = np.array(value)
    if found.dtype.kind in "biuf":
        return found.astype(dtype, copy=False)
    if found.dtype.kind != "O" or any(isinstance(one, str | bytes) for one in found.flat):
        raise TypeError("not all of it is numbers")
    return found.astype(dtype)


def short(value: object) -> str:
    """A value in a line of limited length."""
    try:
        text = " ".join(repr(value).split())
    except Exception:  # of the user's own class
        text = f"a {type(value).__name__}"
    return text if len(text) <= SHOWN else text[:SHOWN] + "..."
