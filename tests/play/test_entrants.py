"""Who enters, in which group, and which games follow."""

import json
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from shutil import copytree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmfq.environments.battle import BattleSettings
from cmfq.errors import UserError
from cmfq.notices import Notice
from cmfq.play.entrants import Entrant, Player, _label, find_entrants, groups_of
from cmfq.play.schedule import games_between, pairs, schedule
from cmfq.storage import to_json
from cmfq.training.presets import preset_training
from cmfq.training.settings import TrainSettings


def enter(names: list[str], checkpoints: int) -> tuple[Entrant, ...]:
    return find_entrants(names, "battle", checkpoints)


def entrant(name: str, group: str, checkpoints: int) -> Entrant:
    players = tuple(Player(f"{name}{number}", name, number) for number in range(checkpoints))
    return Entrant(name, group, 0, players, None)


def test_runs_that_differ_in_nothing_but_the_seed_are_a_group(runs: Path) -> None:
    names = [str(runs / name) for name in ("mfq-1", "cmfq-1", "mfq-0", "cmfq-0")]
    found = enter(["swarm", *names], 2)
    assert [(one.group, one.seed) for one in found] == [
        ("cmfq", 0), ("cmfq", 1), ("mfq", 0), ("mfq", 1), ("swarm (script)", None),
    ]  # fmt: skip
    assert [player.episode for player in found[0].players] == [2, 3]
    assert found[0].run is not None
    assert found[0].run["settings"]["network"]["channels"] == [4, 4]
    assert list(map(len, groups_of(found).values())) == [2, 2, 1]


def test_what_a_run_records_and_evaluates_makes_no_other_group(
    runs: Path,
    tmp_path: Path,
    run_settings: TrainSettings,
    train_run: Callable[[Path, TrainSettings], None],
) -> None:
    watched = replace(
        run_settings, seed=7, episodes=3, record_period=3, evaluate_period=1, evaluate_games=2,
        evaluate_against=("rush",),
    )  # fmt: skip
    train_run(tmp_path / "watched", replace(watched, algorithm="cmfq"))
    found = enter([str(tmp_path / "watched"), str(runs / "cmfq-0")], 1)
    assert [(one.group, one.seed) for one in found] == [("cmfq", 0), ("cmfq", 7)]


@pytest.mark.parametrize("device", ['"device": "cuda",', ""])
def test_the_device_makes_no_other_group(runs: Path, tmp_path: Path, device: str) -> None:
    """Neither another one, nor none in a run of a version that kept none."""
    other = copytree(runs / "cmfq-1", tmp_path / "other")
    stored = (other / "run.json").read_text()
    assert '"device": "auto",' in stored
    (other / "run.json").write_text(stored.replace('"device": "auto",', device))
    found = enter([str(other), str(runs / "cmfq-0")], 1)
    assert [(one.group, one.seed) for one in found] == [("cmfq", 0), ("cmfq", 1)]


def test_the_order_of_names_changes_nothing(runs: Path) -> None:
    names = [str(runs / name) for name in ("mfq-1", "cmfq-1", "mfq-0")]
    assert enter(names, 3) == enter(names[::-1], 3)


def test_groups_of_one_algorithm_are_named_by_what_differs(
    runs: Path,
    tmp_path: Path,
    run_settings: TrainSettings,
    train_run: Callable[[Path, TrainSettings], None],
) -> None:
    mean_field = replace(run_settings.mean_field, epsilon=1.0)
    other = replace(run_settings, episodes=2, mean_field=mean_field)
    train_run(tmp_path / "other", replace(other, algorithm="cmfq"))
    found = enter([str(tmp_path / "other"), str(runs / "cmfq-0"), str(runs / "mfq-0")], 1)
    labels = {one.group for one in found}
    assert labels == {"cmfq episodes=3 epsilon=0.01", "cmfq episodes=2 epsilon=1.0", "mfq"}


def test_what_a_preset_sets_is_not_in_the_names_of_groups() -> None:
    paper, strong = (
        {
            "algorithm": "cmfq",
            "seed": 0,
            **json.loads(to_json(preset_training(name, BattleSettings()))),
        }
        for name in ("paper", "strong")
    )
    longer = strong | {"episodes": 99}
    assert list(_label([paper, strong]).values()) == ["cmfq preset=paper", "cmfq preset=strong"]
    assert list(_label([paper, strong, longer]).values()) == [
        "cmfq preset=paper",
        f"cmfq preset=strong episodes={strong['episodes']}",
        "cmfq preset=strong episodes=99",
    ]


def test_roles_with_algorithms_of_their_own_are_named() -> None:
    stored = json.loads(to_json(preset_training("paper", BattleSettings())))
    alone, mixed, same = (
        {"algorithm": "cmfq", "seed": 0, **stored, "algorithms": roles}
        for roles in ({}, {"prey": "iql"}, {"prey": "cmfq"})
    )
    assert list(_label([mixed]).values()) == ["cmfq prey=iql"]
    assert list(_label([same, mixed]).values()) == ["cmfq prey=cmfq", "cmfq prey=iql"]
    assert list(_label([alone, same]).values()) == ["cmfq"]


def test_runs_from_starts_of_their_own_are_a_group(runs: Path, tmp_path: Path) -> None:
    def started(run: str, start: str) -> str:
        file = copytree(runs / run, tmp_path / f"on-{run}", dirs_exist_ok=True) / "run.json"
        stored = json.loads((runs / run / "run.json").read_text())
        stored["settings"]["start_from"] = start
        file.write_text(json.dumps(stored))
        return str(file.parent)

    with warnings.catch_warnings(action="error"):
        anew = str(runs / "mfq-0")
        on = [started("cmfq-0", "small-0"), started("cmfq-1", "small-1"), started("mfq-1", "zoo:a")]
        found = enter([*on, anew], 1)
    assert [(one.group, one.seed) for one in found] == [
        ("cmfq", 0), ("cmfq", 1), ("mfq start_from=random", 0), ("mfq start_from=trained", 1),
    ]  # fmt: skip
    started("cmfq-1", f"{Path.cwd()}/./small-0/checkpoints/000002.safetensors")
    sentence = "on-cmfq-0 and .*on-cmfq-1 of the group cmfq both started from .*: the interval of"
    with pytest.warns(Notice, match=sentence):
        enter(on, 1)


def test_a_group_can_be_named_and_a_checkpoint_enters_alone(runs: Path) -> None:
    checkpoint = runs / "cmfq-0" / "checkpoints" / "000002.safetensors"
    found = enter([f"old={runs / 'mfq-0'}", str(checkpoint)], 1)
    assert [(one.group, one.seed) for one in found] == [("cmfq-0/000002", None), ("old", 0)]
    assert found[0].players[0].episode == 2


def test_who_cannot_enter(runs: Path, tmp_path: Path) -> None:
    run = str(runs / "mfq-0")
    with pytest.raises(UserError, match="enter one policy twice"):
        enter([run, str(runs / "." / "cmfq-1" / ".." / "mfq-0")], 1)
    with pytest.raises(UserError, match="enter one policy twice"):
        enter([run, f"{run}/checkpoints/000003.safetensors"], 1)
    with pytest.raises(UserError, match="not a run folder with checkpoints"):
        enter([str(runs)], 1)
    with pytest.raises(UserError, match="there is no player 'rusch'"):
        enter(["rusch"], 1)
    older, last = (f"{run}/checkpoints/00000{episode}.safetensors" for episode in (2, 3))
    for one in (run, last):
        with pytest.raises(UserError, match="checkpoints of one run, but each run may occur once"):
            enter([f"x={older}", f"x={one}"], 1)
    assert [one.group for one in enter([f"x={older}", f"y={last}"], 1)] == ["x", "y"]
    again = copytree(run, tmp_path / "again")
    (again / "checkpoints" / "000003.safetensors").unlink()
    with pytest.raises(UserError, match="both mfq with seed 0, but each seed may occur once"):
        enter([run, str(again)], 1)


@given(st.integers(1, 6), st.integers(1, 6), st.integers(1, 3))
def test_games_are_spread_over_all_pairs_of_checkpoints(ours: int, theirs: int, times: int) -> None:
    a, b = entrant("a", "A", ours), entrant("b", "B", theirs)
    games = list(games_between(a, b, 2 * ours * theirs * times))
    pairs = Counter((game.a.id, game.b.id, game.game % 2) for game in games)
    assert len(pairs) == 2 * ours * theirs
    assert set(pairs.values()) == {times}


@given(st.integers(1, 6), st.integers(1, 60))
def test_any_number_of_games_is_balanced_and_the_start_of_more(checkpoints: int, n: int) -> None:
    a, b = entrant("a", "A", checkpoints), entrant("b", "B", checkpoints)
    games = list(games_between(a, b, n))
    for side in ("a", "b"):
        played = Counter(getattr(game, side).id for game in games)
        least = min(played.values()) if len(played) == checkpoints else 0
        assert max(played.values()) - least <= 2
    assert list(games_between(a, b, n + 7))[:n] == games


def test_entrants_of_one_group_meet_only_if_asked() -> None:
    entrants = [entrant("a", "A", 1), entrant("b", "A", 1), entrant("c", "C", 1)]
    names = [(a.name, b.name) for a, b in pairs(entrants, within_groups=False)]
    assert names == [("a", "c"), ("b", "c")]
    assert len(schedule(entrants, 4)) == 8
    assert len(schedule(entrants, 4, within_groups=True)) == 12
