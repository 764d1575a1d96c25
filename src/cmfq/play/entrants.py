"""Entrants of a tournament: algorithms, their training seeds, and the checkpoints of each.

A *player* is one policy. An *entrant* is what is replicated: a training run with its last
checkpoints, a single checkpoint, or a scripted opponent. A *group* is what is compared: runs that
differ in nothing but the seed.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cmfq.errors import UserError
from cmfq.imports import own_names, source_of
from cmfq.notices import notify
from cmfq.play.players import no_player, own_functions_of, scripted_players
from cmfq.storage import flatten, to_json
from cmfq.training.checkpoint import latest_checkpoint, list_checkpoints
from cmfq.training.former import with_todays_names
from cmfq.training.run import SETTINGS_FILE, Run
from cmfq.training.start import start_folder
from cmfq.zoo import locate

ID_DIGITS = 16
WATCHING = {"record_period", "evaluate_period", "evaluate_against", "evaluate_games"}
"""Settings by which a run is watched: with others it is the same, bit for bit."""
NO_DIFFERENCE = {"seed", "threads", "device", "checkpoint_period"} | WATCHING
"""Settings in which runs of one group may differ: none of them says what is learned. Of what a run
started from, it counts whether there was something: each seed may have a start of its own."""

OF_ROLES = "algorithms."
"""Beginning of the paths of settings that name the algorithm of a role."""

Settings = Mapping[str, Any]
"""Settings of training, as a run folder stores them."""


@dataclass(frozen=True)
class Player:
    """One policy."""

    id: str
    """Digest of the file, of the script's name, or of the module that a player of the user's own is
    in: the same policy has the same one anywhere."""
    name: str
    """Name that :func:`~cmfq.play.players.load_player` takes."""
    episode: int
    """Training episodes after which the checkpoint was written; 0 if they are not known."""


@dataclass(frozen=True)
class Entrant:
    """One replicate: a run, or a player that is there only once."""

    name: str
    """As it was given: a folder, a file or a script."""
    group: str
    seed: int | None
    """Seed of training; ``None`` for what is there only once."""
    players: tuple[Player, ...]
    run: dict[str, Any] | None
    """Content of ``run.json`` of a training run."""

    @property
    def title(self) -> str:
        """Name in tables that list groups too: an algorithm may be called as a script is."""
        return self.group if self.group == script_group(self.name) else self.name


def find_entrants(names: Sequence[str], kind: str, checkpoints: int) -> tuple[Entrant, ...]:
    """Look entrants up, grouped and in the order of group and seed.

    Args:
        names: run folders, checkpoint files and scripted opponents; ``GROUP=NAME`` puts one in a
            group of that name.
        kind: kind of the environment to play in.
        checkpoints: how many of the last ones of each run.

    Raises:
        UserError: one is not there or twice there.
    """
    return enter([split_group(name) for name in names], kind, checkpoints)


def enter(named: Sequence[tuple[str, str]], kind: str, checkpoints: int) -> tuple[Entrant, ...]:
    """:func:`find_entrants` of pairs of a group and a name; runs without a group get theirs."""
    found = [_find(group, name, kind, checkpoints) for group, name in named]
    labels = _label([one.run["settings"] for one in found if one.run and not one.group])
    grouped = [
        replace(one, group=labels[_alike(one.run["settings"])])
        if one.run and not one.group
        else one
        for one in found
    ]
    entrants = sorted(
        grouped, key=lambda one: (one.group, -1 if one.seed is None else one.seed, one.name)
    )
    validate_distinct(entrants)
    _validate_seeds(entrants)
    _notify_of_one_start(entrants)
    return tuple(entrants)


def groups_of(entrants: Sequence[Entrant]) -> dict[str, list[Entrant]]:
    """Entrants of each group."""
    groups: dict[str, list[Entrant]] = {}
    for entrant in entrants:
        groups.setdefault(entrant.group, []).append(entrant)
    return groups


def named_as_today(stored: Entrant) -> Entrant:
    """A stored entrant, in a group that begins with its algorithm's name of today."""
    settings = stored.run and stored.run.get("settings")
    if not stored.run or not isinstance(settings, dict):
        return stored
    today = with_todays_names(settings)
    before, space, rest = stored.group.partition(" ")
    first = today["algorithm"] if before == settings.get("algorithm") else before
    run = stored.run | {"settings": today}
    return replace(stored, group=f"{first}{space}{rest}", run=run)


OF_SCRIPTS = " (script)"
"""End of the group of a scripted player, whose name may be an algorithm's."""


def script_group(name: str) -> str:
    """Group of a scripted player."""
    return f"{name}{OF_SCRIPTS}"


def is_script_group(group: str) -> bool:
    """Whether a group is that of a scripted player."""
    return group.endswith(OF_SCRIPTS)


def split_group(name: str) -> tuple[str, str]:
    """Group (empty if none is given) and what is entered."""
    group, equals, rest = name.partition("=")
    return (group, rest) if equals and group and not Path(name).exists() else ("", name)


def _find(group: str, name: str, kind: str, checkpoints: int) -> Entrant:
    scripts = scripted_players(kind)
    if name in scripts:
        player = Player(_digest(f"script {name}".encode()), name, 0)
        return Entrant(name, group or script_group(name), None, (player,), None)
    path = locate(name)
    if path.is_dir():
        run = Run.open(path).description() if (path / SETTINGS_FILE).is_file() else None
        files = list_checkpoints(path)[-checkpoints:]
        if run is None or not files:
            raise UserError(
                f"{name} is not a run folder with checkpoints: give a folder made by `cmfq train`"
            )
        players = tuple(player_of(file, run.settings.own_functions) for file in files)
        stored = json.loads(to_json(run))
        return Entrant(name, group, run.settings.seed, players, stored)
    if path.is_file():
        player = player_of(path, own_functions_of([name]))
        return Entrant(name, group or _short(path), None, (player,), None)
    if own_names(name):
        content = f"own {name}".encode() + source_of("player", name)
        return Entrant(
            name, group or f"{name} (own)", None, (Player(_digest(content), name, 0),), None
        )
    raise no_player(name, kind)


def alone(name: str, kind: str) -> Entrant:
    """A player as :func:`~.players.load_player` takes it: of a run, its last checkpoint."""
    path = locate(name)
    if path.is_dir() and name not in scripted_players(kind):
        player = replace(player_of(latest_checkpoint(path), own_functions_of([name])), name=name)
    else:
        (player,) = _find("", name, kind, 1).players
    return Entrant(name, name, None, (player,), None)


def player_of(file: Path, own_functions: Sequence[str] = ()) -> Player:
    """The player of a checkpoint file.

    Args:
        file: path of the file.
        own_functions: functions of the user's own that it is played with, whose code makes it
            another player too.
    """
    episode = int(file.stem) if file.stem.isdecimal() else 0
    code = b"".join(source_of("function", name) for name in sorted(set(own_functions)))
    return Player(_digest(file.read_bytes() + code), str(file), episode)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:ID_DIGITS]


def _short(file: Path) -> str:
    """``run/000400`` for a checkpoint of a run, else the file's own name."""
    if file.parent.name == "checkpoints":
        return f"{file.absolute().parent.parent.name}/{file.stem}"
    return file.stem


def _compared(settings: Settings) -> dict[str, Any]:
    """What must be equal for settings that may stand in one group, by the path of each."""
    flat = {key: value for key, value in flatten(settings).items() if key not in NO_DIFFERENCE}
    for key in [key for key in flat if key.startswith(OF_ROLES) and flat[key] == flat["algorithm"]]:
        del flat[key]  # it is this role's without being named
    return flat | {"start_from": "random" if flat.get("start_from") is None else "trained"}


def _alike(settings: Settings) -> bytes:
    """Equal for settings that may stand in one group."""
    return repr(sorted(_compared(settings).items())).encode()


def _label(settings: Sequence[Settings]) -> dict[bytes, str]:
    """Name of each group: its algorithms and, where one has several groups, how they differ."""
    labels = {}
    by_algorithm: dict[str, dict[bytes, dict[str, Any]]] = {}
    for one in settings:
        by_algorithm.setdefault(one["algorithm"], {})[_alike(one)] = _compared(one)
    for algorithm, groups in by_algorithm.items():
        presets = {flat.get("preset") for flat in groups.values()}
        for group, flat in groups.items():
            # What a preset sets is not named: only what differs among runs of the same preset.
            same = [one for one in groups.values() if one.get("preset") == flat.get("preset")]
            differing = _differing(same)
            roles = [key for key in {*flat, *differing} if key.startswith(OF_ROLES)]
            keys = [*sorted(roles), *(key for key in differing if key not in roles)]
            if len(presets) > 1:
                keys = ["preset", *keys]
            own = dict.fromkeys(roles, algorithm) | flat
            parts = [f"{key.rpartition('.')[2]}={own.get(key)}" for key in keys]
            labels[group] = " ".join([algorithm, *parts])
    return labels


def _differing(settings: Sequence[Mapping[str, object]]) -> list[str]:
    """Settings in which some of these differ."""
    keys = {key: None for flat in settings for key in flat}
    return [key for key in keys if len({repr(flat.get(key)) for flat in settings}) > 1]


def validate_distinct(entrants: Sequence[Entrant]) -> None:
    """Refuse a policy that enters twice.

    Raises:
        UserError: one does.
    """
    owners: dict[str, str] = {}
    for entrant in entrants:
        for player in entrant.players:
            if player.id in owners:
                raise UserError(
                    f"{owners[player.id]} and {entrant.name} enter one policy twice "
                    f"({player.name}): leave one of them out"
                )
            owners[player.id] = entrant.name


def _run_of(player: Player) -> Path | None:
    """Folder of the run whose checkpoint a player is; None for what is no checkpoint of a run."""
    file = Path(player.name).absolute()
    stands = file.parent.name == "checkpoints" and file.is_file()
    return file.parents[1].resolve() if stands else None


def _validate_seeds(entrants: Sequence[Entrant]) -> None:
    """No seed may count twice, nor two checkpoints of one run as two seeds."""
    runs: dict[tuple[str, Path], str] = {}
    for entrant in entrants:
        for run in {run for player in entrant.players if (run := _run_of(player))}:
            if (entrant.group, run) in runs:
                raise UserError(
                    f"{runs[entrant.group, run]} and {entrant.name} are checkpoints of one run, "
                    f"but each run may occur once in the group {entrant.group}: leave one out, or "
                    f"put it in another group, as in `old={entrant.name}`"
                )
            runs[entrant.group, run] = entrant.name
    seeds: dict[tuple[str, int], str] = {}
    for entrant in entrants:
        if entrant.seed is None:
            continue
        key = (entrant.group, entrant.seed)
        if key in seeds:
            raise UserError(
                f"{seeds[key]} and {entrant.name} are both {entrant.group} with seed "
                f"{entrant.seed}, but each seed may occur once in a group: leave one out, or put "
                f"it in another group, as in `old={entrant.name}`"
            )
        seeds[key] = entrant.name


def _notify_of_one_start(entrants: Sequence[Entrant]) -> None:
    """Say it if runs of a group started from the same weights: they are no sample of starts."""
    starts: dict[tuple[str, Path], Entrant] = {}
    for entrant in entrants:
        start = entrant.run and entrant.run["settings"].get("start_from")
        if not start:
            continue
        first = starts.setdefault((entrant.group, start_folder(start)), entrant)
        if first is not entrant:
            notify(
                f"one start {entrant.group}",
                f"{first.name} and {entrant.name} of the group {entrant.group} both started from "
                f"{start}: the interval of the group says nothing of other starts",
            )
