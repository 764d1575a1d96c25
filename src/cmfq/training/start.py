"""Weights of an earlier run that training starts from, instead of random ones."""

from collections.abc import Callable, Mapping, Sequence

from cmfq.environments.base import TeamSpecification
from cmfq.errors import UserError
from cmfq.networks import QNetwork
from cmfq.new_network import ensemble
from cmfq.policies import Policy, QPolicy
from cmfq.training.settings import RunSettings

LoadPlayer = Callable[[str, str, Sequence[TeamSpecification]], Mapping[str, Policy]]
"""``(name, kind of environment, teams) -> the policy of each role``, of scripts and checkpoints."""


def load_start(
    settings: RunSettings, teams: Sequence[TeamSpecification], load_player: LoadPlayer | None
) -> dict[str, QNetwork]:
    """The network of each role that ``start_from`` names; none if it names nothing.

    Raises:
        UserError: it cannot be loaded, cannot play this game, or is no trained policy.
    """
    name = settings.start_from
    if name is None:
        return {}
    if load_player is None:
        raise UserError(
            f"start_from is {name}, which cannot be loaded: in Python, give SelfPlay "
            "load_player=cmfq.play.players.load_player"
        )
    remedy = "give a run folder, a checkpoint file or a policy of the zoo"
    try:
        players = load_player(name, settings.environment.kind, teams)
    except UserError as error:
        raise UserError(f"start_from is {name}: {error}") from error
    found = {role: one.network for role, one in players.items() if isinstance(one, QPolicy)}
    if len(found) < len(players):
        raise UserError(f"start_from is {name}, a player without weights: {remedy}")
    return {role: ensemble([network]) for role, network in found.items()}


def take_weights(network: QNetwork, start: QNetwork, name: str | None, role: str) -> None:
    """Give a new network the weights of a trained one of the same kind.

    Args:
        network: new network of a role, changed in place.
        start: trained one; members that it plays by are left out.
        name: where that one is from, for the error.
        role: role of both, for the error.

    Raises:
        UserError: they are not of the same kind.
    """
    ours, theirs = network.state_dict(), start.state_dict()
    if {key: one.shape for key, one in ours.items()} != {
        key: one.shape for key, one in theirs.items()
    }:
        raise UserError(
            f"start_from is {name}: its network of {role} is another one than that of these "
            "settings; give the network, inputs and algorithm of that run, or another start_from"
        )
    network.load_state_dict(theirs)
