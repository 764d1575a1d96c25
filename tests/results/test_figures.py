"""Figures tell groups apart."""

from cmfq.algorithms import ALGORITHMS
from cmfq.results.style import COLOURS, colours_of


def test_every_algorithm_has_its_own_colour() -> None:
    assert colours_of([*ALGORITHMS]) == COLOURS
    assert len(set(COLOURS.values())) == len(ALGORITHMS)


def test_other_groups_get_colours_that_nobody_has() -> None:
    groups = ["mfq", *(f"cmfq {number}" for number in range(7))]
    found = colours_of(groups)
    assert found["mfq"] == COLOURS["mfq"]
    assert len(set(found.values())) == len(groups)
