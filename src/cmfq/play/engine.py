"""The engine of all games that are judged: processes play what is planned, a log keeps it.

Matches, tournaments, progress, crossings and sweeps are plans for it. A game depends on the seed,
its two policies and its number, and on nothing else: not on the workers, on who else plays, or on
what was interrupted. So whoever is killed goes on as if undisturbed.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from typing import NamedTuple

import torch

from cmfq.devices import check_name, find_device
from cmfq.environments.base import Environment, TeamSpecification
from cmfq.environments.keeping import kept_environment, teams_of
from cmfq.environments.settings import EnvironmentSettings
from cmfq.environments.sides import are_alike, places_of
from cmfq.errors import UserError
from cmfq.interrupts import interrupts_wait
from cmfq.notices import notices_kept
from cmfq.play.batches import Batches
from cmfq.play.entrants import Player
from cmfq.play.game_log import GameLog, GameRecord, Tournament, TournamentSettings
from cmfq.play.games import play_between
from cmfq.play.players import Policies, load_player
from cmfq.play.reading import read_tournament
from cmfq.play.schedule import ScheduledGame
from cmfq.text import counted
from cmfq.workers import Needs, Workers, as_finished, check_workers, one_thread, runs_here

WAY_OUT = "give another log, or remove this one"
"""Advice about a file of other games."""
LOADED_PLAYERS = 512
"""Policies that a process keeps: each takes about a megabyte; loading costs a tenth of a game."""


class Draw(NamedTuple):
    """Draw of a game: all that it depends on beside its players."""

    arrangement: int
    """Number by which :func:`~cmfq.environments.sides.seats` says who has which teams; the first
    player has the first seats where it is even."""
    entropy: tuple[int, ...]
    """Every random draw of the game comes from it."""


OnProgress = Callable[[int, int], None]
"""Told how many of how many games are over."""
Rule = Callable[[ScheduledGame, int], Draw]
"""``(game, seed) -> draw``: a function that processes can be sent."""


def by_players(game: ScheduledGame, seed: int) -> Draw:
    """Draws that no other two players have: adding entrants changes no game."""
    return Draw(game.game, (seed, int(game.a.id, 16), int(game.b.id, 16), game.game))


def by_number(game: ScheduledGame, seed: int) -> Draw:
    """Draws of the number alone: all players meet the same episodes."""
    return Draw(game.game, (seed, game.game))


def play_planned(
    tournament: Tournament,
    planned: Sequence[ScheduledGame],
    path: Path | None,
    *,
    rule: Rule = by_players,
    workers: Workers = 1,
    device: str = "cpu",
    on_progress: OnProgress = lambda finished, games: None,
) -> Tournament:
    """Play all games that are not in the file yet.

    Args:
        tournament: without its games.
        planned: the games that it is to have, each once.
        path: log file; its games are kept, and those that follow are added one by one. None: games
            are kept nowhere.
        rule: how draws follow from a game; those of one team are the same for all players.
        workers: where games are played (see :func:`cmfq.workers.as_finished`); the file that
            results does not depend on it.
        device: device of trained players (see :func:`cmfq.devices.find_device`).
        on_progress: told, at first and after every game, how many of how many are over.

    Raises:
        UserError: players cannot play each other; or the file is of another tournament.
    """
    settings = tournament.settings
    validate_players(tournament, workers)
    check_device(device, workers)
    teams = teams_of(settings.environment)
    alone = len(teams) == 1
    paired = not (alone or are_alike(teams))
    tournament = replace(
        tournament, alone=alone, paired=paired, places=places_of(teams) if paired else ()
    )
    rule = by_number if alone else rule
    with GameLog(path) as log:
        before = path is not None and path.exists()
        kept = _continued(path, tournament, planned) if path and before else ()
        games = {game.key: game for game in kept}
        log.begin(replace(tournament, games=kept))
        on_progress(len(games), len(planned))
        missing = [game for game in planned if game.key not in games]
        for record in play_games(missing, settings, workers, rule, device):
            with interrupts_wait():  # what is said to be kept is what is kept
                log.append(record)
                games[record.key] = record
                on_progress(len(games), len(planned))
        finished = replace(tournament, games=tuple(games[game.key] for game in planned))
        log.finish(finished)
        return finished


def part_of(on_progress: OnProgress, before: int, games: int) -> OnProgress:
    """Report a part of some games as progress of all of them.

    Args:
        on_progress: told of all games.
        before: number of the games before this part.
        games: number of all games.
    """
    return lambda finished, _: on_progress(before + finished, games)


def play_games(
    games: Sequence[ScheduledGame],
    settings: TournamentSettings[EnvironmentSettings],
    workers: Workers,
    rule: Rule = by_players,
    device: str = "cpu",
) -> Iterator[GameRecord]:
    """Results of the games, each as soon as it is there; from other machines, batch by batch.

    Args:
        games: the games, those of the same players next to each other.
        settings: what they depend on, beside players.
        workers: where they are played.
        rule: how draws follow from a game.
        device: device of trained players.
    """
    play, needs = partial(_play, settings, rule, device), Needs(gpus=int("cuda" in device))
    if runs_here(workers) or not games:
        yield from as_finished(play, games, workers, needs=needs, name=_title)
        return
    first, *rest = games
    with one_thread():  # on the CPU: this machine need not have the device
        record, seconds = _timed(partial(_play, settings, rule, "cpu"), [first])
    yield from record
    batches = Batches(rest, seconds)
    for records, seconds in as_finished(
        partial(_timed, play), batches, workers, needs=needs, name=_titles
    ):
        batches.measured(len(records), seconds)
        yield from records


def _timed(
    play: Callable[[ScheduledGame], GameRecord], games: Sequence[ScheduledGame]
) -> tuple[list[GameRecord], float]:
    """Play games one after the other: results, and the seconds that they took together."""
    started = time.perf_counter()
    records = [play(game) for game in games]
    return records, time.perf_counter() - started


def _title(game: ScheduledGame) -> str:
    return f"game {game.game} of {game.a.name} and {game.b.name}"


def _titles(games: Sequence[ScheduledGame]) -> str:
    return f"{counted(len(games), 'game')} from {_title(games[0])} on"


def play_scheduled(
    task: ScheduledGame, a: Policies, b: Policies, environment: Environment, draw: Draw
) -> GameRecord:
    """Play one game.

    Args:
        task: who plays which game.
        a: policies of its first player.
        b: policies of its second player.
        environment: to play in.
        draw: by the rule of these games.
    """
    game = play_between(environment, a, b, draw.arrangement, entropy=draw.entropy)
    return GameRecord.of(task, game)


def validate_players(tournament: Tournament, workers: Workers) -> None:
    """Refuse what cannot be played, before any game (or any training for it).

    Raises:
        UserError: there are no workers, or a player cannot play this game.
    """
    check_workers(workers)
    environment = tournament.settings.environment
    teams = teams_of(environment)
    for player in _players(tournament):
        load_player(player.name, environment.kind, teams)


def validate_log(path: Path, tournament: Tournament) -> None:
    """Refuse a file that cannot take the games of a tournament whose runs may yet be untrained.

    Raises:
        UserError: nothing can be written there, or it holds games by others, or of another game.
    """
    with GameLog(path):
        if not path.exists():
            return
        before = _of_the_same_game(path, tournament)
    ours = {Path(one.name).name for one in tournament.entrants}
    for one in before.entrants:
        if Path(one.name).name not in ours:
            raise UserError(
                f"{path} has games of {one.name}, which is not among the entrants: give another log"
            )


@lru_cache(LOADED_PLAYERS)
def _loaded(
    player: Player, kind: str, teams: tuple[TeamSpecification, ...], device: str
) -> Policies:
    """Policies of a player, whose digest says when its file has become another one."""
    with notices_kept():  # and dropped: they were given when players were validated
        return load_player(player.name, kind, teams, device)


def check_device(device: str, workers: Workers) -> None:
    """Refuse a device that is not there; other machines have others."""
    if runs_here(workers):
        find_device(device)
    else:
        check_name(device)


def _play(
    settings: TournamentSettings[EnvironmentSettings],
    rule: Rule,
    device: str,
    task: ScheduledGame,
) -> GameRecord:
    torch.set_num_threads(1)
    environment, kind = kept_environment(settings.environment), settings.environment.kind
    a, b = (_loaded(one, kind, environment.teams, device) for one in (task.a, task.b))
    return play_scheduled(task, a, b, environment, rule(task, settings.seed))


def _players(tournament: Tournament) -> list[Player]:
    everyone = (*tournament.entrants, *tournament.opponents)
    return [player for entrant in everyone for player in entrant.players]


def _continued(
    path: Path, tournament: Tournament, planned: Sequence[ScheduledGame]
) -> tuple[GameRecord, ...]:
    """Games of the file, if they belong to this tournament."""
    before = _of_the_same_game(path, tournament)
    known = {game.key for game in planned}
    lost = [game for game in before.games if game.key not in known]
    if lost:
        names = {player.id: player.name for player in _players(before)}
        ids = {player.id for player in _players(tournament)}
        absent = sorted({names[id] for game in lost for id in (game.a, game.b) if id not in ids})
        reason = (
            f"games of an earlier version of {', '.join(absent[:3])}"
            if absent
            else f"more than {counted(tournament.settings.episodes, 'game')} a pair, or pairs the "
            "checkpoints in another way"
        )
        raise UserError(f"{path} has {reason}: give the same entrants, {WAY_OUT}")
    return before.games


def _of_the_same_game(path: Path, tournament: Tournament) -> Tournament:
    """Content of the file, if its settings and versions are those of this tournament."""
    before, _ = read_tournament(path)
    ours, theirs = ((one.verb, bool(one.opponents)) for one in (tournament, before))
    if ours != theirs:
        raise UserError(f"{path} holds the games of `{before.command}`: {WAY_OUT}")
    changes = _changes(before.settings, tournament.settings) or _differing(
        before.versions, tournament.versions
    )
    if changes:
        raise UserError(
            f"{path} has games with {'; '.join(changes)}: continue with the same, {WAY_OUT}"
        )
    return before


def _changes(
    then: TournamentSettings[EnvironmentSettings], now: TournamentSettings[EnvironmentSettings]
) -> list[str]:
    """What makes other games, the number of games apart; settings of the environment by name."""
    game, ours = then.environment, now.environment
    environment = (
        _differing(vars(game), vars(ours))
        if type(game) is type(ours)
        else [f"environment {game.title}, not {ours.title}"]
    )
    rest = ({"seed": one.seed, "within_groups": one.within_groups} for one in (then, now))
    return environment + _differing(*rest)


def _differing(then: Mapping[str, object], now: Mapping[str, object]) -> list[str]:
    return [
        f"{name} {then.get(name)}, not {now.get(name)}"
        for name in {**then, **now}
        if then.get(name) != now.get(name)
    ]
