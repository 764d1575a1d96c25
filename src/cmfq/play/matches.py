"""Matches: two players, many games, sides (or roles) swapped every game."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from cmfq.environments.base import TeamSpecification
from cmfq.environments.keeping import close_kept, teams_of
from cmfq.environments.settings import EnvironmentSettings, Measure
from cmfq.environments.sides import are_alike, comparison, name_of, seats
from cmfq.play.by_side import BySide, by_side
from cmfq.play.engine import by_number, play_planned
from cmfq.play.entrants import Entrant, alone
from cmfq.play.game_log import Tournament, TournamentSettings
from cmfq.play.games import Game
from cmfq.play.outcomes import estimate, margins_of_pairs, outcome_of, yardsticks
from cmfq.play.players import load_player
from cmfq.play.schedule import ScheduledGame, episodes_alone, validate_games
from cmfq.statistics.intervals import mean_interval, wilson_interval
from cmfq.statistics.replication import Estimate
from cmfq.storage import versions
from cmfq.workers import Workers


@dataclass(frozen=True)
class RoleReward:
    """Summed reward of a player's agents in a role, per game."""

    player: str
    role: str
    mean: float
    interval: tuple[float, float]
    """95 % interval of the mean over games (Student's t)."""
    survivors: float
    """Mean."""


@dataclass(frozen=True)
class MatchResult:
    """Result of ``cmfq evaluate``."""

    a: str
    b: str
    environment: str
    settings: EnvironmentSettings
    """Environment settings."""
    seed: int
    episodes: int
    symmetric: bool
    """Both sides have the same roles, so that one of them wins a game."""
    compared: str
    """One sentence: who plays what, and what of the two players is compared."""
    wins: int
    """Games in which A had more: survivors in battle, reward elsewhere. 0, as are draws and
    losses, in games that are not symmetric: those are judged by ``rewards``."""
    draws: int
    losses: int
    win_rate: float | None
    """Win rate of A; a draw counts half."""
    interval: tuple[float, float] | None
    """95 % Wilson interval of ``win_rate`` over games of these two policies."""
    survivors: tuple[float, float]
    """Mean survivors of A and of B."""
    rewards: list[RoleReward]
    """Rewards of A and of B in each role, and where there are more than two, in all but each."""
    sides: BySide | None
    """Results by the side that A played, with intervals over games; none if the sides have
    different roles, or there are no games on one of them."""
    yardsticks: dict[str, Estimate]
    """Means over games from A's view, with 95 % intervals over games of these two policies, by the
    names of :data:`~cmfq.play.outcomes.YARDSTICKS`; empty if the sides have different
    roles."""
    versions: dict[str, str]
    games: list[Game]
    difference: Estimate | None = None
    """Return of A in an episode less B's in the same one, where there is one team, with
    the 95 % interval over episodes."""
    ahead: Estimate | None = None
    """Margin of A over two games in which the players swap roles, where roles are unlike: mean of
    what decides a game, less B's, with the 95 % interval over such pairs of games."""


def play_match(
    a: str,
    b: str,
    settings: EnvironmentSettings,
    *,
    episodes: int,
    seed: int,
    workers: Workers = 1,
    device: str = "cpu",
    path: Path | None = None,
    command: str = "",
    on_progress: Callable[[int, int], None] = lambda finished, games: None,
) -> MatchResult:
    """Play ``episodes`` games; the result does not depend on the number of workers.

    Args:
        a: first player (see :func:`~.players.load_player`).
        b: second player.
        settings: settings of the environment.
        episodes: games; who plays what in each, :func:`~cmfq.environments.sides.seats` says.
        seed: random seed of the match: game ``g`` depends on ``(seed, g)`` alone.
        workers: where games are played (see :func:`cmfq.workers.as_finished`).
        device: device of trained players (see :func:`cmfq.devices.find_device`).
        path: log file that keeps the games while they are played: a match that was killed goes on
            from it. None: they are kept nowhere.
        command: that was called, to be kept in that file.
        on_progress: told, at first and after every game, how many of how many are over.

    Raises:
        UserError: there are no games, a player cannot play, or the file is of other games.
    """
    validate_games(episodes)
    match = TournamentSettings(settings, episodes, seed)
    try:
        teams = teams_of(settings)
        for player in (a, b):  # refuse a bad one before starting processes
            load_player(player, settings.kind, teams)
        both = [alone(name, settings.kind) for name in (a, b)]
        entrants = tuple({one.players[0].id: one for one in both}.values())
        played = play_planned(
            Tournament(match, versions(), command, entrants, (), (), verb="evaluate"),
            _planned(both, episodes, alone=len(teams) == 1),
            path,
            rule=by_number,
            workers=workers,
            device=device,
            on_progress=on_progress,
        )
    finally:
        close_kept()
    if len(teams) > 1:
        return summarise(a, b, settings, seed, teams, [record.seen() for record in played.games])
    ours, theirs = (
        [replace(game.seen(), a_side=0) for game in played.games if game.a == one.players[0].id]
        for one in both
    )
    games = ours + [game.swapped() for game in theirs]
    return summarise(a, b, settings, seed, teams, games)


def _planned(both: Sequence[Entrant], episodes: int, *, alone: bool) -> list[ScheduledGame]:
    """Games of two players against each other; of one team, what each plays alone."""
    if alone:
        planned = [game for entrant in both for game in episodes_alone(entrant, episodes)]
        return list({game.key: game for game in planned}.values())  # once, of a player and itself
    one, other = (entrant.players[0] for entrant in both)
    return [ScheduledGame(one, other, game) for game in range(episodes)]


def summarise(
    a: str,
    b: str,
    settings: EnvironmentSettings,
    seed: int,
    teams: Sequence[TeamSpecification],
    games: list[Game],
) -> MatchResult:
    """Add the games of a match up."""
    symmetric, one_team = are_alike(teams), len(teams) == 1
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
        episodes=len({game.game for game in games}),
        symmetric=symmetric,
        compared=comparison(teams),
        wins=wins,
        draws=draws,
        losses=len(margins) - wins - draws,
        win_rate=points / len(games) if symmetric else None,
        interval=wilson_interval(points, len(games)) if symmetric else None,
        survivors=(
            float(
                np.mean([game.a_survivors for game in games if game.a_side == 0 or not one_team])
            ),
            float(
                np.mean([game.b_survivors for game in games if game.a_side == 1 or not one_team])
            ),
        ),
        rewards=_role_rewards((a, b), teams, games),
        sides=by_side([[outcomes]]) if symmetric else None,
        yardsticks=yardsticks([[outcomes]]) if symmetric else {},
        versions=versions(),
        games=games,
        difference=_difference(games) if one_team else None,
        ahead=None if one_team or symmetric else _ahead(games, settings.decided_by),
    )


def _difference(games: Sequence[Game]) -> Estimate:
    """Mean difference of what A and B earn in the same episodes, with its interval."""
    ours, theirs = (
        [game.a_reward + game.b_reward for game in games if game.a_side == side] for side in (0, 1)
    )
    return estimate(np.subtract(ours, theirs).reshape(-1, 1), share=False, games=True)


def _ahead(games: Sequence[Game], decided_by: Measure) -> Estimate | None:
    """Mean margin of two games with swapped roles, if there are two."""
    both = margins_of_pairs(((game.game // 2, game) for game in games), decided_by)
    if not both:
        return None
    return estimate(np.array(both).reshape(-1, 1), share=False, games=True)


def mean_rewards(match: MatchResult) -> tuple[float, float]:
    """Summed reward of all agents of A, and of B, per game."""
    return (
        float(np.mean([game.a_reward for game in match.games])),
        float(np.mean([game.b_reward for game in match.games])),
    )


def _role_rewards(
    players: tuple[str, str], teams: Sequence[TeamSpecification], games: Sequence[Game]
) -> list[RoleReward]:
    """Rewards by player and role, A's first; a single role before several together."""
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
