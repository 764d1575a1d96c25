"""Ratings from wins, draws and losses: Davidson's extension of Bradley and Terry to draws.

Davidson, R. R. (1970): "On extending the Bradley-Terry model to accommodate ties in paired
comparison experiments", JASA 65 (329). With strengths ``r`` and a draw parameter ``ν``, A wins,
draws and loses against B with probabilities proportional to ``exp(r_A)``, ``ν exp((r_A + r_B) /
2)`` and ``exp(r_B)``.
"""

from itertools import combinations
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import optimize, stats

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]

ELO = 400 / np.log(10)
"""Points of a rating for a unit of strength: 400 points are odds of ten to one."""
PRIOR_SPREAD = 5.0
"""Of strengths and ``log ν``, about 870 points: who never lost has a rating all the same."""


class Strengths(NamedTuple):
    """A fitted model."""

    strengths: FloatArray
    """``(players,)``, with mean 0."""
    log_draw: float
    """``log ν``."""


class GroupRatings(NamedTuple):
    """Ratings in Elo's points; 0 is the mean of the groups."""

    players: FloatArray
    """``(players,)``."""
    groups: FloatArray
    """``(groups,)``: mean over a group's players."""
    low: FloatArray
    """``(groups,)``: end of the 95 % interval; nan where no group has several players."""
    high: FloatArray
    expected: FloatArray
    """``(players, players)``: score of the row against the column, a draw counting half."""


def fit_strengths(wins: FloatArray, draws: FloatArray) -> Strengths:
    """Maximum of Davidson's likelihood, with a prior so weak that it decides only what games don't.

    Args:
        wins: ``(players, players)``: games that the row won against the column.
        draws: ``(players, players)``: games between them that nobody won; symmetric.
    """
    players = len(wins)
    first, second = np.triu_indices(players, 1)
    won, lost, drawn = wins[first, second], wins[second, first], draws[first, second]
    played = won + lost + drawn

    def loss(parameters: FloatArray) -> tuple[float, FloatArray]:
        strengths, log_draw = parameters[:-1], parameters[-1]
        half = (strengths[first] - strengths[second]) / 2
        logits = np.stack([half, -half, np.full(len(half), log_draw)])
        total = np.logaddexp.reduce(logits)
        expected = np.exp(logits - total) * played
        likelihood = (won - lost) @ half + drawn.sum() * log_draw - played @ total
        pull = (won - lost - expected[0] + expected[1]) / 2
        slope = np.zeros(players + 1)
        np.add.at(slope, first, pull)
        np.add.at(slope, second, -pull)
        slope[-1] = drawn.sum() - expected[2].sum()
        prior = parameters / PRIOR_SPREAD
        return -likelihood + prior @ prior / 2, -slope + prior / PRIOR_SPREAD

    found = optimize.minimize(
        loss, np.zeros(players + 1), jac=True, method="L-BFGS-B",
        options={"maxiter": 10_000, "ftol": 1e-13, "gtol": 1e-7},
    )  # fmt: skip
    return Strengths(found.x[:-1] - found.x[:-1].mean(), float(found.x[-1]))


def expected_scores(fitted: Strengths) -> FloatArray:
    """``(players, players)``: expected score of the row against the column; a draw is a half."""
    half = (fitted.strengths[:, None] - fitted.strengths[None]) / 2
    logits = np.stack([half, -half, np.full(half.shape, fitted.log_draw)])
    win, _, draw = np.exp(logits - np.logaddexp.reduce(logits))
    return np.asarray(win + draw / 2)


def rate_groups(wins: FloatArray, draws: FloatArray, group: IntArray) -> GroupRatings:
    """Rate every player, and every group of players with an interval over *players*.

    Players of a group are seeds of one algorithm. The variance of a group's mean rating is the sum
    over groups of the jackknife's that leaves out one of their players in turn, so that it holds
    for other seeds on both sides; degrees of freedom follow Satterthwaite.

    Args:
        wins: as in :func:`fit_strengths`.
        draws: as in :func:`fit_strengths`.
        group: ``(players,)``: numbers from 0 of each player's group.
    """
    fitted = fit_strengths(wins, draws)
    groups = _group_means(fitted.strengths, group)
    variances, freedoms = [], []
    for number, size in enumerate(np.bincount(group)):
        if size == 1:
            continue
        without = []
        for player in np.flatnonzero(group == number):
            kept = np.arange(len(group)) != player
            strengths = fit_strengths(wins[kept][:, kept], draws[kept][:, kept]).strengths
            without.append(_group_means(strengths, group[kept]))
        variances.append((size - 1) / size * ((without - np.mean(without, 0)) ** 2).sum(0))
        freedoms.append(size - 1)
    reach = np.full(len(groups), np.nan)
    if variances:
        parts = np.array(variances)
        total = parts.sum(0)
        spread = (parts**2 / np.array(freedoms)[:, None]).sum(0)
        degrees = np.full(len(groups), float(min(freedoms)))
        np.divide(total**2, spread, out=degrees, where=spread > 0)
        reach = stats.t.ppf(0.975, degrees) * np.sqrt(total)
    shift = _group_means(fitted.strengths, group, centred=False).mean()
    return GroupRatings(
        ELO * (fitted.strengths - shift),
        ELO * groups,
        ELO * (groups - reach),
        ELO * (groups + reach),
        expected_scores(fitted),
    )


def cycles(rates: FloatArray, settled: npt.NDArray[np.bool_]) -> list[tuple[int, int, int, bool]]:
    """Trios A, B, C of which A beats B, B beats C, and C beats A.

    Args:
        rates: ``(groups, groups)``: win rate of the row against the column.
        settled: ``(groups, groups)``: whether the interval of that rate leaves out 1/2.

    Returns:
        The least of each trio first, and whether all three results are settled.
    """
    found = []
    for a, b, c in combinations(range(len(rates)), 3):
        for trio in ((a, b, c), (a, c, b)):
            steps = list(zip(trio, (*trio[1:], trio[0]), strict=True))
            if all(rates[step] > 0.5 for step in steps):
                found.append((*trio, all(bool(settled[step]) for step in steps)))
    return found


def _group_means(values: FloatArray, group: IntArray, centred: bool = True) -> FloatArray:
    """Mean of each group's players, less the mean of the groups."""
    means = np.bincount(group, values) / np.bincount(group)
    return np.asarray(means - means.mean() if centred else means)
