"""What goes wrong while a run trains: the environment, the disk, the folder, the terminal."""

import json
import os
import pty
import re
import shutil
import signal
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

import small_worlds
from cmfq.cli import main
from cmfq.environments.battle import BattleSettings
from cmfq.environments.pettingzoo import PettingZooSettings
from cmfq.errors import UserError
from cmfq.objective import ObjectiveSettings
from cmfq.replay_buffer import ReplayBuffer
from cmfq.storage import read_tensors
from cmfq.training.boards import open_board
from cmfq.training.checkpoint import latest_checkpoint, list_checkpoints
from cmfq.training.evaluations import Evaluation
from cmfq.training.loop import train
from cmfq.training.run import Run
from cmfq.training.scalars import hyperparameters, names_of
from cmfq.training.self_play import SelfPlay
from cmfq.training.settings import TrainSettings
from cmfq.training.stop import StopSignal
from killing import LIMIT, held_in_training

FAILS: dict[str, int] = {}
"""In which step the world fails once (-1: in reset), and in which of its episodes."""
BAD_SEEDS: set[int] = set()


class Fragile(small_worlds.World):
    """Fails once where told to, and always in the episodes of some seeds."""

    names = tuple(f"{team}_{number}" for team in "ab" for number in range(20))
    episodes = 0

    def reset(self, seed: int | None = None, options: object = None) -> tuple[dict, dict]:
        Fragile.episodes += 1
        self.seed = seed
        self.fail_if_told(-1)
        return super().reset(seed)

    def step(self, actions: dict) -> tuple[dict, dict, dict, dict, dict]:
        self.fail_if_told(self.time)
        return super().step(actions)

    def fail_if_told(self, step: int) -> None:
        if FAILS and Fragile.episodes >= FAILS["episode"] and step == FAILS["step"]:
            FAILS.clear()
            raise ConnectionError("lost")
        if self.seed in BAD_SEEDS and step == 3:
            raise ConnectionError("bad seed")


@pytest.fixture
def fragile(
    tiny: TrainSettings[BattleSettings], monkeypatch: pytest.MonkeyPatch
) -> TrainSettings[PettingZooSettings]:
    """A run whose replay is full after three episodes, so that episodes overwrite others."""
    monkeypatch.setenv("CMFQ_RUN_OWN_FUNCTIONS", "1")
    monkeypatch.setattr(Fragile, "episodes", 0)
    FAILS.clear()
    BAD_SEEDS.clear()
    return replace(
        tiny,
        environment=PettingZooSettings(make_env="test_failures:Fragile", share_roles=True),
        episodes=9,
        checkpoint_period=50,
        learner=replace(tiny.learner, replay_bytes=52_000),
    )


def go_on(path: Path, should_stop: Callable[[], bool] = lambda: False) -> bool:
    with Run.open(path) as run:
        self_play = SelfPlay(run.description().settings)
        run.restore(self_play)
        return train(run, self_play, lambda metrics: None, should_stop)


def begin(path: Path, settings: TrainSettings) -> bool:
    Run.create(path, settings)
    return go_on(path)


def content(path: Path) -> dict[str, bytes]:
    """Checkpoints, and rows without the time that they took."""
    found = {file.name: file.read_bytes() for file in list_checkpoints(path)}
    rows = [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()]
    for row in rows:
        del row["playing_seconds"], row["learning_seconds"]
    return found | {"metrics": json.dumps(rows).encode()}


def test_episodes_overwrite_others(fragile: TrainSettings[PettingZooSettings]) -> None:
    """Without which the test after this one says little."""
    self_play = SelfPlay(fragile)
    while self_play.episode < 7:
        self_play.run_episodes()
    (side,) = self_play.sides.values()
    assert side.replay.capacity < 4 * 9 * 40
    assert 0.5 * side.replay.capacity < len(side.replay) < 7 * 9 * 40


@pytest.fixture(scope="module")
def content_of_calm(
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[TrainSettings], dict[str, bytes]]:
    """What a run leaves in which nothing fails: trained once for the same settings."""

    kept: dict[str, dict[str, bytes]] = {}

    def train_calmly(settings: TrainSettings) -> dict[str, bytes]:
        if repr(settings) not in kept:
            path = tmp_path_factory.mktemp("calm") / "run"
            begin(path, settings)
            Fragile.episodes = 0
            kept[repr(settings)] = content(path)
        return kept[repr(settings)]

    return train_calmly


@pytest.mark.parametrize("opponents", [("self",), ("self=0.5", "past=0.5")])
@pytest.mark.parametrize("worlds", [1, 3])
@pytest.mark.parametrize(("episode", "step"), [(7, -1), (7, 0), (7, 5), (1, 2), (8, 7)])
def test_a_run_whose_environment_failed_ends_as_one_whose_did_not(
    tmp_path: Path,
    fragile: TrainSettings[PettingZooSettings],
    content_of_calm: Callable[[TrainSettings], dict[str, bytes]],
    episode: int,
    step: int,
    worlds: int,
    opponents: tuple[str, ...],
) -> None:
    settings = replace(fragile, environments=worlds, opponents=opponents)
    calm = content_of_calm(settings)
    FAILS.update(episode=episode, step=step)
    with pytest.raises(UserError, match=r"`CMFQ.*1 cmfq resume ") as failed:
        begin(tmp_path / "torn", settings)
    number = re.match(r"episode (\d+): ", str(failed.value))
    assert number
    before = (int(number[1]) - 1) // worlds * worlds
    assert ("episodes are saved" in str(failed.value)) == (before > 1)
    assert before < 2 or f"the first {before} episodes are saved: `" in str(failed.value)
    assert go_on(tmp_path / "torn")
    assert content(tmp_path / "torn") == calm


def test_heirs_that_a_failed_episode_drew_are_drawn_again(
    tmp_path: Path, fragile: TrainSettings[PettingZooSettings]
) -> None:
    """The dead's values come from heirs, drawn while an episode is written to the replay."""
    settings = replace(fragile, objective=ObjectiveSettings(death="posthumous"))
    begin(tmp_path / "calm", settings)
    Fragile.episodes = 0
    FAILS.update(episode=7, step=6)
    with pytest.raises(UserError, match="lost"):
        begin(tmp_path / "torn", settings)
    assert go_on(tmp_path / "torn")
    assert content(tmp_path / "torn") == content(tmp_path / "calm")


@pytest.mark.parametrize("worlds", [1, 3])
def test_a_seed_that_always_fails_can_be_left_out(
    tmp_path: Path,
    fragile: TrainSettings[PettingZooSettings],
    worlds: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    settings = replace(fragile, environments=worlds)
    self_play = SelfPlay(settings)
    for _ in range(2):
        self_play.run_episodes()
    bad = self_play.next_seeds()[-1]
    BAD_SEEDS.add(bad)
    run = tmp_path / "run"
    with pytest.raises(
        UserError,
        match=f"episode {3 * worlds}: .*`CMFQ_RUN_OWN_FUNCTIONS=1 cmfq resume {run} --skip-seed "
        f"{bad}` leaves that seed",
    ):
        begin(run, settings)
    capsys.readouterr()
    assert main(["resume", str(run)]) == 2, "it fails every time"
    assert main(["resume", str(run), "--skip-seed", str(bad + 1)]) == 2
    assert f"the next to be played are {bad}" in capsys.readouterr().err or worlds > 1
    assert main(["resume", str(run), "--skip-seed", str(bad)]) == 0
    assert json.loads((run / "run.json").read_text())["skipped_seeds"] == [bad]

    again = Run.create(tmp_path / "again", settings)
    shutil.copy(run / "run.json", again.path / "run.json")
    assert go_on(again.path), "what a run does follows from its run.json, skipped seeds included"
    assert content(again.path) == content(run)


def test_an_environment_that_fails_at_once_leaves_no_checkpoint(
    tmp_path: Path, fragile: TrainSettings[PettingZooSettings]
) -> None:
    FAILS.update(episode=1, step=2)
    with pytest.raises(UserError, match=r"episode 1: .*; `CMFQ.*1 cmfq resume "):
        begin(tmp_path / "run", fragile)
    assert not list_checkpoints(tmp_path / "run")
    assert go_on(tmp_path / "run")


def test_a_run_that_was_stopped_leaves_the_checkpoints_of_one_that_was_not(
    tmp_path: Path, tiny: TrainSettings[BattleSettings]
) -> None:
    begin(tmp_path / "whole", tiny)
    asked = iter([False, False, False, False, True, True])
    Run.create(tmp_path / "parts", tiny)
    assert not go_on(tmp_path / "parts", lambda: next(asked))
    stopped = [file.stem for file in list_checkpoints(tmp_path / "parts")]
    assert stopped[-1] == "000003", "there is something to play"
    assert go_on(tmp_path / "parts")
    assert content(tmp_path / "parts") == content(tmp_path / "whole")


@pytest.mark.parametrize("lost", ["state.safetensors", "state and checkpoints"])
def test_a_finished_run_whose_state_is_gone_is_left_as_it_is(
    tmp_path: Path, tiny: TrainSettings[BattleSettings], lost: str
) -> None:
    run = tmp_path / "run"
    begin(run, replace(tiny, checkpoint_period=50))
    (run / "state.safetensors").unlink()
    if lost != "state.safetensors":
        shutil.rmtree(run / "checkpoints")
    before = {file: file.read_bytes() for file in run.rglob("*") if file.is_file()}
    assert main(["resume", str(run)]) == 2
    assert {file: file.read_bytes() for file in run.rglob("*") if file.is_file()} == before


def test_rows_and_checkpoints_after_the_state_stay_until_they_are_made_again(
    tmp_path: Path, tiny: TrainSettings[BattleSettings]
) -> None:
    """As where a state was put back from a backup, and then the disk fails."""
    run = tmp_path / "run"
    asked = iter([False, False, False, True, True, True])
    Run.create(run, tiny)
    go_on(run, lambda: next(asked))
    state = (run / "state.safetensors").read_bytes()
    assert go_on(run)
    before = content(run)
    (run / "state.safetensors").write_bytes(state)
    with Run.open(run) as opened:
        self_play = SelfPlay(tiny)
        opened.restore(self_play)
        assert self_play.episode < 6
        assert len(opened.metrics()) == self_play.episode
    assert content(run) == before
    assert go_on(run)
    assert content(run) == before


def test_what_an_environment_does_differently_replaces_what_it_did(
    tmp_path: Path, tiny: TrainSettings[BattleSettings]
) -> None:
    run = tmp_path / "run"
    asked = iter([False, False, False, True, True, True])
    Run.create(run, tiny)
    go_on(run, lambda: next(asked))
    with (run / "metrics.jsonl").open("a") as file:
        for episode in (4, 5, 6):
            file.write(json.dumps({"episode": episode, "steps": -1}) + "\n")
        file.write('{"episode": 7, "st')
    assert go_on(run)
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [row["episode"] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert all(row["steps"] > 0 for row in rows)


@pytest.mark.parametrize("lost", ["checkpoints", "run.json"])
def test_a_run_that_was_killed_as_it_began_goes_on(
    tmp_path: Path, tiny: TrainSettings[BattleSettings], lost: str
) -> None:
    run = tmp_path / "run"
    Run.create(run, tiny)
    if lost == "run.json":
        (run / "run.json").rename(run / "run.json.part")
        with pytest.raises(
            UserError, match=("or train again if the run was killed at its beginning")
        ):
            Run.open(run)
        Run.create(run, tiny)
    assert not (run / "checkpoints").exists()
    assert go_on(run)
    shutil.rmtree(run / "checkpoints")
    assert go_on(run), "a finished run makes its last checkpoint again"
    assert latest_checkpoint(run).stem == "000006"


def scalars(run: Path) -> dict[str, list[tuple[int, float]]]:
    """What TensorBoard shows."""
    events = EventAccumulator(str(run), size_guidance={"scalars": 0}).Reload()
    return {
        tag: [(event.step, event.value) for event in events.Scalars(tag)]
        for tag in events.Tags()["scalars"]
    }


def test_tensorboard_has_the_rows_that_the_files_have(
    tmp_path: Path, tiny: TrainSettings[BattleSettings]
) -> None:
    run = tmp_path / "run"
    begin(run, tiny)
    rows = Run.open(run).metrics()
    shown = scalars(run)
    for name in ("steps", "beta", "playing_seconds"):
        assert shown[name] == [(row["episode"], pytest.approx(row[name])) for row in rows]
    for name in ("rewards", "survivors"):
        for team, side in enumerate(("red", "blue")):
            assert [value for _, value in shown[f"{name}/{side}"]] == pytest.approx(
                [row[name][team] for row in rows]
            )
    for team, side in enumerate(("red", "blue")):
        assert shown[f"effect_by_action/{side}/stay"] == [
            (row["episode"], pytest.approx(effects["stay"]))
            for row in rows
            if "stay" in (effects := row["effect_by_action"][team])
        ]
    (settings,) = EventAccumulator(str(run)).Reload().PluginTagToContent("hparams").values()
    told = HParamsPluginData.FromString(settings).session_start_info.hparams
    assert told["environment.size"].number_value == tiny.environment.size
    assert told["algorithm"].string_value == tiny.algorithm
    (file,) = run.glob("events*")
    file.write_bytes(file.read_bytes()[:-99])  # the last row is torn, as by a kill
    (run / "events.out.tfevents.1.older").write_bytes(b"of an older version")
    row = Evaluation(4, "rush", 1, 0, 0, 1.0, 2.5, 0.1)
    with (run / "evaluations.jsonl").open("a") as evaluations:
        evaluations.write(json.dumps(vars(row)) + "\n")
    assert go_on(run)
    assert scalars(run) == shown | {"win_rate/rush": [(4, 1.0)], "margin/rush": [(4, 2.5)]}
    assert len(list(run.glob("events*"))) == 1


def test_an_evaluation_made_up_for_leaves_later_episodes_on_the_board(
    tmp_path: Path, tiny: TrainSettings[BattleSettings]
) -> None:
    """Its checkpoint may lie before episodes whose rows are there already."""
    rows = [{"episode": episode, "loss": 0.5} for episode in (1, 2, 3)]
    with open_board(tmp_path, names_of(()), hyperparameters(tiny)) as board:
        board.begin(rows, 0.0)
        board.add({"episode": 1, "win_rate/rush": 1.0}, evaluation=True)
    assert scalars(tmp_path) == {
        "loss": [(1, 0.5), (2, 0.5), (3, 0.5)],
        "win_rate/rush": [(1, 1.0)],
    }


@pytest.mark.parametrize("failing", ["folder", "events", "metrics", "state"])
def test_a_disk_that_fails_is_one_sentence_and_the_run_goes_on_later(
    tmp_path: Path, tiny: TrainSettings[BattleSettings], failing: str
) -> None:
    run, whole = tmp_path / "run", tmp_path / "whole"
    begin(whole, tiny)

    def spoil(metrics: object) -> None:
        if failing == "folder":
            run.rename(tmp_path / "away")
        elif failing == "metrics":
            (run / "metrics.jsonl").rename(tmp_path / "metrics")
            (run / "metrics.jsonl").symlink_to("/dev/full")
        elif failing == "state" and not (run / "state.safetensors.part").is_symlink():
            (run / "state.safetensors.part").symlink_to("/dev/full")

    with Run.create(run, tiny) as opened:
        if failing == "events":
            (run / "events.part").symlink_to("/dev/full")
        with pytest.raises(UserError, match=r"^cannot write") as refusal:
            train(opened, SelfPlay(tiny), spoil, lambda: False)
    assert "\n" not in str(refusal.value)
    if failing == "folder":
        assert "no longer exists" in str(refusal.value)
        shutil.rmtree(run, ignore_errors=True)
        (tmp_path / "away").rename(run)
    elif failing == "metrics":
        (run / "metrics.jsonl").unlink()
        (tmp_path / "metrics").rename(run / "metrics.jsonl")
    for left in run.glob("*.part"):
        left.unlink()
    assert go_on(run)
    assert content(run) == content(whole)


def test_signals_are_wishes_and_some_mean_at_once() -> None:
    with StopSignal() as stop:
        assert not stop()
        for _ in range(3):
            os.kill(os.getpid(), signal.SIGHUP)
        assert stop(), "a closed terminal sends several"
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)


def test_nohup_is_heeded() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with StopSignal() as stop:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not stop()
    finally:
        signal.signal(signal.SIGHUP, before)


LONG = (
    "--size", "12", "--max-steps", "60", "--episodes", "400", "--checkpoint-period", "300",
    "--batch-size", "64", "--min-updates", "2", "--replay-bytes", "20000000",
)  # fmt: skip


def test_a_closed_terminal_stops_the_run_with_everything_saved(tmp_path: Path) -> None:
    terminal, end = pty.openpty()
    run = tmp_path / "run"
    ends: Any = {"stdin": end, "stdout": end, "stderr": end, "start_new_session": True}
    with held_in_training(run, 3, LONG, **ends) as process:
        os.close(end)
        os.close(terminal)  # writing to it fails from here on
        os.kill(process.pid, signal.SIGHUP)
        assert process.wait(timeout=LIMIT) in (1, 130)
    rows = Run.open(run).metrics()
    _, state = read_tensors(run / "state.safetensors")
    assert 3 <= state["episode"] == len(rows) < 400


def test_a_second_signal_ends_at_once(tmp_path: Path) -> None:
    run = tmp_path / "run"
    with held_in_training(run, 2, LONG, signals=2, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        os.kill(process.pid, signal.SIGINT)
        assert any(line.startswith("stopping after this episode") for line in process.stdout)
        os.kill(process.pid, signal.SIGINT)
        said, _ = process.communicate(timeout=LIMIT)
    assert process.returncode == 130
    assert said.endswith(
        f"stopped at once: `cmfq resume {run}` continues from the last state that was saved\n"
    )


def test_a_ring_takes_back_what_was_written(fragile: TrainSettings[PettingZooSettings]) -> None:
    """Bit for bit, in the rows that can be sampled, wherever the ring stood."""
    for played in range(8):
        self_play = SelfPlay(fragile)
        for _ in range(played):
            self_play.run_episodes()
        (side,) = self_play.sides.values()
        replay: ReplayBuffer = side.replay
        before = {name: column.clone() for name, column in replay.state().items()}
        replay.begin(keep=True)
        for step in range(1 + 40 * (played % 2)):  # little, or more than the ring holds
            write_step(replay, 20, step)
        assert replay.end(take_back=True)
        after = replay.state()
        assert after.keys() == before.keys()
        taken = before["actions"] >= 0
        for name, column in before.items():
            same = column if name in ("steps", "head") else column[taken]
            now = after[name] if name in ("steps", "head") else after[name][taken]
            assert torch.equal(same, now), name
        assert torch.equal(after["actions"] >= 0, taken)


def write_step(replay: ReplayBuffer, agents: int, step: int) -> None:
    rows = replay._claim(agents)
    replay._columns["actions"][rows] = 1
    replay._columns["rewards"][rows] = float(step)
    assert np.all(replay._columns["rewards"][rows].numpy() == step)


def test_what_was_not_kept_is_not_taken_back(fragile: TrainSettings[PettingZooSettings]) -> None:
    self_play = SelfPlay(fragile)
    (side,) = self_play.sides.values()
    for agents, back in ((20, True), (20 * 60, False)):
        side.replay.begin(keep=False)
        for step in range(agents // 20):
            write_step(side.replay, 20, step)
        assert side.replay.end(take_back=True) is back or agents == 1200
