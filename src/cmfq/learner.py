"""One team's learning: minibatch -> loss -> target copy. The only update there is."""

import copy
from dataclasses import dataclass, replace
from typing import Literal, cast

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from cmfq.errors import UserError
from cmfq.mean_field.td import td_error, td_target
from cmfq.networks import QNetwork
from cmfq.policies import QPolicy
from cmfq.replay import Batch


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
    """Agent-steps per update."""
    replay_ratio: float = 0.5
    """Sampled rows per new agent-step."""
    min_updates: int = 20
    """Updates after an episode, however short it was: a fight is over in 40 steps."""
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
        positive = ("learning_rate", "batch_size", "replay_ratio", "target_period",
                    "average_updates")  # fmt: skip
        for name in positive:
            if not getattr(self, name) > 0:
                raise UserError(f"{name} is {getattr(self, name)}: give a number above 0")
        for name in ("final_learning_rate", "min_updates"):
            if not getattr(self, name) >= 0:
                raise UserError(f"{name} is {getattr(self, name)}: give 0 or more")
        if not 0 <= self.discount <= 1:
            raise UserError(f"discount is {self.discount}: give a number from 0 to 1")


class Learner:
    """Trains the network of a policy in place."""

    def __init__(self, policy: QPolicy, settings: LearnerSettings) -> None:
        self.policy = policy
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

    def update(self, batch: Batch) -> float:
        """One step down the gradient of Eq 12; every ``C`` of them, ``θ⁻ ← θ``.

        Returns:
            The mean squared TD error before the step.
        """
        network, target_network = self.policy.network, self.target_network
        hidden = network.encode(batch.view, batch.features)
        with torch.no_grad():
            next_hidden = target_network.encode(batch.next_view, batch.next_features)
            merged, next_merged = self._merged_actions(batch, hidden, next_hidden)
            targets = td_target(
                batch.rewards, batch.discounts, target_network.q_values(next_hidden, next_merged)
            )
        errors = td_error(network.q_values(hidden, merged), batch.actions, targets)
        loss = errors.square().mean()
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
        self.average.update_parameters(network)
        self.updates += 1
        if self.updates % self.settings.target_period == 0:
            self.target_network.load_state_dict(network.state_dict())
        return loss.item()

    def _merged_actions(
        self, batch: Batch, hidden: Tensor, next_hidden: Tensor
    ) -> tuple[Tensor, Tensor]:
        """``ǎ`` in the prediction, and in the target."""
        recompute = self.settings.merged_action == "recomputed"
        merged, next_merged = batch.merged_actions, batch.next_merged_actions
        if recompute:
            merged = self.policy.merge(self.policy.network, hidden, batch.counts)
        if self.settings.target_merged_action == "stored":
            return merged, merged
        if recompute:
            next_merged = self.policy.merge(self.target_network, next_hidden, batch.next_counts)
        return merged, next_merged

    def averaged_policy(self) -> QPolicy:
        """The policy of the averaged weights: it plays far better than that of the last ones.

        Weights wander with every batch and with every turn that self-play takes; the centre of
        where they wander is steadier than any point of it.
        """
        return replace(self.policy, network=cast(QNetwork, self.average.module))

    def set_learning_rate(self, progress: float) -> None:
        """Follow the schedule; ``progress`` runs from 0 to 1 over the run."""
        start, end = self.settings.learning_rate, self.settings.final_learning_rate
        for group in self.optimiser.param_groups:
            group["lr"] = start + (end - start) * progress
