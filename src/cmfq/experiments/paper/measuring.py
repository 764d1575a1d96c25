"""What the paper's claims are about, measured in the stored results of its figures."""

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import optimize, special

from cmfq.decoding import damage_of, decode_json
from cmfq.experiments.paper.claims import (
    ALL,
    EACH_OTHER,
    Bounded,
    Converges,
    Earns,
    Measured,
    Neglected,
    Steadier,
    Wins,
    WinsMore,
)
from cmfq.play.crossing import CrossGame
from cmfq.play.entrants import is_script_group
from cmfq.play.reading import finished_tournament
from cmfq.play.standings import PairResults, Standings, all_results, standings
from cmfq.results.crossing import GAMES, read_games
from cmfq.results.curves import METRICS, by_group, stored_metrics
from cmfq.results.learning import reward_of
from cmfq.results.origin import read_origin
from cmfq.results.tournament import tournament_file
from cmfq.statistics import replication
from cmfq.statistics.intervals import mean_interval
from cmfq.statistics.power import EXTREME, power, variation
from cmfq.statistics.replication import Estimate

POWER = 0.8


class Stored(NamedTuple):
    """Readers of stored results, each file once for all claims that it is about."""

    duels: Callable[[Path], "Duels"]
    games: Callable[[Path], list[CrossGame]]

    @classmethod
    def readers(cls) -> "Stored":
        """Readers that have read nothing yet."""
        return cls(cache(_duels), cache(role_games))


class Duels(NamedTuple):
    """A tournament."""

    standings: Standings
    results: dict[tuple[str, str], PairResults]
    """Games of every two groups, in the order of the groups."""

    def points(self, a: str, b: str) -> npt.NDArray[np.float64]:
        """``(seeds of A, seeds of B, games)``: 1 where A won, 1/2 for a draw."""
        if (a, b) in self.results:
            return self.results[a, b].points
        return 1 - self.results[b, a].points.swapaxes(0, 1)


class Found(NamedTuple):
    """What was measured."""

    estimate: Estimate
    """With its 95 % interval over seeds."""
    seeds: int
    smallest: float
    """Difference that as many seeds with as much variation show in four cases of five; nan where
    none is known."""
    episodes: int = 0
    """Length of the training that it is about; 0: it is about none."""


def measure(measured: Measured, figure: Path, stored: Stored) -> Found | None:
    """What a claim is about; None where the figure is not there."""
    match measured:
        case Wins():
            file = tournament_file(figure, measured.size)
            return _won(measured, stored.duels(file)) if file.is_file() else None
        case WinsMore():
            file = tournament_file(figure, measured.size)
            return _won_more(measured, stored.duels(file)) if file.is_file() else None
        case Earns() | Steadier():
            games = stored.games(figure)
            return _earned(measured, games) if games else None
        case Converges():
            return _drift(measured, figure) if (figure / METRICS).is_file() else None
        case Bounded() | Neglected():
            file = figure / "rows.json"
            return _remainder(measured, file) if file.is_file() else None


def _duels(stored: Path) -> Duels:
    played = finished_tournament(stored)
    return Duels(standings(played), all_results(played))


def role_games(figure: Path) -> list[CrossGame]:
    """Games of a figure of two roles; none where they are not there.

    Raises:
        UserError: they are damaged.
    """
    if not (figure / GAMES).is_file():
        return []
    with damage_of(figure / GAMES, "make the figure again"):
        return read_games(figure)


def _won(measured: Wins, duels: Duels) -> Found:
    """A's win rate against B.

    Without an interval where a side has one seed: its games do not say how far another seed would
    be from it. A smallest difference only for claims about 1/2.
    """
    a, b = measured.a, measured.b
    compared = duels.standings.between(a, b)
    rate, seeds = compared.win_rate, min(compared.seeds)
    if seeds < 2:
        return Found(Estimate(rate.value, -np.inf, np.inf), seeds, np.inf)
    claimed = measured.at_least if measured.about is None else measured.about
    smallest = smallest_rate_difference(duels.points(a, b)) if claimed == 0.5 else np.nan
    return Found(rate, seeds, smallest)


def _won_more(measured: WinsMore, duels: Duels) -> Found:
    """A's win rate less B's against the same group; A and B are paired by seed.

    Without an interval where a side has one seed, as in :func:`_won`.
    """
    a, b = (duels.points(one, measured.against).mean(-1) for one in (measured.a, measured.b))
    scores = a - b
    seeds = min(scores.shape)
    if seeds < 2:
        return Found(Estimate(float(scores.mean()), -np.inf, np.inf), seeds, np.inf)
    found = Estimate.of(replication.mean_interval(scores))
    return Found(found, seeds, smallest_difference(found, seeds))


def _earned(measured: Earns | Steadier, games: Sequence[CrossGame]) -> Found:
    """A's reward less B's, paired by seed; of :class:`Steadier`, what B's changes more than A's.

    Against all trained groups it is the mean over them, all of the same seed.
    """
    sizes = sorted({one.size for one in games})
    seeds = sorted({one.seed for one in games})

    def reward(group: str, size: int, seed: int, against: str = ALL) -> float:
        return float(
            np.mean(
                [
                    one.first_reward if measured.role == 0 else one.second_reward
                    for one in games
                    if (one.size, one.seed) == (size, seed)
                    for own, other in [(one.first, one.second)[:: -1 if measured.role else 1]]
                    if own == group
                    and (not is_script_group(other) if against == ALL else other == against)
                ]
            )
        )

    if isinstance(measured, Earns):
        a, b, size = measured.a, measured.b, measured.size or sizes[0]
        others = (b, a) if measured.against == EACH_OTHER else (measured.against,) * 2
        values = [
            reward(a, size, one, others[0]) - reward(b, size, one, others[1]) for one in seeds
        ]
    else:

        def change(group: str, seed: int) -> float:
            return abs(reward(group, sizes[-1], seed) - reward(group, sizes[0], seed))

        values = [change(measured.b, one) - change(measured.a, one) for one in seeds]
    return _mean(values)


def _drift(measured: Converges, figure: Path) -> Found | None:
    """How far a straight line through the rewards of the last half moves, by their range.

    The line is that of least squares; the range is that of the means by tenths of the training. A
    reward that rises evenly all the time moves by half of it. The runs of a group are those that
    the figure was drawn from, whatever their folders are called.
    """
    played, values, episodes = tournament_file(figure, 0), [], 0
    there = finished_tournament(played) if played.is_file() else read_origin(figure)
    for rows in by_group(there.entrants, stored_metrics(figure)).get(measured.group, []):
        teams = range(len(rows[0]["rewards"])) if measured.role is None else [measured.role]
        rewards = np.array([reward_of(row, teams) for row in rows])
        episodes = len(rewards)
        half = rewards[-max(2, len(rewards) // 2) :]
        slope, _ = np.polyfit(np.linspace(0, 1, len(half)), half, 1)
        tenths = [part.mean() for part in np.array_split(rewards, 10) if part.size]
        values.append(float(slope) / max(float(np.ptp(tenths)), 1e-9))
    return _mean(values)._replace(episodes=episodes) if values else None


def _remainder(measured: Bounded | Neglected, stored: Path) -> Found:
    """What is left out; of the bound, the greatest share that any run uses, without an interval."""
    with damage_of(stored, "make the figure again"):
        rows = decode_json(stored.read_bytes(), dict[str, dict[str, float | str | None]])
    if isinstance(measured, Neglected):
        return _mean([float(row["gap_share_95"] or 0) for row in rows.values()])
    used = [float(row["bound_used"]) for row in rows.values() if row["bound_used"] is not None]
    greatest = max(used)
    return Found(Estimate(greatest, greatest, greatest), len(used), np.nan)


def _mean(values: Sequence[float]) -> Found:
    """Mean over seeds, a value a seed."""
    low, high = mean_interval(np.array(values))
    found = Estimate(float(np.mean(values)), low, high)
    return Found(found, len(values), smallest_difference(found, len(values)))


def smallest_difference(found: Estimate, seeds: int) -> float:
    """Difference of means told in four cases of five, by the width of the interval found.

    The interval reaches ``t(0.975)`` standard errors, and power of 80 % takes ``t(0.8)`` more. nan
    for what has no interval.
    """
    if seeds < 2:
        return float("inf")
    if found.alike:
        return float("nan")
    reach, power = special.stdtrit(seeds - 1, [0.975, POWER])
    return float((found.high - found.low) / 2 * (1 + power / reach))


def smallest_rate_difference(points: npt.NDArray[np.float64]) -> float:
    """Difference of a win rate from 1/2 that these seeds would show in four cases of five.

    Seeds vary less near 0 and 1, where intervals are no longer symmetric: see
    :func:`~cmfq.statistics.power.power`. nan where even the largest would not be shown so often.

    Args:
        points: ``(seeds of A, seeds of B, games)``, as in
            :class:`~cmfq.play.standings.PairResults`.
    """
    seeds, largest = min(points.shape[:2]), 0.5 - EXTREME
    if seeds < 2:
        return float("inf")
    if points.shape[2] < 2:
        return float("nan")
    found = variation(points)
    if power(found, largest, seeds) < POWER:
        return float("nan")
    return float(
        optimize.bisect(lambda one: power(found, one, seeds) - POWER, 0, largest, xtol=1e-3)
    )
