"""One team's learning: minibatch -> loss -> target copy. The only update there is."""

import copy
from dataclasses import dataclass, replace
from typing import Literal, cast

import numpy as np
import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from cmfq.errors import require_range
from cmfq.mean_field.td import td_error, td_target
from cmfq.networks import Encoding, QNetwork
from cmfq.policies import Crowd, QPolicy
from cmfq.replay import Batch, Replay


@dataclass(frozen=True)
class LearnerSettings:
    """The Q-learning update (Eq 12, 13); open in the paper unless said otherwise."""

    learning_rate: float = 3e-4
    """Of Adam, at the start."""
    final_learning_rate: float = 1e-4
    """Of Adam, at the last episode; linear in between."""
    discount: float = 0.95
    """``γ``."""
    batch_size: int = 256
    """Agent-steps (rows) per update. Attention-MFQ draws whole steps of a team until it has so many
    or more; updates are paid for by the row, so it makes fewer of them."""
    replay_ratio: float = 0.5
    """Sampled rows per new agent-step."""
    min_updates: int = 20
    """Updates of ``batch_size`` rows that every episode is worth at least, however short it was."""
    replay_bytes: int = 512 * 2**20
    """Size of the replay, in bytes."""
    target_period: int = 100
    """``C``: updates between copies to the target network."""
    average_updates: int = 1000
    """Updates over which the weights that checkpoints hold are averaged (exponentially)."""
    merged_action: Literal["stored", "recomputed"] = "stored"
    """``ǎ`` of a sampled step: as it was when acting (Algorithm 1), or by today's network."""
    target_merged_action: Literal["next", "stored"] = "next"
    """``ǎ`` in the target: of the next step, or the step's own, as Eq 13 prints."""

    def __post_init__(self) -> None:
        require_range(self, 1e-12, 1e3, "learning_rate", "replay_ratio")
        require_range(self, 0, 1e3, "final_learning_rate")
        require_range(self, 0, 1, "discount")
        require_range(self, 1, 2**20, "batch_size")
        require_range(self, 1, 2**45, "replay_bytes")
        require_range(self, 1, 1e9, "target_period", "average_updates")
        require_range(self, 0, 1e6, "min_updates")


class Learner:
    """Trains the network of a policy in place."""

    def __init__(
        self, policy: QPolicy, settings: LearnerSettings, generator: np.random.Generator
    ) -> None:
        self.policy = policy
        self._generator = generator
        self.settings = settings
        self.target_network = copy.deepcopy(policy.network)
        decay = 1 - 1 / settings.average_updates
        self.average = AveragedModel(
            policy.network,
            multi_avg_fn=get_ema_multi_avg_fn(decay),  # type: ignore[no-untyped-call]
        )
        self.optimiser = torch.optim.Adam(
            policy.network.parameters(), settings.learning_rate, fused=True
        )
        self.updates = 0

    def sample(self, replay: Replay) -> Batch:
        """Draw a minibatch of the kind that the algorithm learns from."""
        draw = replay.sample_steps if self.policy.attends else replay.sample
        return draw(self.settings.batch_size, self._generator)

    def update(self, batch: Batch) -> float:
        """One step down the gradient of Eq 12; every ``C`` of them, ``θ⁻ ← θ``.

        Returns:
            The mean squared TD error before the step.
        """
        network, target_network = self.policy.network, self.target_network
        encoding = network.encode(batch.view, batch.features, batch.action_mask)
        merged = self._merged_actions(batch, encoding)
        with torch.no_grad():
            next_encoding = target_network.encode(
                batch.next_view, batch.next_features, batch.next_action_mask
            )
            next_merged = self._next_merged_actions(batch, merged, next_encoding)
            targets = td_target(
                batch.rewards, batch.discounts, target_network.q_values(next_encoding, next_merged)
            )
        errors = td_error(network.q_values(encoding, merged), batch.actions, targets)
        loss = errors.square().mean()
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
        self.average.update_parameters(network)
        self.updates += 1
        if self.updates % self.settings.target_period == 0:
            self.target_network.load_state_dict(network.state_dict())
        return loss.item()

    def _merged_actions(self, batch: Batch, encoding: Encoding) -> Tensor:
        """``ǎ`` of the prediction. Attention learns through it; effects are taken as given."""
        if not self._recomputes:
            return batch.merged_actions
        crowd = Crowd(batch.counts, None)
        if self.policy.attends:
            crowd = self._crowd(batch.positions, batch.previous_actions, batch.groups)
        with torch.set_grad_enabled(self.policy.attends):
            return self.policy.merge(self.policy.network, encoding, crowd, self._generator).action

    def _next_merged_actions(self, batch: Batch, merged: Tensor, encoding: Encoding) -> Tensor:
        """``ǎ`` of the target."""
        if self.settings.target_merged_action == "stored":
            return merged
        if not self._recomputes:
            return batch.next_merged_actions
        crowd = Crowd(batch.next_counts, None)
        if self.policy.attends:
            # The dead are nobody's neighbour in the next step: each in a group of its own.
            assert batch.groups is not None
            lives = batch.discounts > 0
            alone = len(lives) + torch.arange(len(lives))
            groups = torch.where(lives, batch.groups, alone)
            crowd = self._crowd(batch.next_positions, batch.next_previous_actions, groups)
        return self.policy.merge(self.target_network, encoding, crowd, self._generator).action

    @property
    def _recomputes(self) -> bool:
        return self.policy.attends or self.settings.merged_action == "recomputed"

    def _crowd(self, positions: Tensor, previous_actions: Tensor, groups: Tensor | None) -> Crowd:
        assert groups is not None, "attention learns from whole steps"
        return self.policy.find_crowd(positions.numpy(), groups.numpy(), previous_actions.numpy())

    def averaged_policy(self) -> QPolicy:
        """The policy of the averaged weights, which checkpoints hold.

        Weights wander with every batch and with every turn that self-play takes; their average
        is meant to be steadier than any point of the way.
        """
        return replace(self.policy, network=cast(QNetwork, self.average.module))

    def set_learning_rate(self, progress: float) -> None:
        """Follow the schedule; ``progress`` runs from 0 to 1 over the run."""
        start, end = self.settings.learning_rate, self.settings.final_learning_rate
        for group in self.optimiser.param_groups:
            group["lr"] = start + (end - start) * progress
