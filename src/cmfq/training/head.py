"""Which head the networks of a run have, and whether there is memory for it."""

import os
import resource
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from cmfq.environments.base import TeamSpecification
from cmfq.errors import UserError
from cmfq.networks import PAIRWISE_ACTIONS
from cmfq.training.settings import RunSettings

COPIES_OF_WEIGHTS = 6
"""Network, target, average, gradient, and two moments of Adam."""
COPIES_OF_TABLES = 3
"""Copies of a batch: its steps, the next ones, and the gradient."""
CONTROL_GROUP = Path("/sys/fs/cgroup/memory.max")
"""File in which Linux states the memory limit of a container."""


def settle_head(settings: RunSettings, teams: Sequence[TeamSpecification]) -> RunSettings:
    """Settings with the head in the place of ``auto``: the same for all roles, as it is stored.

    Raises:
        UserError: the pairwise head needs more memory than there is, or it is not the pairwise head
            and an ensemble needs that.
    """
    actions = max(len(team.actions) for team in teams)
    network = replace(settings.network, head=settings.network.head_for(actions))
    needed, there = pairwise_bytes(settings, actions), memory_limit()
    if network.head == "pairwise" and needed > there:
        raise UserError(
            f"head is pairwise: tables of {actions:,} x {actions:,} values take {_size(needed)} "
            f"with batches of {settings.learner.batch_size}, but there are {_size(there)}; leave "
            "head at auto, or give additive"
        )
    if settings.ensemble > 1 and network.head != "pairwise":
        raise UserError(
            f"ensemble is {settings.ensemble} and head {network.head}: an ensemble needs the "
            "pairwise head; leave ensemble at 1, or give head pairwise"
        )
    return replace(settings, network=network)


def head_line(settings: RunSettings, teams: Sequence[TeamSpecification]) -> str:
    """Why ``auto`` is not the pairwise head, for the screen; empty if it is, or was not given."""
    actions = max(len(team.actions) for team in teams)
    if settings.network.head != "auto" or settings.network.head_for(actions) == "pairwise":
        return ""
    return (
        f"head: additive, as always with more than {PAIRWISE_ACTIONS} actions (here {actions:,}): "
        f"the pairwise one would take {_size(pairwise_bytes(settings, actions))}"
    )


def pairwise_bytes(settings: RunSettings, actions: int) -> int:
    """Bytes that training with the pairwise head takes at least, for weights and a batch."""
    outputs = actions + actions**2
    weights = COPIES_OF_WEIGHTS * (settings.network.hidden_units + 1)
    return 4 * outputs * (weights + COPIES_OF_TABLES * settings.learner.batch_size)


def memory_limit() -> int:
    """Bytes that this process can have at most: the machine's, its container's or its own limit."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    own, _ = resource.getrlimit(resource.RLIMIT_AS)
    if own != resource.RLIM_INFINITY:
        limits.append(own)
    with suppress(OSError, ValueError):  # no container, or one that may have all
        limits.append(int(CONTROL_GROUP.read_text()))
    return min(limits)


def _size(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
