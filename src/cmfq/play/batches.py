"""Games handed out in batches: a policy is loaded once for many, and a worker starts seldom."""

from collections import deque
from collections.abc import Iterator, Sequence

from cmfq.play.schedule import ScheduledGame

SECONDS = 30.0
"""Time that a batch of games is to take."""


class Batches:
    """Batches of games that take some :data:`SECONDS` each, by what games took so far.

    Args:
        games: all games, those of the same players next to each other.
        seconds: time that a game takes, as far as is known.
    """

    def __init__(self, games: Sequence[ScheduledGame], seconds: float) -> None:
        self._games = deque(games)
        self._played, self._seconds = 1, seconds

    def measured(self, games: int, seconds: float) -> None:
        """Count games that were played, and the time that they took together."""
        self._played += games
        self._seconds += seconds

    def __iter__(self) -> Iterator[tuple[ScheduledGame, ...]]:
        while self._games:
            each = max(self._seconds / self._played, 1e-6)
            size = max(1, min(len(self._games), int(SECONDS / each)))
            yield tuple(self._games.popleft() for _ in range(size))
