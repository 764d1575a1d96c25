"""Ratings from points: Bradley and Terry's model, a draw being half a win and half a loss.

With strengths ``r`` A is expected to get ``1 / (1 + exp(r_B - r_A))`` of the points of its games
against B, as Elo's ratings mean it. The likelihood takes a draw for half a game won and half a game
lost: not the law by which games end, but its maximum is consistent for the expected scores, and the
intervals below do not rely on it.

A model with a draw parameter of its own (Davidson 1970) rates by the odds of a win to a *loss*:
with 24 wins, 76 draws and no loss, 62 % of the points, it puts A as far ahead as its prior lets it,
however many games were drawn.
"""

from itertools import combinations
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import optimize, special

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]

ELO = 400 / np.log(10)
"""Points of a rating for a unit of strength: 400 points are odds of ten to one."""
PRIOR_SPREAD = 5.0
"""Standard deviation of the prior of strengths, about 870 points: who never lost has a rating all
the same."""


class GroupRatings(NamedTuple):
    """Ratings in Elo's points; 0 is the mean of the groups."""

    players: FloatArray
    """``(players,)``."""
    groups: FloatArray
    """``(groups,)``: mean over a group's players."""
    low: FloatArray
    """``(groups,)``: lower end of the 95 % interval: over players, or, where every group has a
    single player, over games."""
    high: FloatArray
    expected: FloatArray
    """``(players, players)``: score of the row against the column, a draw counting half."""


def fit_strengths(points: FloatArray) -> FloatArray:
    """Maximum of the likelihood, with a prior so weak that it decides only what games don't.

    Args:
        points: ``(players, players)``: of the row in its games against the column, 1 for a win and
            1/2 for a draw.

    Returns:
        ``(players,)``, with mean 0.
    """
    players = len(points)
    first, second = np.triu_indices(players, 1)
    won, lost = points[first, second], points[second, first]

    def loss(strengths: FloatArray) -> tuple[float, FloatArray]:
        half = (strengths[first] - strengths[second]) / 2
        total = np.logaddexp(half, -half)
        pull = won - (won + lost) * np.exp(half - total)
        slope = np.bincount(first, pull, players) - np.bincount(second, pull, players)
        prior = strengths / PRIOR_SPREAD
        likelihood = (won - lost) @ half - (won + lost) @ total
        return float(-likelihood + prior @ prior / 2), -slope + prior / PRIOR_SPREAD

    found = optimize.minimize(
        loss, np.zeros(players), jac=True, method="L-BFGS-B",
        options={"maxiter": 10_000, "ftol": 1e-13, "gtol": 1e-7},
    )  # fmt: skip
    return np.asarray(found.x - found.x.mean())


def expected_scores(strengths: FloatArray) -> FloatArray:
    """``(players, players)``: expected share of the points of the row against the column."""
    return np.asarray(1 / (1 + np.exp(strengths[None] - strengths[:, None])))


def rate_groups(wins: FloatArray, draws: FloatArray, group: IntArray) -> GroupRatings:
    """Rate every player, and every group of players with an interval over *players*.

    Players of a group are seeds of one algorithm. Groups of a single player are taken as they are;
    if all are, intervals are over games.

    Args:
        wins: ``(players, players)``: games that the row won against the column.
        draws: ``(players, players)``: games between them that nobody won; symmetric.
        group: ``(players,)``: numbers from 0 of each player's group.
    """
    points = wins + draws / 2
    strengths = fit_strengths(points)
    groups = _group_means(strengths, group)
    sizes = np.bincount(group)
    reach = (
        _reach_over_players(points, group)
        if sizes.max() > 1
        else _reach_over_games(strengths, wins, draws)[np.argsort(group)]
    )
    shift = _group_means(strengths, group, centred=False).mean()
    return GroupRatings(
        ELO * (strengths - shift),
        ELO * groups,
        ELO * (groups - reach),
        ELO * (groups + reach),
        expected_scores(strengths),
    )


def _reach_over_players(points: FloatArray, group: IntArray) -> FloatArray:
    """Half the length ``(groups,)`` of the intervals over players.

    The variance of a group's mean strength is the sum over groups of the jackknife's that leaves
    out one of their players in turn, so that it holds for other seeds on both sides; degrees of
    freedom follow Satterthwaite.
    """
    variances, freedoms = [], []
    for number, size in enumerate(np.bincount(group)):
        if size == 1:
            continue
        without = []
        for player in np.flatnonzero(group == number):
            kept = np.arange(len(group)) != player
            without.append(_group_means(fit_strengths(points[kept][:, kept]), group[kept]))
        variances.append((size - 1) / size * ((without - np.mean(without, 0)) ** 2).sum(0))
        freedoms.append(size - 1)
    parts = np.array(variances)
    total = parts.sum(0)
    spread = (parts**2 / np.array(freedoms)[:, None]).sum(0)
    degrees = np.full(total.shape, float(min(freedoms)))
    np.divide(total**2, spread, out=degrees, where=spread > 0)
    return np.asarray(special.stdtrit(degrees, 0.975) * np.sqrt(total))


def _reach_over_games(strengths: FloatArray, wins: FloatArray, draws: FloatArray) -> FloatArray:
    """Half the length ``(players,)`` of the intervals over games of these players.

    From the sandwich estimate of the variance, which does not take the likelihood at its word: a
    game's variance is the one of the points seen, with half a win and half a loss added.
    """
    played = wins + wins.T + draws
    share = (wins + draws / 2 + 0.5) / (played + 1)
    square = (wins + draws / 4 + 0.5) / (played + 1)
    expected = expected_scores(strengths)
    slope = np.linalg.inv(
        _laplacian(played * expected * (1 - expected)) + np.eye(len(played)) / PRIOR_SPREAD**2
    )
    centre = np.eye(len(played)) - 1 / len(played)
    covariance = centre @ slope @ _laplacian(played * (square - share**2)) @ slope @ centre
    return np.asarray(special.ndtri(0.975) * np.sqrt(np.diag(covariance)))


def _laplacian(weights: FloatArray) -> FloatArray:
    """``Σ weight (e_i - e_j)(e_i - e_j)ᵀ`` over pairs; weights are symmetric, the diagonal 0."""
    return np.asarray(np.diag(weights.sum(1)) - weights)


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
