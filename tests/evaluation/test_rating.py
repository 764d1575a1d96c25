"""Davidson's model against its own formula, and ratings of groups."""

import numpy as np
import pytest

from cmfq.evaluation.statistics.rating import (
    ELO,
    cycles,
    expected_scores,
    fit_strengths,
    rate_groups,
)
from cmfq.studies.coverage import rating_coverage


def test_two_players_have_the_odds_of_their_games() -> None:
    """Only two: the likelihood is greatest where the model gives the shares that were seen."""
    wins, draws = np.array([[0, 3000], [1000, 0]], float), np.array([[0, 800], [800, 0]], float)
    fitted = fit_strengths(wins, draws)
    assert fitted.strengths[0] - fitted.strengths[1] == pytest.approx(np.log(3), abs=1e-3)
    assert np.exp(fitted.log_draw) == pytest.approx(800 / np.sqrt(3000 * 1000), abs=1e-3)
    assert expected_scores(fitted)[0, 1] == pytest.approx(3400 / 4800, abs=1e-4)


def test_strengths_are_found_again() -> None:
    """Expected counts of a known model, as if there were endless games."""
    truth, draw, games = np.array([1.0, 0.2, -0.3, -0.9]), 0.5, 1e5
    gap = (truth[:, None] - truth[None]) / 2
    parts = np.stack([np.exp(gap), np.exp(-gap), np.full((4, 4), draw)])
    win, _, drawn = games * parts / parts.sum(0) * ~np.eye(4, dtype=bool)
    fitted = fit_strengths(win, drawn)
    assert fitted.strengths == pytest.approx(truth - truth.mean(), abs=1e-3)
    assert fitted.log_draw == pytest.approx(np.log(draw), abs=1e-3)
    expected = (win + drawn / 2)[~np.eye(4, dtype=bool)] / games
    assert expected_scores(fitted)[~np.eye(4, dtype=bool)] == pytest.approx(expected, abs=1e-4)


def test_who_won_every_game_has_a_finite_rating() -> None:
    fitted = fit_strengths(np.array([[0, 50.0], [0, 0]]), np.zeros((2, 2)))
    assert 1 < fitted.strengths[0] < 20


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


def test_players_that_are_there_once_have_no_interval() -> None:
    rated = rate_groups(np.array([[0, 3.0], [1, 0]]), np.zeros((2, 2)), np.array([0, 1]))
    assert np.isnan([*rated.low, *rated.high]).all()


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
