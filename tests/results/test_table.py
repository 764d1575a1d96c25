"""Numbers in tables, with their intervals."""

import math

import pytest

from cmfq.results.details import how_to_read_yardsticks
from cmfq.results.table import Table, interval_text, margin_text, minus, number_text, rate_text
from cmfq.statistics.replication import Estimate

ENDLESS = Estimate(2.5, -math.inf, math.inf)
ALONE = Estimate(2.5, math.nan, math.nan)


def test_an_interval_that_says_nothing_is_words() -> None:
    assert margin_text(ENDLESS) == "+2.5 (too few to tell)"
    assert number_text(ENDLESS) == "2.5 (too few to tell)"
    assert rate_text(Estimate(0.5, 0.0, 1.0)) == "50.0% (too few to tell)"
    assert interval_text(-math.inf, math.inf) == "too few to tell"


def test_what_was_not_replicated_has_no_interval() -> None:
    assert margin_text(ALONE) == "+2.5"
    assert number_text(ALONE) == "2.5"


def test_other_intervals_are_numbers() -> None:
    assert margin_text(Estimate(2.5, -1.0, 6.0)) == "+2.5 (−1.0 to +6.0)"
    assert number_text(Estimate(2.5, -1.0, 6.0)) == "2.5 (0.0 to 6.0)"
    assert rate_text(Estimate(0.95, 0.5, 1.0)) == "95.0% (50 to 100\N{NO-BREAK SPACE}%)"


def test_zero_has_no_minus() -> None:
    assert [minus(value, 2) for value in (-0.004, 0.0, -0.006, 1.5)] == [
        "0.00",
        "0.00",
        "−0.01",
        "1.50",
    ]


def test_a_row_has_a_cell_for_each_column() -> None:
    with pytest.raises(AssertionError, match="3 cells of 2"):
        Table(("device", "rows"), [("cpu", "1", "2")])


def test_only_columns_that_are_there_are_explained() -> None:
    text = how_to_read_yardsticks(Table(("A v B", "margin", "steps"), []))
    assert text == (
        "Means per game, for A. *Margin*: the measure that decides the game, such as survivors, "
        "minus the opponent's. *Steps*: length of the game."
    )
    assert "*unhurt*" in how_to_read_yardsticks(Table(("A v B", "attacks, unhurt"), []))


def test_an_interval_of_everything_says_too_few_to_tell() -> None:
    for low, high in ((0.0, 1.0), (0.004, 0.996)):
        assert rate_text(Estimate(0.25, low, high)) == "25.0% (too few to tell)"
    assert rate_text(Estimate(0.25, 0.006, 0.996)) == "25.0% (1 to 100\N{NO-BREAK SPACE}%)"
