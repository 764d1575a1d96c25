"""Figures tell groups apart."""

from cmfq.algorithms import ALGORITHMS
from cmfq.play.progress import ProgressRow
from cmfq.results.figures import learning_curves, win_rate_over_training
from cmfq.results.style import COLOURS, colours_of


def test_every_algorithm_has_its_own_colour() -> None:
    assert colours_of([*ALGORITHMS]) == COLOURS
    assert len(set(COLOURS.values())) == len(ALGORITHMS)


def test_a_group_keeps_its_colour_whatever_is_beside_it() -> None:
    groups = ["swarm (script)", "cmfq", "cmfq size=16", "rush (script)"]
    found = colours_of(groups)
    assert colours_of(groups[::-1]) == found
    for group in groups:
        assert colours_of([group, "mfq"])[group] == found[group]


def test_equal_curves_are_both_seen() -> None:
    run = [{"rewards": [1.0], "kills": [0], "steps": 5, "loss": 0.1}] * 20
    figure = learning_curves({"mfq": [run], "cmfq": [run]})
    lower, upper = figure.axes[0].lines
    assert lower.get_linestyle() == "-"
    assert upper.get_linestyle() == "--"


def test_progress_of_many_runs_is_a_line_and_a_band_for_each_group() -> None:
    rows = [
        ProgressRow(f"{group}-{seed}", group, seed, episode, "rush", seed / 4, {}, 0.0)
        for group in ("cmfq", "mfq")
        for seed in range(5)
        for episode in (10, 20)
    ]
    (panel,) = win_rate_over_training(rows).axes
    drawn = [
        line for line in panel.lines if len(line.get_xdata()) == 2 and line.get_marker() != "None"
    ]
    assert [line.get_ydata().tolist() for line in drawn] == [[0.5, 0.5]] * 2
    bands = [band.get_paths()[0].vertices[:, 1] for band in panel.collections]
    assert [(band.min(), band.max()) for band in bands] == [(0.25, 0.75)] * 2


def test_other_groups_get_colours_that_nobody_has() -> None:
    groups = ["mfq", *(f"cmfq {number}" for number in range(7))]
    found = colours_of(groups)
    assert found["mfq"] == COLOURS["mfq"]
    assert len(set(found.values())) == len(groups)
