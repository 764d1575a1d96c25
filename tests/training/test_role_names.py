"""A role may have any name: what is saved of it is found again."""

from pathlib import Path

import pytest
import torch

from cmfq.cli import main
from cmfq.environments.pettingzoo import PettingZooSettings
from cmfq.learner import LearnerSettings
from cmfq.networks import NetworkSettings
from cmfq.storage import read_tensors, write_tensors
from cmfq.training.checkpoint import TRUST_VARIABLE, latest_checkpoint, load_checkpoint
from cmfq.training.loop import train
from cmfq.training.run import Run
from cmfq.training.self_play import SelfPlay
from cmfq.training.settings import TrainSettings
from small_worlds import world

SMALL = ("--episodes", "2", "--batch-size", "8", "--min-updates", "1")
NAMES = {
    "folders": ("team/red", "team/blue"),
    "one within the other": ("a", "a/network", "a/network/network"),
    "absolute": ("/uav1/base", "/uav2/base"),
    "escaped": ("a/b", "a%2Fb", "100%"),
    "dots and spaces": ("..", "a.b c", " "),
    "unicode": ("größe", "狼", "e\u0301"),
    "markup": ("[red]", "[/]", "\x1b[31m"),
    "safetensors": ("__metadata__", "info"),
    "long": ("x" * 3000,),
}
made = world("a_0")


@pytest.fixture(params=NAMES)
def settings(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> TrainSettings[PettingZooSettings]:
    names = [f"{name}_{number}" for name in NAMES[request.param] for number in (0, 1)]
    monkeypatch.setattr(f"{__name__}.made", world(*names))
    monkeypatch.setenv(TRUST_VARIABLE, "1")
    return TrainSettings(
        PettingZooSettings(f"{__name__}:made"),
        episodes=3,
        network=NetworkSettings("additive", hidden_units=4),
        learner=LearnerSettings(batch_size=8, min_updates=2, replay_bytes=10**6),
    )


def test_weights_of_every_role_come_back_and_training_resumes_bit_for_bit(
    settings: TrainSettings[PettingZooSettings], tmp_path: Path
) -> None:
    whole = SelfPlay(settings)
    with Run.create(tmp_path / "whole", settings) as folder:
        assert train(folder, whole, lambda metrics: None, lambda: False)
    with Run.create(tmp_path / "parts", settings) as folder:
        begun = SelfPlay(settings)
        assert not train(folder, begun, lambda metrics: None, lambda: begun.episode >= 1)
    with Run.open(tmp_path / "parts") as folder:
        resumed = SelfPlay(Run.open(tmp_path / "parts").description().settings)
        folder.restore(resumed)
        assert train(folder, resumed, lambda metrics: None, lambda: False)
    saved, again = (load_checkpoint(tmp_path / name).policies for name in ("whole", "parts"))
    assert list(saved) == list(again) == [team.role for team in whole.teams]
    for role, policy in whole.averaged_policies().items():
        for name, weight in policy.network.state_dict().items():
            assert torch.equal(weight, saved[role].network.state_dict()[name])
            assert torch.equal(weight, again[role].network.state_dict()[name])


def test_a_role_that_an_earlier_version_stored_as_it_was_called_still_loads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{__name__}.made", world("100% größe_0"))
    settings = TrainSettings(PettingZooSettings(f"{__name__}:made"), episodes=1)
    run = SelfPlay(settings)
    run.run_episodes()
    with Run.create(tmp_path / "run", settings) as folder:
        folder.save(run)
    file = latest_checkpoint(tmp_path / "run")
    tensors, info = read_tensors(file)
    old = {f"100% größe/{name.partition('/')[2]}": tensor for name, tensor in tensors.items()}
    assert old.keys() != tensors.keys()
    write_tensors(file, old, info)
    (policy,) = load_checkpoint(file).policies.values()
    (own,) = run.averaged_policies().values()
    assert torch.equal(
        policy.network.trunk.joint_layer.weight, own.network.trunk.joint_layer.weight
    )


def test_commands_take_a_run_whose_roles_have_slashes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(TRUST_VARIABLE, "1")
    run, file, game = (str(tmp_path / name) for name in ("run", "p.safetensors", "g.replay"))
    assert main(["train", "small_worlds:folders", *SMALL, "--run", run]) == 0
    assert main(["resume", run]) == 0
    assert main(["export", run, "--out", file]) == 0
    for command in (
        ["evaluate", file, "random", "--games", "2", "--workers", "1"],
        ["record", run, file, "--out", game],
        ["explain", run, "--step", "2"],
    ):
        capsys.readouterr()
        code = main(command)
        assert code == 0, (command, capsys.readouterr().err)
    assert main(["evaluate", run, file, "--games", "2", "--workers", "1"]) == 0
    assert "team/red" in capsys.readouterr().out
