"""A tournament in one file: JSON when it is whole, and readable line by line when it is not.

::

    {"format": "cmfq-tournament-1", "environment": "battle", "settings": {...}, ..., "games": [
    {"a": "0f3c...", "b": "91ab...", "game": 0, "a_survivors": 12, ...}
    ,{...}
    ]}

Games are appended as they end, each to the disk before the next. A file without its last line is
one of a tournament under way; a last game that was cut short is left out.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Self, TypeVar

import filelock

from cmfq.combat import Combat
from cmfq.decoding import Count, Finite
from cmfq.environments.settings import EnvironmentSettings
from cmfq.errors import UserError, require_range, require_types
from cmfq.play.entrants import Entrant
from cmfq.play.games import Game
from cmfq.play.schedule import ScheduledGame
from cmfq.storage import acquire_lock, append_text, plain, to_json, write_bytes, write_gzip

FORMAT = "cmfq-tournament-1"
END = "]}\n"


Settings = TypeVar("Settings", bound=EnvironmentSettings, covariant=True)


@dataclass(frozen=True)
class TournamentSettings(Generic[Settings]):
    """Settings of the games."""

    environment: Settings
    """Environment settings."""
    episodes: int = 100
    """Games of each pair of entrants."""
    seed: int = 0
    within_groups: bool = False
    """Whether entrants of one group play each other too."""

    def __post_init__(self) -> None:
        require_types(self)
        require_range(self, 1, 1e9, "episodes")
        require_range(self, 0, 2**63, "seed")


@dataclass(frozen=True)
class GameRecord:
    """One game; ``a`` played the first side if its number is even."""

    a: str
    """Id of a :class:`~cmfq.play.entrants.Player`."""
    b: str
    game: Count
    a_survivors: Count
    b_survivors: Count
    steps: Count
    a_reward: Finite
    b_reward: Finite
    truncated: bool | None = None
    """The step limit ended the game; ``None`` in files of versions that did not record it."""
    a_combat: Combat | None = None
    """Damage and attacks of A's agents; ``None`` without hit points, and in older files."""
    b_combat: Combat | None = None

    @classmethod
    def of(cls, task: ScheduledGame, game: Game) -> Self:
        """The record of a game that was played."""
        return cls(
            task.a.id, task.b.id, task.game, game.a_survivors, game.b_survivors, game.steps,
            game.a_reward, game.b_reward, game.truncated, game.a_combat, game.b_combat,
        )  # fmt: skip

    def seen(self) -> Game:
        """The game without its players."""
        return Game(
            self.game, self.game % 2, self.a_survivors, self.b_survivors, self.steps,
            self.a_reward, self.b_reward, bool(self.truncated), self.a_combat, self.b_combat,
        )  # fmt: skip

    @property
    def key(self) -> tuple[str, str, int]:
        """No two games of a file share it."""
        return (self.a, self.b, self.game)


@dataclass(frozen=True)
class Tournament:
    """Content of the file."""

    settings: TournamentSettings[EnvironmentSettings]
    versions: dict[str, str]
    command: str
    """Command that was called."""
    entrants: tuple[Entrant, ...]
    opponents: tuple[Entrant, ...]
    """Opponents of all checkpoints of every entrant, in a file of ``cmfq progress``; none in a
    tournament, where entrants play each other."""
    games: tuple[GameRecord, ...]
    paired: bool = False
    """The two sides have other roles, so two games in which players swap them count as one: who
    earned more in both together wins it."""
    alone: bool = False
    """There is one team, so each plays alone: ``a`` and ``b`` of a game are one player, and games
    of one number are the same episode for all. Who earns more in it wins it."""
    places: tuple[tuple[str, str], ...] = ()
    """Where the sides have other roles: what the first and the second player are called in games 0
    and 1, in games 2 and 3, ..., over and over; empty in files of versions that kept no names."""
    verb: str = ""
    """Command that plays so, where it is none of tournament, progress and sweep: its file is there
    until its result is written."""

    @property
    def world(self) -> EnvironmentSettings:
        """Settings of the environment."""
        return self.settings.environment

    def owners(self) -> dict[str, str]:
        """Name of the entrant that each player belongs to, by the player's id."""
        return {player.id: one.name for one in self.entrants for player in one.players}


def tournament_text(tournament: Tournament, whole: bool = True) -> str:
    """Content of a file."""
    parts = plain(tournament)
    del parts["games"]
    if not tournament.paired:  # as in files of versions that knew no other games
        del parts["paired"]
    for name in ("alone", "places", "verb"):
        if not parts[name]:
            del parts[name]
    header = {"format": FORMAT, "environment": tournament.world.kind, **parts, "games": []}
    head = to_json(header).removesuffix("]}")
    games = "\n,".join(to_json(game) for game in tournament.games)
    return head + "\n" + games + ("\n" if games else "") + (END if whole else "")


class GameLog:
    """The file of games while they are played: this process, and no other, writes to it.

    Args:
        path: log file; None: nothing is written.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._lock = path and filelock.FileLock(path.with_name(path.name + ".lock"))

    def __enter__(self) -> Self:
        """Claim the file.

        Raises:
            UserError: another process is writing it, or nothing can be written there.
        """
        if not self._path or not self._lock:
            return self
        if not self._path.absolute().parent.is_dir():
            raise UserError(
                f"cannot write {self._path}: there is no folder {self._path.absolute().parent}, "
                "make it or give another file"
            )
        acquire_lock(
            self._lock,
            f"{self._path} is being written by another process: wait for it, or give another file",
        )
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if self._lock:
            self._lock.release()
            Path(self._lock.lock_file).unlink(missing_ok=True)

    def begin(self, tournament: Tournament) -> None:
        """Write settings, entrants and the games there are; what was there before is replaced."""
        if self._path:
            write_bytes(self._path, tournament_text(tournament, whole=False).encode())
        self._first = not tournament.games

    def append(self, game: GameRecord) -> None:
        """Add a game; it is on the disk when this returns."""
        if self._path:
            append_text(self._path, ("" if self._first else ",") + to_json(game) + "\n")
            self._first = False

    def finish(self, tournament: Tournament) -> None:
        """Write the whole file, so that it does not depend on the order in which games ended.

        It is packed if its name ends in .gz; until now it was text, to which games are appended.
        """
        if self._path:
            write = write_gzip if self._path.suffix == ".gz" else write_bytes
            write(self._path, tournament_text(tournament).encode())
