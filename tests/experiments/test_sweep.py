"""The planned experiment: its design, its arithmetic, and a small one from end to end."""

import math
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from cmfq.cli import main
from cmfq.combat import Combat
from cmfq.errors import UserError
from cmfq.experiments.sweep.effects import fit_effects
from cmfq.experiments.sweep.plan import fold_over, read_plan
from cmfq.experiments.sweep.play import Episodes, Responses, responses
from cmfq.experiments.sweep.report import effects_of, effects_table
from cmfq.experiments.training import differences, train_missing, unfinished
from cmfq.play.entrants import Entrant, Player
from cmfq.play.game_log import GameRecord, Tournament, TournamentSettings
from cmfq.play.reading import finished_tournament, read_tournament
from cmfq.statistics.replication import mean_interval
from cmfq.training.run import Run
from killing import kill_among_games

SMALL = """
environment = "battle"
algorithms = ["cmfq", "mfq"]
[factors]
episodes = [1, 2]
mean_field.radius = [6, inf]
[settings]
environment.size = 12
environment.max_steps = 15
network.channels = [4, 4]
learner.batch_size = 32
learner.min_updates = 1
learner.replay_bytes = 8000000
"""


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("plan") / "plan.toml"
    path.write_text(SMALL)
    return path


@pytest.fixture(scope="module")
def trained(small: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sweep")
    assert len(list(train_missing(read_plan(small).runs(), folder, workers=1))) == 16
    return folder


@pytest.mark.parametrize("factors", range(1, 16))
def test_effects_of_factors_are_apart_from_each_other_and_from_interactions(factors: int) -> None:
    signs = 2 * fold_over(factors) - 1
    cells = len(signs)
    assert (signs.T @ signs == cells * np.eye(factors)).all()
    assert (signs.sum(0) == 0).all()
    for a, b in combinations(range(factors), 2):
        assert (signs.T @ (signs[:, a] * signs[:, b]) == 0).all()


def test_seven_factors_take_sixteen_cells() -> None:
    assert fold_over(7).shape == (16, 7)
    assert (fold_over(7)[0] == 0).all(), "the first cell is as it is"


def test_effects_are_differences_of_means() -> None:
    design = fold_over(3)
    response = np.random.default_rng(0).normal(size=len(design))
    mean, changes = fit_effects(design, response)
    assert mean.value == pytest.approx(response.mean())
    for factor, change in enumerate(changes):
        second, first = (response[design[:, factor] == level].mean() for level in (1, 0))
        assert change.value == pytest.approx(second - first)
        assert change.high - change.value == pytest.approx(change.value - change.low)


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    generator = np.random.default_rng(1)
    design = fold_over(7)
    truth = np.array([0.1, -0.2, 0.0, 0.3, 0.0, 0.0, 0.05])
    held = []
    for _ in range(1000):
        response = 0.5 + (design - 0.5) @ truth + 0.15 * generator.standard_normal(16)
        found = fit_effects(design, response)
        held.append([c.low <= t <= c.high for c, t in zip(found.changes, truth, strict=True)])
        held[-1].append(found.mean.low <= 0.5 <= found.mean.high)
    assert 0.93 < np.mean(held) < 0.97


def test_too_few_cells_are_refused() -> None:
    with pytest.raises(ValueError, match="no degrees of freedom"):
        fit_effects(fold_over(3)[:4], np.zeros(4))


def test_runs_have_the_levels_of_their_cells(small: Path) -> None:
    plan = read_plan(small)
    runs = plan.runs()
    assert list(runs)[:4] == ["00-cmfq", "00-mfq", "01-cmfq", "01-mfq"]
    assert plan.game.size == 12
    for name, settings in runs.items():
        cell, algorithm = name.split("-")
        episodes, radius = plan.design[int(cell)]
        assert (settings.algorithm, settings.seed) == (algorithm, int(cell))
        assert settings.episodes == (1, 2)[episodes]
        assert settings.mean_field.radius == (6, math.inf)[radius]


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("episodes = [1, 2]", "episodes = [1]", "give two levels"),
        ("episodes = [1, 2]", "episodes = [2, 2]", "give two levels"),
        ("episodes = [1, 2]", "episodes = [1, 'many']", "level or setting"),
        ("episodes = [1, 2]", "episodes = [1, -2]", "episodes is -2"),
        ("episodes = [1, 2]", "", "at least two"),
        ("episodes = [1, 2]", "seed = [1, 2]", "the design sets it"),
        ("episodes = [1, 2]", "learner.discont = [0.9, 1]", "did you mean 'learner.discount'"),
        ('["cmfq", "mfq"]', '["cmfq"]', "give two"),
        ('["cmfq", "mfq"]', '["cmfq", "dqn"]', "unknown algorithm 'dqn'"),
        ('"battle"', '"bottle"', "did you mean 'battle'"),
        ("[factors]", "[factor]", "did you mean 'factors'"),
        ("[factors]", "[factors", "plan.toml is damaged"),
        ('"battle"', "5", "give a name"),
        ('["cmfq", "mfq"]', "[1, 2]", "unknown algorithm '1'"),
        ('["cmfq", "mfq"]', '[["a"], ["b"]]', "unknown algorithm"),
        ("[settings]", "[settings]\nseed = 7", "the design sets it"),
        ("[6, inf]", '[inf, "inf"]', "give the same run"),
        ("mean_field.radius = [6, inf]", 'mean_field.effect = ["kl", "my:own"]', "my:own"),
    ],
)
def test_a_bad_plan_gets_one_sentence(tmp_path: Path, old: str, new: str, sentence: str) -> None:
    path = tmp_path / "plan.toml"
    path.write_text(SMALL.replace(old, new))
    with pytest.raises(UserError, match=r".") as error:
        read_plan(path)
    assert sentence in str(error.value)


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "plan.toml").write_text('algorithms = ["cmfq", "mfq"]\nfactors = 3')
    with pytest.raises(UserError, match="give a table of settings"):
        read_plan(tmp_path / "plan.toml")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--workers", "0"], "workers is 0"),
        (["--games", "0"], "games is 0"),
        (["--games", "1", "--against", "rush", "swarm"], "at least 2"),
        (["--against", "nobody"], "there is no player 'nobody'"),
        (["--against", "00-cmfq=rush"], "called as, a run of the sweep"),
        (["--log", "no/g.json"], "there is no folder"),
        (["--log", "old.json"], "cannot write old.json: this file is not a file of games"),
        (["--out", "mine"], "would be overwritten"),
        (["--out", "old.json/x"], "is a file"),
        (["--runs", "old.json"], "cannot make the folder"),
    ],
)
def test_mistakes_are_refused_before_anything_is_trained(
    small: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    sentence: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine").mkdir()
    Path("mine/README.md").write_text("# Mine")
    Path("old.json").write_text("mine")
    defaults = ["--log", "g.json", "--runs", "runs", "--workers", "1"]
    assert main(["sweep", str(small), *defaults, *arguments]) == 2
    assert sentence in capsys.readouterr().err
    assert {file.name for file in tmp_path.iterdir()} == {"mine", "old.json"}
    assert (Path("old.json").read_text(), Path("mine/README.md").read_text()) == ("mine", "# Mine")


def test_unlike_roles_are_swept_by_pairs_of_games(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, runs, log = (tmp_path / name for name in ("plan.toml", "runs", "g.json"))
    text = SMALL.replace("battle", "pursuit").replace("environment.size", "environment.predators")
    text = text.replace("episodes = [1, 2]", "mean_field.oneself = [false, true]")
    path.write_text(f"{text}episodes = 1\n")
    command = ["sweep", str(path), "--log", str(log), "--runs", str(runs), "--workers", "1"]
    command += ["--checkpoints", "last:1", "--games"]
    assert main([*command, "3", "--against", "random", "greedy"]) == 2
    assert "games is 3: give at least 4, one in each role" in capsys.readouterr().err
    assert not runs.exists()
    assert main([*command, "1"]) == 2
    assert "games is 1: give at least 2, one in each role\n" in capsys.readouterr().err
    assert main([*command, "3", "--out", str(tmp_path / "out")]) == 0
    page = (tmp_path / "out/README.md").read_text()
    for words in ("reward as predator of cmfq", "reward as prey of mfq", "swap roles count as one"):
        assert words in page
    played = finished_tournament(log)
    assert len(played.games) == 16, "a third game would have no other half"
    assert "16 games: 2 between the two runs of each cell" in page
    found = responses(read_plan(path), played)
    margins = sum(rewards[0] - rewards[1] for rewards in found.roles.values())
    np.testing.assert_array_equal(found.contrast, (np.sign(margins) + 1) / 2)


def test_a_run_whose_last_checkpoint_is_missing_is_not_finished(
    small: Path, trained: Path, tmp_path: Path
) -> None:
    runs = {"00-mfq": read_plan(small).runs()["00-mfq"]}
    shutil.copytree(trained / "00-mfq", tmp_path / "00-mfq")
    (tmp_path / "00-mfq/checkpoints/000001.safetensors").unlink()
    assert unfinished(runs, tmp_path) == ["00-mfq"]


def test_roles_with_algorithms_of_their_own_make_another_run(small: Path) -> None:
    (one,) = {"00-mfq": read_plan(small).runs()["00-mfq"]}.values()
    assert differences(replace(one, algorithms={"agent": "iql"}), one) == {"algorithms.agent": None}


def test_trained_runs_are_not_trained_again(small: Path, trained: Path) -> None:
    runs = read_plan(small).runs()
    assert unfinished(runs, trained) == []
    before = {path: path.stat().st_mtime_ns for path in trained.rglob("*.safetensors")}
    assert list(train_missing(runs, trained, workers=1)) == []
    assert before == {path: path.stat().st_mtime_ns for path in trained.rglob("*.safetensors")}


def test_runs_of_another_plan_are_refused(small: Path, trained: Path) -> None:
    plan = read_plan(small)
    other = replace(plan, settings=plan.settings | {"learner.discount": 0.5})
    with pytest.raises(UserError, match=r"00-cmfq was trained with learner.discount 0.95"):
        unfinished(other.runs(), trained)
    watched = replace(plan, settings=plan.settings | {"record_period": 1, "evaluate_period": 1})
    assert unfinished(watched.runs(), trained) == []


def test_a_stopped_sweep_goes_on(small: Path, tmp_path: Path) -> None:
    text = SMALL.replace("episodes = [1, 2]", "episodes = [400, 500]")
    (tmp_path / "plan.toml").write_text(text)
    runs = tmp_path / "runs"
    command = [sys.executable, "-m", "cmfq.cli", "sweep", str(tmp_path / "plan.toml")]
    command += ["--log", str(tmp_path / "g.json"), "--runs", str(runs), "--workers", "2"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    deadline = time.monotonic() + 600
    while len(list(runs.glob("*/metrics.jsonl"))) < 2:
        assert process.poll() is None, "it ended before it could be stopped"
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C does
    _, errors = process.communicate(timeout=600)
    assert process.returncode == 130
    assert "the same command continues" in errors
    assert "Traceback" not in errors
    for name in ("00-cmfq", "00-mfq"):
        run = Run.open(runs / name)
        assert (run.path / "state.safetensors").is_file()
        assert 0 < len(run.metrics()) < 400


def test_responses_are_the_shares_of_games_won(small: Path) -> None:
    plan = read_plan(small)
    names = [*plan.runs(), "rush", "random"]
    entrants = tuple(
        Entrant(f"runs/{name}", name, None, (Player(name, name, 1),), None) for name in names
    )

    def game(a: str, b: str, number: int, margin: int) -> GameRecord:
        return GameRecord(a, b, number, max(0, margin), max(0, -margin), 9, 0.0, 0.0)

    games = []
    for cell in range(8):
        a, b = f"{cell:02d}-cmfq", f"{cell:02d}-mfq"
        games += [game(a, b, number, 1 if number < cell else -1) for number in range(8)]
        games += [game(run, "rush", 0, 1) for run in (a, b)]
        games += [game(run, "random", 0, 0) for run in (a, b)]
    settings = TournamentSettings(plan.game, 8)
    played = Tournament(settings, {}, "cmfq sweep", entrants, (), tuple(games))
    found = responses(plan, played)
    np.testing.assert_allclose(found.contrast, np.arange(8) / 8)
    np.testing.assert_allclose(found.strength, 0.75)
    effects = effects_of(plan, found)
    assert effects["cmfq v mfq"].mean.value == pytest.approx(7 / 16)
    assert effects["cmfq v mfq"].changes[0].value == pytest.approx(
        np.mean(np.arange(8)[plan.design[:, 0] == 1]) / 8
        - np.mean(np.arange(8)[plan.design[:, 0] == 0]) / 8
    )
    assert effects["strength of mfq"].mean.value == pytest.approx(0.75)


def test_the_luck_of_episodes_that_all_cells_play_is_in_the_mean(small: Path) -> None:
    """Every run wins the first of two episodes against the opponents, and none the second."""
    plan = read_plan(small)
    wins, earned = np.tile([1.0, 0.0], (2, 8, 1)), np.ones((2, 8, 2))
    played = Episodes(wins[0], wins, earned)
    found = Responses(np.full(8, 0.5), np.full((2, 8), 0.5), played)
    effects = effects_of(plan, found)
    for name in ("cmfq v mfq", "strength of mfq"):
        low, high = mean_interval(np.array([[1.0, 0.0]]))[1:]
        assert effects[name].mean == pytest.approx((0.5, low, high))
        assert effects[name].changes[0] == pytest.approx((0, 0, 0), abs=1e-12)
    assert effects["strength of cmfq minus mfq"].mean == pytest.approx((0, 0, 0), abs=1e-12)
    assert effects_table(plan, effects).rows[0][2] == "50.0% (too few to tell)"


@pytest.mark.parametrize(("spread", "many"), [(0.0, 12), (0.3, 12), (1.0, 3), (1.0, 5)])
def test_intervals_of_means_over_the_same_episodes_hold_the_truth(spread: float, many: int) -> None:
    """The wider, the more episodes differ from each other; with one there is none."""
    generator = np.random.default_rng(2)
    design, held = fold_over(3), []
    for _ in range(1000):
        luck = spread * generator.standard_normal((1, many))
        cells = 0.1 * generator.standard_normal((8, 1))
        each = 0.5 + luck + cells + 0.3 * generator.standard_normal((8, many))
        found = fit_effects(design, each.mean(1), episodes=each)
        held.append(found.mean.low <= 0.5 <= found.mean.high)
        assert found.changes == fit_effects(design, each.mean(1)).changes
    assert 0.93 < np.mean(held) < 0.98
    assert math.isnan(fit_effects(design, each[:, 0], episodes=each[:, :1]).mean.low)


def test_damage_is_the_mean_over_opponents_of_the_log_ratio_dealt_to_taken(small: Path) -> None:
    plan = read_plan(small)
    names = {name: f"runs/{name}" for name in plan.names}
    entrants = tuple(
        Entrant(path, group, None, (Player(player, path, 1),), None)
        for player, path, group in (
            *((name, path, name) for name, path in names.items()),
            *((name, f"runs/{name}", "runs of one group") for name in ("rush", "random")),
        )
    )

    def hurt(damage: float) -> Combat:
        return Combat(damage, 0, 0, 0, 0)

    def game(a: str, b: str, taken: float, dealt: float) -> GameRecord:
        return GameRecord(a, b, 0, 1, 1, 9, 0.0, 0.0, False, hurt(taken), hurt(dealt))

    games = []
    for cell in range(8):
        a, b = f"{cell:02d}-cmfq", f"{cell:02d}-mfq"
        games += [
            game(a, b, 50, 70),
            game("rush", a, 4 * 2**cell - 1, 0),
        ]  # a dealt 4 * 2**cell - 1
        games += [game(a, "random", 3, 3), game(b, "rush", 1, 7), game(b, "random", 0, 0)]
    played = Tournament(TournamentSettings(plan.game, 2), {}, "", entrants, (), tuple(games))
    damage = responses(plan, played).damage
    assert damage is not None
    np.testing.assert_allclose(damage[0], (2 + np.arange(8)) * math.log(2) / 2)
    np.testing.assert_allclose(damage[1], math.log(8 / 2) / 2)
    without = replace(played, games=tuple(replace(one, a_combat=None) for one in games))
    assert responses(plan, without).damage is None


def test_the_command_plays_reports_and_reports_again(
    small: Path, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    json, out, again = tmp_path / "g.json", tmp_path / "out", tmp_path / "again"
    arguments = ["sweep", str(small), "--log", str(json)]
    arguments += ["--runs", str(trained), "--against", "rush", "--games", "2", "--workers", "1"]
    assert main([*arguments, "--checkpoints", "last:1", "--out", str(out)]) == 0
    assert "strength of" in capsys.readouterr().out
    page = (out / "README.md").read_text()
    assert "| episodes 1 → 2 |" in page
    assert "48 games" in page
    assert "radius 6 → inf" in page
    assert "2 between the two runs of each cell, and 2 of each run against each" in page
    assert len((out / "cells.csv").read_text().splitlines()) == 9
    sentence = re.search(r"more than half .* in (\d) of 8 cells and less than half in (\d)", page)
    assert sentence and page.index("## Cells") < sentence.start()
    rows = re.findall(r"^\| \d \|.*", page[sentence.end() :], re.MULTILINE)
    shares = [int(row.split(" | ")[-3].rstrip("%")) for row in rows]
    assert len(shares) == 8
    assert int(sentence[1]) == sum(share > 50 for share in shares)
    assert int(sentence[2]) == sum(share < 50 for share in shares)
    heading = (out / "cells.csv").read_text().splitlines()[0]
    assert heading.endswith("log damage ratio of cmfq,log damage ratio of mfq")
    damage = page[page.index("## Damage") : page.index("## Cells")]
    assert (
        "| setting | log damage ratio of cmfq | log damage ratio of mfq | cmfq minus mfq |"
        in damage
    )
    assert re.search(r"^\| radius 6 → inf \| [*]*[+−0]", damage, re.MULTILINE)
    assert {"effects.svg", "effects.png", "plan.toml"} <= {file.name for file in out.iterdir()}
    other = tmp_path / "other.toml"
    other.write_text(small.read_text().replace("[6, inf]", "[6, 5]"))
    assert main(["sweep", str(other), "--log", str(json)]) == 2
    assert "has mean_field.radius inf: give the plan" in capsys.readouterr().err
    stored = ["sweep", str(out / "plan.toml"), "--log", str(out / "games.json.gz")]
    assert main([*stored, "--out", str(again)]) == 0
    assert (again / "cells.csv").read_bytes() == (out / "cells.csv").read_bytes()
    assert main(["power", str(json)]) == 2
    assert "have not played each other" in capsys.readouterr().err
    assert len(read_tournament(json)[0].games) == 48


def test_killed_among_its_games_a_sweep_ends_the_same(
    small: Path, trained: Path, tmp_path: Path
) -> None:
    ours, theirs = tmp_path / "killed.json", tmp_path / "undisturbed.json"
    words = ["sweep", str(small), "--runs", str(trained), "--against", "rush", "--games", "2"]
    words += ["--workers", "1", "--log"]
    kill_among_games([*words, str(ours)], 20)
    before = read_tournament(ours)[0].games
    assert main([*words, str(ours)]) == 0
    assert main([*words, str(theirs)]) == 0
    games = [read_tournament(path)[0].games for path in (ours, theirs)]
    assert games[0] == games[1]
    assert games[0][:20] == before


def test_games_of_another_plan_are_refused(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    played = Tournament(TournamentSettings(read_plan(small).game), {}, "", (), (), ())
    with pytest.raises(UserError, match="another plan, without the run 00-cmfq"):
        responses(read_plan(small), played)
    assert main(["sweep", str(tmp_path / "no.toml"), "--log", str(tmp_path / "g.json")]) == 2
    assert "cannot be read: No such file" in capsys.readouterr().err
