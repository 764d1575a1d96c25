"""What training reported, drawn and kept."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cmfq.cli import main
from cmfq.environments.battle import BattleSettings
from cmfq.environments.particles import ParticlesSettings
from cmfq.environments.pettingzoo import PettingZooSettings
from cmfq.errors import UserError
from cmfq.play.entrants import find_entrants
from cmfq.results.curves import ends_sentences, ends_table, find_metrics, write_metrics
from cmfq.results.learning import teams_by_role
from cmfq.results.table import Table
from cmfq.training.run import Run


def test_the_command_writes_figure_table_and_metrics(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [str(runs / name) for name in ("cmfq-0", "cmfq-1", "mfq-0")]
    out = tmp_path / "curves"
    assert main(["curves", *names, "--out", str(out)]) == 0
    assert "Training" in capsys.readouterr().out
    assert {file.name for file in out.iterdir()} == {
        "README.md", "index.html", "curves.svg", "curves.png", "metrics.json.gz", "runs.json",
        "origin.json",
    }  # fmt: skip
    page = (out / "README.md").read_text()
    assert "| cmfq | 2 | 3 |" in page
    assert "| mfq | 1 | 3 |" in page
    assert json.loads((out / "runs.json").read_text())[names[0]]["settings"]["seed"] == 0
    entrants = find_entrants(names, "battle", 1)
    kept = find_metrics([replace(one, run=None) for one in entrants], out)  # as if they were gone
    assert kept == find_metrics(entrants)
    assert [row["steps"] for row in kept[names[0]]] == [
        row["steps"] for row in Run(Path(names[0])).metrics()
    ]


ALIKE = {"agent": [0, 1]}
UNLIKE = {"predator": [0], "prey": [1]}


def test_the_table_has_means_of_teams_and_episodes() -> None:
    def row(reward: float, kills: int) -> dict[str, object]:
        return {"rewards": [reward, reward + 2], "kills": [kills, 1], "steps": 7, "loss": None}

    first, last = [row(0.0, 1)] * 10, [row(10.0, 4)] * 10
    curves = {"mfq": [first + last, first + last]}
    (line,) = ends_table(curves, ALIKE).rows
    assert line == ("mfq", "2", "20", "1", "11", "2", "5", "7", "7")
    table = ends_table(curves, UNLIKE)
    assert table.columns[3:7] == (
        "reward, predator, first 10", "last 10", "reward, prey, first 10", "last 10",
    )  # fmt: skip
    assert table.rows[0][3:7] == ("0", "10", "2", "12")


def test_opposed_roles_are_never_averaged() -> None:
    """Predators of cmfq earn 60 less, its prey lose 70 less: on average it would earn 5 more."""

    def run(predator: float, prey: float) -> list[dict[str, Any]]:
        return [{"rewards": ends} for ends in [[0.0, 0.0]] * 10 + [[predator, prey]] * 10]

    curves = {"cmfq": [run(40, -30), run(41, -31)], "mfq": [run(100, -100), run(101, -101)]}
    assert ends_sentences(curves, UNLIKE) == [
        "Reward, predator: in the last 10 episodes mfq earns more than cmfq.",
        "Reward, prey: in the last 10 episodes cmfq earns more than mfq; less than in the first "
        "10: cmfq and mfq.",
    ]


def test_roles_are_those_of_the_environment() -> None:
    curves = {"mfq": [[{"rewards": [0.0, 1.0]}]]}
    assert teams_by_role(curves, BattleSettings(size=12)) == ALIKE
    settings = ParticlesSettings(predators=2, prey=4)
    assert teams_by_role(curves, settings) == UNLIKE
    gone = PettingZooSettings(make_env="no_such_module_anywhere:make_env")
    assert teams_by_role(curves, gone) == {"team 1": [0], "team 2": [1]}


def test_the_sentence_says_what_seeds_can_tell() -> None:
    def run(first: float, last: float) -> list[dict[str, Any]]:
        return [{"rewards": [mean, mean]} for mean in [first] * 10 + [last] * 10]

    one = {"mfq": [run(0, 10)], "cmfq": [run(10, 0)]}
    (said,) = ends_sentences(one, ALIKE)
    assert said == "In the last 10 episodes unknown for mfq and cmfq: one of them is a single run."
    one_of_many = {"mfq": [run(0, 10), run(0, 11), run(0, 10.5)], "cmfq": [run(0, 3)]}
    (said,) = ends_sentences(one_of_many, ALIKE)
    assert said == "In the last 10 episodes unknown for mfq and cmfq: one of them is a single run."
    several = {"mfq": [run(0, 10), run(0, 11)], "cmfq": [run(10, 0), run(12, 1.5)]}
    assert ends_sentences(several, ALIKE) == [
        "In the last 10 episodes mfq earns more than cmfq; less than in the first 10: cmfq."
    ]
    assert ends_sentences({"mfq": [run(0, 10)]}, ALIKE) == []


def test_what_is_no_run_has_no_curves(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["curves", "rush", "--out", str(tmp_path / "x")]) == 2
    assert "give run folders" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


def test_stored_metrics_of_runs_that_are_gone_are_kept(runs: Path, tmp_path: Path) -> None:
    names = [str(runs / name) for name in ("cmfq-0", "mfq-0")]
    entrants = find_entrants(names, "battle", 1)
    gone = [replace(one, name="gone") if one.name == names[0] else one for one in entrants]
    rows = Run.open(Path(names[0])).metrics()
    write_metrics(tmp_path, {"gone": rows, "a stranger": rows})
    kept = find_metrics(gone, tmp_path)
    assert kept.keys() == {"gone", names[1]}
    (tmp_path / "metrics.json.gz").write_bytes(b"\x1f\x8bcut")
    with pytest.raises(UserError, match="cannot be unpacked"):
        find_metrics(gone, tmp_path)


def test_a_script_among_runs_has_no_curves(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["curves", str(runs / "cmfq-0"), "rush", "--out", str(tmp_path / "x")]) == 2
    assert "rush has no curves" in capsys.readouterr().err


def test_a_bar_in_a_name_does_not_end_a_cell() -> None:
    assert r"| a\|b |" in Table(("x",), [("a|b",)]).markdown()
