"""Turns and mirror images of a grid world: the same game, seen and played in another direction.

The eight symmetries of the square move the cells of a view, and with them the directions of the
actions, of the actions that others took, of the compass, and from one agent to another; the place
on the map as an input stays. A game without a preferred direction is the same under each of them,
so one transition is eight (Laskin et al. 2020 call this augmentation).
"""

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from cmfq.environments.base import TeamSpecification
from cmfq.errors import UserError

_ACTION = re.compile(r"(\w+) ([+-]\S+) ([+-]\S+)")
_PREVIOUS = "previous_"
_SIGNS = ((1, 1), (1, -1), (-1, 1), (-1, -1))
_VECTORS = ("compass_enemy", "compass_mates")


@dataclass(frozen=True, eq=False)
class Symmetry:
    """One of the eight: ``(x, y)`` becomes ``(±x, ±y)`` or ``(±y, ±x)``."""

    swaps: bool
    """Whether x and y change places, before signs."""
    signs: tuple[int, int]
    """Signs of the new x and the new y."""
    actions: Tensor
    """``(actions,)``, int64: what each action becomes."""
    columns: Tensor
    """``(features,)``, int64: the old column of each new feature."""
    factors: Tensor
    """``(features,)``, float32: 1 or -1, times the old feature."""

    def to(self, device: torch.device) -> "Symmetry":
        """The same, with its tables on a device."""
        return replace(
            self,
            actions=self.actions.to(device),
            columns=self.columns.to(device),
            factors=self.factors.to(device),
        )

    def view(self, view: Tensor) -> Tensor:
        """The view ``(n, height, width, channels)`` with its cells moved."""
        if self.swaps:
            view = view.transpose(1, 2)
        flipped = [axis for axis, sign in zip((2, 1), self.signs, strict=True) if sign < 0]
        return view.flip(flipped) if flipped else view

    def features(self, features: Tensor) -> Tensor:
        """The features ``(n, features)`` with their directions turned."""
        return features.index_select(1, self.columns) * self.factors

    def positions(self, positions: Tensor) -> Tensor:
        """Positions ``(n, 2)``, turned about the origin: offsets turn with the directions."""
        x, y = positions.unbind(1)
        along_x, along_y = self.signs
        if self.swaps:
            x, y = y, x
        return torch.stack([x * along_x, y * along_y], dim=1)

    def by_action(self, values: Tensor) -> Tensor:
        """A table ``(n, actions)``, of each action's value, with its columns moved."""
        moved = torch.empty_like(values)
        moved[:, self.actions] = values
        return moved


class _Direction(NamedTuple):
    """Kind of an action, and its direction."""

    sort: str
    x: float
    y: float

    def turned(self, swaps: bool, signs: tuple[int, int]) -> "_Direction":
        """By a symmetry (see :class:`Symmetry`)."""
        x, y = (self.y, self.x) if swaps else (self.x, self.y)
        return _Direction(self.sort, x * signs[0], y * signs[1])


def symmetries(specification: TeamSpecification) -> list[Symmetry]:
    """The eight symmetries of a team whose actions name their directions, the identity first.

    Args:
        specification: with a square view and actions such as ``move +1 -2`` and ``stay``.

    Raises:
        UserError: views or actions have no directions that are known here.
    """
    height, width = specification.view_shape
    directions = [found for name in specification.actions if (found := _direction(name))]
    if height != width or height == 0 or len(directions) < len(specification.actions):
        raise UserError(
            "symmetries need square views and actions with a direction in their name, as in "
            f"MAgent2 ({specification.name} has a view of {height} x {width} and the actions "
            f"{', '.join(specification.actions[:3])}, ...): leave symmetries out"
        )
    try:
        turned = {
            way: [directions.index(one.turned(*way)) for one in directions]
            for way in itertools.product((False, True), _SIGNS)
        }
    except ValueError as error:
        raise UserError(
            f"symmetries need actions in all directions, and those of {specification.name} are "
            f"{', '.join(specification.actions)}: leave symmetries out"
        ) from error
    return [
        Symmetry(
            swaps,
            signs,
            torch.tensor(actions),
            *_turn_features(specification, actions, swaps, signs),
        )
        for (swaps, signs), actions in turned.items()
    ]


def _turn_features(
    specification: TeamSpecification, actions: Sequence[int], swaps: bool, signs: tuple[int, int]
) -> tuple[Tensor, Tensor]:
    """The old column of each feature, and the factor of its value (see :class:`Symmetry`)."""
    names = list(specification.features)
    columns, factors = list(range(len(names))), [1.0] * len(names)
    for old, new in zip(specification.actions, actions, strict=True):
        if _PREVIOUS + old in names:
            columns[names.index(_PREVIOUS + specification.actions[new])] = names.index(
                _PREVIOUS + old
            )
    for vector in _VECTORS:
        if f"{vector}_x" in names:
            x, y = names.index(f"{vector}_x"), names.index(f"{vector}_y")
            columns[x], columns[y] = (y, x) if swaps else (x, y)
            factors[x], factors[y] = map(float, signs)
    return torch.tensor(columns), torch.tensor(factors)


def _direction(action: str) -> _Direction | None:
    """Kind and direction of an action by its name; ``None`` if that does not say."""
    if action == "stay":
        return _Direction("move", 0, 0)
    found = _ACTION.fullmatch(action)
    return _Direction(found[1], float(found[2]), float(found[3])) if found else None
