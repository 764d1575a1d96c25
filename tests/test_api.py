"""From Python: the same runs, games and tournaments as by the commands, as values."""

from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

import numpy as np
import pytest

import cmfq
from cmfq.cli import main
from cmfq.environments.battle import BattleSettings
from cmfq.recordings import read
from cmfq.training.metrics import EpisodeMetrics
from cmfq.training.settings import TrainSettings


@dataclass(frozen=True)
class Row:
    name: str
    pair: tuple[float, float]
    more: dict[str, float]


def test_rows_become_columns() -> None:
    frame = cmfq.frame_of(
        [Row("a", (1, 2), {"x": 0.5}), {"name": "b", "pair": [3, None], "alive": True}],
        {"pair": ("red", "blue")},
    )
    assert list(frame) == ["name", "pair/red", "pair/blue", "more/x", "alive"]
    assert frame["name"].tolist() == ["a", "b"]
    assert frame["pair/red"].tolist() == [1.0, 3.0]
    np.testing.assert_array_equal(frame["pair/blue"], [2.0, np.nan])
    np.testing.assert_array_equal(frame["more/x"], [0.5, np.nan])
    np.testing.assert_array_equal(frame["alive"], [np.nan, 1.0])
    assert cmfq.frame_of([{"alive": True}, {"alive": False}])["alive"].dtype == bool
    assert cmfq.frame_of([]) == {}


def test_names_that_do_not_fit_a_list_are_its_numbers() -> None:
    assert list(cmfq.frame_of([{"x": [1, 2, 3]}], {"x": ("a", "b")})) == ["x/0", "x/1", "x/2"]


def test_a_run_from_python_is_the_one_of_the_command(
    tiny: TrainSettings[BattleSettings], tmp_path: Path
) -> None:
    settings = replace(tiny, evaluate_period=3, evaluate_against=("rush",), evaluate_games=2)
    episodes: list[EpisodeMetrics] = []
    evaluated = []
    stops = count(1)
    run = cmfq.train(
        settings,
        run=tmp_path / "x",
        on_episode=episodes.append,
        on_evaluation=evaluated.append,
        should_stop=lambda: next(stops) > 6,
    )
    assert not run.finished
    run = cmfq.resume(tmp_path / "x", on_episode=episodes.append, on_evaluation=evaluated.append)
    assert run.finished
    assert [one.episode for one in episodes] == [1, 2, 3, 4, 5, 6]
    assert [(one.episode, one.opponent) for one in evaluated] == [(3, "rush"), (6, "rush")]

    metrics = run.metrics()
    assert metrics["episode"].tolist() == [1, 2, 3, 4, 5, 6]
    assert metrics["rewards/blue"].tolist() == [one.rewards[1] for one in episodes]
    assert metrics["survivors/red"].tolist() == [one.survivors[0] for one in episodes]
    np.testing.assert_array_equal(metrics["role_losses/agent"], metrics["loss"])
    assert metrics["opponent"].tolist() == ["self"] * 6
    assert {column.shape for column in metrics.values()} == {(6,)}
    assert run.evaluations()["win_rate"].tolist() == [one.win_rate for one in evaluated]
    assert run.policy().algorithm == "cmfq"


def test_matches_and_tournaments_are_those_of_the_commands(tmp_path: Path) -> None:
    game = BattleSettings(size=12, formation="random", max_steps=40)
    match = cmfq.evaluate("zoo:mfq64", "rush", game, games=4, seed=1)
    assert (match.a, match.b, match.settings, len(match.games)) == ("zoo:mfq64", "rush", game, 4)
    assert match.win_rate == (match.wins + match.draws / 2) / 4
    assert cmfq.frame_of(match.games)["a_side"].tolist() == [0, 1, 0, 1]

    names = ["swarm", "rush", "random"]
    played = cmfq.tournament(names, game, games=2, log=tmp_path / "t.json")
    frame = played.comparisons()
    assert sorted(zip(frame["a"], frame["b"], strict=True)) == [
        ("random (script)", "rush (script)"),
        ("random (script)", "swarm (script)"),
        ("rush (script)", "swarm (script)"),
    ]
    middle = played.standings.between("rush (script)", "swarm (script)").win_rate.value
    assert (frame["win_rate/low"] <= frame["win_rate/value"]).all()
    assert frame["win_rate/value"][2] == middle
    assert frame["wins"].sum() + frame["draws"].sum() + frame["losses"].sum() == 6
    again = cmfq.tournament(names, game, games=2)
    assert again.standings == played.standings
    assert main(["tournament", "--log", str(tmp_path / "t.json")]) == 0


def test_a_recorded_game_is_that_of_the_command(tmp_path: Path) -> None:
    game = BattleSettings(size=12, max_steps=12)
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    recorded = cmfq.record("zoo:mfq64", "rush", game, file=ours, seed=3, game=1)
    assert (recorded.path, recorded.steps) == (ours, 12)
    assert recorded.players == ("rush", "zoo:mfq64")
    assert recorded.teams == ("red", "blue")
    ending = read(ours).ending
    assert ending is not None and recorded.survivors == ending.survivors
    options = ["--size", "12", "--max-steps", "12", "--seed", "3", "--game", "1"]
    assert main(["record", "zoo:mfq64", "rush", *options, "--out", str(theirs)]) == 0
    assert ours.read_bytes() == theirs.read_bytes()
    with pytest.raises(cmfq.UserError, match="there are 2 teams"):
        cmfq.record("zoo:mfq64", file=tmp_path / "none")


def test_a_match_is_played_in_the_game_of_its_first_trained_player() -> None:
    match = cmfq.evaluate("zoo:mfq64", "hold", games=1)
    assert match.settings == cmfq.open_run("zoo:mfq64").settings.environment


def test_mistakes_are_refused_in_a_sentence(
    tiny: TrainSettings[BattleSettings], tmp_path: Path
) -> None:
    with pytest.raises(cmfq.UserError, match="unknown shipped policy 'zoo:mfq65'"):
        cmfq.evaluate("zoo:mfq65", "rush")
    with pytest.raises(cmfq.UserError, match="checkpoints is 0"):
        cmfq.tournament(["rush", "swarm"], checkpoints=0)
    with pytest.raises(cmfq.UserError, match="is not a run folder"):
        cmfq.open_run(tmp_path)
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "file").touch()
    with pytest.raises(cmfq.UserError, match="exists already"):
        cmfq.train(tiny, run=tmp_path / "there")
