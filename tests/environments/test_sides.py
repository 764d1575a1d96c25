"""Sides that somebody names: several roles play together."""

import json
from pathlib import Path

import pytest

import small_worlds
from cmfq.cli import main
from cmfq.environments.base import TeamSpecification
from cmfq.environments.grouping import find_sides
from cmfq.environments.pettingzoo import PettingZooSettings
from cmfq.environments.sides import are_alike, arrangements, comparison, enemies_of, name_of
from cmfq.errors import UserError
from cmfq.training.checkpoint import TRUST_VARIABLE

SQUADS = ("redmelee", "redranged", "bluemelee", "blueranged")
GIVEN = ("red=redmelee,redranged", "blue=bluemelee,blueranged")


def team(name: str, side: str = "", role: str = "") -> TeamSpecification:
    return TeamSpecification(name, (0, 0), (), ("x",), ("a",), 1.0, role or name, side=side)


def test_roles_of_a_side_play_together() -> None:
    squads = [team(name, name[:3]) for name in SQUADS]
    assert arrangements(squads) == [([0, 1], [2, 3])]
    assert not are_alike(squads)
    assert name_of([0, 1], squads) == "red"
    assert comparison(squads).startswith("Sides are red and blu: each player has each side in turn")
    alike = [team(name, name[:3], role=name.lstrip("redblu")) for name in SQUADS]
    assert are_alike(alike)
    assert are_alike([*alike[:2], alike[3], alike[2]])
    three = [team("a", "x"), team("b", "y"), team("c", "z"), team("d", "z")]
    assert arrangements(three) == [([0], [1, 2, 3]), ([1], [0, 2, 3]), ([2, 3], [0, 1])]


def test_enemies_are_those_of_the_other_side() -> None:
    squads = [team(name, name[:3]) for name in SQUADS]
    assert enemies_of(squads) == [[2, 3], [2, 3], [0, 1], [0, 1]]
    assert enemies_of([team("a", "x"), team("b", "y"), team("c", "x")]) == [[1], [0, 2], [1]]
    assert enemies_of([team("a"), team("b")]) == [[1], [0]]
    assert enemies_of([team("a"), team("b"), team("c")]) == [[1, 2], [0, 2], [0, 1]]
    assert enemies_of([team("a")]) == [[]]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (("red",), "sides has 'red': write each once"),
        (("red=redmelee", "red=bluemelee"), "write each once"),
        (("red=redmelee,redrange",), "did you mean 'redranged'"),
        (("red=redmelee", "blue=bluemelee,blueranged"), "team redranged 0 times"),
        ((*GIVEN, "green=redmelee"), "team redmelee 2 times"),
        (("all=" + ",".join(SQUADS),), "sides has 1 side: give at least two"),
    ],
)
def test_sides_that_are_none_are_refused(given: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        find_sides(given, {}, SQUADS)


def test_the_world_says_it_and_options_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_sides((), {"sides": {"a": ["x"], "b": ["y"]}}, ["x", "y"]) == {"x": "a", "y": "b"}
    assert find_sides(("c=x", "d=y"), {"sides": {"a": ["x", "y"]}}, ["x", "y"])["x"] == "c"
    assert find_sides((), None, ["x"]) == {}
    told = {"sides": {"red": SQUADS[:2], "blue": SQUADS[2:]}}
    monkeypatch.setattr(small_worlds.squads, "metadata", told)
    environment = PettingZooSettings("small_worlds:squads").make()
    assert [one.side for one in environment.teams] == ["red", "red", "blue", "blue"]


def test_sides_go_with_a_run_into_its_games(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(TRUST_VARIABLE, "1")
    run, file = str(tmp_path / "run"), tmp_path / "m.json"
    words = ["train", "small_worlds:squads", "--sides", *GIVEN, "--algorithm", "mfq"]
    words += ["--episodes", "1", "--batch-size", "8", "--min-updates", "1", "--run", run]
    assert main(words) == 0
    words = ["evaluate", run, "random", "--games", "2", "--workers", "1", "--json", str(file)]
    assert main(words) == 0
    assert "Sides are red and blue" in capsys.readouterr().out
    assert {row["role"] for row in json.loads(file.read_text())["rewards"]} == {"red", "blue"}
