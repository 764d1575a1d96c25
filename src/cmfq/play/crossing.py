"""Games of two roles: each entrant's first role against each other's second, at several sizes.

In predator and prey a game has no winner; what is compared is what a role earns against the same
other side. An entrant of seed ``s`` plays trained others of the same seed, and scripted ones: the
unit of replication is the seed.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch

from cmfq.environments.keeping import kept_environment, teams_of
from cmfq.environments.settings import EnvironmentSettings
from cmfq.errors import UserError
from cmfq.play.entrants import Entrant, find_entrants
from cmfq.play.matches import play_between
from cmfq.play.players import Player, load_player
from cmfq.statistics.intervals import mean_interval
from cmfq.workers import as_finished


@dataclass(frozen=True)
class CrossGame:
    """One game; rewards are per agent and step."""

    first: str
    """Group that played the first role."""
    second: str
    seed: int
    """Of training of those who were trained."""
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


@dataclass(frozen=True)
class CrossTask:
    """Enough to play one game anywhere."""

    first: Entrant
    second: Entrant
    training_seed: int
    settings: EnvironmentSettings
    size: int
    game: int
    seed: int


def roles_of(settings: EnvironmentSettings) -> tuple[str, str]:
    """Names of the two roles.

    Raises:
        UserError: the environment has not two teams of different roles.
    """
    teams = teams_of(settings)
    if len(teams) != 2 or teams[0].role == teams[1].role:
        raise UserError(
            f"{settings.title} has {len({team.role for team in teams})} roles, and two are "
            "crossed: `cmfq tournament` and `cmfq evaluate` compare players of any game"
        )
    return teams[0].role, teams[1].role


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
    workers: int,
    on_progress: Callable[[int, int], None] = lambda finished, all_games: None,
) -> tuple[tuple[Entrant, ...], list[CrossGame]]:
    """Play every crossing.

    Args:
        names: entrants (see :func:`~.entrants.find_entrants`).
        settings: settings of the environment.
        sizes: sizes of the first team, others in proportion; empty: as the settings say.
        games: number of games of each pair.
        seed: random seed of the games; each depends on it, on its pair and its number alone.
        workers: processes.
        on_progress: told how many of how many games are over.
    """
    for name, value, least in (("games", games, 1), ("workers", workers, 1), ("seed", seed, 0)):
        if value < least:
            raise UserError(f"{name} is {value}: give at least {least}")
    roles_of(settings)
    entrants = find_entrants(names, settings.kind, checkpoints=1)
    tasks = list(_tasks(entrants, settings, sizes, games, seed))
    played = []
    for game in as_finished(_play, tasks, min(workers, max(1, len(tasks)))):
        played.append(game)
        on_progress(len(played), len(tasks))
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


def _tasks(
    entrants: Sequence[Entrant],
    settings: EnvironmentSettings,
    sizes: Sequence[int],
    games: int,
    seed: int,
) -> Iterator[CrossTask]:
    for size in sizes or (0,):
        sized = scaled(settings, size)
        for first in entrants:
            for second in entrants:
                seeds = {one.seed for one in (first, second) if one.seed is not None}
                if len(seeds) > 1:
                    continue
                training_seed = seeds.pop() if seeds else 0
                for game in range(games):
                    yield CrossTask(first, second, training_seed, sized, size, game, seed)


def _play(task: CrossTask) -> CrossGame:
    torch.set_num_threads(1)
    environment = kept_environment(task.settings)
    played = play_between(
        environment,
        _player(task.first.players[0].name, task.settings),
        _player(task.second.players[0].name, task.settings),
        0,  # in even games the first player has the first team
        entropy=(task.seed, task.game, task.size, _number(task.first), _number(task.second)),
    )
    counts = task.settings.team_sizes
    return CrossGame(
        task.first.group,
        task.second.group,
        task.training_seed,
        task.size,
        task.game,
        played.steps,
        played.a_reward / counts[0] / played.steps,
        played.b_reward / counts[1] / played.steps,
    )


def _number(entrant: Entrant) -> int:
    return int(entrant.players[0].id, 16)


@lru_cache(maxsize=32)
def _player(name: str, settings: EnvironmentSettings) -> Player:
    return load_player(name, settings.kind, teams_of(settings))
