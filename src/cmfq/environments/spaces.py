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

What is not of the promised shape, or not a finite number, is refused. Numbers outside of the bounds
are told to the caller and kept, up to as far outside as the bounds are wide.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium import spaces

from cmfq.environments.base import BoolArray, FloatArray
from cmfq.environments.numbers import Categories, Numbers
from cmfq.environments.stacking import (
    ACTION_MASK,
    Tell,
    Unreadable,
    Values,
    short,
    stack,
    tell_nobody,
)
from cmfq.errors import UserError

SMALLEST_VIEW = 5
"""The least side that the network's convolutions take."""
VIEW_LIMIT = 32
"""The greatest side of a view."""
FEATURE_LIMIT = 2**16

Path = tuple[Any, ...]


@dataclass(frozen=True)
class Image:
    """A Box that is seen."""

    numbers: Numbers
    channels_first: bool
    averages: tuple[FloatArray, FloatArray] | None
    """Factors of rows, and of columns, of pixels; ``None``: pixels are cells."""
    shape: tuple[int, int, int]
    """Height, width and channels of the view."""

    @classmethod
    def of(cls, space: spaces.Space[Any], name: str) -> "Image | None":
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
        return cls(Numbers.of(space, name), first, averages if square > 1 else None, shape)

    def read(self, values: Values, tell: Tell = tell_nobody) -> FloatArray:
        """``(agents, height, width, channels)``."""
        view: FloatArray = self.numbers.read(values, tell)
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


def _averages(pixels: int, square: int) -> FloatArray:
    """``(cells, pixels)``: takes the mean of each ``square`` pixels, the last cell of the rest."""
    owner = np.arange(pixels) // square
    owns = (owner == np.arange(owner[-1] + 1)[:, np.newaxis]).astype(np.float32)
    averages: FloatArray = owns / owns.sum(axis=1, keepdims=True)
    return averages


class ObservationReader:
    """Reads what the agents of a team observe, all of one observation space.

    Args:
        space: space of each agent.

    Raises:
        UserError: a part of the space holds no numbers, or there are too many or none.
    """

    def __init__(self, space: spaces.Space[Any]) -> None:
        self.has_action_mask = isinstance(space, spaces.Dict) and ACTION_MASK in space.spaces
        self._image: tuple[Path, Image] | None = None
        self._features: list[tuple[Path, Numbers | Categories]] = []
        self.channels: tuple[str, ...] = ()
        for path, part in _parts(space):
            image = None if self._image else Image.of(part, _name(path, "observation"))
            if image:
                self._image = path, image
                self.channels = tuple(
                    f"{_name(path, 'channel')}_{i}" for i in range(image.shape[2])
                )
            else:
                reader = _reader(part, _name(path, "feature"))
                self._features.append((path, reader))
        features = sum(reader.features for _, reader in self._features)
        if features > FEATURE_LIMIT:
            raise UserError(
                f"an observation has {features} features, but at most {FEATURE_LIMIT} are "
                "supported: leave some out, or make it a smaller image"
            )
        self.features = tuple(name for _, reader in self._features for name in reader.names())
        if not self.features and not self.channels:
            raise UserError("an observation is empty: give at least one feature")

    @property
    def view_shape(self) -> tuple[int, int]:
        """Height and width of the view; ``(0, 0)`` if there is none."""
        return self._image[1].shape[:2] if self._image else (0, 0)

    def read(
        self, observations: Sequence[Any], tell: Tell = tell_nobody
    ) -> tuple[FloatArray, FloatArray]:
        """``(agents, height, width, channels)`` and ``(agents, features)``.

        Args:
            observations: one per agent.
            tell: called with the row of an agent that observes a number outside of its space.

        Raises:
            Unreadable: an agent observes what the space does not promise; its row is named.
        """
        agents = len(observations)
        if self._image and agents:
            path, image = self._image
            view = image.read(entries_at(observations, path), tell)
        else:
            view = np.zeros((agents, *self.view_shape, len(self.channels)), np.float32)
        if self._features and agents:
            columns = [
                reader.read(entries_at(observations, path), tell).reshape(agents, -1)
                for path, reader in self._features
            ]
            features = columns[0] if len(columns) == 1 else np.concatenate(columns, axis=1)
        else:
            features = np.zeros((agents, len(self.features)), np.float32)
        return view, features


def read_masks(masks: Sequence[Any], actions: int) -> tuple[BoolArray, BoolArray]:
    """Action masks, and who may do nothing at all and so waits: the first action is its only one.

    Args:
        masks: masks of each agent, an array of zeros and ones.
        actions: that there are.

    Returns:
        ``(agents, actions)`` and ``(agents,)``.

    Raises:
        Unreadable: its shape or its numbers are others.
    """
    stacked = stack(masks, (actions,), np.float32, ACTION_MASK, "its actions need")
    read: BoolArray = stacked == 1
    if not (read | (stacked == 0)).all():
        row, action = np.argwhere(~read & (stacked != 0))[0]
        number = stacked[row, action]
        raise Unreadable(int(row), f"{ACTION_MASK}_{action} is {number:g}: give 0 or 1")
    waits = np.asarray(~read.any(axis=1), np.bool_)
    read[waits, 0] = True
    return read, waits


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


def _reader(space: spaces.Space[Any], name: str) -> Numbers | Categories:
    if isinstance(space, spaces.Box | spaces.MultiBinary):
        return Numbers.of(space, name)
    if isinstance(space, spaces.Discrete | spaces.MultiDiscrete):
        return Categories.of(space, name)
    raise UserError(
        f"an observation is {type(space).__name__}, which has no fixed set of numbers: supported "
        "are Box, Discrete, MultiDiscrete, MultiBinary, and Dict and Tuple of these"
    )


def _name(path: Path, otherwise: str) -> str:
    names = [str(key) for key in path if key != "observation"]
    return "_".join(names) or otherwise


def entries_at(observations: Sequence[Any], path: Path) -> Sequence[Any]:
    """Value of each observation at the end of a path.

    Raises:
        Unreadable: one has nothing there.
    """
    for key in path:
        try:
            observations = [one[key] for one in observations]
        except (LookupError, TypeError):
            row = next(row for row, one in enumerate(observations) if not _has(one, key))
            raise Unreadable(
                row,
                f"the observation has no {key!r}, as its space promises: it holds "
                f"{short(observations[row])}",
            ) from None
    return observations


def _has(observation: Any, key: Any) -> bool:
    try:
        observation[key]
    except (LookupError, TypeError):
        return False
    return True
