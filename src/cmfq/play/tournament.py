"""Tournaments: every entrant against every other, over all cores; interrupted ones go on.

What a game comes to depends on the tournament's seed, its two policies and its number, and on
nothing else: not on the workers, on who else plays, or on what was interrupted.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path

import torch

from cmfq.environments.base import Environment, TeamSpecification
from cmfq.environments.keeping import kept_environment, teams_of
from cmfq.environments.settings import EnvironmentSettings
from cmfq.environments.sides import are_alike, arrangements
from cmfq.errors import UserError
from cmfq.play.entrants import Entrant, Player
from cmfq.play.game_log import (
    GameRecord,
    Tournament,
    TournamentLog,
    TournamentSettings,
)
from cmfq.play.matches import play_between
from cmfq.play.players import Player as Policies
from cmfq.play.players import load_player
from cmfq.play.reading import read_tournament
from cmfq.play.schedule import ScheduledGame, schedule
from cmfq.storage import versions
from cmfq.workers import as_finished

LOADED_PLAYERS = 512
"""Policies that a process keeps: each takes about a megabyte; loading costs a tenth of a game."""


def play_tournament(
    entrants: Sequence[Entrant],
    settings: TournamentSettings[EnvironmentSettings],
    path: Path,
    *,
    command: str,
    workers: int = 1,
    on_progress: Callable[[int, int], None] = lambda finished, games: None,
) -> Tournament:
    """Let every entrant play every other one (see :func:`play_planned`).

    Args:
        entrants: see :func:`~cmfq.play.entrants.find_entrants`.
        settings: settings of the games.
        path: path of the file; its games are kept, and those that follow are added one by one.
        command: that was called, to be kept in the file.
        workers: processes; the file that results does not depend on it.
        on_progress: told, at first and after every game, how many of how many are over.

    Raises:
        UserError: entrants cannot play each other; or the file is of another tournament.
    """
    ways = len(arrangements(teams_of(settings.environment)))
    planned = schedule(entrants, settings.episodes, settings.within_groups, ways)
    if not planned:
        raise UserError(
            "there is nothing to play: give entrants of at least two groups, or --within-groups"
        )
    tournament = Tournament(settings, versions(), command, tuple(entrants), (), ())
    return play_planned(tournament, planned, path, workers=workers, on_progress=on_progress)


def play_planned(
    tournament: Tournament,
    planned: Sequence[ScheduledGame],
    path: Path,
    *,
    workers: int = 1,
    on_progress: Callable[[int, int], None] = lambda finished, games: None,
) -> Tournament:
    """Play all games that are not in the file yet.

    Args:
        tournament: without its games.
        planned: the games that it is to have, each once.
        path: path of the file; its games are kept, and those that follow are added one by one.
        workers: processes; the file that results does not depend on it.
        on_progress: told, at first and after every game, how many of how many are over.

    Raises:
        UserError: players cannot play each other; or the file is of another tournament.
    """
    settings = tournament.settings
    refuse_to_play(tournament, workers)
    paired = not are_alike(teams_of(settings.environment))
    tournament = replace(tournament, paired=paired)
    with TournamentLog(path) as log:
        games = {}
        if path.exists():
            games = {game.key: game for game in _continued(path, tournament, planned)}
        log.begin(replace(tournament, games=tuple(games.values())))
        on_progress(len(games), len(planned))
        missing = [game for game in planned if _key(game) not in games]
        for record in play_games(missing, settings.environment, settings.seed, workers):
            log.append([record])
            games[record.key] = record
            on_progress(len(games), len(planned))
        finished = replace(tournament, games=tuple(games[_key(game)] for game in planned))
        log.finish(finished)
        return finished


def play_games(
    games: Iterable[ScheduledGame], environment: EnvironmentSettings, seed: int, workers: int
) -> Iterator[GameRecord]:
    """Results of the games, each as soon as it is there."""
    return as_finished(partial(_play, environment, seed), games, workers)


def refuse_to_play(tournament: Tournament, workers: int) -> None:
    """Refuse what cannot be played, before any game (or any training for it).

    Raises:
        UserError: there are no workers, too few games, or a player cannot play this game.
    """
    if workers < 1:
        raise UserError(f"workers is {workers}: give at least 1")
    environment = tournament.settings.environment
    teams = teams_of(environment)
    refuse_too_few(tournament.settings.episodes, teams)
    for player in _players(tournament):
        load_player(player.name, environment.kind, teams)


def refuse_other_games(path: Path, tournament: Tournament) -> None:
    """Refuse a file that cannot take the games of a tournament whose runs may yet be untrained.

    Raises:
        UserError: nothing can be written there, or it holds games by others, or of another game.
    """
    with TournamentLog(path):
        if not path.exists():
            return
        before = _of_the_same_game(path, tournament)
    ours = {Path(one.name).name for one in tournament.entrants}
    for one in before.entrants:
        if Path(one.name).name not in ours:
            raise UserError(
                f"{path} has games of {one.name}, which is not among the entrants: give another "
                "--log"
            )


def play_scheduled(
    task: ScheduledGame, a: Policies, b: Policies, environment: Environment, seed: int
) -> GameRecord:
    """Play one game.

    Args:
        task: who plays which game.
        a: policies of its first player.
        b: policies of its second player.
        environment: to play in.
        seed: random seed of the tournament.
    """
    one, other, number = task
    entropy = (seed, int(one.id, 16), int(other.id, 16), number)
    game = play_between(environment, a, b, number, entropy=entropy)
    return GameRecord(
        one.id, other.id, number, game.a_survivors, game.b_survivors, game.steps, game.a_reward,
        game.b_reward, game.truncated, game.a_combat, game.b_combat,
    )  # fmt: skip


def refuse_too_few(games: int, teams: Sequence[TeamSpecification]) -> None:
    """Refuse games of two players that are too few for each to have had every role once.

    Raises:
        UserError: they are, and the two sides of a game have other roles.
    """
    least = 2 * len(arrangements(teams))
    if not are_alike(teams) and games < least:
        raise UserError(
            f"{games} games of two players: give at least {least}, so that each has every role "
            f"once ({' and '.join(dict.fromkeys(team.role for team in teams))})"
        )


def _key(game: ScheduledGame) -> tuple[str, str, int]:
    return (game.a.id, game.b.id, game.game)


class _Arena:
    """A field, and the policies that have played on it."""

    def __init__(self, settings: EnvironmentSettings) -> None:
        torch.set_num_threads(1)
        self._settings = settings
        self.player = lru_cache(LOADED_PLAYERS)(
            partial(load_player, kind=settings.kind, teams=teams_of(settings))
        )

    @property
    def environment(self) -> Environment:
        """To play in."""
        return kept_environment(self._settings)


_arena = lru_cache(maxsize=1)(_Arena)


def _play(environment: EnvironmentSettings, seed: int, task: ScheduledGame) -> GameRecord:
    arena = _arena(environment)
    a, b = arena.player(task.a.name), arena.player(task.b.name)
    return play_scheduled(task, a, b, arena.environment, seed)


def _players(tournament: Tournament) -> list[Player]:
    everyone = (*tournament.entrants, *tournament.opponents)
    return [player for entrant in everyone for player in entrant.players]


def _continued(
    path: Path, tournament: Tournament, planned: Sequence[ScheduledGame]
) -> tuple[GameRecord, ...]:
    """Games of the file, if they belong to this tournament."""
    before = _of_the_same_game(path, tournament)
    known = {_key(game) for game in planned}
    lost = [game for game in before.games if game.key not in known]
    if lost:
        names = {player.id: player.name for player in _players(before)}
        ids = {player.id for player in _players(tournament)}
        absent = sorted({names[id] for game in lost for id in (game.a, game.b) if id not in ids})
        reason = (
            f"games of {', '.join(absent[:3])} as it was then, which is not among the entrants"
            if absent
            else f"more than {tournament.settings.episodes} games a pair, or pairs its checkpoints "
            "otherwise"
        )
        raise UserError(f"{path} has {reason}: give the same entrants, or another --log")
    return before.games


def _of_the_same_game(path: Path, tournament: Tournament) -> Tournament:
    """Content of the file, if its settings and versions are those of this tournament."""
    before, _ = read_tournament(path)
    if bool(before.opponents) != bool(tournament.opponents):
        raise UserError(f"{path} holds the games of `{before.command}`: give another --log")
    ours, theirs = tournament.settings, before.settings
    changes = []
    if replace(theirs, episodes=ours.episodes) != ours:
        changes = [
            f"{name} {getattr(theirs, name)}, not {getattr(ours, name)}"
            for name in ("environment", "seed", "within_groups")
            if getattr(theirs, name) != getattr(ours, name)
        ]
    elif before.versions != tournament.versions:
        changes = [f"versions {before.versions}, not {tournament.versions}"]
    if changes:
        raise UserError(
            f"{path} is a tournament with {'; '.join(changes)}: go on with the same, or give "
            "another --log"
        )
    return before
