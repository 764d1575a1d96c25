"""Devices: where the arithmetic of the networks is done, and what stays there.

Network, target network, optimiser, average, replay buffer and batches live on one device.
Observations cross to it once to act, and actions come back; the replay's rows are written there.
"""

import re
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from cmfq.errors import UserError

Array = npt.NDArray[Any]

Arithmetic = Literal["float32", "bfloat16"]

_NAME = re.compile(r"auto|cpu|cuda(:\d+)?")
_INSTRUCTIONS = ("amx_bf16", "avx512_bf16")
"""Instructions of processors with which bfloat16 is the faster arithmetic."""


def check_name(name: object) -> None:
    """Refuse what cannot name a device on any machine.

    Raises:
        UserError: it is not ``auto``, ``cpu``, ``cuda`` or ``cuda:n``.
    """
    if not isinstance(name, str):
        raise UserError(
            f"device is {name!r}, which is no string: give 'auto', 'cpu', 'cuda', or 'cuda:1' for "
            "the second GPU"
        )
    if not _NAME.fullmatch(name):
        raise UserError(f"device is {name!r}: give auto, cpu, cuda, or cuda:1 for the second GPU")


def find_device(name: str) -> torch.device:
    """The device of a name on this machine.

    Args:
        name: ``cpu``, ``cuda``, ``cuda:n``, or ``auto``: the first GPU, the CPU if there is none.

    Raises:
        UserError: it is not there; those that are, are named.
    """
    check_name(name)
    there = available()
    if name == "auto":
        return torch.device(there[1] if len(there) > 1 else "cpu")
    wanted = "cuda:0" if name == "cuda" else name
    if wanted not in there:
        raise UserError(
            f"device is {name}, but this machine has {', '.join(there)}: give one of these"
        )
    return torch.device(wanted)


def available() -> list[str]:
    """Names of the devices of this machine: ``cpu``, then ``cuda:0``, ``cuda:1`` ..."""
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return ["cpu", *(f"cuda:{index}" for index in range(gpus))]


def wait_for(device: torch.device) -> None:
    """Wait until a device has done all that it was given; the CPU has."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def free_bytes(device: torch.device) -> int | None:
    """Bytes of memory that a GPU has left; None where that is not known."""
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else None


def moved_text(run: Path, before: str, device: str, episodes: int) -> str:
    """What is said of a run that continues on another device after so many episodes."""
    return (
        f"{run} continues on {device} after {before}: from episode {episodes + 1} on it is no "
        "longer bit for bit what it would have been"
    )


def describe(name: str, arithmetic: Arithmetic = "float32") -> str:
    """A device and what computes there, for the record of a run: ``cpu (AVX2)``, or the card."""
    device = find_device(name)
    if device.type == "cuda":
        kind = torch.cuda.get_device_name(device)
    else:
        kind = torch.backends.cpu.get_cpu_capability()
    return f"{device} ({kind})" if arithmetic == "float32" else f"{device} ({kind}, {arithmetic})"


def has_bfloat16(device: torch.device) -> bool:
    """Whether a device has instructions for bfloat16. Without them it is ten times slower."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    there = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return any(there.get(name) for name in _INSTRUCTIONS)


def require_arithmetic(arithmetic: Arithmetic, device: torch.device) -> None:
    """Refuse an arithmetic for which a device has no instructions.

    Raises:
        UserError: it has none.
    """
    if arithmetic == "bfloat16" and not has_bfloat16(device):
        raise UserError(
            f"arithmetic is bfloat16, but {describe(str(device))} has no instructions for it and "
            "would be slower: give float32"
        )


def computing(device: torch.device, bfloat16: bool) -> AbstractContextManager[object]:
    """Within it layers take bfloat16 inputs and weights (autocast), if asked for."""
    if not bfloat16:
        return nullcontext()
    # Nothing is cached: a CUDA graph would go on with the weights that it was captured with.
    return torch.autocast(device.type, torch.bfloat16, cache_enabled=False)


def held_on(device: torch.device, number: float) -> Tensor | float:
    """A number that changes: on a GPU a tensor that stays, where a CUDA graph reads it."""
    return torch.tensor(number, device=device) if device.type == "cuda" else number


def renewed(held: Tensor | float, number: float) -> Tensor | float:
    """What :func:`held_on` gave, with another number."""
    return held.fill_(number) if isinstance(held, Tensor) else number


def join(arrays: Sequence[Array]) -> Array:
    """Rows of several arrays; of one alone nothing is copied."""
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


def stacked(arrays: Sequence[Array], device: torch.device) -> Tensor:
    """Rows of several arrays on a device, which a GPU gets without waiting for them."""
    if device.type != "cuda":
        return torch.from_numpy(join(arrays)).to(device)
    shape = sum(map(len, arrays)), *arrays[0].shape[1:]
    dtype = torch.from_numpy(arrays[0]).dtype
    locked = torch.empty(shape, dtype=dtype, pin_memory=True)  # crosses several times as fast
    np.concatenate(arrays, out=locked.numpy())
    return locked.to(device, non_blocking=True)


def to_arrays(tables: Sequence[Tensor]) -> list[Array]:
    """Tables ``(rows, columns)`` as arrays; those of a GPU come in one transfer, as float32."""
    if tables[0].device.type == "cpu":
        return [table.numpy() for table in tables]
    joined = torch.cat([table.float() for table in tables], dim=1).cpu().numpy()
    widths = [table.shape[1] for table in tables]
    return np.split(joined, np.cumsum(widths)[:-1], axis=1)
