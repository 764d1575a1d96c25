"""Figures tell groups apart."""

import io

import pytest
from matplotlib.figure import Figure

from cmfq.algorithms import ALGORITHMS
from cmfq.environments.battle import BattleSettings
from cmfq.environments.particles import ParticlesSettings
from cmfq.play.progress import ProgressRow
from cmfq.results.figures import (
    DARK,
    relative_luminance,
    win_rate_over_training,
)
from cmfq.results.learning import learning_curves
from cmfq.results.style import COLOURS, colours_of, name_lines, panels, save_svg


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
    run = [{"rewards": [1.0, 2.0], "kills": [0], "steps": 5, "loss": 0.1}] * 20
    figure = learning_curves({"mfq": [run], "cmfq": [run]}, BattleSettings(size=12))
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


def test_text_on_the_matrix_has_the_better_contrast() -> None:
    assert relative_luminance((1.0, 1.0, 1.0, 1.0)) == pytest.approx(1)
    assert relative_luminance((0.0, 0.0, 0.0)) == 0
    grey = relative_luminance((0x76 / 255,) * 3)  # 4.54:1 on white, as is well known
    assert 1.05 / (grey + 0.05) == pytest.approx(4.54, abs=0.01)
    assert pytest.approx((DARK + 0.05) / 0.05, rel=0.01) == 1.05 / (DARK + 0.05)


@pytest.mark.parametrize(("names", "columns"), [(3, 3), (4, 4), (5, 3), (9, 3)])
def test_names_above_a_figure_stand_in_rows_of_equal_length(names: int, columns: int) -> None:
    figure = Figure()
    axes = figure.subplots()
    for name in range(names):
        axes.plot([0, 1], label=str(name))
    name_lines(figure, [axes])
    assert figure.legends[0]._ncols == columns


@pytest.mark.parametrize("name", ["random-weights (5 seeds)", "of $a and of $", "x" * 30])
def test_names_above_a_figure_fit(name: str) -> None:
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for number in range(5):
        axes.plot([0, 1], label=f"{number} {name}")
    name_lines(figure, [axes])
    save_svg(figure, io.StringIO())
    legend = figure.legends[0].get_window_extent()
    assert 0 <= legend.x0 < legend.x1 <= figure.bbox.width
    assert legend.width > figure.bbox.width / 3  # not one below the other


@pytest.mark.parametrize(("number", "empty"), [(3, 0), (4, 0), (5, 1), (6, 0)])
def test_no_place_is_empty(number: int, empty: int) -> None:
    """The names stand where there is no panel."""
    figure, drawn = panels(number, (2.9, 1.9))
    for axes in drawn:
        axes.plot([0, 1], label="line")
    name_lines(figure, drawn)
    left = [axes for axes in figure.axes if not axes.axison]
    assert len(left) == empty
    assert all(axes.get_legend() for axes in left)
    assert len(figure.legends) == (not empty)


@pytest.mark.parametrize(("kills", "count"), [([1, 0], 4), ([0, 0], 3)])
def test_training_is_drawn_without_an_empty_block(kills: list[int], count: int) -> None:
    run = [{"rewards": [1.0, 2.0], "kills": kills, "steps": 5, "loss": 0.1}] * 3
    drawn = learning_curves({"mfq": [run]}, BattleSettings(size=12)).axes
    assert [axes.axison for axes in drawn] == [True] * count
    assert drawn[-1].get_xlabel() == "training episode"


def test_opposed_roles_have_a_panel_each() -> None:
    run = [{"rewards": [7.0, -3.0], "kills": [0, 0], "steps": 5, "loss": 0.1}] * 3
    drawn = learning_curves({"mfq": [run]}, ParticlesSettings(predators=2, prey=4)).axes
    assert [axes.get_ylabel() for axes in drawn] == [
        "reward of a team, predator", "reward of a team, prey", "steps", "squared TD error",
    ]  # fmt: skip
    assert [axes.lines[0].get_ydata()[0] for axes in drawn[:2]] == [7, -3]
