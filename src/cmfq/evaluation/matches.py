"""Matches: two players, many games, sides swapped every game."""

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache, partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch

from cmfq.environments.base import TeamSpecification
from cmfq.environments.battle import BattleEnvironment, BattleSettings
from cmfq.errors import UserError
from cmfq.evaluation.bots import BOTS, bot
from cmfq.evaluation.statistics import wilson_interval
from cmfq.policies import Policy
from cmfq.rollout import Observer, play_episode
from cmfq.storage import versions
from cmfq.training.checkpoint import load_with_description


@dataclass(frozen=True)
class Game:
    """One game of a match, from A's point of view."""

    game: int
    a_side: int
    """The team that A played: 0 (left) or 1 (right)."""
    a_survivors: int
    b_survivors: int
    steps: int
    a_reward: float
    b_reward: float


@dataclass(frozen=True)
class MatchResult:
    """What ``cmfq evaluate`` prints and writes."""

    a: str
    b: str
    size: int
    seed: int
    episodes: int
    wins: int
    """Games in which more of A's agents survived."""
    draws: int
    losses: int
    win_rate: float
    """Of A; a draw counts half."""
    interval: tuple[float, float]
    """95 % Wilson interval of ``win_rate`` over games of these two policies."""
    survivors: tuple[float, float]
    """Mean survivors of A and of B."""
    versions: dict[str, str]
    games: list[Game]


def load_player(name: str, specification: TeamSpecification) -> Policy:
    """A run folder, a checkpoint file, or the name of a scripted opponent.

    Raises:
        UserError: there is no such player, or it cannot play this game.
    """
    if name in BOTS:
        return bot(name)
    try:
        there = Path(name).exists()
    except OSError:  # a name too long for a file
        there = False
    if not there:
        raise UserError(
            f"there is no player {name[:200]!r}: give a run folder, a checkpoint file, "
            f"or one of {', '.join(BOTS)}"
        )
    policy, description = load_with_description(name)
    if description.environment != "battle":
        raise UserError(f"{name} was trained on {description.environment}: it cannot play battle")
    ours = policy.specification
    for what in ("view_shape", "channels", "features", "actions"):
        if getattr(ours, what) != getattr(specification, what):
            raise UserError(
                f"{name} was trained with {what} {getattr(ours, what)}, this game has "
                f"{getattr(specification, what)}: train a policy for this game"
            )
    return policy


def play_match(
    a: str,
    b: str,
    settings: BattleSettings,
    *,
    episodes: int,
    seed: int,
    workers: int = 1,
    on_game: Callable[[Game], None] = lambda game: None,
) -> MatchResult:
    """Play ``episodes`` games; the result does not depend on the number of workers.

    Args:
        a: first player (see :func:`load_player`).
        b: second player.
        settings: of the game.
        episodes: games; A plays the left side in the first, the right in the second, and so on.
        seed: of the match: game ``g`` depends on ``(seed, g)`` alone.
        workers: processes.
        on_game: told of every game, in order.
    """
    for name, value, least in (
        ("episodes", episodes, 1),
        ("workers", workers, 1),
        ("seed", seed, 0),
    ):
        if value < least:
            raise UserError(f"{name} is {value}: give at least {least}")
    specification = BattleEnvironment(settings).teams[0]
    for player in (a, b):
        load_player(player, specification)  # refuse a bad player before starting processes
    games = []
    for game in _games((a, b, settings, seed), episodes, workers):
        games.append(game)
        on_game(game)
    wins = sum(game.a_survivors > game.b_survivors for game in games)
    draws = sum(game.a_survivors == game.b_survivors for game in games)
    points = wins + draws / 2
    return MatchResult(
        a=a,
        b=b,
        size=settings.size,
        seed=seed,
        episodes=episodes,
        wins=wins,
        draws=draws,
        losses=episodes - wins - draws,
        win_rate=points / episodes,
        interval=wilson_interval(points, episodes),
        survivors=(
            float(np.mean([game.a_survivors for game in games])),
            float(np.mean([game.b_survivors for game in games])),
        ),
        versions=versions(),
        games=games,
    )


def play_game(
    a: str,
    b: str,
    settings: BattleSettings,
    *,
    seed: int,
    game: int = 0,
    observers: tuple[Observer, ...] = (),
) -> Game:
    """Play one game of a match again, watched (see :func:`play_match`)."""
    for name, value in (("seed", seed), ("game", game)):
        if value < 0:
            raise UserError(f"{name} is {value}: give at least 0")
    return _Match(a, b, settings, seed).play(game, observers)


class _Match:
    """Both players and a field, ready to play any game of the match."""

    def __init__(self, a: str, b: str, settings: BattleSettings, seed: int) -> None:
        torch.set_num_threads(1)
        self._environment = BattleEnvironment(settings)
        specification = self._environment.teams[0]
        self._players = (load_player(a, specification), load_player(b, specification))
        self._seed = seed

    def play(self, game: int, observers: tuple[Observer, ...] = ()) -> Game:
        generator = np.random.default_rng([self._seed, game])
        a_side = game % 2
        first, second = self._players
        episode = play_episode(
            self._environment,
            (first, second) if a_side == 0 else (second, first),
            seed=int(generator.integers(2**31)),
            generator=generator,
            observers=observers,
        )
        b_side = 1 - a_side
        return Game(
            game,
            a_side,
            episode.survivors[a_side],
            episode.survivors[b_side],
            episode.steps,
            episode.rewards[a_side],
            episode.rewards[b_side],
        )


_prepare = lru_cache(maxsize=1)(_Match)


def _play(match: tuple[str, str, BattleSettings, int], game: int) -> Game:
    return _prepare(*match).play(game)


def _games(
    match: tuple[str, str, BattleSettings, int], episodes: int, workers: int
) -> Iterator[Game]:
    play = partial(_play, match)
    if workers == 1:
        yield from map(play, range(episodes))
        return
    with ProcessPoolExecutor(min(workers, episodes), get_context("spawn")) as pool:
        yield from pool.map(play, range(episodes))
