"""What a user types, and what a user gets: results, and one sentence for each mistake."""

import json
import re
import subprocess
import sys
from pathlib import Path
from shutil import copytree, rmtree

import pytest

import cmfq
from cmfq.algorithms import ALGORITHMS
from cmfq.cli import main

TINY = (
    "--size", "12", "--max-steps", "30", "--episodes", "3", "--batch-size", "64",
    "--min-updates", "2", "--replay-bytes", "10000000",
)  # fmt: skip

EVALUATED = (*TINY, "--evaluate-period", "2", "--evaluate-games", "2")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with one small run of each algorithm, trained by the command."""
    folder = tmp_path_factory.mktemp("runs")
    for algorithm in ALGORITHMS:
        run = str(folder / algorithm)
        assert main(["train", "battle", "--algorithm", algorithm, *TINY, "--run", run]) == 0
    return folder


def test_train_writes_a_run(runs: Path) -> None:
    run = runs / "cmfq"
    files = {file.name.split(".")[0] for file in run.iterdir()}
    assert {"run", "metrics", "checkpoints", "state", "events"} <= files
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [row["episode"] for row in rows] == [1, 2, 3]
    assert all(row["agent_steps"] > 0 and len(row["kills"]) == 2 for row in rows)


def test_a_run_evaluates_itself_and_the_report_draws_it(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, out = tmp_path / "run", tmp_path / "report.html"
    rival = copytree(runs / "mfq", tmp_path / "rival")
    opponents = ["--evaluate-against", "swarm", str(rival)]
    assert main(["train", "battle", *EVALUATED, *opponents, "--run", str(run)]) == 0
    output = capsys.readouterr().out
    assert "episode 2: win rate " in output
    assert f"against {rival} (" in output
    assert re.search(r"evaluating took \d+\.\d s, \d+% of \d+ s\nfinished: ", output)
    few = ["--against", "random", "--games", "2", "--workers", "1"]
    assert main(["report", str(run), *few, "--out", str(out)]) == 0
    assert "Win rate during training" in out.read_text()

    rmtree(rival)
    assert main(["resume", str(run)]) == 2
    assert "cannot evaluate every 2 episodes: there is no player" in capsys.readouterr().err
    assert main(["resume", str(run), "--no-evaluate"]) == 0
    rows = [json.loads(line) for line in (run / "evaluations.jsonl").read_text().splitlines()]
    assert [row["episode"] for row in rows] == [2, 2, 3, 3]


def test_evaluate_prints_and_writes(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.json"
    arguments = ["--size", "12", "--games", "4", "--seed", "1", "--max-steps", "40"]
    code = main(["evaluate", str(runs / "cmfq"), "rush", *arguments, "--json", str(out)])
    assert code == 0
    assert "95 % interval" in capsys.readouterr().out
    result = json.loads(out.read_text())
    keys = {"a", "b", "episodes", "wins", "draws", "losses", "win_rate", "interval", "survivors"}
    assert keys | {"games"} <= result.keys()
    assert len(result["games"]) == 4
    assert {"game", "a_side", "a_survivors", "b_survivors", "steps"} <= result["games"][0].keys()


def test_evaluate_fits_80_columns_whatever_players_are_called(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    run = tmp_path / "a-run-with-a-rather-long-name"
    copytree(runs / "cmfq", run)
    game = ["--size", "12", "--games", "4", "--max-steps", "40", "--workers", "1"]
    assert main(["evaluate", str(run), "skirmish", *game]) == 0
    said = capsys.readouterr().out
    assert f"A: {run}\n" in said, "on one line"
    assert "│ skirmish " in said
    for row in ("win rate as first", "margin as second", "win rate of first side", "damage dealt"):
        assert f"│ {row} " in said
    assert max(len(line) for line in said.split("\n") if line[:1] in "┃│") <= 80


def test_a_checkpoint_file_and_a_run_folder_are_players(runs: Path) -> None:
    checkpoint = next((runs / "mfq" / "checkpoints").iterdir())
    game = ["--size", "12", "--games", "2", "--workers", "1"]
    assert main(["evaluate", str(checkpoint), str(runs / "iql"), *game]) == 0


def test_tournament_writes_results_from_stored_runs(runs: Path, tmp_path: Path) -> None:
    out, page = tmp_path / "results", tmp_path / "t.html"
    arguments = [*(str(runs / name) for name in ("mfq", "cmfq")), "rush"]
    options = ["--log", str(tmp_path / "t.json"), "--games", "2"]
    code = main(
        ["tournament", *arguments, *options, "--out", str(out), "--html", str(page),
         "--workers", "1"]
    )  # fmt: skip
    assert code == 0
    text = (out / "README.md").read_text()
    assert "| mfq < cmfq |" in text
    assert f"cmfq tournament {' '.join([*arguments, *options])} --checkpoints last:5" in text
    assert (out / "curves.png").stat().st_size > 10_000
    assert (out / "metrics.json.gz").exists()
    assert "data:" not in page.read_text()


def test_report_is_one_self_contained_file(runs: Path, tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    arguments = ["--against", "random", str(runs / "mfq"), "--games", "2", "--workers", "1"]
    assert main(["report", str(runs / "cmfq"), *arguments, "--out", str(out)]) == 0
    html = out.read_text()
    assert 'srcdoc="&lt;!doctype html&gt;' in html
    assert "<svg" in html
    assert "http://" not in html.replace("http://www.w3.org", "").replace("http://purl.org", "")
    assert re.findall(r'(?:src|href)="(?!#)', html) == []
    assert "<script" not in html, "but in the frame, whose text is escaped"
    assert "cmfq (red) against mfq (blue), a game of median length" in html


def test_explain_and_check_print_tables(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--size", "12", "--step", "3", "--agent", "14"]
    assert main(["explain", str(runs / "cmfq"), *arguments]) == 0
    output = capsys.readouterr().out
    assert "Agent 14 at step 3" in output
    assert "before, with ā" in output
    assert "if all:" in output
    assert "battle, 12 a side, seed 0" in " ".join(output.split())
    beta = f"{cmfq.load(runs / 'cmfq').beta:g}"
    betas = f"inverse temperature β = {beta}; effects are measured with β = {beta}."
    assert betas in " ".join(output.split())
    last = " ".join(output.split("\n")[-3:])
    assert re.search(r"Weighing the neighbours moves \d+% of the policy of agent 14: .*\.", last)
    out = tmp_path / "theory.json"
    assert main(["check", str(runs / "mfq"), "--json", str(out)]) == 0
    assert "agent: the approximation is exact, whatever the weights." in capsys.readouterr().out
    rows = json.loads(out.read_text())
    assert [row["weights"] for row in rows["agent"]] == ["causal", "mean", "random"]


def test_options_may_stand_before_the_game_and_the_players(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    short = ["--max-steps", "5", "--episodes", "1", "--batch-size", "32", "--min-updates", "1"]
    small = [*short, "--replay-bytes", "10000000"]
    assert main(["train", "--run", str(tmp_path / "run"), "pursuit", *small]) == 0
    assert json.loads((tmp_path / "run" / "run.json").read_text())["environment"] == "pursuit"
    assert main(["explain", "--step", "2", str(tmp_path / "run")]) == 0
    assert "of pursuit" in capsys.readouterr().out
    few = ["--games", "1", "--workers", "1", "--json", str(tmp_path / "match.json")]
    assert main(["evaluate", *few, str(runs / "mfq"), "rush"]) == 0
    assert json.loads((tmp_path / "match.json").read_text())["settings"]["size"] == 12
    assert main(["train", "--predators", "4", "pursuit", "--run", str(tmp_path / "other")]) == 2
    assert "depend on the game: name it, or the players, before" in capsys.readouterr().err


def test_bench_has_a_row_for_each(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "b.json"
    arguments = ["--sizes", "12", "--steps", "20", "--json", str(out)]
    assert main(["bench", *arguments]) == 0
    rows = json.loads(out.read_text())
    assert [row["algorithm"] for row in rows] == list(ALGORITHMS)
    for row in rows:
        assert row["agents"] == 12
        for key in ("environment_ms", "acting_ms", "learning_ms", "agent_steps_per_second"):
            assert row[key] > 0
    fastest = max(rows, key=lambda row: row["agent_steps_per_second"])
    speed = f"{fastest['agent_steps_per_second']:,.0f} agent-steps/s"
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith(f"12 a side: {fastest['algorithm']} takes {speed}; ")


def test_in_python_a_policy_acts_on_arrays(runs: Path) -> None:
    import numpy as np

    policy = cmfq.load(runs / "cmfq")
    environment = cmfq.BattleEnvironment(cmfq.BattleSettings(size=81))
    actions = policy.act(environment.reset(seed=0)[0], np.random.default_rng(0))
    assert actions.shape == (81,)


MISTAKES = {
    "unknown algorithm": (
        ["train", "battle", "--algorithm", "cmfqq", "--run", "{new}"],
        "unknown algorithm 'cmfqq': did you mean 'cmfq'? known are iql, mfq, attention-mfq, cmfq,",
    ),
    "unknown environment": (
        ["train", "batle", "--run", "{new}"],
        "unknown environment 'batle': did you mean 'battle'?",
    ),
    "size without a map": (
        ["train", "battle", "--size", "65", "--run", "{new}"],
        "no battle map has 65 agents a side: the nearest sizes are 64 and 81",
    ),
    "existing folder": (
        ["train", "battle", *TINY, "--run", "{runs}/cmfq"],
        "or continue with `cmfq resume",
    ),
    "training with a negative seed": (
        ["train", "battle", "--seed", "-1", "--run", "{new}"],
        "seed is -1: give a number from 0 to 9223372036854775808",
    ),
    "resume nothing": (["resume", "{new}"], "is not a run folder"),
    "unknown player": (
        ["evaluate", "rusch", "rush"],
        "there is no player 'rusch': did you mean 'rush'? give",
    ),
    "unknown shipped policy": (
        ["evaluate", "zoo:cmfq46", "rush"],
        "unknown shipped policy 'zoo:cmfq46': did you mean 'zoo:cmfq64'? known",
    ),
    "no checkpoint": (["evaluate", "{runs}", "rush"], "has no checkpoints"),
    "text as checkpoint": (["evaluate", "{runs}/cmfq/run.json", "rush"], "is cut short or was not"),
    "no games": (["evaluate", "rush", "rush", "--games", "0"], "games is 0"),
    "negative epsilon": (
        ["train", "battle", "--epsilon", "-1", "--run", "{new}"],
        "epsilon is -1.0: give a number from 1e-12 to 1e+12, or inf",
    ),
    "discount above one": (
        ["train", "battle", "--discount", "1.5", "--run", "{new}"],
        "discount is 1.5: give a number from 0 to 1",
    ),
    "no episodes": (["train", "battle", "--episodes", "0", "--run", "{new}"], "episodes is 0"),
    "replay too small": (
        ["train", "battle", "--replay-bytes", "1000", "--run", "{new}"],
        "replay_bytes is 1000",
    ),
    "agent that is not there": (
        ["explain", "{runs}/cmfq", "--size", "12", "--agent", "77"],
        "no living agent has id 77",
    ),
    "step after the end": (
        ["explain", "{runs}/cmfq", "--size", "12", "--step", "400"],
        "the game ends with step",
    ),
    "unknown effect": (
        ["train", "battle", "--effect", "kll", "--run", "{new}"],
        "unknown effect 'kll': did you mean 'kl'?",
    ),
    "endless learning": (
        ["train", "battle", "--replay-ratio", "inf", "--run", "{new}"],
        "replay_ratio is inf: give a number from 1e-12 to 1000",
    ),
    "infinite temperature": (
        ["train", "battle", "--beta-end", "inf", "--run", "{new}"],
        "beta_end",
    ),
    "reward that is no number": (
        ["train", "battle", "--step-reward", "nan", "--run", "{new}"],
        "step_reward is nan",
    ),
    "map without end": (
        ["train", "battle", "--map-size", "999999999", "--run", "{new}"],
        "map_size is 999999999: give a number from 12 to 400",
    ),
    "batch larger than the replay": (
        ["train", "battle", *TINY, "--batch-size", "100000", "--run", "{new}"],
        "batch_size is 100000: the replay buffer holds",
    ),
    "replay larger than the memory": (
        ["train", "battle", "--replay-bytes", "9999999999999", "--run", "{new}"],
        "replay_bytes is 9999999999999",
    ),
    "function of nothing": (
        ["train", "battle", "--intervention", ":", "--run", "{new}"],
        "intervention is ':': name it as module:function",
    ),
    "negative seed": (
        ["evaluate", "rush", "rush", "--seed", "-1"],
        "seed is -1: give a number from 0 to",
    ),
    "endless name": (["evaluate", "a" * 5000, "rush"], "there is no player 'aaa"),
    "negative step": (["explain", "{runs}/cmfq", "--size", "12", "--step", "-1"], "step is -1"),
    "no opponents": (["report", "{runs}/cmfq", "--against"], "against is empty"),
    "checkpoints of no kind": (
        ["tournament", "rush", "{runs}/cmfq", "--log", "{new}", "--checkpoints", "best:1"],
        "checkpoints is 'best:1': give last:1",
    ),
    "entered twice": (
        ["tournament", "rush", "{runs}/cmfq", "{runs}/mfq/../cmfq", "--log", "{new}"],
        "enter one policy twice",
    ),
    "tournament that is not there": (
        ["tournament", "--log", "{new}"],
        "cannot be read: No such file",
    ),
    "tournament without a folder": (
        ["tournament", "rush", "random", "--log", "{new}/x/t.json"],
        "cannot write",
    ),
    "progress without a picture": (
        ["progress", "{runs}/cmfq", "--out", "{new}.bmp"],
        "end its name in .svg or .png",
    ),
    "progress that is a tournament": (
        ["progress", "--log", "{runs}/cmfq/run.json"],
        "cannot be read as a tournament: it has another format",
    ),
    "evaluation against nobody": (
        ["train", "battle", *EVALUATED, "--evaluate-against", "--run", "{new}"],
        "evaluate_against is empty: name at least one opponent",
    ),
    "evaluation against who is not there": (
        ["train", "battle", *EVALUATED, "--evaluate-against", "rusch", "--run", "{new}"],
        "cannot evaluate every 2 episodes: there is no player 'rusch'",
    ),
    "evaluation against one twice": (
        ["train", "battle", *EVALUATED, "--evaluate-against", "rush", "rush", "--run", "{new}"],
        "rush and rush enter one policy twice",
    ),
    "evaluation of roles": (
        ["train", "pursuit", "--evaluate-period", "2", "--evaluate-games", "1", "--run", "{new}"],
        "1 game of two players: give at least 2, so that each plays every role once (predator "
        "and prey)",
    ),
    "evaluation without games": (
        ["train", "battle", *EVALUATED, "--evaluate-games", "0", "--run", "{new}"],
        "evaluate_games is 0",
    ),
    "power of no tournament": (
        ["power", "{runs}/cmfq/run.json"],
        "cannot be read as a tournament: it has another format",
    ),
    "folder that cannot be made": (
        ["train", "battle", *TINY, "--run", "{runs}/cmfq/run.json/x"],
        "cannot make the run folder",
    ),
    "result that cannot be written": (
        ["evaluate", "rush", "rush", "--size", "12", "--games", "1", "--json", "{new}/x/o.json"],
        "cannot write",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_sentence_and_exit_code_2(
    mistake: str, runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments, sentence = MISTAKES[mistake]
    filled = [argument.format(runs=runs, new=tmp_path / "new") for argument in arguments]
    before = sorted(path for path in runs.rglob("*"))
    assert main(filled) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("cmfq: ")
    assert captured.err.count("\n") == 1
    assert sentence in captured.err
    assert not captured.out, "nothing is said of what does not happen"
    assert sorted(path for path in runs.rglob("*")) == before
    assert not (tmp_path / "new").exists(), "a refused run leaves no folder behind"


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (OSError(5, "Input/output error", "a/b.json"), "a/b.json: Input/output error; "),
        (PermissionError(13, "Permission denied"), "stopped it: Permission denied; "),
        (OSError("two\nlines"), "two lines; "),
        (TimeoutError(), "stopped it: TimeoutError; "),
    ],
)
def test_what_the_system_refuses_unexpectedly_is_one_sentence(
    error: OSError,
    sentence: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr("cmfq.cli.describing.environments", fail)
    assert main(["environments"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("cmfq: the operating system stopped it: ")
    assert sentence in said
    assert said.count("\n") == 1


def test_a_flag_that_is_not_there_exits_with_2() -> None:
    command = [sys.executable, "-m", "cmfq.cli", "evaluate", "rush", "rush", "--sized", "64"]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    assert finished.returncode == 2
    assert "--size" in finished.stderr
    assert "Traceback" not in finished.stderr
