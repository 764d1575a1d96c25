"""bfloat16: the trunk alone computes in it, in training alone, where there are instructions."""

import json
import re
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch

import cmfq
from cmfq.cli import main
from cmfq.devices import describe, has_bfloat16
from cmfq.environments.battle import BattleSettings
from cmfq.errors import UserError
from cmfq.learner import Learner
from cmfq.networks import NetworkSettings
from cmfq.new_network import new_network
from cmfq.storage import read_tensors
from cmfq.training.run import Run
from cmfq.training.self_play import SelfPlay
from cmfq.training.settings import TrainSettings

Tiny = TrainSettings[BattleSettings]
TOLERANCE = 0.03
"""Greatest change of a value, of the standard deviation of the values: the note in docs/scaling."""


@pytest.fixture
def tiny16(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> Tiny:
    """A run in bfloat16, on any processor: without instructions for it, it is only slower."""
    monkeypatch.setattr("cmfq.devices.has_bfloat16", lambda device: True)
    return replace(tiny, arithmetic="bfloat16", algorithm="cmfq")


def note(seen: dict[str, torch.dtype], name: str, *call: object) -> None:
    """A forward hook: what a layer gives."""
    output = call[-1]
    assert isinstance(output, torch.Tensor)
    seen[name] = output.dtype


def learner_of(run: SelfPlay) -> Learner:
    (side,) = run.sides.values()
    return side.learner


def test_only_the_trunk_computes_in_it(tiny16: Tiny) -> None:
    run = SelfPlay(tiny16)
    learner = learner_of(run)
    seen: dict[str, torch.dtype] = {}
    for name, layer in learner.policy.network.named_modules():
        if not list(layer.children()):
            layer.register_forward_hook(partial(note, seen, name))
    run.run_episodes()
    trunk = {name: dtype for name, dtype in seen.items() if name.startswith("trunk")}
    assert set(trunk.values()) == {torch.bfloat16}
    assert len(trunk) == 5
    assert {dtype for name, dtype in seen.items() if name not in trunk} == {torch.float32}
    assert {weight.dtype for weight in learner.policy.network.parameters()} == {torch.float32}
    assert learner.target_network.in_bfloat16
    assert not learner.averaged_policy().network.in_bfloat16


def test_values_move_by_no_more_than_is_stated(tiny: Tiny) -> None:
    settings = replace(tiny, environment=BattleSettings(size=64, max_steps=25), episodes=3)
    settings = replace(settings, network=NetworkSettings())
    run = SelfPlay(settings)
    while run.episode < 3:
        run.run_episodes()
    learner = learner_of(run)
    (side,) = run.sides.values()
    batch = learner.sample(side.replay)
    values = []
    for in_bfloat16 in (False, True):
        network = learner.policy.network
        network.in_bfloat16 = in_bfloat16
        with torch.no_grad():
            encoding = network.encode(batch.view, batch.features, batch.action_mask)
            values.append(network.q_values(encoding, batch.merged_actions))
    exact, rounded = values
    moved = (exact - rounded).abs().max() / exact.std()
    assert 0 < moved < TOLERANCE


def test_a_run_goes_on_bit_for_bit_and_plays_in_float32(tiny16: Tiny, tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    cmfq.train(tiny16, run=whole)
    left = iter([False, False, True])
    cmfq.train(tiny16, run=parts, should_stop=lambda: next(left, True))
    assert not cmfq.open_run(parts).finished
    cmfq.resume(parts)
    files = [run / "state.safetensors" for run in (whole, parts)]
    weights = [read_tensors(file)[0] for file in files]
    assert weights[0].keys() == weights[1].keys()
    assert all(torch.equal(one, weights[1][name]) for name, one in weights[0].items())
    policy = cmfq.load(whole)
    assert not policy.network.in_bfloat16
    exact = tmp_path / "exact"
    cmfq.train(replace(tiny16, arithmetic="float32"), run=exact)
    other = read_tensors(exact / "state.safetensors")[0]
    assert any(not torch.equal(one, other[name]) for name, one in weights[0].items())
    assert Run.open(whole).description().devices == {"0": describe("cpu", "bfloat16")}
    assert "bfloat16" in describe("cpu", "bfloat16")


def test_a_run_says_that_it_continues_in_another(
    tiny16: Tiny, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    left = iter([False, True])
    cmfq.train(tiny16, run=run, should_stop=lambda: next(left, True))
    assert main(["resume", str(run), "--arithmetic", "float32"]) == 0
    assert "no longer bit for bit" in capsys.readouterr().out
    stored = json.loads((run / "run.json").read_text())
    assert stored["settings"]["arithmetic"] == "float32"
    assert list(stored["devices"].values()) == [describe("cpu", "bfloat16"), describe("cpu")]
    capsys.readouterr()
    assert main(["resume", str(run), "--arithmetic", "bfloat16"]) == 0  # no episode is left
    assert "no longer bit for bit" not in capsys.readouterr().out
    assert json.loads((run / "run.json").read_text()) == stored


def test_without_instructions_it_is_refused_before_anything_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("cmfq.devices.has_bfloat16", lambda device: False)
    monkeypatch.chdir(tmp_path)
    for words in (
        ("train", "battle", "--run", "r", "--device", "cpu"),
        ("bench", "--sizes", "64", "--steps", "1"),
    ):
        assert main([*words, "--arithmetic", "bfloat16"]) == 2
        assert "has no instructions for it and would be slower: give float32" in (
            capsys.readouterr().err
        )
    assert not list(tmp_path.iterdir())
    for wrong in ("half", 0, None, ["float32"]):
        with pytest.raises(UserError, match=re.escape(f"unknown arithmetic {wrong!r}")):
            replace(TrainSettings(BattleSettings(size=64)), arithmetic=wrong)


def test_a_processor_is_asked_what_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    device = torch.device("cpu")
    for there, expected in (
        ({"avx2": True, "amx_bf16": False}, False),
        ({"avx2": True, "avx512_bf16": True}, True),
        ({}, False),
    ):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda there=there: there, raising=False)
        assert has_bfloat16(device) == expected


def test_an_older_run_was_in_float32(tiny: Tiny, tmp_path: Path) -> None:
    run = tmp_path / "run"
    cmfq.train(replace(tiny, episodes=1), run=run)
    stored = json.loads((run / "run.json").read_text())
    del stored["settings"]["arithmetic"]
    (run / "run.json").write_text(json.dumps(stored))
    assert Run.open(run).description().settings.arithmetic == "float32"


def test_a_network_is_made_in_float32() -> None:
    specification = BattleSettings(size=64).make().teams[0]
    settings = NetworkSettings()
    assert not new_network(specification, settings, "mfq").in_bfloat16
