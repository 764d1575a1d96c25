"""Yardsticks and results by side, by hand."""

import math
from dataclasses import replace

import numpy as np
import pytest

from cmfq.combat import Combat
from cmfq.margins import margin_between
from cmfq.play.by_side import by_side, side_sentence
from cmfq.play.games import Game
from cmfq.play.outcomes import (
    Layout,
    Outcome,
    margin_of,
    margins_of_pairs,
    outcome_of,
    yardsticks,
)
from cmfq.results.table import margin_text
from cmfq.statistics.replication import mean_interval, rate_interval

OWN, OTHER = Combat(29.0, 10, 8, 4, 1), Combat(59.0, 10, 10, 0, 0)
WON = Outcome(0, 3.0, 40, False, OWN, OTHER)
"""A game in which A lost 29 hit points and took 59."""


def test_a_game_measured_by_hand() -> None:
    drawn = Outcome(1, 0.0, 60, True, replace(OWN, chances_hurt=0, attacks_hurt=0), OWN)
    found = yardsticks([[[WON, drawn]]])
    assert {name: one.value for name, one in found.items()} == pytest.approx(
        {
            "damage_dealt": (59 + 29) / 2,
            "damage_taken": 29,
            "log_damage_ratio": math.log(60 / 30) / 2,
            "margin": 1.5,
            "attacks_unhurt": 0.8,
            "attacks_hurt": 0.25,  # the second game had no chance
            "steps": 50,
            "truncated": 0.5,
        }
    )


@pytest.mark.parametrize("ours", [3.0000001192092896, 2.9999999, -0.0])
def test_sums_that_differ_by_their_rounding_are_a_draw(ours: float) -> None:
    theirs = 3.0 if ours else 0.0
    game = Game(0, 0, 5, 4, 9, ours, theirs, True, None, None)
    assert outcome_of(game, 0, "rewards").margin == 0
    assert outcome_of(game, 0, "survivors").margin == 1
    assert margin_of(replace(game, a_reward=3.001 if ours else 1e-5), "rewards") > 0
    half = replace(game.swapped(), game=1, a_reward=theirs, b_reward=theirs)
    assert margins_of_pairs([(0, game), (0, half)], "rewards") == [0]


def test_the_other_players_view_is_the_mirror_image() -> None:
    ours, theirs = yardsticks([[[WON] * 2]]), yardsticks([[[WON.swapped()] * 2]])
    assert theirs["log_damage_ratio"].value == -ours["log_damage_ratio"].value
    assert theirs["margin"].value == -3
    assert theirs["damage_dealt"] == ours["damage_taken"]
    assert theirs["attacks_unhurt"].value == 1
    assert "attacks_hurt" not in theirs, "it never had a chance"
    assert WON.swapped().swapped() == WON


def test_intervals_are_over_seeds_however_many_games() -> None:
    margins = np.random.default_rng(0).normal(size=(3, 4, 6))
    games = [[[WON._replace(margin=one) for one in cell] for cell in row] for row in margins]
    expected = mean_interval(margins.mean(-1))
    assert yardsticks(games)["margin"] == pytest.approx([float(part) for part in expected])
    shares = np.random.default_rng(1).integers(0, 2, (3, 4, 6))
    games = [
        [[WON._replace(truncated=bool(one)) for one in cell] for cell in row] for row in shares
    ]
    expected = rate_interval(shares.mean(-1))
    assert yardsticks(games)["truncated"] == pytest.approx([float(part) for part in expected])


def test_between_two_policies_alone_intervals_are_over_games() -> None:
    margins = [1.0, 4.0, -2.0, 0.0]
    found = yardsticks([[[WON._replace(margin=one) for one in margins]]])
    expected = mean_interval(np.array(margins)[:, None])
    assert found["margin"] == pytest.approx([float(part) for part in expected])


def test_two_games_give_no_interval_of_what_has_no_bounds() -> None:
    margins = Outcome(0, 3.0, 9, False, None, None), Outcome(1, -5.0, 9, False, None, None)
    two, three = (yardsticks([[[*margins[:1] * more, margins[1]]]])["margin"] for more in (1, 2))
    assert two == (-1.0, -math.inf, math.inf)
    assert margin_text(two) == "\N{MINUS SIGN}1.0 (too few to tell)"
    assert three[1:] == pytest.approx(mean_interval(np.array([[3.0], [3.0], [-5.0]]))[1:])
    seeds = yardsticks([[[margins[0]] * 9], [[margins[1]] * 9]])["margin"]
    assert math.isfinite(seeds.low), "two seeds have one, however wide"


def test_what_was_not_recorded_is_left_out() -> None:
    old = Outcome(0, 3.0, 40, None, None, None)
    assert yardsticks([[[old, old]]]).keys() == {"margin", "steps"}
    assert yardsticks([[[WON], [old]]]).keys() == {"margin", "steps"}


@pytest.mark.parametrize(
    ("ours", "theirs", "margin"),
    [
        (1 - 5 * float(np.float32(0.2)), 0.0, 0.0),  # 1 less five times a fifth, in 32 bits
        (0.0, -1.49e-8, 0.0),
        (0.1 + 0.2 + 0.3, 0.3 + 0.2 + 0.1, 0.0),
        (1e6, 1e6 * (1 + 1e-7), 0.0),
        (0.001, 0.0, 0.001),
        (3.0, 5.0, -2.0),
    ],
)
def test_rounding_decides_no_game(ours: float, theirs: float, margin: float) -> None:
    assert margin_between(ours, theirs) == margin


def games_of(first: float, second: float, seeds: int = 6, games: int = 20) -> Layout:
    """A wins these shares of its games as first and as second, a little more or less by seed."""
    generator = np.random.default_rng(2)
    return [
        [
            [
                Outcome(side, 1.0 if generator.random() < rate else -1.0, 9, False, None, None)
                for _ in range(games)
                for side, rate in enumerate((first, second))
            ]
            for _ in range(seeds)
        ]
        for _ in range(seeds)
    ]


@pytest.mark.parametrize(
    ("first", "second", "decides"),
    [
        (0.9, 0.2, True),
        (0.2, 0.9, True),
        (0.95, 0.6, False),  # the first side is favoured, the player more so
        (0.9, 0.9, False),
        (0.5, 0.5, False),
        (0.1, 0.3, False),
    ],
)
def test_side_decides_where_the_same_side_wins_whoever_plays(
    first: float, second: float, decides: bool
) -> None:
    found = by_side(games_of(first, second))
    assert found is not None
    assert found.side_decides == decides
    assert (side_sentence(found, "a", "b") is not None) == decides
    assert found.first_side.value == pytest.approx((first + 1 - second) / 2, abs=0.04)
    player, side = abs((first + second) / 2 - 0.5), abs(first - second) / 2
    assert decides == (side > player + 1e-9)


def test_luck_alone_is_not_called_side() -> None:
    """Three of five games as first and two of five as second, between two policies."""
    wins = [(0, 1)] * 3 + [(0, -1)] * 2 + [(1, 1)] * 2 + [(1, -1)] * 3
    found = by_side([[[Outcome(side, won, 9, False, None, None) for side, won in wins]]])
    assert found is not None
    assert (found.first.wins, found.second.wins) == (3, 2)
    assert not found.side_decides


@pytest.mark.parametrize("number", [3, 4, 7])
def test_a_player_that_wins_every_game_does_not_make_a_side_win(number: int) -> None:
    """An odd number of games has one more of A as the first side."""
    won = [Outcome(game % 2, 5.0, 10, False, None, None) for game in range(number)]
    for games in ([[won]], [[won], [won]]):
        found = by_side(games)
        assert found is not None
        assert found.first_side.value == 0.5
        assert found.first.games + found.second.games == number * len(games)


def test_without_games_on_both_sides_there_is_nothing_to_split() -> None:
    assert by_side([[[WON, WON]]]) is None
