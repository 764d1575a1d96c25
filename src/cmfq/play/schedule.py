"""Which games a tournament has: so many for each pair of entrants, spread over checkpoints."""

from collections.abc import Iterator, Sequence
from itertools import combinations
from math import lcm
from typing import NamedTuple

from cmfq.errors import UserError
from cmfq.play.entrants import Entrant, Player

MOST_GAMES = 1_000_000
"""Greatest number of games of a plan: two cores play a fifth of it in a day."""


class ScheduledGame(NamedTuple):
    """A game to play. ``a`` plays the left side in even games, the right one in odd ones."""

    a: Player
    b: Player
    game: int
    """Number within the pair of entrants."""

    @property
    def key(self) -> tuple[str, str, int]:
        """No two games of a plan share it."""
        return (self.a.id, self.b.id, self.game)


def validate_games(games: int, pairs: int = 1) -> None:
    """Refuse no games, and more than can be planned.

    Args:
        games: number of games of each pair.
        pairs: number of pairs.

    Raises:
        UserError: there are none, or too many in all.
    """
    if games < 1:
        raise UserError(f"games is {games}: give at least 1")
    if pairs > MOST_GAMES:
        raise UserError(f"{pairs} pairs of players are too many: give fewer players")
    if games * pairs > MOST_GAMES:
        each = f" for each of {pairs} pairs" if pairs > 1 else ""
        raise UserError(f"games is {games}{each}: give at most {MOST_GAMES // pairs}")


def pairs(entrants: Sequence[Entrant], within_groups: bool) -> list[tuple[Entrant, Entrant]]:
    """Every entrant with every other; those of one group only if asked for."""
    return [(a, b) for a, b in combinations(entrants, 2) if within_groups or a.group != b.group]


def games_between(
    a: Entrant, b: Entrant, episodes: int, arrangements: int = 1
) -> Iterator[ScheduledGame]:
    """Games of a pair: a round with swapped sides for one pair of checkpoints, then the next pair.

    A round is two games for each of the arrangements of the teams (see
    :func:`cmfq.environments.sides.arrangements`).

    Every checkpoint plays as often as its siblings, to within one round, and any number of games
    is the beginning of any larger one. Pair ``p`` is checkpoint ``p mod A`` against checkpoint
    ``(p + p div lcm(A, B)) mod B``, which meets every pair once before any comes again.
    """
    ours, theirs = len(a.players), len(b.players)
    for game in range(episodes):
        pair = game // (2 * arrangements)
        shift = pair // lcm(ours, theirs)
        yield ScheduledGame(a.players[pair % ours], b.players[(pair + shift) % theirs], game)


def episodes_alone(entrant: Entrant, episodes: int) -> Iterator[ScheduledGame]:
    """Episodes that an entrant plays alone, spread over its checkpoints."""
    for game in range(episodes):
        player = entrant.players[game % len(entrant.players)]
        yield ScheduledGame(player, player, game)


def schedule(
    entrants: Sequence[Entrant],
    episodes: int,
    within_groups: bool = False,
    arrangements: int = 1,
) -> list[ScheduledGame]:
    """All games, pair by pair."""
    both = pairs(entrants, within_groups)
    validate_games(episodes, max(1, len(both)))
    return [game for a, b in both for game in games_between(a, b, episodes, arrangements)]
