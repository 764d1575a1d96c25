"""One team's learning: minibatch -> loss -> target copy. The only update there is."""

import copy
from dataclasses import dataclass, replace
from typing import Literal, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from cmfq.adam import Adam
from cmfq.batch import Batch, turned
from cmfq.devices import held_on, renewed
from cmfq.environments.symmetries import symmetries
from cmfq.errors import require_range, require_types
from cmfq.graphs import UpdateGraphs
from cmfq.mean_field.td import boltzmann_value, double_value, greedy_value, td_error, td_target
from cmfq.merge import InteractionRows, Neighbourhood
from cmfq.networks import Encoding, QNetwork
from cmfq.policies import QPolicy
from cmfq.replay_buffer import ReplayBuffer


@dataclass(frozen=True)
class LearnerSettings:
    """The Q-learning update (Eq 12, 13); open in the paper unless noted."""

    learning_rate: float = 3e-4
    """Learning rate of Adam at the first episode."""
    final_learning_rate: float = 1e-4
    """Learning rate of Adam after the last episode; linear in between."""
    discount: float = 0.95
    """Discount factor ``γ``."""
    batch_size: int = 256
    """Number of agent-steps (rows) in an update. Attention-MFQ draws whole steps of a team until it
    has at least this many rows, and makes fewer updates in proportion."""
    replay_ratio: float = 0.5
    """Number of sampled rows for each new agent-step."""
    min_updates: int = 20
    """Least number of updates of ``batch_size`` rows for each episode, however short."""
    replay_bytes: int = 512 * 2**20
    """Size of the replay buffer, in bytes."""
    target_period: int = 100
    """Number of updates ``C`` between copies of the network to the target network."""
    target_rate: float = 0.0
    """Rate ``τ`` at which the target network follows the network at every update, ``θ⁻ ← θ⁻ +
    τ (θ - θ⁻)`` (soft target, Lillicrap et al. 2016); 0 copies it every ``target_period`` updates
    instead."""
    target_value: Literal["max", "double", "boltzmann"] = "max"
    """Value ``v(s')`` of the next step: max, the target network's greatest Q, ``max Q(s', a; θ⁻)``
    (Eq 13); double, its Q of the network's best action, ``Q(s', argmax Q(s', a; θ); θ⁻)`` (van
    Hasselt et al. 2016); or boltzmann, its mean Q under its own Boltzmann policy (Yang et al. 2018,
    Eq 10)."""
    n_steps: int = 1
    """Number ``n`` of rewards summed before the value ``v`` of the state after them, ``Σ_{k<n} γ^k
    r_{t+k} + γ^n v(s_{t+n})`` (n-step return, Sutton & Barto 2018, ch. 7)."""
    average_updates: int = 1000
    """Longest window, in updates, of the weight average that checkpoints hold."""
    average_degree: float = 8.0
    """Degree d of that average while its window is not full: the weights after update u count as
    u to the power of d (polynomial-decay averaging, Shamir & Zhang 2013). The lower, the longer:
    the middle of the average is at (d + 1) / (d + 2) of the run."""
    merged_action: Literal["stored", "recomputed"] = "stored"
    """Merged action ``ǎ`` of a sampled step: stored when the agent acted (Algorithm 1), or
    recomputed by the current network."""
    target_merged_action: Literal["next", "stored"] = "next"
    """Merged action ``ǎ`` in the target: that of the next step, or the stored one of the step
    itself, as Eq 13 is printed."""
    action_gap: float = 0.0
    """Weight ``α`` by which the target of an action that is not the best is lowered, by ``α
    max(Q(s, a) - max Q(s, ·), -1)`` in the target network. Gaps between the best action and the
    others grow up to ``1 / (1 - α)`` times, so errors change fewer decisions (advantage learning,
    Bellemare et al. 2016; bounded as in Vieillard et al. 2020)."""
    symmetries: bool = False
    """Turn and mirror every batch by one of the square's eight symmetries, drawn at random: views,
    and the directions of actions and other inputs (as for Go, Silver et al. 2016). MAgent2's fair
    games are the same in all of them. Needs ``place`` to be off."""

    def __post_init__(self) -> None:
        require_types(self)
        require_range(self, 1e-12, 1e3, "learning_rate", "replay_ratio")
        require_range(self, 0, 1e3, "final_learning_rate")
        require_range(self, 0, 1, "discount")
        require_range(self, 1, 2**20, "batch_size")
        require_range(self, 1, 2**45, "replay_bytes")
        require_range(self, 1, 1e9, "target_period", "average_updates")
        require_range(self, 0, 1, "target_rate")
        require_range(self, 0, 1000, "average_degree")
        require_range(self, 0, 0.99, "action_gap")
        require_range(self, 1, 1000, "n_steps")
        require_range(self, 0, 1e6, "min_updates")


def averaging_rate(update: int, settings: LearnerSettings) -> float:
    """Step of the average towards the weights after an update, counted from 1.

    ``(d + 1) / (u + d)`` with the degree ``d`` until that is ``1 / window``: polynomial-decay
    averaging (Shamir & Zhang 2013), in which the weights after update ``u`` count about as ``u^d``
    and nothing is left of the start; from then on the average is exponential.
    """
    degree = settings.average_degree
    return max(1 / settings.average_updates, (degree + 1) / (update + degree))


class Learner:
    """Trains the network of a policy in place."""

    def __init__(
        self, policy: QPolicy, settings: LearnerSettings, generator: np.random.Generator
    ) -> None:
        self.policy = policy
        self._generator = generator
        self.settings = settings
        self.target_network = copy.deepcopy(policy.network)
        self.average = AveragedModel(policy.network)
        cast(QNetwork, self.average.module.eval()).in_bfloat16 = False  # it only plays
        self.average.n_averaged = self.average.n_averaged.cpu()  # it is counted at every update
        self._averaging_rate = held_on(policy.device, 0.0)
        self.optimiser = Adam(policy.network.parameters(), settings.learning_rate)
        self.updates = 0
        self._graphs: UpdateGraphs | None = None
        self._symmetries = [
            symmetry.to(policy.device)
            for symmetry in (symmetries(policy.specification) if settings.symmetries else ())
        ]

    def learn(self, replay: ReplayBuffer) -> tuple[Tensor, int]:
        """Draw a minibatch of the kind that the algorithm learns from, and learn from it.

        Returns:
            The loss (see :meth:`update`), and how many rows the minibatch has.
        """
        if not self._fits_graphs:
            batch = self.sample(replay)
            return self.update(batch), len(batch.actions)
        if self._graphs is None:
            self._graphs = UpdateGraphs(self._descend, self.policy.device)
        rows = replay.draw(self.settings.batch_size, self._generator)
        turn = self._draw_turn()
        self._set_averaging_rate()
        loss = self._graphs.run(rows, lambda rows: self._turned(replay.gather(rows), turn), turn)
        self._finish_update()
        return loss, len(rows)

    def sample(self, replay: ReplayBuffer) -> Batch:
        """Draw a minibatch of the kind that the algorithm learns from."""
        draw = replay.sample_steps if self._samples_steps else replay.sample
        batch = draw(self.settings.batch_size, self._generator)
        return self._turned(batch, self._draw_turn())

    def _draw_turn(self) -> int | None:
        """Draw one of the symmetries, if batches are turned."""
        return int(self._generator.integers(len(self._symmetries))) if self._symmetries else None

    def _turned(self, batch: Batch, turn: int | None) -> Batch:
        return batch if turn is None else turned(batch, self._symmetries[turn])

    def update(self, batch: Batch) -> Tensor:
        """One step down the gradient of Eq 12; every ``C`` of them, ``θ⁻ ← θ``.

        Returns:
            The mean squared TD error before the step, a scalar on the device: reading it there and
            then would make the CPU wait for a GPU.
        """
        self._set_averaging_rate()
        loss = self._descend(batch)
        self._finish_update()
        return loss

    def _descend(self, batch: Batch) -> Tensor:
        """All of an update that is the same every time."""
        network, target_network = self.policy.network, self.target_network
        encoding = network.encode(batch.view, batch.features, batch.action_mask)
        merged = self._merged_actions(batch, encoding)
        with torch.no_grad():
            next_encoding = target_network.encode(
                batch.next_view, batch.next_features, batch.next_action_mask
            )
            next_merged = self._next_merged_actions(batch, merged, next_encoding)
            next_q_values = target_network.q_values(next_encoding, next_merged)
            next_values = self._next_values(batch, next_q_values, next_merged)
            targets = td_target(batch.rewards, batch.discounts, next_values)
            if self.settings.action_gap:
                targets += self.settings.action_gap * self._advantages(batch, merged)
        errors = td_error(network.q_values(encoding, merged), batch.actions.clamp(min=0), targets)
        if self._samples_steps:  # whole steps were sampled: some rows came as neighbours alone
            errors = errors[batch.actions >= 0]
        loss = errors.square().mean()
        network.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
        _approach(self.average.module, network, self._averaging_rate)
        if self.settings.target_rate:  # θ⁻ ← θ⁻ + τ (θ - θ⁻)
            _approach(target_network, network, self.settings.target_rate)
        return loss.detach()

    def _set_averaging_rate(self) -> None:
        rate = averaging_rate(self.updates + 1, self.settings)
        self._averaging_rate = renewed(self._averaging_rate, rate)

    def _finish_update(self) -> None:
        self.updates += 1
        self.average.n_averaged += 1
        if not self.settings.target_rate and self.updates % self.settings.target_period == 0:
            self.target_network.load_state_dict(self.policy.network.state_dict())

    def _next_values(self, batch: Batch, next_q_values: Tensor, next_merged: Tensor) -> Tensor:
        """Value of the next step, ``(n,)``, by the rule of the settings."""
        if self.settings.target_value == "boltzmann":
            return boltzmann_value(next_q_values, self.policy.beta)
        if self.settings.target_value == "max":
            return greedy_value(next_q_values)
        network = self.policy.network
        encoding = network.encode(batch.next_view, batch.next_features, batch.next_action_mask)
        return double_value(next_q_values, network.q_values(encoding, next_merged))

    def _advantages(self, batch: Batch, merged: Tensor) -> Tensor:
        """``max(Q(s, a) - max Q(s, ·), -1)`` in the target network, ``(n,)``."""
        encoding = self.target_network.encode(batch.view, batch.features, batch.action_mask)
        q_values = self.target_network.q_values(encoding, merged)
        actions = batch.actions.clamp(min=0)
        return td_error(q_values, actions, greedy_value(q_values)).clamp(min=-1)

    def _merged_actions(self, batch: Batch, encoding: Encoding) -> Tensor:
        """``ǎ`` of the prediction. Learned parts learn through it; effects are taken as given."""
        if not self._recomputes:
            return batch.merged_actions
        near = Neighbourhood(batch.counts, batch.positions)
        if self._samples_steps:
            near = self._neighbourhood(batch.positions, batch.previous_actions, batch.groups)
        with torch.set_grad_enabled(self.policy.merging.learned):
            return self.policy.merge(self.policy.network, encoding, near, self._generator).action

    def _next_merged_actions(self, batch: Batch, merged: Tensor, encoding: Encoding) -> Tensor:
        """``ǎ`` of the target."""
        if self.settings.target_merged_action == "stored":
            return merged
        if not self._recomputes:
            return batch.next_merged_actions
        near = Neighbourhood(batch.next_counts, batch.next_positions)
        if self._samples_steps:
            near = self._next_neighbourhood(batch)
        return self.policy.merge(self.target_network, encoding, near, self._generator).action

    def _next_neighbourhood(self, batch: Batch) -> Neighbourhood:
        """Neighbours in the next step, for rules that need each of them.

        The dead are nobody's neighbour there, each in a group of its own. A living agent that
        stands for others too (its heirs' rows are its own row) is a neighbour once.
        """
        assert batch.groups is not None
        lives = batch.discounts > 0
        alone = len(lives) + torch.arange(len(lives), device=lives.device)
        groups = torch.where(lives, batch.groups, alone)
        near = self._neighbourhood(batch.next_positions, batch.next_previous_actions, groups)
        if batch.next_rows is None:
            return near
        assert near.interactions is not None
        state = groups * (int(batch.next_rows.max()) + 1) + batch.next_rows
        first = torch.zeros(len(state), dtype=torch.bool)
        first[torch.from_numpy(np.unique(state.cpu().numpy(), return_index=True)[1])] = True
        first = first.to(state.device)
        if first.all():
            return near
        agent, neighbour, action = near.interactions
        kept = first[neighbour] & (state[agent] != state[neighbour])
        interactions = InteractionRows(agent[kept], neighbour[kept], action[kept])
        actions = near.counts.shape[1]
        cells = interactions.agent * actions + interactions.action
        counts = torch.bincount(cells, minlength=near.counts.numel()).reshape(-1, actions)
        return near._replace(counts=counts.to(near.counts), interactions=interactions)

    @property
    def _fits_graphs(self) -> bool:
        """Whether an update launches the same every time, and on a GPU."""
        alike = not self._recomputes and self.settings.target_value != "boltzmann"  # reads beta
        return alike and self.policy.device.type == "cuda"

    @property
    def _recomputes(self) -> bool:
        return self.policy.merging.learned or self.settings.merged_action == "recomputed"

    @property
    def _samples_steps(self) -> bool:
        """Whether batches are whole steps of a team, in which neighbours are found again."""
        return self._recomputes and self.policy.merging.neighbours

    def _neighbourhood(
        self, positions: Tensor, previous_actions: Tensor, groups: Tensor | None
    ) -> Neighbourhood:
        assert groups is not None, "neighbours are found in whole steps"
        return self.policy.find_neighbourhood(
            positions.cpu().numpy(), groups.cpu().numpy(), previous_actions.cpu().numpy()
        )

    def averaged_policy(self) -> QPolicy:
        """The policy of the averaged weights, which checkpoints hold.

        Weights wander with every batch and with every turn that self-play takes; their average
        is meant to be steadier than any point of the way.
        """
        return replace(self.policy, network=cast(QNetwork, self.average.module))

    def set_learning_rate(self, progress: float) -> None:
        """Follow the schedule; ``progress`` runs from 0 to 1 over the run."""
        start, end = self.settings.learning_rate, self.settings.final_learning_rate
        self.optimiser.rate = start + (end - start) * progress


@torch.no_grad()
def _approach(network: nn.Module, other: nn.Module, rate: float | Tensor) -> None:
    """Move the weights of a network a share of the way to another's; buffers become the other's."""
    for weight, aim in zip(network.parameters(), other.parameters(), strict=True):
        weight.lerp_(aim, rate)
    for held, buffer in zip(network.buffers(), other.buffers(), strict=True):
        held.copy_(buffer)
