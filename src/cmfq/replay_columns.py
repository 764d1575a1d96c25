"""Columns of a replay buffer: what is kept of an agent-step, and how."""

import numpy as np
import torch
from torch import Tensor

from cmfq.devices import free_bytes
from cmfq.environments.base import TeamSpecification
from cmfq.errors import UserError

LEAST_ROWS = 1000
"""Fewest agent-steps that a replay may hold."""


def _row_shapes(
    specification: TeamSpecification,
) -> dict[str, tuple[tuple[int, ...], torch.dtype]]:
    """Shape and dtype of each column for one agent-step."""
    actions = len(specification.actions)
    view_shape = (*specification.view_shape, len(specification.channels))
    row_shapes: dict[str, tuple[tuple[int, ...], torch.dtype]] = {
        "view": (view_shape, torch.float16),
        "features": ((len(specification.features),), torch.float16),
        "positions": ((2,), torch.float32),
        "previous_actions": ((), torch.int16),
        "counts": ((actions,), torch.int16),
        "merged_actions": ((actions,), torch.float32),
        "actions": ((), torch.int16),
        "rewards": ((), torch.float32),
        "discounts": ((), torch.float32),
        "next_row": ((), torch.int32),
    }
    if specification.action_masks:
        row_shapes["action_mask"] = ((actions,), torch.bool)
    return row_shapes


def make_columns(
    specification: TeamSpecification, capacity_bytes: int, device: torch.device | str
) -> dict[str, Tensor]:
    """Empty columns by name, a row per agent-step, as many as there is memory for.

    Args:
        specification: specification of the teams whose steps are kept.
        capacity_bytes: most memory on the device.
        device: where rows live.

    Raises:
        UserError: there is not so much memory, or too little was asked for.
    """
    row_shapes = _row_shapes(specification)
    row_bytes = sum(
        int(np.prod(shape)) * torch.empty((), dtype=dtype).element_size()
        for shape, dtype in row_shapes.values()
    )
    capacity = capacity_bytes // row_bytes
    if capacity < LEAST_ROWS:
        raise UserError(
            f"replay_bytes is {capacity_bytes}: an agent-step takes {row_bytes} bytes, "
            f"give at least {LEAST_ROWS * row_bytes}"
        )
    try:
        return {
            name: torch.empty((capacity, *shape), dtype=dtype, device=device)
            for name, (shape, dtype) in row_shapes.items()
        }
    except RuntimeError as error:
        free = free_bytes(torch.device(device))
        left = (
            f"{device} has {free} bytes left" if free is not None else "there is not so much memory"
        )
        raise UserError(f"replay_bytes is {capacity_bytes}: {left}, give less") from error
