"""One policy file out of a run's last checkpoints: the last, their ensemble, or their average."""

import copy
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import torch

from cmfq.errors import UserError
from cmfq.policies import QPolicy
from cmfq.training.checkpoint import Checkpoint, list_checkpoints, load_checkpoint, save_policies
from cmfq.training.ensemble import joined
from cmfq.training.run import Run
from cmfq.zoo import locate

Method = Literal["last", "ensemble", "average"]


def export_policy(run: Path, out: Path, method: Method, checkpoints: int) -> Path:
    """Write a policy file for play.

    Args:
        run: folder.
        out: file to write; its name ends in .safetensors.
        method: the last checkpoint as it is, the mean of the Q-values of several, or the average
            of their weights.
        checkpoints: how many of the last ones that is.

    Returns:
        The last checkpoint that is in it.

    Raises:
        UserError: the run has fewer checkpoints, or nothing can be written there.
    """
    if out.suffix != ".safetensors" or not out.absolute().parent.is_dir():
        raise UserError(f"cannot write {out}: give a .safetensors file in a folder that exists")
    settings = Run.open(locate(run)).description().settings
    found = last_checkpoints(run, 1 if method == "last" else checkpoints)
    last = found[-1]
    join = average if method == "average" else joined
    policies = {role: join([one.policies[role] for one in found]) for role in last.policies}
    save_policies(
        out,
        policies,
        settings.network,
        environment=settings.environment,
        episode=last.description.episode,
    )
    return last.path


def last_checkpoints(run: Path, number: int, until: int | None = None) -> list[Checkpoint]:
    """Load the last checkpoints of a run, of those up to episode ``until``.

    Raises:
        UserError: there are fewer.
    """
    files = [
        file for file in list_checkpoints(locate(run)) if until is None or int(file.stem) <= until
    ]
    if not 1 <= number <= len(files):
        raise UserError(
            f"checkpoints is {number}, and {run} has {len(files)}: give a number it has"
        )
    return [load_checkpoint(file) for file in files[-number:]]


def average(policies: Sequence[QPolicy]) -> QPolicy:
    """The last policy, with the mean of the weights of all; of one policy, its very weights."""
    states = [policy.network.state_dict() for policy in policies]
    network = copy.deepcopy(policies[-1].network)
    network.load_state_dict(
        {name: torch.stack([state[name] for state in states]).mean(0) for name in states[0]}
    )
    return replace(policies[-1], network=network)
