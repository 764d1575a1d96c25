"""The learner of one role: a policy, its update and its replay buffer."""

import math
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import numpy as np
import torch
from torch import Tensor

from cmfq.decoding import Damage
from cmfq.environments.base import TeamSpecification
from cmfq.errors import UserError
from cmfq.learner import Learner, LearnerSettings
from cmfq.networks import QNetwork
from cmfq.new_network import new_network
from cmfq.policies import QPolicy
from cmfq.replay_buffer import ReplayBuffer
from cmfq.training.settings import RunSettings


class RoleLearner:
    """The learner of one role.

    Args:
        specification: specification of a team of the role.
        teams: number of teams of the role in an environment.
        settings: settings of the run.
        network_seed: random seed of the initial weights.
        generator: generator of what learning draws.
        device: device of all tensors; the initial weights are the same on each.
        start: trained network of the same kind whose weights are the initial ones; none: they are
            random.

    Raises:
        UserError: a batch is larger than the replay buffer.
    """

    def __init__(
        self,
        specification: TeamSpecification,
        teams: int,
        settings: RunSettings,
        network_seed: np.random.SeedSequence,
        generator: np.random.Generator,
        device: torch.device,
        start: QNetwork | None = None,
    ) -> None:
        algorithm = settings.algorithms.get(specification.role, settings.algorithm)
        with torch.random.fork_rng():
            torch.manual_seed(int(network_seed.generate_state(1)[0]))
            network = new_network(specification, settings.network, algorithm)
        if start is not None:
            network.load_state_dict(start.state_dict())
        network.to(device)
        network.in_bfloat16 = settings.arithmetic == "bfloat16"
        beta = settings.exploration.beta(0)
        self.policy = QPolicy(specification, network, algorithm, settings.mean_field, beta)
        self.learner = Learner(self.policy, settings.learner, generator)
        self.generator = generator
        self.replay = ReplayBuffer(
            specification,
            settings.learner.discount,
            settings.learner.replay_bytes,
            settings.environments * teams,
            settings.learner.n_steps,
            device,
        )
        if settings.learner.batch_size > self.replay.capacity:
            raise UserError(
                f"batch_size is {settings.learner.batch_size}: the replay buffer holds "
                f"{self.replay.capacity} agent-steps, give less, or raise replay_bytes"
            )
        self._settings: LearnerSettings = settings.learner
        self._pending_rows = 0.0

    def learn(self, new_rows: float, episodes: int) -> list[float]:
        """Make the updates that new experience earned: it is paid for by the row.

        Args:
            new_rows: agent-steps that were added to the replay.
            episodes: that they are from.

        Returns:
            The loss of each update.

        Raises:
            UserError: there is nothing to learn from.
        """
        if new_rows == 0:  # nobody had this role
            return []
        if not self.replay.can_be_sampled:
            raise UserError(
                "no step of the games so far can be learned from: death is left-out, which leaves "
                "out the last step of every agent, and none had another; give death end"
            )
        settings = self._settings
        self._pending_rows += max(
            new_rows * settings.replay_ratio,
            episodes * settings.min_updates * settings.batch_size,
        )
        losses: list[Tensor] = []
        while self._pending_rows >= settings.batch_size:
            loss, rows = self.learner.learn(self.replay)
            losses.append(loss)
            self._pending_rows -= rows  # whole steps are more than was asked for
        return torch.stack(losses).tolist() if losses else []  # a GPU is waited for once

    def is_finite(self, losses: list[float]) -> bool:
        """Whether learning has not diverged."""
        weights = [weight.isfinite().all() for weight in self.policy.network.parameters()]
        return all(map(math.isfinite, losses)) and bool(torch.stack(weights).all())

    def state(self, with_replay: bool) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """All that the next episode depends on: tensors, and a JSON-able rest."""
        parts = {
            "network": self.policy.network.state_dict(),
            "target_network": self.learner.target_network.state_dict(),
            "average": self.learner.average.state_dict(),
            "optimiser": self.learner.optimiser.state(),
        }
        if with_replay:
            parts["replay"] = self.replay.state()
        return join_names(parts), {
            "updates": self.learner.updates,
            "owed_rows": self._pending_rows,
            "generator": self.generator.bit_generator.state,
        }

    def restore(self, tensors: dict[str, Tensor], info: dict[str, Any]) -> None:
        """Become what :meth:`state` saw."""
        parts = split_names(tensors)
        self.policy.network.load_state_dict(parts["network"])
        self.learner.target_network.load_state_dict(parts["target_network"])
        self.learner.average.load_state_dict(parts["average"])
        self.learner.optimiser.restore(parts.get("optimiser", {}))
        if "replay" in parts:
            self.replay.restore(parts["replay"])
        self.learner.updates = info["updates"]
        self._pending_rows = info["owed_rows"]
        self.generator.bit_generator.state = info["generator"]


def join_names(parts: Mapping[str, Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """``{"part": {"name": ...}}`` as ``{"part/name": ...}``, whatever characters a part has."""
    return {
        f"{_escape(part)}/{name}": tensor
        for part, named in parts.items()
        for name, tensor in named.items()
    }


def tensors_of(role: str, parts: Mapping[str, dict[str, Tensor]]) -> dict[str, Tensor]:
    """Names that :func:`split_names` found of a role; earlier versions stored its name as it is.

    Raises:
        Damage: there is nothing of this role.
    """
    escaped = _escape(role)
    try:
        return parts[escaped if escaped in parts else role]
    except KeyError:
        raise Damage(f"has no weights of the role {role!r}") from None


def split_names(tensors: dict[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """``{"part/name": ...}`` as ``{"part": {"name": ...}}``."""
    parts: dict[str, dict[str, Tensor]] = {}
    for path, tensor in tensors.items():
        part, _, name = path.partition("/")
        parts.setdefault(part, {})[name] = tensor
    return parts


def _escape(part: str) -> str:
    """A name without "/", by which names are split, and of ASCII alone; plain ones as they are."""
    return quote(part, safe=" ", errors="surrogatepass")
