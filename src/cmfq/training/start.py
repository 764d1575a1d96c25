"""Weights of an earlier run that training starts from, instead of random ones."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields, replace
from pathlib import Path

from cmfq.decoding import Damage, decode_json, read_bytes
from cmfq.environments.base import TeamSpecification
from cmfq.errors import UserError
from cmfq.networks import PLACE, NetworkSettings, QNetwork
from cmfq.new_network import ensemble, network_weights
from cmfq.notices import notify
from cmfq.outputs import RUN_SETTINGS
from cmfq.policies import Policy, QPolicy
from cmfq.training.checkpoint import load_checkpoint
from cmfq.training.description import StoredRun
from cmfq.training.settings import RunSettings
from cmfq.zoo import locate

LoadPlayer = Callable[[str, str, Sequence[TeamSpecification]], Mapping[str, Policy]]
"""``(name, kind of environment, teams) -> the policy of each role``, of scripts and checkpoints."""


def load_start(
    settings: RunSettings, teams: Sequence[TeamSpecification], load_player: LoadPlayer | None
) -> dict[str, QNetwork]:
    """The network of each role that ``start_from`` names; none if it names nothing.

    Args:
        settings: settings of the run, with a head that is settled.
        teams: teams of its environment.
        load_player: refuses who cannot play this game.

    Raises:
        UserError: it cannot be loaded, cannot play this game, is no trained policy, or has networks
            of another kind.
    """
    name = settings.start_from
    if name is None:
        return {}
    if load_player is None:
        raise UserError(
            f"start_from is {name}, which cannot be loaded: in Python, give SelfPlay "
            "load_player=cmfq.play.players.load_player"
        )
    try:
        players = load_player(name, settings.environment.kind, teams)
        trained = all(isinstance(player, QPolicy) for player in players.values())
        checkpoint = load_checkpoint(name) if trained else None
    except UserError as error:
        raise UserError(f"start_from is {name}: {error}") from error
    if checkpoint is None:
        raise UserError(
            f"start_from is {name}, a player without weights: give a run folder, a checkpoint file "
            "or a policy of the zoo"
        )
    roles = {team.role: team for team in teams}
    networks = {role: ensemble([checkpoint.policies[role].network]) for role in roles}
    described = checkpoint.description.policies
    for role, team in roles.items():
        _check_kind(settings, team, described[role].network, networks[role])
    members = max(described[role].members for role in roles)
    _notify_of_parts(name, checkpoint.description.episode, members)
    return networks


def start_path(name: str) -> Path:
    """The file or folder of a start, the same however it is written; nothing need be there."""
    try:
        return locate(name).resolve()
    except UserError:  # a policy of the zoo that is not shipped any more
        return Path(name)


def start_folder(name: str) -> Path:
    """Where a start is from: the folder of its run, or its file."""
    path = start_path(name)
    return path.parents[1] if path.parent.name == "checkpoints" else path


def _check_kind(
    settings: RunSettings, team: TeamSpecification, theirs: NetworkSettings, network: QNetwork
) -> None:
    """Refuse a network that is of another kind than that of the settings.

    Args:
        settings: settings of the run.
        team: a team that the network is to play.
        theirs: settings that the network was made with.
        network: the network, without members.

    Raises:
        UserError: it is.
    """
    algorithm = settings.algorithms.get(team.role, settings.algorithm)
    differences = _differences(settings.network, theirs, team, algorithm)
    wanted = network_weights(team, settings.network, algorithm)
    ours, found = (
        {key: one.shape for key, one in weights.items()}
        for weights in (wanted, network.state_dict())
    )
    if differences or ours != found:
        parts = f" ({', '.join(differences)})" if differences else ""
        raise UserError(
            f"start_from is {settings.start_from}: its network of {team.role} is another one than "
            f"that of these settings{parts}; give the network, inputs and algorithm of that run, "
            "or another start_from"
        )


def _differences(
    ours: NetworkSettings, theirs: NetworkSettings, team: TeamSpecification, algorithm: str
) -> list[str]:
    """Settings in which two networks of a team differ, those left out that it does not use."""
    if theirs.head == "auto":
        theirs = replace(theirs, head=ours.head)
    inputs = [*team.channels, *team.features]
    used = {
        "attention_units": algorithm == "attention-mfq",
        "activation": ours.head != "embedding",
        "channels": bool(team.channels),
        "stride": bool(team.channels),
        "ids": any(one.startswith("id_bit_") for one in inputs),
        "place": any(one in PLACE for one in inputs),
        "compass": any(one.startswith("compass_") for one in inputs),
    }
    values = {
        field.name: (getattr(theirs, field.name), getattr(ours, field.name))
        for field in fields(NetworkSettings)
        if used.get(field.name, True)
    }
    return [f"{name} {one} instead of {two}" for name, (one, two) in values.items() if one != two]


def _notify_of_parts(name: str, episode: int, members: int) -> None:
    """Say it if training starts from less than the name promises.

    Args:
        name: what it starts from.
        episode: episode of the checkpoint.
        members: further networks that play with the one that it starts from.
    """
    if members:
        notify(
            f"start of several {name}",
            f"start_from is {name}: training starts from the last of its {members + 1} networks",
        )
    episodes = 0
    path = locate(name) / RUN_SETTINGS
    if path.is_file():
        with suppress(Damage):  # who plays the run is told
            stored = decode_json(read_bytes(path), StoredRun).settings
            episodes = stored.get("episodes", 0)
    if isinstance(episodes, int) and episode < episodes:
        notify(
            f"unfinished start {name}",
            f"start_from is {name}, a run that has not finished its {episodes} episodes: training "
            f"starts from its checkpoint of episode {episode}",
        )
