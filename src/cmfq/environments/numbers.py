"""Numbers that agents observe, as features: checked, scaled and cut, for whole teams at once."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from cmfq.environments.base import BoolArray, FloatArray
from cmfq.environments.stacking import Tell, Unreadable, Values, stack, tell_nobody

HALF_PRECISION = 65504.0
"""The greatest number that the replay holds."""
UNBOUNDED = 1e6
"""Bounds beyond this stand for none."""
ROUNDING = 1e-3
"""Share of its width that a number may lie outside of its bounds without a word."""


@dataclass(frozen=True)
class Numbers:
    """A Box or MultiBinary space."""

    name: str
    shape: tuple[int, ...]
    low: FloatArray | None
    """Subtracted values; ``None``: nothing."""
    scale: FloatArray | None
    """Factors of the rest; ``None``: nothing."""
    least: FloatArray
    """Lower bounds after that, ``-HALF_PRECISION`` where there are none."""
    greatest: FloatArray
    """Upper bounds after that."""

    @classmethod
    def of(cls, space: "spaces.Box | spaces.MultiBinary", name: str) -> "Numbers":
        """Find out what has to be scaled."""
        if isinstance(space, spaces.MultiBinary):
            return cls(name, space.shape, None, None, np.zeros((), np.float32), _one())
        low, high = space.low.astype(np.float64), space.high.astype(np.float64)
        sound = low < high
        below, above = sound & (low >= -UNBOUNDED), sound & (high <= UNBOUNDED)
        wide = below & above & ((low < -1) | (high > 1))
        width = np.subtract(high, low, out=np.ones_like(low), where=wide)
        scale = np.divide(1, width, out=np.ones_like(low), where=wide)
        offset = np.where(wide, low, 0)
        # Bounds that half precision does not hold bound nothing.
        least = np.where(below & (np.abs(low) < HALF_PRECISION), low, -HALF_PRECISION)
        greatest = np.where(above & (np.abs(high) < HALF_PRECISION), high, HALF_PRECISION)
        return cls(
            name,
            space.shape,
            _shrink(offset) if offset.any() else None,
            _shrink(scale) if wide.any() else None,
            _shrink(np.where(wide, 0, least)),
            _shrink(np.where(wide, 1, greatest)),
        )

    def read(self, values: Values, tell: Tell = tell_nobody) -> FloatArray:
        """``(agents, *shape)``.

        Raises:
            Unreadable: its shape is another, or a number is not finite.
        """
        numbers: FloatArray = stack(values, self.shape, np.float32, self.name)
        if self.low is not None:
            numbers -= self.low
        if self.scale is not None:
            numbers *= self.scale
        if numbers.size and not (
            numbers.min() >= self._within[0] and numbers.max() <= self._within[1]
        ):  # nan compares false
            self._cut(numbers, values, tell)
        return numbers

    @property
    def features(self) -> int:
        """Number of the numbers."""
        return math.prod(self.shape)

    def names(self) -> list[str]:
        """Names of the numbers, flattened."""
        if self.shape == ():
            return [self.name]
        return [f"{self.name}_{i}" for i in range(self.features)]

    @cached_property
    def _within(self) -> tuple[float, float]:
        """Values that no entry forbids."""
        return float(self.least.max()), float(self.greatest.min())

    def _cut(self, numbers: FloatArray, values: Values, tell: Tell) -> None:
        """Cut what lies far outside of its bounds, and tell of what lies outside."""
        finite = np.isfinite(numbers)
        if not finite.all():
            row, entry, number = self._first(~finite, values)
            limit = "not a finite number" if not math.isfinite(number) else "too large for 32 bits"
            raise Unreadable(row, f"{entry} is {number:g}, {limit}")
        below, above = self.least > -HALF_PRECISION, self.greatest < HALF_PRECISION
        width = np.where(below & above, self.greatest - self.least, HALF_PRECISION)
        slack = ROUNDING * np.where(below & above, width, 1)
        outside = (below & (numbers < self.least - slack)) | (
            above & (numbers > self.greatest + slack)
        )
        if outside.any():
            row, entry, number = self._first(outside, values)
            tell(row, f"{entry} is {number:g}, outside of its space")
        low = np.maximum(self.least - width, -HALF_PRECISION)
        high = np.minimum(self.greatest + width, HALF_PRECISION)
        np.clip(numbers, low, high, out=numbers)

    def _first(self, where: BoolArray, values: Values) -> tuple[int, str, float]:
        """Row, name and number, as it was given, of the first entry that is marked."""
        row, *index = np.argwhere(where)[0].tolist()
        number = float(np.asarray(values[row], np.float64).reshape(self.shape)[tuple(index)])
        if not index:
            return row, self.name, number
        if len(index) == 1:
            return row, f"{self.name}_{index[0]}", number
        return row, f"{self.name}{index}", number


@dataclass(frozen=True)
class Categories:
    """A Discrete or MultiDiscrete space."""

    name: str
    shape: tuple[int, ...]
    starts: npt.NDArray[np.int64]
    sizes: npt.NDArray[np.int64]

    @classmethod
    def of(cls, space: "spaces.Discrete | spaces.MultiDiscrete", name: str) -> "Categories":
        """A Discrete space is a MultiDiscrete one of one number."""
        if isinstance(space, spaces.Discrete):
            starts, sizes = np.array([space.start], np.int64), np.array([space.n], np.int64)
            return cls(name, (), starts, sizes)
        starts, sizes = space.start.ravel().astype(np.int64), space.nvec.ravel().astype(np.int64)
        return cls(name, space.shape, starts, sizes)

    def read(self, values: Values, tell: Tell = tell_nobody) -> FloatArray:
        """``(agents, values)``, one-hot.

        Raises:
            Unreadable: its shape is another, or a number is outside of the space.
        """
        stacked = stack(values, self.shape, np.float64, self.name)
        found = stacked.reshape(len(values), len(self.sizes)) - self.starts
        allowed = (found >= 0) & (found < self.sizes) & (found == np.floor(found))
        if not allowed.all():
            row, column = np.argwhere(~allowed)[0]
            name = self.name if len(self.sizes) == 1 else f"{self.name}_{column}"
            number, start = stacked.reshape(len(values), -1)[row, column], self.starts[column]
            last = start + self.sizes[column] - 1
            raise Unreadable(
                int(row), f"{name} is {number:g}, outside of its space: integers {start} to {last}"
            )
        one_hot = np.zeros((len(values), self.features), np.float32)
        columns = found.astype(np.int64) + np.cumsum(self.sizes) - self.sizes
        np.put_along_axis(one_hot, columns, 1, axis=1)
        return one_hot

    @property
    def features(self) -> int:
        """Number of the values."""
        return sum(self.sizes.tolist())

    def names(self) -> list[str]:
        """Names of the values."""
        several = len(self.sizes) > 1
        names = [f"{self.name}_{i}" if several else self.name for i in range(len(self.sizes))]
        numbers = zip(names, self.starts.tolist(), self.sizes.tolist(), strict=True)
        return [f"{one}_is_{start + i}" for one, start, size in numbers for i in range(size)]


def _shrink(numbers: npt.NDArray[np.float64]) -> FloatArray:
    """One number, if they are all the same."""
    if not numbers.size:
        return numbers.astype(np.float32)
    one = numbers.flat[0]
    return np.array(one if (numbers == one).all() else numbers, np.float32)


def _one() -> FloatArray:
    return np.ones((), np.float32)
