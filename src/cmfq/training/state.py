"""Checks of a run's stored state before it is used: its file may be damaged anywhere."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from cmfq.adam import MOMENTS
from cmfq.batch import LEFT_OUT
from cmfq.decoding import Count, Damage, Finite, convert, reason_of
from cmfq.training.role_learner import RoleLearner, split_names, tensors_of
from cmfq.training.self_play import SelfPlay
from cmfq.undo import NOT_TAKEN

OPPONENT = "opponent"
"""Part of a side's state in runs from before there were mixes of opponents."""


@dataclass(frozen=True)
class _SideInfo:
    updates: Count
    owed_rows: Finite
    generator: dict[str, Any]


@dataclass(frozen=True)
class _StateInfo:
    episode: Count
    sides: dict[str, _SideInfo]
    generators: dict[str, dict[str, Any]]


def check_state(self_play: SelfPlay, tensors: Mapping[str, Tensor], info: dict[str, Any]) -> None:
    """Refuse a state that :meth:`SelfPlay.restore` cannot take up, or not go on from.

    Raises:
        Damage: something is missing, of another shape, or out of range.
    """
    stored = convert(info, _StateInfo)
    if stored.episode > self_play.settings.episodes:
        raise Damage("is damaged: it has more episodes than the run")
    parts = split_names(dict(tensors))
    for role, side in self_play.sides.items():
        if role not in stored.sides:
            raise Damage(f"is damaged: it has nothing of the role {role!r}")
        if stored.sides[role].owed_rows > self_play.settings.learner.batch_size:
            raise Damage("is damaged: it has too many pending rows")
        _check_generator(stored.sides[role].generator)
        _check_tensors(side, tensors_of(role, parts))
    for name in {"episode", "acting"} | stored.generators.keys():
        _check_generator(stored.generators.get(name, {}))


def _check_generator(state: dict[str, Any]) -> None:
    try:
        np.random.default_rng().bit_generator.state = state
    except (TypeError, ValueError, LookupError, OverflowError) as error:
        raise Damage(f"is damaged: it has no state of a generator, {reason_of(error)}") from error


def _check_tensors(side: RoleLearner, tensors: dict[str, Tensor]) -> None:
    expected, _ = side.state(with_replay=True)
    moments: dict[str, set[str]] = {}
    replay: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        part, _, rest = name.partition("/")
        if part == "replay":
            replay[rest] = tensor
            continue
        if part == OPPONENT and _kind(tensor) == _kind(expected.get(f"network/{rest}", tensor)):
            continue
        if name not in expected or _kind(tensor) != _kind(expected[name]):
            raise Damage(f"is damaged: {name} belongs to another network")
        if part == "optimiser":
            index, _, moment = rest.partition("/")
            moments.setdefault(index, set()).add(moment)
    if any(found != set(MOMENTS) for found in moments.values()):
        raise Damage("is damaged: its optimiser state is incomplete")
    if replay:
        empty = {name.removeprefix("replay/"): one for name, one in expected.items()}
        _check_replay(replay, empty, side.replay.capacity)


def _kind(tensor: Tensor) -> tuple[object, ...]:
    return (tensor.dtype, *tensor.shape)


def _check_replay(replay: Mapping[str, Tensor], empty: Mapping[str, Tensor], capacity: int) -> None:
    """Rows fit, and point at each other.

    Args:
        replay: what is stored.
        empty: the same of another time, for types and shapes.
        capacity: rows that there is room for.
    """
    rows = len(replay["actions"]) if "actions" in replay and replay["actions"].dim() else 0
    for name, tensor in replay.items():
        length = len(tensor) if name == "steps" and tensor.dim() else rows
        like = empty.get(name)
        shape = None if like is None else () if name == "head" else (length, *like.shape[1:])
        if like is None or tensor.dtype != like.dtype or tuple(tensor.shape) != shape:
            raise Damage(f"is damaged: {name} of its replay buffer belongs to another run")
    if not {"actions", "next_row", "steps", "head"} <= replay.keys() or rows > capacity:
        raise Damage("is damaged: its replay buffer has too few rows, or too many")
    steps, taken = replay["steps"], replay["actions"] != NOT_TAKEN
    choices = empty["counts"].shape[1]
    following = replay["next_row"][taken]
    if (
        not _within(steps, 0, rows)
        or not bool((steps[:, 0] < steps[:, 1]).all())
        or not _within(replay["head"], 0, capacity)
        or not _within(following, 0, rows - 1)
        or not _within(replay["actions"], LEFT_OUT, choices - 1)
        or not _within(replay["previous_actions"][taken], NOT_TAKEN, choices - 1)
        or not _within(replay["previous_actions"][following.long()], NOT_TAKEN, choices - 1)
    ):
        raise Damage("is damaged: rows of its replay buffer point to missing rows")


def _within(numbers: Tensor, low: int, high: int) -> bool:
    return bool(torch.all((numbers >= low) & (numbers <= high)))
