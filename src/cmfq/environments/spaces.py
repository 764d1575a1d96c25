"""From Gymnasium's spaces to views, features and action masks: whole teams at once.

=========================== ====================================================================
Box of 1 dimension          features
Box that is an image        the view: (height, width, channels), or channels first where that is
                            plain; 2-D boxes that are square or of bytes. A side under 5 is none
other Box, MultiBinary      features, flattened
Discrete, MultiDiscrete     a feature for each value: 1 where it is the value
Dict, Tuple                 their entries: the first image is the view, the others are features
=========================== ====================================================================

The entry ``action_mask`` of a Dict says which actions may be taken, as PettingZoo has it. Numbers
whose finite bounds reach beyond -1 and 1 are scaled to [0, 1]; the rest stay as they are, cut to
what half precision holds. Images with a side above ``VIEW_LIMIT`` are averaged down to it.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from cmfq.environments.base import BoolArray, FloatArray
from cmfq.errors import UserError

SMALLEST_VIEW = 5
"""The least side that the network's convolutions take."""
VIEW_LIMIT = 32
"""The greatest side of a view."""
FEATURE_LIMIT = 2**16
HALF_PRECISION = 65504.0
"""The greatest number that the replay holds."""
UNBOUNDED = 1e6
"""Bounds beyond this stand for none."""
ACTION_MASK = "action_mask"

Path = tuple[Any, ...]
Values = Sequence[Any]
"""What the agents observed: one entry per agent, at least one."""


@dataclass(frozen=True)
class Numbers:
    """A Box or MultiBinary space."""

    shape: tuple[int, ...]
    low: FloatArray | None
    """What is subtracted; ``None``: nothing."""
    scale: FloatArray | None
    """What the rest is multiplied by; ``None``: nothing."""
    bounded: bool
    """Whether half precision holds every number that the space allows."""

    @classmethod
    def of(cls, space: "spaces.Box | spaces.MultiBinary") -> "Numbers":
        """Find out what has to be scaled."""
        if isinstance(space, spaces.MultiBinary):
            return cls(space.shape, None, None, bounded=True)
        low, high = space.low.astype(np.float64), space.high.astype(np.float64)
        finite = (np.abs(low) <= UNBOUNDED) & (np.abs(high) <= UNBOUNDED) & (low < high)
        wide = finite & ((low < -1) | (high > 1))
        if not wide.any():
            return cls(space.shape, None, None, bool(finite.all()))
        scale = np.divide(1, high - low, out=np.ones_like(low), where=wide)
        offset = np.where(wide, low, 0)
        return cls(
            space.shape,
            _shrink(offset) if offset.any() else None,
            _shrink(scale),
            bool(finite.all()),
        )

    def read(self, values: Values) -> FloatArray:
        """``(agents, *shape)``."""
        numbers: FloatArray
        if self.shape == ():
            numbers = np.array(values, np.float32).reshape(len(values))
        else:  # twice as fast as np.stack, which runs Python code for every agent
            numbers = np.concatenate(values, dtype=np.float32, casting="unsafe")
            numbers = numbers.reshape(len(values), *self.shape)
        if self.low is not None:
            numbers -= self.low
        if self.scale is not None:
            numbers *= self.scale
        if not self.bounded:
            np.clip(numbers, -HALF_PRECISION, HALF_PRECISION, out=numbers)
        return numbers

    def names(self, name: str) -> list[str]:
        """Of the numbers, flattened."""
        if self.shape == ():
            return [name]
        return [f"{name}_{i}" for i in range(math.prod(self.shape))]


@dataclass(frozen=True)
class Categories:
    """A Discrete or MultiDiscrete space."""

    starts: npt.NDArray[np.int64]
    sizes: npt.NDArray[np.int64]

    @classmethod
    def of(cls, space: "spaces.Discrete | spaces.MultiDiscrete") -> "Categories":
        """A Discrete space is a MultiDiscrete one of one number."""
        if isinstance(space, spaces.Discrete):
            return cls(np.array([space.start], np.int64), np.array([space.n], np.int64))
        return cls(space.start.ravel().astype(np.int64), space.nvec.ravel().astype(np.int64))

    def read(self, values: Values) -> FloatArray:
        """``(agents, values)``, one-hot."""
        found = np.array(values, np.int64).reshape(len(values), len(self.sizes)) - self.starts
        if ((found < 0) | (found >= self.sizes)).any():
            raise UserError("a discrete observation lies outside of its space")
        one_hot = np.zeros((len(values), int(self.sizes.sum())), np.float32)
        np.put_along_axis(one_hot, found + np.cumsum(self.sizes) - self.sizes, 1, axis=1)
        return one_hot

    def names(self, name: str) -> list[str]:
        """Of the values."""
        names = [name] if len(self.sizes) == 1 else [f"{name}_{i}" for i in range(len(self.sizes))]
        numbers = zip(names, self.starts.tolist(), self.sizes.tolist(), strict=True)
        return [f"{one}_is_{start + i}" for one, start, size in numbers for i in range(size)]


@dataclass(frozen=True)
class Image:
    """A Box that is seen."""

    numbers: Numbers
    channels_first: bool
    averages: tuple[FloatArray, FloatArray] | None
    """What rows, and columns, of pixels are multiplied by; ``None``: pixels are cells."""
    shape: tuple[int, int, int]
    """Height, width and channels of the view."""

    @classmethod
    def of(cls, space: spaces.Space[Any]) -> "Image | None":
        """``None`` if the space is no image."""
        if not isinstance(space, spaces.Box) or len(space.shape) not in (2, 3):
            return None
        if len(space.shape) == 2:
            if space.shape[0] != space.shape[1] and space.dtype != np.uint8:
                return None  # more likely a table
            first, (height, width, channels) = False, (*space.shape, 1)
        else:
            one, two, three = space.shape
            first = one < SMALLEST_VIEW <= min(two, three) or one != two == three
            channels, height, width = (one, two, three) if first else (three, one, two)
        square = math.ceil(max(height, width) / VIEW_LIMIT)
        averages = _averages(height, square), _averages(width, square)
        shape = len(averages[0]), len(averages[1]), channels
        if min(shape[:2]) < SMALLEST_VIEW:
            return None
        return cls(Numbers.of(space), first, averages if square > 1 else None, shape)

    def read(self, values: Values) -> FloatArray:
        """``(agents, height, width, channels)``."""
        view: FloatArray = self.numbers.read(values)
        if view.ndim == 3:
            view = view[..., np.newaxis]
        if self.channels_first:
            view = np.ascontiguousarray(view.transpose(0, 2, 3, 1))
        if self.averages:
            rows, columns = self.averages
            agents, height, width, channels = view.shape
            view = rows @ view.reshape(agents, height, width * channels)
            view = columns @ view.reshape(agents, len(rows), width, channels)
        return view


def _shrink(numbers: npt.NDArray[np.float64]) -> FloatArray:
    """To one number, if they are all the same."""
    one = numbers.flat[0]
    return np.array(one if (numbers == one).all() else numbers, np.float32)


def _averages(pixels: int, square: int) -> FloatArray:
    """``(cells, pixels)``: takes the mean of each ``square`` pixels, the last cell of the rest."""
    owner = np.arange(pixels) // square
    owns = (owner == np.arange(owner[-1] + 1)[:, np.newaxis]).astype(np.float32)
    averages: FloatArray = owns / owns.sum(axis=1, keepdims=True)
    return averages


class ObservationReader:
    """Reads what the agents of a team observe, all of one observation space.

    Args:
        space: of each agent.

    Raises:
        UserError: a part of the space holds no numbers, or there are too many or none.
    """

    def __init__(self, space: spaces.Space[Any]) -> None:
        self.has_action_mask = isinstance(space, spaces.Dict) and ACTION_MASK in space.spaces
        self._image: tuple[Path, Image] | None = None
        self._features: list[tuple[Path, Numbers | Categories]] = []
        names: list[str] = []
        self.channels: tuple[str, ...] = ()
        for path, part in _parts(space):
            image = None if self._image else Image.of(part)
            if image:
                self._image = path, image
                self.channels = tuple(
                    f"{_name(path, 'channel')}_{i}" for i in range(image.shape[2])
                )
            else:
                reader = _reader(part)
                self._features.append((path, reader))
                names += reader.names(_name(path, "feature"))
        self.features = tuple(names)
        if len(names) > FEATURE_LIMIT:
            raise UserError(
                f"an observation has {len(names)} features, and at most {FEATURE_LIMIT} are "
                "supported: leave some out, or make it a smaller image"
            )
        if not self.features and not self.channels:
            raise UserError("an observation holds nothing: give agents something to observe")

    @property
    def view_shape(self) -> tuple[int, int]:
        """Height and width of the view; ``(0, 0)`` if there is none."""
        return self._image[1].shape[:2] if self._image else (0, 0)

    def read(self, observations: Sequence[Any]) -> tuple[FloatArray, FloatArray]:
        """``(agents, height, width, channels)`` and ``(agents, features)``."""
        agents = len(observations)
        if self._image and agents:
            path, image = self._image
            view = image.read(_entries(observations, path))
        else:
            view = np.zeros((agents, *self.view_shape, len(self.channels)), np.float32)
        if self._features and agents:
            columns = [
                reader.read(_entries(observations, path)).reshape(agents, -1)
                for path, reader in self._features
            ]
            features = columns[0] if len(columns) == 1 else np.concatenate(columns, axis=1)
        else:
            features = np.zeros((agents, len(self.features)), np.float32)
        return view, features


def read_masks(masks: Sequence[Any], actions: int) -> BoolArray:
    """``(agents, actions)``.

    Raises:
        UserError: somebody may do nothing at all.
    """
    if not masks:
        return np.zeros((0, actions), np.bool_)
    read = np.concatenate(masks, dtype=np.bool_, casting="unsafe").reshape(len(masks), actions)
    if not read.any(axis=1).all():
        raise UserError("an action mask forbids everything: allow one action, if only to wait")
    return read


def _parts(space: spaces.Space[Any], path: Path = ()) -> Iterator[tuple[Path, spaces.Space[Any]]]:
    """The spaces that a nested one is made of, but for the action mask."""
    entries: list[tuple[Any, spaces.Space[Any]]]
    if isinstance(space, spaces.Dict):
        entries = list(space.spaces.items())
    elif isinstance(space, spaces.Tuple):
        entries = list(enumerate(space.spaces))
    else:
        yield path, space
        return
    for key, entry in entries:
        if path or key != ACTION_MASK:
            yield from _parts(entry, (*path, key))


def _reader(space: spaces.Space[Any]) -> Numbers | Categories:
    if isinstance(space, spaces.Box | spaces.MultiBinary):
        return Numbers.of(space)
    if isinstance(space, spaces.Discrete | spaces.MultiDiscrete):
        return Categories.of(space)
    raise UserError(
        f"an observation is {type(space).__name__}, which holds no fixed set of numbers: supported "
        "are Box, Discrete, MultiDiscrete, MultiBinary, and Dict and Tuple of these"
    )


def _name(path: Path, otherwise: str) -> str:
    names = [str(key) for key in path if key != "observation"]
    return "_".join(names) or otherwise


def _entries(observations: Sequence[Any], path: Path) -> Sequence[Any]:
    """What each observation has at the end of a path."""
    for key in path:
        observations = [one[key] for one in observations]
    return observations
