"""A run's folder: what is in it, what interrupts it, and how it goes on."""

import json
import os
import signal
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import get_args

import msgspec
import pytest
import torch

import cmfq
from cmfq.algorithms import ALGORITHMS, MeanFieldSettings
from cmfq.cli import main
from cmfq.environments.battle import BattleSettings
from cmfq.errors import UserError
from cmfq.notices import Notice
from cmfq.objective import Death
from cmfq.recordings import read
from cmfq.storage import atomic_write, read_tensors, to_json
from cmfq.training.checkpoint import latest_checkpoint, save_policies
from cmfq.training.description import read_settings
from cmfq.training.loop import train
from cmfq.training.metrics import EpisodeMetrics
from cmfq.training.opponent_settings import OpponentSettings
from cmfq.training.presets import preset_training
from cmfq.training.run import Run
from cmfq.training.self_play import SelfPlay
from cmfq.training.settings import TrainSettings
from killing import LIMIT, held_in_training


def ignore(metrics: EpisodeMetrics) -> None:
    pass


def never() -> bool:
    return False


def train_to_the_end(path: Path, settings: TrainSettings[BattleSettings]) -> None:
    with Run.create(path, settings) as run:
        assert train(run, SelfPlay(settings), ignore, never)


def weights(path: Path) -> dict[str, torch.Tensor]:
    return read_tensors(latest_checkpoint(path))[0]


def assert_same_weights(one: Path, other: Path) -> None:
    ours, theirs = weights(one), weights(other)
    assert ours.keys() == theirs.keys()
    for name in ours:
        assert torch.equal(ours[name], theirs[name]), name


MIXES: list[tuple[tuple[str, ...], OpponentSettings]] = [
    (("self",), OpponentSettings()),
    (("gated",), OpponentSettings(gate_games=2, gate_win_rate=0)),
    (
        ("self=2", "past=3", "gated=3"),
        OpponentSettings(past_period=1, past_size=2, past_choice="hardest", gate_games=1),
    ),
]


@pytest.mark.parametrize(
    ("algorithm", "mix"),
    [
        *((algorithm, MIXES[number % 3]) for number, algorithm in enumerate(ALGORITHMS)),
        *(("cmfq", mix) for mix in MIXES[1:]),
    ],
)  # each algorithm, and each mix: what they keep does not depend on each other
def test_interrupted_and_resumed_ends_as_uninterrupted(
    tmp_path: Path,
    tiny: TrainSettings[BattleSettings],
    algorithm: str,
    mix: tuple[tuple[str, ...], OpponentSettings],
) -> None:
    opponents, pool = mix
    settings = replace(tiny, algorithm=algorithm, opponents=opponents, opponent_pool=pool)
    train_to_the_end(tmp_path / "whole", settings)

    with Run.create(tmp_path / "parts", settings) as run:
        self_play = SelfPlay(settings)
        assert not train(run, self_play, ignore, should_stop=lambda: self_play.episode >= 3)
    for stop_at in (4, 6):
        with Run.open(tmp_path / "parts") as run:
            resumed = SelfPlay(run.description().settings)
            run.restore(resumed)
            assert resumed.episode == stop_at - 1 if stop_at == 4 else 4
            train(run, resumed, ignore, should_stop=lambda: resumed.episode >= stop_at)  # noqa: B023

    assert_same_weights(tmp_path / "whole", tmp_path / "parts")
    resumed = SelfPlay(settings)
    with Run.open(tmp_path / "parts") as run:
        run.restore(resumed)
    assert resumed.sides["agent"].policy.beta == cmfq.load(tmp_path / "whole").beta
    whole, parts = Run.open(tmp_path / "whole").metrics(), Run.open(tmp_path / "parts").metrics()
    for row in (*whole, *parts):
        del row["playing_seconds"], row["learning_seconds"]
    assert parts == whole


@pytest.mark.parametrize("preset", ["original", "strong"])
@pytest.mark.parametrize("death", get_args(Death))
def test_every_preset_and_objective_is_resumed(
    tmp_path: Path, tiny: TrainSettings[BattleSettings], preset: str, death: Death
) -> None:
    usual = preset_training(preset, tiny.environment)
    settings = replace(
        usual,
        episodes=4,
        network=replace(usual.network, channels=(4, 4), view_units=8, hidden_units=16),
        learner=replace(usual.learner, batch_size=16, min_updates=2, replay_bytes=8 * 2**20),
        objective=replace(usual.objective, death=death),
    )
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    cmfq.train(settings, run=whole)
    played: list[EpisodeMetrics] = []
    stopped = cmfq.train(
        settings, run=parts, on_episode=played.append, should_stop=lambda: len(played) == 2
    )
    assert not stopped.finished
    assert cmfq.resume(parts).finished
    assert_same_weights(whole, parts)


def test_same_seed_same_run_other_seed_another(
    tmp_path: Path, tiny: TrainSettings[BattleSettings]
) -> None:
    settings = replace(tiny, episodes=2)
    train_to_the_end(tmp_path / "a", settings)
    train_to_the_end(tmp_path / "b", settings)
    train_to_the_end(tmp_path / "c", replace(settings, seed=1))
    assert_same_weights(tmp_path / "a", tmp_path / "b")
    with pytest.raises(AssertionError):
        assert_same_weights(tmp_path / "a", tmp_path / "c")


def test_metrics_after_the_last_checkpoint_are_forgotten(
    tmp_path: Path, tiny: TrainSettings[BattleSettings]
) -> None:
    """As after a kill: metrics run ahead of the state, and the last line is cut short."""
    train_to_the_end(tmp_path / "run", replace(tiny, episodes=2))
    with (tmp_path / "run" / "metrics.jsonl").open("a") as file:
        file.write('{"episode": 3}\n{"episode": 4, "ste')
    with Run.open(tmp_path / "run") as run:
        resumed = SelfPlay(run.description().settings)
        run.restore(resumed)
        assert [row["episode"] for row in run.metrics()] == [1, 2]


def test_a_run_describes_itself(tmp_path: Path, tiny: TrainSettings[BattleSettings]) -> None:
    settings = replace(tiny, mean_field=MeanFieldSettings(epsilon=float("inf"), radius=3.0))
    Run.create(tmp_path / "run", settings)
    description = Run.open(tmp_path / "run").description()
    assert description.settings == settings
    assert description.versions["torch"] == torch.__version__
    json.loads((tmp_path / "run" / "run.json").read_text(), parse_constant=pytest.fail)
    assert str(tmp_path) not in (tmp_path / "run" / "run.json").read_text()


def test_settings_survive_json(tiny: TrainSettings[BattleSettings]) -> None:
    text = msgspec.json.encode(tiny)
    assert read_settings("battle", msgspec.json.decode(text)) == tiny


def test_settings_of_before_there_were_evaluations_are_read(
    tiny: TrainSettings[BattleSettings],
) -> None:
    old = msgspec.to_builtins(tiny)
    for name in ("evaluate_period", "evaluate_against", "evaluate_games"):
        del old[name]
    assert read_settings("battle", old) == tiny


def test_an_existing_folder_is_refused(tmp_path: Path, tiny: TrainSettings[BattleSettings]) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "precious").write_text("x")
    with pytest.raises(UserError, match=r"exists already: give another run folder$"):
        Run.create(tmp_path / "run", tiny)
    with pytest.raises(UserError, match=r"exists already: give another run folder$"):
        Run.create(tmp_path / "run" / "precious", tiny)
    assert [file.name for file in (tmp_path / "run").iterdir()] == ["precious"]


def test_a_folder_among_the_files_of_a_run_is_refused(
    tmp_path: Path, tiny: TrainSettings[BattleSettings]
) -> None:
    train_to_the_end(tmp_path / "run", replace(tiny, episodes=1))
    inside = tmp_path / "run" / "checkpoints" / "mine"
    with pytest.raises(UserError, match="lies among the files of a run: give a folder outside"):
        Run.create(inside, tiny)
    assert not inside.exists()


def test_a_folder_in_use_is_refused(tmp_path: Path, tiny: TrainSettings[BattleSettings]) -> None:
    with (
        Run.create(tmp_path / "run", tiny),
        pytest.raises(UserError, match="in use by another run"),
        Run.open(tmp_path / "run"),
    ):
        pass


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not a run folder"):
        Run.open(tmp_path)
    with pytest.raises(UserError, match="has no checkpoints"):
        cmfq.load(tmp_path)


def test_a_full_disk_keeps_the_checkpoint_before(
    tmp_path: Path, tiny: TrainSettings[BattleSettings]
) -> None:
    train_to_the_end(tmp_path / "run", replace(tiny, episodes=2))
    state = tmp_path / "run" / "state.safetensors"
    before = state.read_bytes()
    (tmp_path / "run" / "state.safetensors.part").symlink_to("/dev/full")
    with Run.open(tmp_path / "run") as run:
        resumed = SelfPlay(run.description().settings)
        run.restore(resumed)
        with pytest.raises(UserError, match="no space is left on the disk") as refusal:
            run.save(resumed)
    assert "\n" not in str(refusal.value)
    assert state.read_bytes() == before


def test_a_failed_write_leaves_nothing_beside(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_text("before")

    def fail(aside: Path) -> None:
        aside.write_text("half")
        raise OSError("unplugged")

    with pytest.raises(UserError, match="unplugged; nothing that was saved before is lost"):
        atomic_write(target, fail)
    assert target.read_text() == "before"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("keep", [0, 4, 100, -1])
def test_a_truncated_checkpoint_is_one_sentence(
    tmp_path: Path, tiny: TrainSettings[BattleSettings], keep: int
) -> None:
    train_to_the_end(tmp_path / "run", replace(tiny, episodes=1))
    checkpoint = latest_checkpoint(tmp_path / "run")
    checkpoint.write_bytes(checkpoint.read_bytes()[:keep])
    with pytest.raises(UserError, match="is cut short") as refusal:
        cmfq.load(checkpoint)
    assert "\n" not in str(refusal.value)


def test_a_missing_or_foreign_checkpoint_is_one_sentence(
    tmp_path: Path, tiny: TrainSettings[BattleSettings]
) -> None:
    with pytest.raises(UserError, match="there is no file"):
        cmfq.load(tmp_path / "nothing.safetensors")
    train_to_the_end(tmp_path / "run", replace(tiny, episodes=1))
    with pytest.raises(UserError, match="holds no policy"):
        cmfq.load(tmp_path / "run" / "state.safetensors")


def test_a_loss_that_is_no_number_stops_the_run(
    tmp_path: Path, tiny: TrainSettings[BattleSettings]
) -> None:
    settings = replace(tiny, checkpoint_period=1)
    with Run.create(tmp_path / "run", settings) as run:
        self_play = SelfPlay(settings)
        network = self_play.sides["agent"].learner.target_network

        def poison(metrics: EpisodeMetrics) -> None:
            if metrics.episode == 2:
                with torch.no_grad():
                    network.head.output_layer.bias[0] = float("inf")

        with pytest.raises(UserError, match="non-finite in episode 3"):
            train(run, self_play, poison, never)
    assert latest_checkpoint(tmp_path / "run").name == "000002.safetensors"
    cmfq.load(tmp_path / "run")


def test_a_policy_with_weights_that_are_no_numbers_is_refused(
    tmp_path: Path, tiny: TrainSettings[BattleSettings]
) -> None:
    policy = SelfPlay(tiny).sides["agent"].policy
    with torch.no_grad():
        policy.network.head.output_layer.bias[3] = float("nan")
    file = tmp_path / "broken.safetensors"
    save_policies(file, {"agent": policy}, tiny.network, environment=tiny.environment, episode=1)
    with pytest.raises(UserError, match="weights that are not finite"):
        cmfq.load(file)


def test_the_state_of_another_run_is_refused(
    tmp_path: Path, tiny: TrainSettings[BattleSettings]
) -> None:
    train_to_the_end(tmp_path / "one", replace(tiny, episodes=1))
    train_to_the_end(tmp_path / "other", replace(tiny, episodes=1, algorithm="mfq"))
    state = (tmp_path / "other" / "state.safetensors").read_bytes()
    for content, message in ((state, "a run with other settings"), (state[:99], "is cut short")):
        (tmp_path / "one" / "state.safetensors").write_bytes(content)
        with Run.open(tmp_path / "one") as run, pytest.raises(UserError, match=message):
            run.restore(SelfPlay(run.description().settings))


def test_a_finished_run_does_not_keep_its_replay(
    tmp_path: Path, tiny: TrainSettings[BattleSettings]
) -> None:
    """Of a hundred runs it is all of the disk, and nothing will learn from it."""
    sizes = []

    def watch(metrics: EpisodeMetrics) -> None:
        file = tmp_path / "run" / "state.safetensors"
        sizes.append(file.stat().st_size if file.exists() else 0)

    with Run.create(tmp_path / "run", tiny) as run:
        self_play = SelfPlay(tiny)
        assert train(run, self_play, watch, never)
        rows = self_play.sides["agent"].replay.state()["view"].nbytes
        assert sizes[-1] > rows / 3
        finished = (tmp_path / "run" / "state.safetensors").stat().st_size
        assert finished < sizes[-1] - rows / 3
        resumed = SelfPlay(tiny)
        run.restore(resumed)
        assert train(run, resumed, watch, never), "there is nothing left to do"
    assert len(sizes) == tiny.episodes
    own, saved = (one.sides["agent"].learner.average.state_dict() for one in (self_play, resumed))
    for name, weight in own.items():
        assert torch.equal(weight, saved[name]), name


def test_checkpoints_are_not_lost_with_the_state(
    tmp_path: Path, tiny: TrainSettings[BattleSettings]
) -> None:
    train_to_the_end(tmp_path / "run", tiny)
    before = sorted((tmp_path / "run" / "checkpoints").iterdir())
    (tmp_path / "run" / "state.safetensors").unlink()
    with (
        Run.open(tmp_path / "run") as run,
        pytest.raises(UserError, match="cannot continue without it: its chec"),
    ):
        run.restore(SelfPlay(tiny))
    assert sorted((tmp_path / "run" / "checkpoints").iterdir()) == before
    assert len(Run.open(tmp_path / "run").metrics()) == tiny.episodes


@pytest.mark.parametrize("kept", [0, 2])
def test_rows_that_are_gone_are_named(
    tmp_path: Path, tiny: TrainSettings[BattleSettings], kept: int
) -> None:
    """A run that went on without them would have its events file written anew, and lose them."""
    run = tmp_path / "run"
    train_to_the_end(run, replace(tiny, episodes=3))
    rows = (run / "metrics.jsonl").read_bytes()
    (run / "metrics.jsonl").write_bytes(b"".join(rows.splitlines(keepends=True)[:kept]))
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    message = f"metrics.jsonl has no row for episode {kept + 1}, and for {3 - kept} of the 3 epis"
    with pytest.raises(UserError, match=message):
        cmfq.resume(run)
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before
    (run / "metrics.jsonl").write_bytes(rows)
    cmfq.resume(run)


def test_an_events_file_that_has_more_than_the_rows_is_kept(
    tmp_path: Path, tiny: TrainSettings[BattleSettings]
) -> None:
    run = tmp_path / "run"
    evaluated = replace(
        tiny, episodes=3, evaluate_period=1, evaluate_games=2, evaluate_against=("random",)
    )
    assert cmfq.train(evaluated, run=run).finished
    (events,) = run.glob("events.*")
    before = events.read_bytes()
    cmfq.resume(run)
    (again,) = run.glob("events.*")  # it has all that there was: one is enough
    rows = (run / "evaluations.jsonl").read_bytes().splitlines(keepends=True)
    (run / "evaluations.jsonl").write_bytes(b"".join(rows[1:]))
    content = again.read_bytes()
    assert len(content) == len(before)
    with pytest.warns(Notice, match="the former file is kept as events.before"):
        cmfq.resume(run)
    assert (run / "events.before").read_bytes() == content
    assert len(list(run.glob("events.out.tfevents.*"))) == 1


def test_a_run_that_is_refused_is_left_as_it_was(
    tmp_path: Path, tiny: TrainSettings[BattleSettings]
) -> None:
    run = tmp_path / "run"
    train_to_the_end(run, replace(tiny, episodes=3))
    torn = (run / "metrics.jsonl").read_bytes()[:-5]
    (run / "metrics.jsonl").write_bytes(torn)
    with pytest.raises(UserError, match="has no row for episode 3"):
        cmfq.resume(run)
    assert (run / "metrics.jsonl").read_bytes() == torn


def test_damaged_metrics_are_one_sentence(
    tmp_path: Path, tiny: TrainSettings[BattleSettings]
) -> None:
    train_to_the_end(tmp_path / "run", replace(tiny, episodes=1))
    for damage in (b'garbage\n{"a": 1}\n', b"\xff\xfe\n", b"[]\n"):
        (tmp_path / "run" / "metrics.jsonl").write_bytes(damage)
        with pytest.raises(UserError, match=r"metrics\.jsonl is damaged"):
            Run.open(tmp_path / "run").metrics()


def test_other_files_beside_the_checkpoints_are_left_alone(
    tmp_path: Path, tiny: TrainSettings[BattleSettings]
) -> None:
    train_to_the_end(tmp_path / "run", replace(tiny, episodes=2))
    mine = tmp_path / "run" / "checkpoints" / "zbest.safetensors"
    mine.write_bytes(b"mine")
    assert latest_checkpoint(tmp_path / "run").name == "000002.safetensors"
    with Run.open(tmp_path / "run") as run:
        run.restore(SelfPlay(run.description().settings))
    assert mine.exists()


def test_loading_runs_no_code_of_a_strangers_choosing(
    tmp_path: Path, tiny: TrainSettings[BattleSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that names a function is refused before its module is imported."""
    (tmp_path / "evil_module.py").write_text(
        "raise SystemExit('it ran')\ndef f(n): return 0.0, 1.0"
    )
    monkeypatch.syspath_prepend(tmp_path)
    policy = SelfPlay(tiny).sides["agent"].policy
    policy.mean_field = replace(policy.mean_field, intervention="evil_module:f")
    file = tmp_path / "stranger.safetensors"
    save_policies(file, {"agent": policy}, tiny.network, environment=tiny.environment, episode=1)
    with pytest.raises(UserError, match="evil_module:f, whose code would be run"):
        cmfq.load(file)
    settings = replace(tiny, mean_field=policy.mean_field)
    Run.create(tmp_path / "run", settings)
    with pytest.raises(UserError, match="evil_module:f, whose code would be run"):
        Run.open(tmp_path / "run").description()

    (tmp_path / "kind_module.py").write_text("def f(n): return 0.0, 1.0")
    policy.mean_field = replace(policy.mean_field, intervention="kind_module:f")
    save_policies(file, {"agent": policy}, tiny.network, environment=tiny.environment, episode=1)
    monkeypatch.setenv("CMFQ_RUN_OWN_FUNCTIONS", "1")
    assert cmfq.load(file).mean_field.intervention == "kind_module:f"


SMALL = (
    "--size", "12", "--max-steps", "25", "--episodes", "20", "--checkpoint-period", "5",
    "--batch-size", "64", "--min-updates", "2", "--replay-bytes", "20000000",
)  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An undisturbed run."""
    run = tmp_path_factory.mktemp("undisturbed") / "whole"
    assert main(["train", "battle", *SMALL, "--run", str(run)]) == 0
    return run


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_real_signal_then_resume_ends_as_uninterrupted(
    tmp_path: Path, whole: Path, number: int, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = tmp_path / "parts"
    with held_in_training(parts, 7, SMALL, stdout=subprocess.PIPE) as process:
        os.kill(process.pid, number)
        output, _ = process.communicate(timeout=LIMIT)
    if number != signal.SIGKILL:
        assert process.returncode == 130
        assert "stopped after episode" in output
        assert f"cmfq resume {parts}" in output
    assert len(Run.open(parts).metrics()) < 20

    capsys.readouterr()
    assert main(["resume", str(parts)]) == 0
    assert_same_weights(whole, parts)
    assert [row["episode"] for row in Run.open(parts).metrics()] == list(range(1, 21))


def test_attention_trains_at_400_a_side(tiny: TrainSettings[BattleSettings]) -> None:
    """Its work grows with the interactions, not with the square of the agents."""
    settings = replace(
        tiny,
        algorithm="attention-mfq",
        environment=BattleSettings(size=400, max_steps=3),
        learner=replace(tiny.learner, batch_size=400, replay_bytes=64 * 2**20),
    )
    (metrics,) = SelfPlay(settings).run_episodes()
    assert metrics.updates >= 3
    assert metrics.agent_steps == 3 * 800


def test_recording_writes_replays_and_changes_nothing(
    tmp_path: Path, tiny: TrainSettings[BattleSettings]
) -> None:
    train_to_the_end(tmp_path / "plain", replace(tiny, episodes=3))
    train_to_the_end(tmp_path / "recorded", replace(tiny, episodes=3, record_period=2))
    files = sorted(file.name for file in (tmp_path / "recorded" / "replays").iterdir())
    assert files == ["000001.replay", "000003.replay"]
    assert_same_weights(tmp_path / "plain", tmp_path / "recorded")
    steps = Run.open(tmp_path / "recorded").metrics()[2]["steps"]
    assert len(read(tmp_path / "recorded" / "replays" / "000003.replay").steps) == steps


def test_episodes_side_by_side_are_recorded_as_often_and_named_by_their_size(
    tmp_path: Path, tiny: TrainSettings[BattleSettings]
) -> None:
    settings = replace(
        tiny,
        environment=replace(tiny.environment, max_steps=2),
        episodes=16,
        environments=3,
        record_period=4,
        sizes=(6,),
    )
    train_to_the_end(tmp_path / "run", settings)
    files = sorted((tmp_path / "run" / "replays").iterdir())
    assert [int(file.stem) for file in files] == [1, 4, 7, 13], "with the first of each round"
    assert read(files[0]).header.title == "battle, 6 a side"


def test_a_run_whose_last_checkpoint_could_not_be_written_is_not_finished(
    tmp_path: Path, tiny: TrainSettings[BattleSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise UserError("there is no space left")

    monkeypatch.setattr("cmfq.training.run.save_policies", full)
    with pytest.raises(UserError, match="no space left"):
        cmfq.train(replace(tiny, episodes=1), run=tmp_path / "run")
    assert len(Run.open(tmp_path / "run").metrics()) == 1
    assert not cmfq.open_run(tmp_path / "run").finished


def test_what_is_read_back_is_written_whole(tmp_path: Path) -> None:
    """Settings that were read from an older file, which lacks some, are stored with all of them."""
    settings = read_settings("battle", {"environment": {"size": 12}, "seed": 3})
    stored = json.loads(to_json(settings))
    assert stored == json.loads(to_json(TrainSettings(BattleSettings(size=12), seed=3)))
    assert stored["environment"]["formation"] == "lines"
