"""The policies that a run's checkpoint plays by: its own networks, and earlier ones beside them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from cmfq.new_network import ensemble
from cmfq.policies import QPolicy
from cmfq.training.checkpoint import list_checkpoints, load_checkpoint
from cmfq.training.self_play import SelfPlay


def playing_policies(self_play: SelfPlay, run: Path) -> dict[str, QPolicy]:
    """The policy of each role that a checkpoint of now plays by.

    Args:
        self_play: the run's state.
        run: run folder; of its earlier checkpoints, those that are there are used.

    Raises:
        UserError: an earlier checkpoint is damaged.
    """
    settings, episode = self_play.settings, self_play.episode
    files = {int(file.stem): file for file in list_checkpoints(run)}
    usual = [one for one in files if settings.is_due(one, settings.checkpoint_period)]
    earlier = [
        load_checkpoint(files[one]).policies
        for one in members_at(episode, usual, settings.ensemble)
    ]
    own = self_play.averaged_policies()
    return {role: joined([*(one[role] for one in earlier), own[role]]) for role in own}


def joined(policies: Sequence[QPolicy]) -> QPolicy:
    """The last policy, with the mean of all Q-values (see :func:`~.new_network.ensemble`)."""
    *_, last = policies
    if len(policies) == 1:
        return last
    networks = [policy.network.to(last.device) for policy in policies]
    return replace(last, network=ensemble(networks))


def members_at(episode: int, checkpoints: Sequence[int], number: int) -> list[int]:
    """Checkpoints that play beside the one of an episode, spread over the last half before it.

    Args:
        episode: number of episodes that were played.
        checkpoints: episodes of the checkpoints that there are.
        number: number of networks of the ensemble, its own counted.
    """
    there = [one for one in checkpoints if episode <= 2 * one < 2 * episode]
    aims = [episode * (1 + step / (number - 1)) / 2 for step in range(number - 1)]
    nearest = (min(there, key=lambda one: abs(one - aim)) for aim in aims if there)
    return sorted(set(nearest))
