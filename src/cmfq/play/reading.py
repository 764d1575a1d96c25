"""Read the file of a tournament (:mod:`~cmfq.play.game_log`), which may be damaged."""

import io
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from cmfq.decoding import Damage, convert, damage_of, decode_json, read_maybe_packed
from cmfq.environments.registry import find_kind
from cmfq.environments.settings import EnvironmentSettings
from cmfq.errors import UserError
from cmfq.hints import command
from cmfq.play.entrants import Entrant, named_as_today
from cmfq.play.game_log import (
    END,
    FORMAT,
    GameRecord,
    Tournament,
    TournamentSettings,
)
from cmfq.text import counted
from cmfq.training.description import StoredRun
from cmfq.training.former import former_environment

LONGEST_HEADER = 2**23
"""Bytes of the first line: an entrant takes some two thousand."""
LONGEST_GAME = 2**12
"""Bytes of any other line: a game takes some two hundred."""


@dataclass(frozen=True)
class _Format:
    format: str


@dataclass(frozen=True)
class _Header:
    environment: str
    settings: dict[str, Any]
    versions: dict[str, str]
    command: str
    entrants: tuple[Entrant, ...]
    opponents: tuple[Entrant, ...] = ()
    paired: bool = False
    alone: bool = False
    places: tuple[tuple[str, str], ...] = ()
    verb: str = ""


def read_tournament(path: Path) -> tuple[Tournament, bool]:
    """Read a file, and whether it is whole; gzip is unpacked.

    Raises:
        UserError: there is none, another version wrote it, or it is damaged before its end.
    """
    with damage_of(f"the tournament {path}", "give another file"):
        lines = io.BytesIO(read_maybe_packed(path))
        head = lines.readline(LONGEST_HEADER).rstrip(b"\n") + END.encode()
    try:
        known = decode_json(head, _Format).format == FORMAT
    except Damage:
        known = False
    if not known:
        raise UserError(
            f"{path} cannot be read as a tournament: it has another format than this version of "
            f"cmfq reads ({FORMAT}), or its first line was cut short; give another file"
        )
    with damage_of(f"{path} is not a valid tournament file, it", "give another file"):
        tournament = _of_header(decode_json(head, _Header))
    games, whole = _games(path, lines, tournament)
    return Tournament(**{**vars(tournament), "games": games}), whole


def _of_header(header: _Header) -> Tournament:
    kind = find_kind(header.environment)
    settings: TournamentSettings[EnvironmentSettings] = convert(
        _completed(kind.kind, header.settings),
        TournamentSettings[kind],  # type: ignore[valid-type]
    )
    _check_entrants(header.entrants)
    _check_entrants(header.opponents)
    if not header.entrants:
        raise Damage("has no entrants")
    return Tournament(
        settings,
        header.versions,
        header.command,
        tuple(map(named_as_today, header.entrants)),
        tuple(map(named_as_today, header.opponents)),
        (),
        header.paired,
        header.alone,
        header.places,
        header.verb,
    )


def _completed(kind: str, stored: object) -> object:
    """Stored settings with what older versions did without saying so."""
    if not isinstance(stored, dict):
        return stored
    return {**stored, "environment": former_environment(kind, stored.get("environment"))}


def _check_entrants(entrants: Iterable[Entrant]) -> None:
    names: set[str] = set()
    ids: set[str] = set()
    for one in entrants:
        if one.name in names:
            raise Damage(f"has two entrants called {one.name!r}")
        if not one.players:
            raise Damage(f"has no players of {one.name!r}")
        if one.run is not None:
            convert(one.run, StoredRun)
        for player in one.players:
            if player.id in ids or not _is_hexadecimal(player.id):
                raise Damage(f"has a player of {one.name!r} with the id {player.id[:40]!r}")
            ids.add(player.id)
        names.add(one.name)


def _is_hexadecimal(text: str) -> bool:
    return 0 < len(text) <= 64 and set(text) <= set("0123456789abcdef")


def _games(
    path: Path, lines: io.BytesIO, tournament: Tournament
) -> tuple[tuple[GameRecord, ...], bool]:
    """The games that follow the first line, and whether the last line is there."""
    entrants = chain(tournament.entrants, tournament.opponents)
    players = {player.id: one.name for one in entrants for player in one.players}
    may_meet_itself = tournament.opponents or tournament.verb or tournament.alone
    games: dict[tuple[str, str, int], GameRecord] = {}
    number, whole = 1, False
    while line := lines.readline(LONGEST_GAME):
        number += 1
        if whole or (not line.endswith(b"\n") and len(line) == LONGEST_GAME):
            raise _damaged(path, number, "it is too long, or comes after the last game")
        if not line.endswith(b"\n"):
            break  # a game that was cut short
        if line.rstrip() == END.strip().encode():
            whole = True
            continue
        try:
            game = decode_json(line.removeprefix(b","), GameRecord)
        except Damage as error:
            raise _damaged(path, number, str(error)) from error
        for player in (game.a, game.b):
            if player not in players:
                raise UserError(
                    f"line {number} of {path} has a game of {player[:40]!r}, who is not one of "
                    "its players: repair or remove that line"
                )
        if game.key in games:
            raise UserError(f"line {number} of {path} repeats a game: remove that line")
        if players[game.a] == players[game.b] and not may_meet_itself:
            raise UserError(
                f"line {number} of {path} has a game of {players[game.a]!r} against itself: "
                "repair or remove that line"
            )
        games[game.key] = game
    return tuple(games.values()), whole


def _damaged(path: Path, number: int, reason: str) -> UserError:
    reason = reason.removeprefix("is damaged: ")
    return UserError(f"line {number} of {path} is damaged ({reason}): repair or remove that line")


def finished_tournament(path: Path) -> Tournament:
    """Read the file of a tournament that has been played to its end.

    Raises:
        UserError: as :func:`read_tournament`, it is not finished, or ``cmfq progress`` wrote it.
    """
    played = _finished(path)
    if played.opponents or played.verb:
        raise UserError(f"{path} is not a tournament, it holds the games of `{played.command}`")
    return played


def finished_progress(path: Path) -> Tournament:
    """Read the file of a ``cmfq progress`` that has been played to its end.

    Raises:
        UserError: as :func:`read_tournament`, it is not finished, it is a tournament's, or a run
            has not played an opponent.
    """
    played = _finished(path)
    if played.verb:
        raise UserError(f"{path} has no checkpoints, it holds the games of `{played.command}`")
    if not played.opponents:
        advice = command("tournament", "--log", path)
        raise UserError(f"{path} is a tournament: `{advice}` reports it")
    pairs = {(game.a, game.b) for game in played.games}
    for run in played.entrants:
        for player in run.players:
            for one in played.opponents:
                pair = (player.id, one.players[0].id)
                lacking = {(id, id) for id in pair} - pairs if played.alone else {pair} - pairs
                if lacking:
                    raise UserError(
                        f"{path} lacks the games of {player.name} against {one.name}: continue "
                        f"with `{played.command}`"
                    )
    return played


def _finished(path: Path) -> Tournament:
    tournament, whole = read_tournament(path)
    if not whole:
        raise UserError(
            f"{path} is not finished: it holds {counted(len(tournament.games), 'game')}; continue "
            f"with `{tournament.command}`"
        )
    return tournament
