"""Tournaments: every entrant against every other."""

from collections.abc import Callable, Sequence
from pathlib import Path

from cmfq.environments.base import TeamSpecification
from cmfq.environments.keeping import teams_of
from cmfq.environments.settings import EnvironmentSettings
from cmfq.environments.sides import arrangements, games_of_a_round
from cmfq.errors import UserError
from cmfq.play.engine import play_planned
from cmfq.play.entrants import Entrant
from cmfq.play.game_log import Tournament, TournamentSettings
from cmfq.play.schedule import episodes_alone, schedule
from cmfq.storage import versions
from cmfq.text import counted
from cmfq.workers import Workers


def play_tournament(
    entrants: Sequence[Entrant],
    settings: TournamentSettings[EnvironmentSettings],
    path: Path | None,
    *,
    command: str,
    workers: Workers = 1,
    device: str = "cpu",
    on_progress: Callable[[int, int], None] = lambda finished, games: None,
) -> Tournament:
    """Let every entrant play every other one (see :func:`~.engine.play_planned`).

    Args:
        entrants: see :func:`~cmfq.play.entrants.find_entrants`.
        settings: settings of the games.
        path: path of the file; its games are kept, and those that follow are added one by one.
        command: that was called, to be kept in the file.
        workers: where games are played (see :func:`cmfq.workers.as_finished`);
            the file that results does not depend on it.
        device: device of trained players (see :func:`cmfq.devices.find_device`).
        on_progress: told, at first and after every game, how many of how many are over.

    Raises:
        UserError: entrants cannot play each other; or the file is of another tournament.
    """
    teams = teams_of(settings.environment)
    ways = len(arrangements(teams))
    planned = schedule(entrants, settings.episodes, settings.within_groups, ways)
    if planned and len(teams) == 1:
        planned = [game for one in entrants for game in episodes_alone(one, settings.episodes)]
    if not planned:
        raise UserError(
            "there is nothing to play: give entrants of at least two groups, or let those of one "
            "play each other (within_groups)"
        )
    validate_game_count(settings.episodes, teams)
    tournament = Tournament(settings, versions(), command, tuple(entrants), (), ())
    return play_planned(
        tournament, planned, path, workers=workers, device=device, on_progress=on_progress
    )


def validate_game_count(games: int, teams: Sequence[TeamSpecification]) -> None:
    """Refuse games of two players that are too few for each to have had every role once.

    Raises:
        UserError: they are, and the two sides of a game have other roles.
    """
    least = games_of_a_round(teams)
    if games < least:
        raise UserError(
            f"{counted(games, 'game')} of two players: give at least {least}, so that each plays "
            f"every role once ({' and '.join(dict.fromkeys(team.role for team in teams))})"
        )
