"""Ratings against their own formula, and by simulation."""

import numpy as np
import pytest

from cmfq.statistics.rating import (
    ELO,
    cycles,
    expected_scores,
    fit_strengths,
    rate_groups,
)
from studies.coverage import rating_coverage


def test_two_players_have_the_odds_of_their_points() -> None:
    """Of 4,800 games one wins 3,000 and draws 800: 3,400 points to 1,400."""
    points = np.array([[0, 3400], [1400, 0]], float)
    strengths = fit_strengths(points)
    assert strengths[0] - strengths[1] == pytest.approx(np.log(34 / 14), abs=1e-3)
    assert expected_scores(strengths)[0, 1] == pytest.approx(3400 / 4800, abs=1e-4)


def test_many_draws_do_not_make_a_rating_larger_than_its_score() -> None:
    """24 wins and 76 draws are 62 % of the points: 85 points of a rating, as Elo meant it."""
    wins, draws = np.array([[0, 24], [0, 0]], float), np.array([[0, 76], [76, 0]], float)
    rated = rate_groups(wins, draws, np.array([0, 1]))
    assert rated.groups[0] - rated.groups[1] == pytest.approx(400 * np.log10(62 / 38), abs=1)
    assert rated.expected[0, 1] == pytest.approx(0.62, abs=0.002)


def test_strengths_are_found_again() -> None:
    """Expected points of a known model, as if there were endless games."""
    truth, games = np.array([1.0, 0.2, -0.3, -0.9]), 1e5
    apart = ~np.eye(4, dtype=bool)
    points = games * apart / (1 + np.exp(truth[None] - truth[:, None]))
    strengths = fit_strengths(points)
    assert strengths == pytest.approx(truth - truth.mean(), abs=1e-3)
    assert expected_scores(strengths)[apart] == pytest.approx(points[apart] / games, abs=1e-4)


def test_who_won_every_game_has_a_finite_rating() -> None:
    assert 1 < fit_strengths(np.array([[0, 50.0], [0, 0]]))[0] < 20


def test_a_groups_rating_is_the_mean_of_its_players_and_unsure_where_they_differ() -> None:
    group = np.array([0, 0, 1, 1])
    alike = np.array([[0, 0, 14, 14], [0, 0, 14, 14], [6, 6, 0, 0], [6, 6, 0, 0]], float)
    apart = np.array([[0, 0, 19, 19], [0, 0, 9, 9], [1, 11, 0, 0], [1, 11, 0, 0]], float)
    for wins in (alike, apart):
        rated = rate_groups(wins, np.zeros((4, 4)), group)
        means = [rated.players[group == number].mean() for number in (0, 1)]
        assert rated.groups == pytest.approx(means)
        assert rated.groups.sum() == pytest.approx(0, abs=1e-6)
    one, other = (rate_groups(wins, np.zeros((4, 4)), group) for wins in (alike, apart))
    assert one.high[0] - one.low[0] < 1e-3
    assert other.high[0] - other.low[0] > 100
    assert one.groups[0] - one.groups[1] == pytest.approx(ELO * np.log(14 / 6), abs=1)


def test_where_all_are_there_once_intervals_are_over_games() -> None:
    """Three players, half of the games drawn: the truth is held 95 times in 100."""
    generator = np.random.default_rng(0)
    truth, games = np.array([0.5, 0.0, -0.5]), 60
    chance = 1 / (1 + np.exp(truth[None] - truth[:, None]))
    held = []
    for _ in range(300):
        wins, draws = np.zeros((3, 3)), np.zeros((3, 3))
        for a, b in ((0, 1), (0, 2), (1, 2)):
            drawn = 0.6 * min(chance[a, b], chance[b, a])
            shares = (chance[a, b] - drawn / 2, drawn, chance[b, a] - drawn / 2)
            wins[a, b], draws[a, b], wins[b, a] = generator.multinomial(games, shares)
            draws[b, a] = draws[a, b]
        rated = rate_groups(wins, draws, np.array([2, 0, 1]))
        held.append((rated.low[[2, 0, 1]] <= ELO * truth) & (ELO * truth <= rated.high[[2, 0, 1]]))
    assert 0.92 <= np.mean(held) <= 0.98  # of 900 intervals


def test_a_player_that_is_there_once_has_an_interval_over_the_others_seeds() -> None:
    wins = np.array([[0, 0, 12], [0, 0, 17], [8, 3, 0]], float)
    rated = rate_groups(wins, np.zeros((3, 3)), np.array([0, 0, 1]))
    assert rated.high - rated.groups == pytest.approx(rated.groups - rated.low)
    assert (rated.high[0] - rated.low[0]) == pytest.approx(rated.high[1] - rated.low[1])
    assert rated.high[1] - rated.low[1] > 100


def test_coverage_of_ratings() -> None:
    share = rating_coverage((-0.6, 0, 0.6), 0.6, seeds=4, games=20, repetitions=80, seed=0)
    assert 0.91 <= share <= 0.99  # of 240 intervals


def test_rock_paper_scissors_is_a_cycle_and_an_order_is_none() -> None:
    rates = np.array([[0.5, 0.9, 0.2], [0.1, 0.5, 0.7], [0.8, 0.3, 0.5]])
    sure = np.ones((3, 3), bool)
    assert cycles(rates, sure) == [(0, 1, 2, True)]
    assert cycles(rates.T, sure) == [(0, 2, 1, True)]
    sure[0, 2] = sure[2, 0] = False
    assert cycles(rates, sure) == [(0, 1, 2, False)]
    assert cycles(np.array([[0.5, 0.9, 0.8], [0.1, 0.5, 0.7], [0.2, 0.3, 0.5]]), sure) == []
    assert cycles(np.full((3, 3), 0.5), sure) == []
