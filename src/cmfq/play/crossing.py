"""Games of two roles: each entrant's first role against each other's second, at several sizes.

What is compared is what a role earns against the same other side, not who wins. An entrant of seed
``s`` plays trained others of the same seed, and scripted ones: the unit of replication is the seed.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np

from cmfq.environments.keeping import teams_of
from cmfq.environments.settings import EnvironmentSettings
from cmfq.errors import UserError
from cmfq.play.engine import Draw, OnProgress, check_device, part_of, play_planned
from cmfq.play.entrants import Entrant, find_entrants
from cmfq.play.game_log import Tournament, TournamentSettings
from cmfq.play.schedule import ScheduledGame, validate_games
from cmfq.statistics.intervals import mean_interval
from cmfq.storage import make_folder, versions
from cmfq.workers import Workers


@dataclass(frozen=True)
class CrossGame:
    """One game; rewards are per agent and step."""

    first: str
    """Group that played the first role."""
    second: str
    seed: int
    """Training seed of those who were trained."""
    size: int
    game: int
    steps: int
    first_reward: float
    second_reward: float


@dataclass(frozen=True)
class CrossCell:
    """A group against a group at a size: means over seeds, per agent and step."""

    first: str
    second: str
    size: int
    seeds: int
    first_reward: float
    first_interval: tuple[float, float]
    """95 %, over seeds (Student's t)."""
    second_reward: float
    second_interval: tuple[float, float]


def roles_of(settings: EnvironmentSettings) -> tuple[str, str]:
    """Names of the two roles.

    Raises:
        UserError: the environment has not two teams of different roles, or one begins empty.
    """
    teams = teams_of(settings)
    if len(teams) != 2 or teams[0].role == teams[1].role:
        found = ", ".join(dict.fromkeys(team.role for team in teams))
        raise UserError(
            f"the roles of {settings.title} are {found}: `cmfq cross` needs two teams of different "
            "roles; `cmfq tournament` and `cmfq evaluate` compare players of any game"
        )
    for team, agents in zip(teams, settings.team_sizes, strict=True):
        if not agents:
            raise UserError(
                f"{team.role} of {settings.title} has no agents when an episode begins, by whose "
                "number `cmfq cross` divides rewards: `cmfq tournament` and `cmfq evaluate` "
                "compare players of any game"
            )
    return teams[0].role, teams[1].role


def missing_pair(pairs: Collection[tuple[str, str]]) -> tuple[str, str] | None:
    """A first and a second group that do not play each other; ``None`` if all do."""
    groups = sorted({group for pair in pairs for group in pair})
    return next(((a, b) for a, b in product(groups, groups) if (a, b) not in pairs), None)


def scaled(settings: EnvironmentSettings, size: int) -> EnvironmentSettings:
    """The same environment with a first team of this size; 0: as it is.

    Raises:
        UserError: this kind of environment has no other sizes.
    """
    return settings.resized(size) if size else settings


def play_crossing(
    names: Sequence[str],
    settings: EnvironmentSettings,
    *,
    sizes: Sequence[int],
    games: int,
    seed: int,
    workers: Workers,
    device: str = "cpu",
    folder: Path | None = None,
    command: str = "",
    on_progress: OnProgress = lambda finished, all_games: None,
) -> tuple[tuple[Entrant, ...], list[CrossGame]]:
    """Play every crossing.

    Args:
        names: entrants (see :func:`~.entrants.find_entrants`).
        settings: settings of the environment.
        sizes: sizes of the first team, others in proportion; empty: as the settings say.
        games: number of games of each pair.
        seed: random seed of the games; each depends on it, on its pair and its number alone.
        workers: where games are played (see :func:`cmfq.workers.as_finished`).
        device: device of trained players (see :func:`cmfq.devices.find_device`).
        folder: that keeps the games of each size in a file (see :func:`log_of`), so that a
            crossing that was killed goes on; None: they are kept nowhere.
        command: that was called, to be kept in these files.
        on_progress: told how many of how many games are over.

    Raises:
        UserError: roles, players or seeds do not fit, or a file is of other games.
    """
    validate_games(games)
    roles_of(settings)
    check_device(device, workers)
    entrants = find_entrants(names, settings.kind, checkpoints=1)
    planned = _planned(entrants, games)
    if folder:
        make_folder(folder)
    played: list[CrossGame] = []
    all_sizes = tuple(dict.fromkeys(sizes or (0,)))
    all_games = len(planned) * len(all_sizes)
    for size in all_sizes:
        crossing = TournamentSettings(scaled(settings, size), games, seed)
        before = len(played)
        played += _crossed(
            play_planned(
                Tournament(crossing, versions(), command, entrants, (), (), verb="cross"),
                planned,
                folder and log_of(folder, size),
                rule=partial(_by_roles, size),
                workers=workers,
                device=device,
                on_progress=part_of(on_progress, before, all_games),
            ),
            size,
        )
    played.sort(key=lambda one: (one.size, one.first, one.second, one.seed, one.game))
    return entrants, played


def summarise(games: Sequence[CrossGame]) -> list[CrossCell]:
    """Mean over games, then over seeds."""
    cells: dict[tuple[str, str, int], dict[int, list[tuple[float, float]]]] = {}
    for one in games:
        seeds = cells.setdefault((one.first, one.second, one.size), {})
        seeds.setdefault(one.seed, []).append((one.first_reward, one.second_reward))
    rows = []
    for (first, second, size), seeds in cells.items():
        means = np.array([np.mean(rewards, axis=0) for rewards in seeds.values()])
        rows.append(
            CrossCell(
                first,
                second,
                size,
                len(seeds),
                float(means[:, 0].mean()),
                mean_interval(means[:, 0]),
                float(means[:, 1].mean()),
                mean_interval(means[:, 1]),
            )
        )
    return rows


def log_of(folder: Path, size: int) -> Path:
    """File that keeps the games of a size while they are played."""
    return folder / (f"games-{size}.log" if size else "games.log")


def _by_roles(size: int, game: ScheduledGame, seed: int) -> Draw:
    """The first player has the first role in all games."""
    return Draw(0, (seed, game.game, size, int(game.a.id, 16), int(game.b.id, 16)))


def _planned(entrants: Sequence[Entrant], games: int) -> list[ScheduledGame]:
    """The games, if every two groups play each other.

    Raises:
        UserError: two do not, for they have no seed in common.
    """
    pairs = [pair for pair in product(entrants, repeat=2) if len(_seeds(*pair)) < 2]
    lacking = missing_pair({(first.group, second.group) for first, second in pairs})
    if lacking:
        raise UserError(
            f"{lacking[0]} and {lacking[1]} have no training seed in common, and `cmfq cross` lets "
            "runs of the same seed play each other: give runs of the same seeds"
        )
    validate_games(games, len(pairs))
    return [
        ScheduledGame(first.players[0], second.players[0], game)
        for first, second in pairs
        for game in range(games)
    ]


def _seeds(first: Entrant, second: Entrant) -> set[int]:
    return {one.seed for one in (first, second) if one.seed is not None}


def _crossed(tournament: Tournament, size: int) -> Iterator[CrossGame]:
    """Games as results hold them: rewards per agent and step."""
    owner = {one.players[0].id: one for one in tournament.entrants}
    counts = tournament.world.team_sizes
    for game in tournament.games:
        first, second = owner[game.a], owner[game.b]
        yield CrossGame(
            first.group,
            second.group,
            min(_seeds(first, second), default=0),
            size,
            game.game,
            game.steps,
            game.a_reward / counts[0] / game.steps,
            game.b_reward / counts[1] / game.steps,
        )
