"""Many runs: planned, killed, gone on with, and shown while they train."""

import json
import math
import multiprocessing
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

import cmfq
from cmfq.cli import main
from cmfq.cli.many import seeds_together
from cmfq.cli.many_screen import duration
from cmfq.errors import UserError
from cmfq.experiments.plan import read_many
from cmfq.experiments.training import needs_of, train_missing, unfinished
from cmfq.experiments.watching import RunsWatch
from cmfq.training.settings import RunSettings
from cmfq.workers import Needs
from cmfq.workers.finding import find_place
from weights import last_checkpoints

PLAN = """
environment = "battle"
algorithms = ["cmfq", "mfq"]
seeds = 2
[settings]
episodes = 2
environment.size = 12
environment.max_steps = 8
network.channels = [4, 4]
learner.batch_size = 32
learner.min_updates = 1
learner.replay_bytes = 8000000
"""


def test_every_combination_is_a_run(tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    text = PLAN.replace("seeds = 2", "seeds = [3, 1]\nsizes = [12, 64]")
    path.write_text(f"{text}\n[variants.wide]\nmean_field.radius = inf\n[variants.near]\n")
    runs = read_many(path).runs()
    assert len(runs) == 2 * 2 * 2 * 2
    assert list(runs)[:3] == ["cmfq-12-wide-3", "mfq-12-wide-3", "cmfq-12-near-3"]
    one = runs["mfq-64-wide-1"]
    assert (one.algorithm, one.seed, one.environment.team_sizes) == ("mfq", 1, (64, 64))
    assert one.mean_field.radius == math.inf
    assert (one.episodes, one.learner.batch_size) == (2, 32)
    assert runs["mfq-12-near-1"].mean_field.radius is None


def test_the_plan_in_the_documentation_is_one() -> None:
    runs = read_many(Path(__file__).parents[2] / "docs/plans/battle.toml").runs()
    assert len(runs) == 20
    assert runs["mfq-strong-4"].preset == "strong"


def test_the_seeds_that_play_together_are_those_of_the_last_runs() -> None:
    """Runs that start from others, each from its own, and not those that they start from."""
    plans = Path(__file__).parents[2] / "docs/plans"
    strong = seeds_together(read_many(plans / "strong.toml").runs())
    assert strong == [f"cmfq-large-{seed}" for seed in range(10)]
    battle = seeds_together(read_many(plans / "battle.toml").runs())
    assert len(battle) == 5 and {name.rpartition("-")[0] for name in battle} == {"cmfq-strong"}


def test_runs_that_begin_later_have_room_before_others_are_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "plan.toml"
    path.write_text(PLAN.replace('"mfq"', '"iql"'))
    first = next(iter(read_many(path).runs().values()))
    runs = {
        "small": first,
        "large": replace(first, start_from=str(tmp_path / "runs" / "small"), threads=3),
    }

    def found(workers: object, needs: Needs) -> object:
        if needs.threads > 2:
            raise UserError(f"no node has {needs.threads} cores")
        return find_place(1, needs)

    monkeypatch.setattr("cmfq.workers.find_place", found)
    with pytest.raises(UserError, match="no node has 3 cores"):
        list(train_missing(runs, tmp_path / "runs"))
    assert not (tmp_path / "runs").exists()
    runs["large"] = replace(runs["large"], threads=2)
    assert list(train_missing(runs, tmp_path / "runs")) == ["small", "large"]


def test_runs_of_a_plan_start_from_those_of_the_same_seed() -> None:
    runs = read_many(Path(__file__).parents[2] / "docs/plans/strong.toml").runs()
    assert len(runs) == 20
    for seed in range(10):
        assert runs[f"cmfq-small-{seed}"].start_from is None
        assert runs[f"cmfq-large-{seed}"].start_from == f"runs/strong/cmfq-small-{seed}"
        assert runs[f"cmfq-large-{seed}"].learner.learning_rate == 1e-4


def test_a_start_is_named_by_the_algorithm_as_folders_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CMFQ_RUN_OWN_FUNCTIONS", "1")
    path = tmp_path / "plan.toml"
    text = (
        PLAN.replace('"mfq"', '"cmfq.algorithms:causal"') + 'start_from = "a/{algorithm}-{seed}"\n'
    )
    path.write_text(text)
    starts = [one.start_from for one in read_many(path).runs().values()]
    assert starts == [
        "a/cmfq-0",
        "a/cmfq.algorithms-causal-0",
        "a/cmfq-1",
        "a/cmfq.algorithms-causal-1",
    ]


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("seeds = 2", "seeds = 0", "seeds of .* is 0: give 1"),
        ("seeds = 2", "seeds = [1, 1]", "has 1 twice"),
        ("seeds = 2", "seeds = [true]", "has True: give numbers"),
        ("seeds = 2", "seeds = true", "seeds of .* is True: give a number or a list"),
        ("seeds = 2", "sizes = [65]", "no battle map has 65 agents"),
        ("seeds = 2", "seed = 2", "did you mean 'seeds'"),
        ('["cmfq", "mfq"]', "[]", "algorithms of .* is empty"),
        ('["cmfq", "mfq"]', '["cmfqq"]', "did you mean 'cmfq'"),
        ("episodes = 2", "episodez = 2", "did you mean 'episodes'"),
        ("episodes = 2", "episodes = 0", "episodes is 0"),
        ("episodes = 2", "seed = 2", "cannot have the setting seed: give algorithms and seeds"),
        ("[settings]", "[variants]\nwide = 3\n[settings]", "variants.wide of .* is 3"),
        ("[settings]", '[variants."a/b"]\n[settings]', "'a/b' of .* names folders"),
        ("[settings]", "[settings", "the plan .* is damaged"),
    ],
)
def test_a_bad_plan_gets_one_sentence(tmp_path: Path, old: str, new: str, sentence: str) -> None:
    path = tmp_path / "plan.toml"
    path.write_text(PLAN.replace(old, new))
    with pytest.raises(UserError, match=sentence):
        read_many(path)


def test_the_command_trains_and_trains_nothing_twice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, runs = tmp_path / "plan.toml", tmp_path / "runs"
    path.write_text(PLAN)
    words = ["train-many", str(path), "--runs", str(runs), "--workers", "1"]
    assert main(words) == 0
    said = capsys.readouterr()
    assert "4 of 4 runs: mfq-1" in said.err
    assert f"finished: {runs} holds 4 runs" in said.out
    join = f"cmfq export {runs}/cmfq-0 {runs}/cmfq-1 --method ensemble --out policy.safetensors"
    assert f"`{join}`" in said.out
    monkeypatch.chdir(tmp_path)
    assert main(join.split()[1:]) == 0
    assert (tmp_path / "policy.safetensors").is_file()
    files = {file: file.stat().st_mtime_ns for file in runs.rglob("*.safetensors")}
    assert len(files) == 8
    assert main(words) == 0
    assert "4 of 4 runs are trained" in capsys.readouterr().err
    assert files == {file: file.stat().st_mtime_ns for file in runs.rglob("*.safetensors")}
    found = cmfq.train_many(path, folder=runs)
    assert found["cmfq-0"].finished
    path.write_text(PLAN.replace("episodes = 2", "episodes = 3"))
    assert main(words) == 2
    assert "was trained with episodes 2, other settings than requested" in capsys.readouterr().err


def test_runs_of_killed_workers_end_with_the_same_weights(
    planned: dict[str, RunSettings], undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    """Both workers get a SIGKILL in the midst of their runs; others go on with these."""
    at_the_kill: list[dict[str, int]] = []

    def kill() -> None:
        watch = RunsWatch(planned, tmp_path)
        while min(watch.episodes().values()) < 1:
            time.sleep(0.02)
        for worker in multiprocessing.active_children():
            worker.kill()
        at_the_kill.append(watch.episodes())

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    assert sorted(train_missing(planned, tmp_path, workers=2)) == sorted(planned)
    killer.join()
    length = planned["cmfq-3"].episodes
    assert min(at_the_kill[0].values()) < length, "the kill came too late to tell"
    assert last_checkpoints(tmp_path, planned) == undisturbed


def test_a_run_that_fails_keeps_no_other_from_its_end(
    planned: dict[str, RunSettings], tmp_path: Path
) -> None:
    one = planned["cmfq-3"]
    failing = replace(one, episodes=2, evaluate_period=1, evaluate_against=("nobody",))
    runs = {"failing": failing, "fine": replace(one, episodes=2)}
    trained = []
    with pytest.raises(UserError, match=r"1 of 2 runs are not finished: failing \(cannot eval"):
        for name in train_missing(runs, tmp_path):
            trained.append(name)  # noqa: PERF402
    assert trained == ["fine"]
    assert unfinished(runs, tmp_path) == ["failing"]


def test_an_evaluation_that_was_cut_short_is_made_up_for(
    planned: dict[str, RunSettings], tmp_path: Path
) -> None:
    evaluated = replace(
        planned["cmfq-3"],
        episodes=1,
        evaluate_period=1,
        evaluate_games=1,
        evaluate_against=("random", "rush"),
    )
    rows = tmp_path / "one" / "evaluations.jsonl"
    assert cmfq.train(evaluated, run=tmp_path / "one", should_stop=rows.exists).finished
    assert len(rows.read_text().splitlines()) == 1
    assert unfinished({"one": evaluated}, tmp_path) == ["one"]
    assert list(train_missing({"one": evaluated}, tmp_path)) == ["one"]
    opponents = [json.loads(line)["opponent"] for line in rows.read_text().splitlines()]
    assert opponents == ["random", "rush"]
    assert not unfinished({"one": evaluated}, tmp_path)


def test_progress_is_read_from_the_folders(planned: dict[str, RunSettings], tmp_path: Path) -> None:
    runs = {
        "a": replace(planned["cmfq-3"], episodes=24),
        "b": replace(planned["mfq-3"], episodes=48),
    }
    watch = RunsWatch(runs, tmp_path)
    assert watch.share() == 0
    (tmp_path / "a").mkdir()
    rows = tmp_path / "a" / "metrics.jsonl"
    rows.write_text("".join(json.dumps({"episode": n}) + "\n" for n in range(9)))
    assert watch.share() == pytest.approx(9 / 72)
    assert watch.under_way() == [("a", 9, 24)]
    rows.write_text(json.dumps({"episode": 1}) + "\n")
    assert watch.episodes() == {"a": 1, "b": 0}, "rows that are made again count once"


def test_a_run_takes_its_threads_and_a_gpu_if_it_names_one(
    planned: dict[str, RunSettings],
) -> None:
    one = planned["cmfq-3"]
    assert needs_of([("a", one), ("b", replace(one, threads=3))]) == Needs(3, 0)
    assert needs_of([("a", replace(one, device="cuda"))]) == Needs(1, 1)
    assert needs_of([("a", replace(one, device="cuda"))], 4) == Needs(1, 0.25)
    assert needs_of([("a", one)], 4) == Needs(1, 0)


def test_runs_share_a_gpu_where_they_can(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_text('algorithms = ["iql"]\nseeds = [0]\n')
    command = ["train-many", str(plan), "--runs", str(tmp_path / "runs"), "--runs-per-gpu"]
    assert main([*command, "0"]) == 2
    assert "give at least 1" in capsys.readouterr().err
    assert main([*command, "2", "--workers", "slurm:gpus"]) == 2
    assert "Slurm gives each job whole GPUs" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(42, "42 s"), (720, "12 min"), (12_000, "3 h 20 min"), (187_200, "2 d 4 h")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text
