"""One policy file out of a run's last checkpoints: the last, their ensemble, or their average."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import torch

from cmfq.errors import UserError
from cmfq.new_network import ensemble
from cmfq.policies import QPolicy
from cmfq.program import export_program
from cmfq.training.checkpoint import (
    Checkpoint,
    list_checkpoints,
    load_checkpoint,
    policy_of,
    save_policies,
)
from cmfq.training.ensemble import joined
from cmfq.training.retreat import notify_of_retreats
from cmfq.training.run import Run
from cmfq.zoo import locate

Method = Literal["last", "ensemble", "average"]


def export_policy(
    runs: Sequence[Path], out: Path, method: Method, checkpoints: int, until: int | None = None
) -> list[Path]:
    """Write a policy file for play.

    Args:
        runs: folders of runs; several, of one kind, for an ensemble.
        out: file to write; its name ends in .safetensors.
        method: the last checkpoint as it is, the mean of the Q-values of several, or the average
            of their weights.
        checkpoints: how many of the last ones of each run that is.
        until: leave out checkpoints after this episode.

    Returns:
        The last checkpoint of each run that is in it.

    Raises:
        UserError: a run is given twice, has fewer checkpoints or other networks than the last
            one, or nothing can be written there.
    """
    if out.suffix != ".safetensors" or not out.absolute().parent.is_dir():
        raise UserError(f"cannot write {out}: give a .safetensors file in a folder that exists")
    settings = Run.open(locate(runs[-1])).description().settings
    policies, last = join_policies(runs, method, checkpoints, until)
    save_policies(
        out,
        policies,
        settings.network,
        environment=settings.environment,
        episode=last[-1].description.episode,
    )
    return [one.path for one in last]


def export_as_program(
    runs: Sequence[Path], out: Path, method: Method, checkpoints: int, role: str | None = None
) -> list[Path]:
    """Write the policy of one role as a program (see :func:`~cmfq.program.export_program`).

    Args:
        runs: as of :func:`export_policy`.
        out: file to write; its name ends in .pt2.
        method: as of :func:`export_policy`.
        checkpoints: likewise.
        role: role of the policy; needed where a run has several.

    Returns:
        The last checkpoint of each run that is in it.

    Raises:
        UserError: as :func:`export_policy`; there is no such role, or it cannot be a program.
    """
    policies, last = join_policies(runs, method, checkpoints)
    export_program(policy_of(policies, role, str(runs[-1])), out)
    return [one.path for one in last]


def join_policies(
    runs: Sequence[Path], method: Method, checkpoints: int, until: int | None = None
) -> tuple[dict[str, QPolicy], list[Checkpoint]]:
    """The policy of each role, and the last checkpoint of each run that is in them.

    Raises:
        UserError: as :func:`export_policy`.
    """
    if method != "ensemble" and len(runs) > 1:
        raise UserError(f"method is {method}, for one run: give method ensemble, or a single run")
    _check_distinct(runs)
    found = [last_checkpoints(run, 1 if method == "last" else checkpoints, until) for run in runs]
    last = [own[-1] for own in found]
    for path, one in zip(runs, last, strict=True):
        _check_alike(path, one, last[-1])
    notify_of_retreats(runs, until)
    every = [one.policies for own in found for one in own]
    join = average if method == "average" else joined
    roles = last[-1].policies
    return {role: join([policies[role] for policies in every]) for role in roles}, last


def _check_distinct(runs: Sequence[Path]) -> None:
    """Refuse a run that would count twice, under whatever name.

    Raises:
        UserError: one would.
    """
    names: dict[Path, Path] = {}
    for run in runs:
        first = names.setdefault(locate(run).resolve(), run)
        if first is not run:
            raise UserError(f"{first} and {run} are one run: give every run once")


def _check_alike(run: Path, one: Checkpoint, other: Checkpoint) -> None:
    """Refuse to join what decides by different rules, or sees another world.

    Raises:
        UserError: roles, algorithm, network, inputs or neighbours differ.
    """
    mine, theirs = (
        {role: replace(policy, members=0) for role, policy in each.description.policies.items()}
        for each in (one, other)
    )
    if mine != theirs:
        roles = [role for role in mine.keys() | theirs.keys() if mine.get(role) != theirs.get(role)]
        raise UserError(
            f"{run} and {other.path.parent.parent} differ in {', '.join(sorted(roles))}: give "
            "runs of one algorithm with the same network, inputs and neighbours"
        )


def last_checkpoints(run: Path, number: int, until: int | None = None) -> list[Checkpoint]:
    """Load the last checkpoints of a run, of those up to episode ``until``.

    Raises:
        UserError: there are fewer.
    """
    files = [
        file for file in list_checkpoints(locate(run)) if until is None or int(file.stem) <= until
    ]
    if not files and until is None:
        raise UserError(f"{run} has no checkpoints: give a run folder made by `cmfq train`")
    if not 1 <= number <= len(files):
        raise UserError(
            f"checkpoints is {number}, but {run} has {len(files)}: give at most that many"
        )
    return [load_checkpoint(file) for file in files[-number:]]


def average(policies: Sequence[QPolicy]) -> QPolicy:
    """The last policy, with the mean of the weights of all; of one policy, its very weights.

    Members that checkpoints play by are left out, and buffers are the last one's.
    """
    networks = [ensemble([policy.network]) for policy in policies]
    *_, last = networks
    with torch.no_grad():
        for weights in zip(*(network.parameters() for network in networks), strict=True):
            weights[-1].copy_(torch.stack(weights).mean(0))
    return replace(policies[-1], network=last)
