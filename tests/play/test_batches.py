"""Games that go out to other machines: in batches that take some seconds, and each game once."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from cmfq.environments.battle import BattleSettings
from cmfq.play.batches import SECONDS, Batches
from cmfq.play.entrants import Player
from cmfq.play.matches import play_match
from cmfq.play.schedule import ScheduledGame
from cmfq.workers.place import Call, Finished, WorkerLost


def games(number: int) -> list[ScheduledGame]:
    players = Player("0a", "rush", 0), Player("0b", "random", 0)
    return [ScheduledGame(*players, game) for game in range(number)]


def test_batches_take_some_seconds_by_what_games_took_so_far() -> None:
    batches = Batches(games(1000), seconds=2.0)
    sizes = iter(batches)
    assert len(next(sizes)) == SECONDS / 2
    batches.measured(29, 29 * 2.0 - 30)  # the others were faster: one second each, all in all
    assert len(next(sizes)) == SECONDS
    rest = [game.game for batch in sizes for game in batch]
    assert rest == list(range(45, 1000))


def test_a_game_that_takes_longer_is_a_batch() -> None:
    assert [len(batch) for batch in Batches(games(3), seconds=1000.0)] == [1, 1, 1]


@dataclass
class Elsewhere:
    """Another machine: it loses its first task, and gives the last results first."""

    started: list[Any] = field(default_factory=list)
    lost: bool = False

    def room(self) -> int:
        return 2

    def home(self, folder: Path) -> None:
        return None

    def start(self, call: Call[Any, Any], tasks: Any) -> list[int]:
        self.started += [(call, task) for task in tasks]
        return list(range(len(self.started) - len(tasks), len(self.started)))

    def finished(self, running: Any) -> list[int]:
        return [max(running)]

    def outcome(self, handle: int) -> Finished:
        if not self.lost:
            self.lost = True
            raise WorkerLost("its node is gone")
        call, task = self.started[handle]
        return call(task)

    def close(self, running: Any) -> None:
        pass


def test_games_from_elsewhere_are_those_from_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cmfq.play.batches.SECONDS", 1e-9)  # a game each
    game, place = BattleSettings(size=12, max_steps=6), Elsewhere()
    there = play_match("rush", "random", game, episodes=5, seed=2, workers=place)
    assert len(place.started) == 5, "one game is played here, to see how long it takes; one twice"
    assert there.games == play_match("rush", "random", game, episodes=5, seed=2).games
