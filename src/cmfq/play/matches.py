"""Matches: two players, many games, sides (or roles) swapped every game."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import numpy as np
import torch

from cmfq.combat import Combat, total_combat
from cmfq.environments.base import Environment, TeamSpecification
from cmfq.environments.keeping import close_kept, kept_environment, teams_of
from cmfq.environments.settings import EnvironmentSettings
from cmfq.environments.sides import are_alike, comparison, name_of, seats
from cmfq.errors import UserError
from cmfq.play.by_side import BySide, by_side
from cmfq.play.outcomes import outcome_of, yardsticks
from cmfq.play.players import Player, load_player
from cmfq.policies import Policy
from cmfq.rollout import Observer, play_episode
from cmfq.statistics.intervals import mean_interval, wilson_interval
from cmfq.statistics.replication import Estimate
from cmfq.storage import versions
from cmfq.workers import process_pool


@dataclass(frozen=True)
class Game:
    """One game of a match, from A's point of view."""

    game: int
    a_side: int
    """0: A had the first of the two :func:`~cmfq.environments.sides.seats`, 1: the second."""
    a_survivors: int
    b_survivors: int
    steps: int
    a_reward: float
    b_reward: float
    truncated: bool
    """The step limit ended the game."""
    a_combat: Combat | None
    """Of A's agents; ``None`` where agents have no hit points."""
    b_combat: Combat | None


@dataclass(frozen=True)
class RoleReward:
    """What a player earned in a role: reward of its agents together, per game."""

    player: str
    role: str
    mean: float
    interval: tuple[float, float]
    """95 % interval of the mean over games (Student's t)."""
    survivors: float
    """Mean."""


@dataclass(frozen=True)
class MatchResult:
    """What ``cmfq evaluate`` prints and writes."""

    a: str
    b: str
    environment: str
    settings: EnvironmentSettings
    """Of the environment."""
    seed: int
    episodes: int
    symmetric: bool
    """Both sides have the same roles, so that one of them wins a game."""
    compared: str
    """Who plays what, and what of the two players is compared: one sentence."""
    wins: int
    """Games in which A had more: survivors in battle, reward elsewhere. 0, as are draws and
    losses, in games that are not symmetric: those are judged by ``rewards``."""
    draws: int
    losses: int
    win_rate: float | None
    """Of A; a draw counts half."""
    interval: tuple[float, float] | None
    """95 % Wilson interval of ``win_rate`` over games of these two policies."""
    survivors: tuple[float, float]
    """Mean survivors of A and of B."""
    rewards: list[RoleReward]
    """Of A and of B, in each role; where there are more than two, then in all but each."""
    sides: BySide | None
    """Results by the side that A played, with intervals over games; none if the sides have
    different roles, or there are no games on one of them."""
    yardsticks: dict[str, Estimate]
    """Means over games from A's view, with 95 % intervals over games of these two policies, by the
    names of :data:`~cmfq.play.outcomes.YARDSTICKS`; empty if the sides have different
    roles."""
    versions: dict[str, str]
    games: list[Game]


def play_match(
    a: str,
    b: str,
    settings: EnvironmentSettings,
    *,
    episodes: int,
    seed: int,
    workers: int = 1,
    on_game: Callable[[Game], None] = lambda game: None,
) -> MatchResult:
    """Play ``episodes`` games; the result does not depend on the number of workers.

    Args:
        a: first player (see :func:`~.players.load_player`).
        b: second player.
        settings: settings of the environment.
        episodes: games; who plays what in each, :func:`~cmfq.environments.sides.seats` says.
        seed: random seed of the match: game ``g`` depends on ``(seed, g)`` alone.
        workers: processes.
        on_game: told of every game, in order.
    """
    for name, value, least in (
        ("games", episodes, 1),
        ("workers", workers, 1),
        ("seed", seed, 0),
    ):
        if value < least:
            raise UserError(f"{name} is {value}: give at least {least}")
    try:
        teams = teams_of(settings)
        for player in (a, b):  # refuse a bad one before starting processes
            load_player(player, settings.kind, teams)
        games = []
        for game in _games((a, b, settings, seed), episodes, workers):
            games.append(game)
            on_game(game)
    finally:
        close_kept()
    return summarise(a, b, settings, seed, teams, games)


def summarise(
    a: str,
    b: str,
    settings: EnvironmentSettings,
    seed: int,
    teams: Sequence[TeamSpecification],
    games: list[Game],
) -> MatchResult:
    """Add the games of a match up."""
    symmetric = are_alike(teams)
    outcomes = [outcome_of(game, game.a_side, settings.decided_by) for game in games if symmetric]
    margins = [one.margin for one in outcomes]
    wins, draws = sum(m > 0 for m in margins), sum(m == 0 for m in margins)
    points = wins + draws / 2
    return MatchResult(
        a=a,
        b=b,
        environment=settings.kind,
        settings=settings,
        seed=seed,
        episodes=len(games),
        symmetric=symmetric,
        compared=comparison(teams),
        wins=wins,
        draws=draws,
        losses=len(margins) - wins - draws,
        win_rate=points / len(games) if symmetric else None,
        interval=wilson_interval(points, len(games)) if symmetric else None,
        survivors=(
            float(np.mean([game.a_survivors for game in games])),
            float(np.mean([game.b_survivors for game in games])),
        ),
        rewards=_role_rewards((a, b), teams, games),
        sides=by_side([[outcomes]]) if symmetric else None,
        yardsticks=yardsticks([[outcomes]]) if symmetric else {},
        versions=versions(),
        games=games,
    )


def mean_rewards(match: MatchResult) -> tuple[float, float]:
    """What all agents of A and of B earned in a game, on average."""
    return (
        float(np.mean([game.a_reward for game in match.games])),
        float(np.mean([game.b_reward for game in match.games])),
    )


def _role_rewards(
    players: tuple[str, str], teams: Sequence[TeamSpecification], games: Sequence[Game]
) -> list[RoleReward]:
    """Of the player of each side, first A's; what one team or role earned comes first."""
    rows = []
    for index, player in enumerate(players):
        earned: dict[tuple[int, str], list[tuple[float, int]]] = {}
        for game in games:
            which = game.a_side if index == 0 else 1 - game.a_side
            side = seats(teams, game.game)[which]
            if side:
                reward = (game.a_reward, game.b_reward)[index]
                left = (game.a_survivors, game.b_survivors)[index]
                place = (len({teams[team].role for team in side}), name_of(side, teams))
                earned.setdefault(place, []).append((reward, left))
        for (_, role), results in sorted(earned.items(), key=lambda item: item[0][0]):
            rewards = np.array([reward for reward, _ in results])
            rows.append(
                RoleReward(
                    player,
                    role,
                    float(rewards.mean()),
                    mean_interval(rewards),
                    float(np.mean([left for _, left in results])),
                )
            )
    return rows


def play_game(
    a: str,
    b: str,
    settings: EnvironmentSettings,
    *,
    seed: int,
    game: int = 0,
    observers: tuple[Observer, ...] = (),
) -> Game:
    """Play one game of a match again, watched (see :func:`play_match`)."""
    for name, value in (("seed", seed), ("game", game)):
        if value < 0:
            raise UserError(f"{name} is {value}: give at least 0")
    try:
        return _Match(a, b, settings, seed).play(game, observers)
    finally:
        close_kept()


class _Match:
    """Both players and a field, ready to play any game of the match."""

    def __init__(self, a: str, b: str, settings: EnvironmentSettings, seed: int) -> None:
        torch.set_num_threads(1)
        self._settings = settings
        kind, teams = settings.kind, teams_of(settings)
        self._players = (load_player(a, kind, teams), load_player(b, kind, teams))
        self._seed = seed

    def play(self, game: int, observers: tuple[Observer, ...] = ()) -> Game:
        return play_between(
            kept_environment(self._settings),
            *self._players,
            game,
            entropy=(self._seed, game),
            observers=observers,
        )


def play_between(
    environment: Environment,
    a: Player,
    b: Player,
    game: int,
    *,
    entropy: Sequence[int],
    observers: Sequence[Observer] = (),
) -> Game:
    """Play one game between players that are loaded already.

    Args:
        environment: to play in.
        a: has the first seats in even games (see :func:`~cmfq.environments.sides.seats`).
        b: plays the other one.
        game: its number.
        entropy: that every draw of the game comes from; integers of at least 0.
        observers: told of every step.
    """
    generator = np.random.default_rng(entropy)
    a_side = game % 2
    sides = seats(environment.teams, game)
    policies: dict[int, Policy] = {}
    for player, side in zip((a, b) if a_side == 0 else (b, a), sides, strict=True):
        policies |= {team: player[environment.teams[team].role] for team in side}
    episode = play_episode(
        environment,
        [policies[team] for team in range(len(policies))],
        seed=int(generator.integers(2**31)),
        generator=generator,
        observers=observers,
    )
    a_teams, b_teams = sides if a_side == 0 else sides[::-1]
    combat = episode.combat
    return Game(
        game,
        a_side,
        sum(episode.survivors[team] for team in a_teams),
        sum(episode.survivors[team] for team in b_teams),
        episode.steps,
        sum(episode.rewards[team] for team in a_teams),
        sum(episode.rewards[team] for team in b_teams),
        episode.truncated,
        total_combat([combat[team] for team in a_teams]) if combat else None,
        total_combat([combat[team] for team in b_teams]) if combat else None,
    )


_prepare = lru_cache(maxsize=1)(_Match)


def _play(match: tuple[str, str, Any, int], game: int) -> Game:
    return _prepare(*match).play(game)


def _games(match: tuple[str, str, Any, int], episodes: int, workers: int) -> Iterator[Game]:
    play = partial(_play, match)
    if workers == 1:
        yield from map(play, range(episodes))
        return
    with process_pool(min(workers, episodes)) as pool:
        yield from pool.map(play, range(episodes))
