"""Yardsticks: measures of games beside who won them, with intervals over seeds.

A win rate saturates: two players who differ a little win nearly all games or none. How much damage
was dealt for the damage taken tells more of every game (``docs/statistics.md``).
"""

import math
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from cmfq.combat import Combat
from cmfq.environments.settings import Measure
from cmfq.margins import margin_between
from cmfq.play.game_log import GameRecord
from cmfq.play.games import Game
from cmfq.statistics.replication import Estimate, mean_interval, rate_interval

FloatArray = npt.NDArray[np.float64]

PlayedGame = Game | GameRecord
"""A game of two players, as matches and tournaments record it."""


class Outcome(NamedTuple):
    """A game from the view of one of its players."""

    side: int
    """0: it played the first side, 1: the second."""
    margin: float
    """Its own survivors (in battle) or rewards (elsewhere), less the opponent's."""
    steps: int
    truncated: bool | None
    """The step limit ended the game; ``None`` if nobody recorded it."""
    own: Combat | None
    """``None`` where agents have no hit points, or nobody recorded it."""
    opponents: Combat | None

    def swapped(self) -> "Outcome":
        """From the view of the other player."""
        return Outcome(
            1 - self.side, -self.margin, self.steps, self.truncated, self.opponents, self.own
        )


def outcome_of(game: PlayedGame, side: int, decided_by: Measure) -> Outcome:
    """A game from A's view.

    Args:
        game: that was played.
        side: side of A: 0 is the first.
        decided_by: what the winner has more of.
    """
    return Outcome(
        side, margin_of(game, decided_by), game.steps, game.truncated, game.a_combat, game.b_combat
    )


def margin_of(game: PlayedGame, decided_by: Measure) -> float:
    """Margin of a game: survivors or rewards of A less B's; 0 for a draw."""
    return margin_between(*_scores(game, decided_by))


def _scores(game: PlayedGame, decided_by: Measure) -> tuple[float, float]:
    """What decides a game: survivors or rewards of A, and of B."""
    if decided_by == "survivors":
        return game.a_survivors, game.b_survivors
    return game.a_reward, game.b_reward


def margins_of_pairs(
    games: Iterable[tuple[Hashable, PlayedGame]], decided_by: Measure
) -> list[float]:
    """Margins of two games each in which the players swapped roles.

    Args:
        games: each with what only its other half shares; one without another half is left out.
        decided_by: what the winner has more of.
    """
    halves: dict[Hashable, list[tuple[float, float]]] = {}
    for pair, game in games:
        halves.setdefault(pair, []).append(_scores(game, decided_by))
    return [
        margin_between(one[0] + other[0], one[1] + other[1])
        for one, other in (both for both in halves.values() if len(both) == 2)
    ]


def points_of(outcome: Outcome) -> float:
    """1 for a win, 1/2 for a draw, 0 for a loss."""
    return (float(np.sign(outcome.margin)) + 1) / 2


def on_side(side: int, measure: Callable[[Outcome], float]) -> Callable[[Outcome], float | None]:
    """The measure, of games on one side; ``None`` on the other."""
    return lambda one: measure(one) if one.side == side else None


@dataclass(frozen=True)
class Yardstick:
    """A number that a game has for each player."""

    label: str
    """Heading of its column."""
    measure: Callable[[Outcome], float | None]
    """``None`` where a game has no such number."""
    share: bool
    """From 0 to 1."""
    digits: int
    """After the decimal point, in tables; of shares in per cent."""


def _log_damage_ratio(outcome: Outcome) -> float | None:
    if outcome.own is None or outcome.opponents is None:
        return None
    return math.log((outcome.opponents.damage_taken + 1) / (outcome.own.damage_taken + 1))


YARDSTICKS = {
    "damage_dealt": Yardstick(
        "damage dealt",
        lambda one: one.opponents.damage_taken if one.opponents else None,
        False,
        0,
    ),
    "damage_taken": Yardstick(
        "damage taken", lambda one: one.own.damage_taken if one.own else None, False, 0
    ),
    "log_damage_ratio": Yardstick("log ratio", _log_damage_ratio, False, 2),
    "margin": Yardstick("margin", lambda one: one.margin, False, 1),
    "attacks_unhurt": Yardstick(
        "attacks, unhurt", lambda one: one.own.share_unhurt if one.own else None, True, 0
    ),
    "attacks_hurt": Yardstick(
        "attacks, hurt", lambda one: one.own.share_hurt if one.own else None, True, 0
    ),
    "steps": Yardstick("steps", lambda one: one.steps, False, 0),
    "truncated": Yardstick("step limit", lambda one: one.truncated, True, 0),
}
"""By the name under which results hold them."""

FEW_GAMES = 3
"""Fewest games of one pair whose numbers get an interval."""

Played = TypeVar("Played")
Layout = Sequence[Sequence[Sequence[Outcome]]]
"""Games of seeds of A (rows) against seeds of B (columns), from A's view."""


def layout_values(
    games: Sequence[Sequence[Sequence[Played]]], measure: Callable[[Played], float | None]
) -> FloatArray | None:
    """Means ``(rows, columns)`` over the games of each pair; one game a row for one pair alone.

    ``None`` if a pair has no game with this number.
    """
    found = [
        [[value for one in cell if (value := measure(one)) is not None] for cell in row]
        for row in games
    ]
    if not all(cell for row in found for cell in row):
        return None
    if len(found) == len(found[0]) == 1:
        return np.array(found[0][0], float).reshape(-1, 1)
    return np.array([[float(np.mean(cell)) for cell in row] for row in found])


def estimate(scores: FloatArray, *, share: bool, games: bool = False) -> Estimate:
    """Mean with its 95 % interval over seeds; over games for one pair alone.

    Args:
        scores: ``(rows, columns)``, see :func:`layout_values`.
        share: they are from 0 to 1, and so is the interval.
        games: each row is a game of one pair. Two numbers without bounds have an interval 13 times
            as wide as their difference, often beyond all that can be: it has no ends then.
    """
    if scores.size == 1 or (games and not share and scores.size < FEW_GAMES):
        value = float(scores.mean())
        return Estimate(value, 0.0, 1.0) if share else Estimate(value, -math.inf, math.inf)
    return Estimate.of(rate_interval(scores) if share else mean_interval(scores))


def estimate_of(
    games: Layout, measure: Callable[[Outcome], float | None], *, share: bool
) -> Estimate | None:
    """:func:`estimate` of a measure; ``None`` if a pair has no game with this number."""
    scores = layout_values(games, measure)
    if scores is None:
        return None
    return estimate(scores, share=share, games=len(games) == len(games[0]) == 1)


def estimate_over_runs(values: FloatArray) -> Estimate:
    """Mean of ``(runs, episodes)`` with its 95 % interval; all runs played the same episodes.

    Over runs and episodes: what the episodes have in common, such as what a fixed opponent earned
    in them, is the same for all runs, and more runs would not show how far it is from the mean of
    other episodes. Over episodes for one run alone.
    """
    scores = values if len(values) > 1 else values.reshape(-1, 1)
    return estimate(scores, share=False, games=len(values) == 1)


def yardsticks(games: Layout) -> dict[str, Estimate]:
    """All yardsticks that the games have, by name."""
    found = {}
    for name, one in YARDSTICKS.items():
        value = estimate_of(games, one.measure, share=one.share)
        if value is not None:
            found[name] = value
    return found
