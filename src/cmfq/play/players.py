"""Players: trained policies from files, and scripts by name; a policy for every role."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from cmfq.devices import find_device
from cmfq.environments.base import IntArray, TeamObservation, TeamSpecification
from cmfq.environments.registry import KINDS, default_settings
from cmfq.environments.settings import EnvironmentSettings
from cmfq.errors import UserError, did_you_mean
from cmfq.imports import own_names
from cmfq.notices import notify
from cmfq.play.bots import SCRIPTS, Bot
from cmfq.policies import Policy, QPolicy
from cmfq.training.checkpoint import PolicyDescription, load_checkpoint
from cmfq.training.own_player import load_own_player
from cmfq.training.run import SETTINGS_FILE, Run
from cmfq.zoo import locate, shipped

Policies = Mapping[str, Policy]

RANDOM = "random"
GROWING = ("channels", "features")
"""Games may come to show more than they did when a policy was trained: networks leave it out."""


def random_player(team: TeamSpecification) -> Bot:
    """Any action that is allowed, all with the same probability."""
    choices = len(team.actions)

    def draw(observation: TeamObservation, generator: np.random.Generator) -> IntArray:
        agents = len(observation.ids)
        if observation.action_mask is None:
            return generator.integers(choices, size=agents, dtype=np.int32)
        draws = np.where(observation.action_mask, generator.random((agents, choices)), -1.0)
        actions: IntArray = draws.argmax(1).astype(np.int32)
        return actions

    return Bot(draw)


def scripted_players(kind: str) -> list[str]:
    """Names of the scripted players of a kind of environment."""
    return list(dict.fromkeys([RANDOM, *SCRIPTS.get(kind, {})]))


def usual_opponents(kind: str, usual: Sequence[str]) -> tuple[str, ...]:
    """The usual ones if they are scripted players of the kind; else all that it has."""
    known = scripted_players(kind)
    return tuple(usual) if set(usual) <= set(known) else tuple(known)


def load_player(
    name: str, kind: str, teams: Sequence[TeamSpecification], device: str = "cpu"
) -> Policies:
    """A run folder, a checkpoint file, the name of a scripted player, or ``module:name``.

    Args:
        name: name of the player.
        kind: kind of the environment to play in.
        teams: that it may have to play.
        device: device of its networks, if it has some.

    Raises:
        UserError: there is no such device or player, or it cannot play this game.
    """
    if name == RANDOM:
        return {team.role: random_player(team) for team in teams}
    scripts = SCRIPTS.get(kind, {})
    if name in scripts:
        return {role: Bot(script) for role, script in scripts[name].items()}
    if not _exists(name):
        if own_names(name):
            return load_own_player(name, teams)
        raise no_player(name, kind)
    return load_policies(name, kind, teams, device)


def no_player(name: str, kind: str) -> UserError:
    """The error for a name that is no player's in a kind of environment."""
    named = [*scripted_players(kind), *shipped(kind)]
    elsewhere = [other for other, scripts in SCRIPTS.items() if name in scripts]
    if elsewhere:
        wrong, suggestion = f"{name!r} plays {' and '.join(elsewhere)}, not {kind}", ""
    else:
        wrong = f"there is no player {name[:200]!r}"
        suggestion = did_you_mean(name, named, cutoff=0.6)
    return UserError(
        f"{wrong}: {suggestion}give a run folder, a checkpoint file, module:name, or one of "
        f"{', '.join(named)} (in {kind})"
    )


def load_policies(
    name: Path | str, kind: str, teams: Sequence[TeamSpecification], device: str = "cpu"
) -> dict[str, QPolicy]:
    """The policy of each role of a run folder or a checkpoint file, if they can play a game.

    Args:
        name: path of the folder or the file.
        kind: kind of the environment to play in.
        teams: that they may have to play.
        device: device of the networks.

    Raises:
        UserError: there is no such device or file, or they cannot play this game.
    """
    checkpoint = load_checkpoint(name)
    trained_on = checkpoint.description.environment
    if trained_on != kind:
        raise UserError(f"{name} was trained on {trained_on}: it cannot play {kind}")
    for team in teams:
        if team.role not in checkpoint.policies:
            known = ", ".join(checkpoint.policies)
            raise UserError(f"{name} has policies of {known}: it cannot play {team.role}")
        _check_fit(name, team, checkpoint.policies[team.role].specification)
        _notify_of_unseen_inputs(name, team, checkpoint.description.policies[team.role])
    for policy in checkpoint.policies.values():
        policy.network.to(find_device(device))
    return checkpoint.policies


def game_of(names: Sequence[str]) -> EnvironmentSettings:
    """Settings of the environment that players play in, by the first one that was trained.

    Raises:
        UserError: none of them says it, and one is no player's name.
    """
    scripts = {RANDOM}.union(*SCRIPTS.values())
    for name in names:
        if name not in scripts and _exists(name):
            run = locate(name)
            if (run / SETTINGS_FILE).is_file():
                return Run.open(run).description().settings.environment
            return load_checkpoint(name).environment_settings()
    told = set(names) - {RANDOM}  # which plays everywhere
    scripted = [kind for kind, scripts in SCRIPTS.items() if told & set(scripts)]
    kind = next(iter(scripted), "battle")
    unknown = [name for name in told - {*own_names(*told)} if not scripted]
    if unknown:
        raise no_player(min(unknown, key=names.index), kind)
    if own_names(*names) and not scripted:
        notify(
            f"environment {names}",
            f"{' and '.join(names)} play battle by default: for another environment, "
            "give its name as environment",
        )
    return default_settings(kind)


def game_named(name: str) -> EnvironmentSettings:
    """Settings of an environment by its name, ``module:make_env``, or a run that trained in it.

    Raises:
        UserError: there is none of that name.
    """
    stored = name not in KINDS and _exists(name)
    return game_of([name]) if stored else default_settings(name)


def own_functions_of(names: Sequence[str]) -> list[str]:
    """Functions of the user's own that stored players call: to load these, one has to allow it."""
    found: list[str] = []
    for name in filter(_exists, names):
        path = locate(name)
        if (path / SETTINGS_FILE).is_file():
            found += Run.open(path).description().settings.own_functions
        elif path.is_file():
            for policy in load_checkpoint(path).description.policies.values():
                found += policy.own_functions
    return found


def _exists(name: str) -> bool:
    try:
        return bool(name) and locate(name).exists()
    except OSError:  # a name too long for a file
        return False


def _notify_of_unseen_inputs(
    name: Path | str, team: TeamSpecification, trained: PolicyDescription
) -> None:
    """Say it once if a network's inputs have another range in this game than in training."""
    learned = trained.specification.map_size
    if not learned or learned == team.map_size:
        return
    inputs = [
        what
        for what, used in (
            ("its place on the map and minimaps", trained.network.place),
            ("ids", trained.network.ids),
        )
        if used and team.map_size
    ]
    if inputs:
        notify(
            f"unseen inputs {name} {team.map_size}",
            f"{name} was trained on a map of {learned} and plays on one of {team.map_size}: "
            f"{' and '.join(inputs)} have another meaning there; train a policy for maps of any "
            "size without place and with compass",
        )


def _check_fit(name: Path | str, team: TeamSpecification, learned: TeamSpecification) -> None:
    for what in ("view_shape", "channels", "features", "actions"):
        theirs, ours = getattr(learned, what), getattr(team, what)
        if theirs == ours or (what in GROWING and ours[: len(theirs)] == theirs):
            continue
        if len(str((theirs, ours))) > 400:
            theirs, ours = f"{len(theirs)} entries", f"{len(ours)}, or others"
        raise UserError(
            f"{name} was trained with {what} {theirs}, this game has {ours}: train a policy for "
            "this game"
        )
