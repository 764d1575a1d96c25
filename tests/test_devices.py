"""Devices: named in one sentence, stored with the run, and no tensor strays to another.

There may be no GPU here. On torch's ``meta`` device tensors have no values, and mixing them with
those of the CPU, or reading one, is an error: what runs there runs on one device and waits for
nothing.
"""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import cmfq
from cmfq.adam import Adam
from cmfq.batch import Batch
from cmfq.cli import main
from cmfq.devices import available, describe, find_device
from cmfq.environments.battle import BattleEnvironment, BattleSettings
from cmfq.errors import UserError
from cmfq.late_writes import LateWrites
from cmfq.learner import Learner, LearnerSettings
from cmfq.mean_field.policy import boltzmann
from cmfq.networks import NetworkSettings
from cmfq.new_network import new_network
from cmfq.notices import Notice
from cmfq.play.players import load_player
from cmfq.policies import QPolicy
from cmfq.replay_buffer import ReplayBuffer
from cmfq.replay_writer import ReplayWriter
from cmfq.storage import read_tensors, write_tensors
from cmfq.training.presets import preset_training
from cmfq.training.run import Run

BATTLE = BattleSettings(size=9, max_steps=8, formation="random")
SPECIFICATION = BattleEnvironment(BATTLE).teams[0]
META = torch.device("meta")


def policy_on(device: torch.device | str, algorithm: str = "mfq") -> QPolicy:
    network = new_network(SPECIFICATION, NetworkSettings(place=False), algorithm).to(device)
    settings = preset_training("strong", BATTLE).mean_field
    return QPolicy(SPECIFICATION, network, algorithm, settings, beta=5.0)


def batch_on(device: torch.device | str) -> Batch:
    """A batch as a replay buffer makes it, moved."""
    environment = BattleEnvironment(BATTLE)
    replay = ReplayBuffer(SPECIFICATION, 0.95, 2**23)
    observations = environment.reset(0)
    decision = policy_on("cpu").decide(observations[:1], np.random.default_rng(0))[0]
    rows = replay.append(observations[0], decision)
    following = replay.append(observations[0], decision)
    alive = np.ones(len(decision.actions), bool)
    replay.complete(rows, decision.actions, np.ones(len(alive), np.float32), alive, following)
    batch = replay.sample(32, np.random.default_rng(0))
    return Batch._make(None if column is None else column.to(device) for column in batch)


@pytest.mark.parametrize("algorithm", ["iql", "mfq", "cmfq"])
@pytest.mark.parametrize("target", ["max", "double", "boltzmann"])
def test_an_update_stays_on_its_device_and_reads_nothing(algorithm: str, target: str) -> None:
    settings = LearnerSettings(
        target_value=target,  # type: ignore[arg-type]
        target_period=1,
        action_gap=0.5,
        symmetries=True,
    )
    learner = Learner(policy_on(META, algorithm), settings, np.random.default_rng(0))
    learner.optimiser = Adam(learner.policy.network.parameters(), 1e-3, fused=False)  # fused reads
    for _ in range(2):
        loss = learner.update(batch_on(META))
        assert loss.device == META
    assert {one.device for one in learner.target_network.parameters()} == {META}
    assert {one.device for one in learner.average.module.parameters()} == {META}


def test_a_tensor_of_another_device_is_noticed() -> None:
    """The test above can fail: one column left on the CPU is an error."""
    learner = Learner(policy_on(META), LearnerSettings(), np.random.default_rng(0))
    batch = batch_on(META)._replace(rewards=torch.zeros(32))
    with pytest.raises(RuntimeError, match="device"):
        learner.update(batch)


def test_encoding_and_values_stay_on_the_device_of_the_policy() -> None:
    policy = policy_on(META)
    observations = BattleEnvironment(BATTLE).reset(0)
    encoding = policy.encode(observations)
    neighbourhood = policy.neighbourhood(observations)
    assert encoding.hidden.device == encoding.head.device == META
    assert neighbourhood.counts.device == neighbourhood.positions.device == META
    merged = policy.merge(policy.network, encoding, neighbourhood, np.random.default_rng(0))
    q_values = policy.network.q_values(encoding, merged.action)
    assert boltzmann(q_values, 5.0).device == META


def test_a_replay_keeps_its_rows_and_makes_its_batches_on_its_device() -> None:
    replay = ReplayBuffer(SPECIFICATION, 0.95, 2**23, device=META)
    state = replay.state()
    assert {tensor.device for name, tensor in state.items() if name in ("view", "rewards")} == {
        META
    }
    assert replay.gather(torch.zeros(4, dtype=torch.int64, device=META)).view.device == META


@pytest.mark.parametrize("name", ["gpu", "cuda:x", "CPU", ""])
def test_a_name_of_no_device_is_refused(name: str) -> None:
    with pytest.raises(UserError, match=f"device is {name!r}: give auto, cpu, cuda"):
        find_device(name)


def test_a_device_that_is_not_there_is_refused_and_those_that_are_are_named() -> None:
    with pytest.raises(UserError, match=r"device is cuda:99, but this machine has cpu"):
        find_device("cuda:99")


def test_auto_is_the_first_gpu_or_the_cpu() -> None:
    assert str(find_device("auto")) == (["cpu", *available()[1:]][1:2] or ["cpu"])[0]
    assert str(find_device("cpu")) == "cpu"


def test_a_run_stores_its_device_and_says_when_it_moves(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    small = ["--size", "9", "--formation", "random", "--max-steps", "8", "--min-updates", "1"]
    train = ["train", "battle", *small, "--episodes", "2", "--device", "cpu", "--run", str(run)]
    assert main(train) == 0
    stored = json.loads((run / "run.json").read_text())
    assert stored["settings"]["device"] == "cpu"
    assert stored["devices"] == {"0": describe("cpu")}
    stored["devices"] = {"0": "cuda:0 (a card)"}  # as if it had begun elsewhere
    stored["settings"] |= {"device": "cuda:0", "episodes": 3}
    (run / "run.json").write_text(json.dumps(stored))
    tensors, info = read_tensors(run / "state.safetensors")
    info["settings"] |= {"device": "cuda:0", "episodes": 3}
    write_tensors(run / "state.safetensors", tensors, info)
    capsys.readouterr()
    assert main(["resume", str(run), "--device", "cpu"]) == 0
    assert "continues on cpu" in capsys.readouterr().out
    assert Run.open(run).description().devices == {"0": "cuda:0 (a card)", "2": describe("cpu")}
    assert main(["resume", str(run), "--device", "cuda:99"]) == 2
    assert "device is cuda:99, but this machine has cpu" in capsys.readouterr().err


def test_a_run_from_before_there_was_a_choice_was_on_the_cpu(tmp_path: Path) -> None:
    run = tmp_path / "run"
    small = ["--size", "9", "--formation", "random", "--max-steps", "8", "--min-updates", "1"]
    assert main(["train", "battle", *small, "--episodes", "1", "--run", str(run)]) == 0
    stored = json.loads((run / "run.json").read_text())
    del stored["settings"]["device"], stored["devices"]
    (run / "run.json").write_text(json.dumps(stored))
    assert Run.open(run).description().settings.device == "cpu"


@pytest.mark.parametrize(
    "words",
    [
        ("evaluate", "rush", "random", "--games", "2"),
        ("tournament", "rush", "random", "--log", "t.log"),
        ("cross", "greedy", "--out", "x.d", "--games", "1"),
        ("record", "rush", "random", "--out", "a.replay"),
        ("bench", "--sizes", "64", "--steps", "1"),
        ("train", "battle", "--run", "r"),
    ],
    ids=lambda words: words[0],
)
def test_every_command_names_the_devices_that_are_there(
    words: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([*words, "--device", "cuda:99"]) == 2
    assert "device is cuda:99, but this machine has cpu" in capsys.readouterr().err
    assert main([*words, "--device", "gpu"]) == 2
    assert "device is 'gpu': give auto, cpu, cuda" in capsys.readouterr().err
    assert not list(tmp_path.glob("*.*"))


def test_players_are_loaded_onto_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cmfq.play.players.find_device", lambda name: META)
    environment = BattleEnvironment(BattleSettings(size=64))
    player = load_player("zoo:cmfq64", "battle", environment.teams, "cuda")
    assert {policy.device for policy in player.values()} == {META}


def test_python_takes_a_device_too(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="device is cuda:99, but this machine has cpu"):
        cmfq.evaluate("rush", "random", BATTLE, games=1, device="cuda:99")
    settings = replace(preset_training("paper", BATTLE), episodes=1)
    settings = replace(settings, learner=LearnerSettings(min_updates=1))
    cmfq.train(settings, run=tmp_path / "run")
    assert cmfq.resume(tmp_path / "run", device="cpu").finished
    with pytest.raises(UserError, match="device is cuda:99"):
        cmfq.resume(tmp_path / "run", device="cuda:99")


@pytest.mark.parametrize("device", [0, None, ["cpu"], torch.device("cpu")], ids=repr)
def test_python_is_told_that_a_device_is_a_string(device: Any, tmp_path: Path) -> None:
    settings = replace(preset_training("paper", BATTLE), episodes=1)
    settings = replace(settings, learner=LearnerSettings(min_updates=1))
    calls: list[Callable[[], object]] = [
        lambda: cmfq.evaluate("rush", "random", BATTLE, games=1, device=device),
        lambda: cmfq.tournament(["rush", "random"], BATTLE, games=1, device=device),
        lambda: cmfq.record("rush", "random", BATTLE, file=tmp_path / "a.replay", device=device),
        lambda: replace(settings, device=device),
    ]
    if device is not None:  # it is the run's own then
        cmfq.train(replace(settings, device="cpu"), run=tmp_path / "run")
        calls.append(lambda: cmfq.resume(tmp_path / "run", device=device))
    told = re.escape(f"device is {device!r}, which is no string: give 'auto', 'cpu', 'cuda', or")
    for call in calls:
        with pytest.raises(UserError, match=told):
            call()
    assert not (tmp_path / "a.replay").exists()


def test_every_move_is_told(tmp_path: Path) -> None:
    """In one process, and where a run comes back to a device too."""
    run = tmp_path / "run"
    settings = replace(preset_training("paper", BATTLE), episodes=9, device="cpu")
    settings = replace(settings, learner=LearnerSettings(min_updates=1))
    played: list[object] = []
    cmfq.train(settings, run=run, on_episode=played.append, should_stop=lambda: bool(played))
    for episode in (1, 2):
        stored = json.loads((run / "run.json").read_text())
        last = list(stored["devices"])[-1]
        stored["devices"][last] = "cuda:0 (a card)"
        (run / "run.json").write_text(json.dumps(stored))
        told = f"on cpu .* after cuda:0 .a card.: from episode {episode + 1} on it is no longer bit"
        with pytest.warns(Notice, match=told):
            cmfq.resume(
                run,
                device="cpu",
                on_episode=played.append,
                should_stop=lambda episode=episode: len(played) > episode,
            )


def filled(late: bool, order: tuple[int, ...] = (0, 1)) -> ReplayBuffer:
    """A replay of two steps of both teams, written late or at once."""
    torch.manual_seed(0)
    replay = ReplayBuffer(SPECIFICATION, 0.95, 2**23)
    if late:
        replay._actions = replay._actions.clone()
        replay._late = LateWrites(replay._columns)
    environment = BattleEnvironment(BATTLE)
    policy, generator = policy_on("cpu"), np.random.default_rng(3)
    observations, writer = environment.reset(0), ReplayWriter(replay, order)
    for _ in range(3):
        decisions = tuple(policy.decide(observations, generator))
        step = environment.step([decision.actions for decision in decisions])
        writer.on_step(observations, decisions, step)
        observations = step.observations
    return replay


@pytest.mark.parametrize("order", [(0, 1), (1, 0), (1,)])
def test_what_is_written_late_is_what_is_written_at_once(order: tuple[int, ...]) -> None:
    late, at_once = filled(True, order).state(), filled(False, order).state()
    assert late.keys() == at_once.keys()
    completed = at_once["actions"] >= 0
    for name, column in at_once.items():
        mine = late[name]
        if name in ("rewards", "discounts", "next_row"):
            mine, column = mine[completed], column[completed]
        assert torch.equal(mine, column), name


def test_late_writes_are_there_before_rows_are_drawn() -> None:
    late, at_once = filled(True), filled(False)
    one, other = (replay.sample(16, np.random.default_rng(1)) for replay in (late, at_once))
    assert torch.equal(one.view, other.view)
    assert torch.equal(one.rewards, other.rewards)
    assert (one.actions >= 0).all()


def test_an_episode_that_was_written_late_is_taken_back() -> None:
    replay = filled(True)
    before = {name: column.clone() for name, column in replay.state().items()}
    replay.begin(keep=True)
    environment = BattleEnvironment(BATTLE)
    observations = environment.reset(0)
    (decision,) = policy_on("cpu").decide(observations[:1], np.random.default_rng(0))
    replay.append(observations[0], decision)
    assert replay.end(take_back=True)
    for name, column in replay.state().items():
        assert torch.equal(column.nan_to_num(), before[name].nan_to_num()), name
    assert torch.equal(replay._columns["actions"], replay._actions)


def test_what_is_on_the_device_already_does_not_cross_again() -> None:
    """A step's rows in the replay are those that were decided on, not the arrays once more."""
    environment, generator = BattleEnvironment(BATTLE), np.random.default_rng(0)
    observations = environment.reset(0)
    decisions = policy_on("cpu").decide(observations, generator)
    together = decisions[0].together
    assert together is not None
    view, features = (
        torch.cat([torch.from_numpy(getattr(one, name)) for one in observations])
        for name in ("view", "features")
    )
    marked = together._replace(view=view + 1, features=features + 1)
    replay = ReplayBuffer(SPECIFICATION, 0.95, 2**23)
    replay._late = LateWrites(replay._columns)
    for observation, decision in zip(observations, decisions, strict=True):
        replay.append(observation, decision._replace(together=marked))
    state = replay.state()
    assert torch.equal(state["view"], (view + 1).half())
    assert torch.equal(state["features"], (features + 1).half())
    positions = np.concatenate([one.positions for one in observations])
    assert torch.equal(state["positions"], torch.from_numpy(positions).float())


def test_a_gpu_too_small_for_the_replay_is_told_with_both_sizes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(*shape: object, **options: object) -> torch.Tensor:
        raise torch.cuda.OutOfMemoryError("no")

    monkeypatch.setattr("cmfq.replay_columns.free_bytes", lambda device: 7_000_000)
    replay_bytes = 2**33
    with monkeypatch.context() as patch:
        ask = torch.empty
        patch.setattr(torch, "empty", lambda *a, **o: full() if "device" in o else ask(*a, **o))
        with pytest.raises(
            UserError,
            match="replay_bytes is 8589934592: cuda:0 has 7000000 bytes left, give less",
        ):
            ReplayBuffer(SPECIFICATION, 0.95, replay_bytes, device="cuda:0")
