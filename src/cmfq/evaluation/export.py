"""One policy out of a run's last checkpoints: the last, their average, or their vote."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from cmfq.environments.base import TeamObservation
from cmfq.errors import UserError
from cmfq.mean_field.policy import boltzmann, sample
from cmfq.policies import Decision, Policy, QPolicy
from cmfq.training.checkpoint import Checkpoint, list_checkpoints, load_checkpoint, save_policies

Method = Literal["last", "average"]
DEFAULT_METHOD: Method = "last"
"""By the measurement in ``docs/results/export``."""


def last_checkpoints(run: Path, number: int, until: int | None = None) -> list[Checkpoint]:
    """Load the last checkpoints of a run, of those up to episode ``until``.

    Raises:
        UserError: there are fewer.
    """
    files = [file for file in list_checkpoints(run) if until is None or int(file.stem) <= until]
    if not 1 <= number <= len(files):
        raise UserError(f"checkpoints is {number}: {run} has {len(files)}, give 1 to {len(files)}")
    return [load_checkpoint(file) for file in files[-number:]]


def average(policies: Sequence[QPolicy]) -> QPolicy:
    """The last policy with the mean of all weights."""
    last = policies[-1]
    states = [policy.network.state_dict() for policy in policies]
    network = copy.deepcopy(last.network)
    network.load_state_dict(
        {name: torch.stack([state[name] for state in states]).mean(0) for name in states[0]}
    )
    return replace(last, network=network)


@dataclass(frozen=True)
class Vote:
    """Acts by the mean of several Boltzmann policies (see :class:`cmfq.policies.Policy`)."""

    policies: tuple[QPolicy, ...]

    def decide(
        self,
        observations: Sequence[TeamObservation],
        generator: np.random.Generator,
        others: Sequence[TeamObservation] = (),
        worlds: Sequence[int] | None = None,
    ) -> list[Decision]:
        """Let all decide, and draw from the mean of their policies."""
        ballots = [one.decide(observations, generator, others, worlds) for one in self.policies]
        return [Decision(self._draw(team, generator)) for team in zip(*ballots, strict=True)]

    def _draw(
        self, ballots: Sequence[Decision], generator: np.random.Generator
    ) -> "np.ndarray[tuple[int], np.dtype[np.int32]]":
        shares = [
            boltzmann(torch.from_numpy(ballot.q_values), policy.beta)
            for ballot, policy in zip(ballots, self.policies, strict=True)
        ]
        uniform = torch.from_numpy(generator.random(len(shares[0]), dtype=np.float32))
        drawn = sample(torch.stack(shares).mean(0), uniform)
        return drawn.numpy().astype(np.int32)


def combine(policies: Sequence[QPolicy], method: str) -> Policy:
    """One policy out of several of one role: the ``last``, their ``average`` or their ``vote``."""
    if method == "last":
        return policies[-1]
    return average(policies) if method == "average" else Vote(tuple(policies))
