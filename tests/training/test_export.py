"""A policy file out of checkpoints."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import cmfq
from cmfq.cli import main
from cmfq.errors import UserError
from cmfq.training.export import export_policy, last_checkpoints


def weights(path: Path) -> dict[str, torch.Tensor]:
    return dict(cmfq.load(path).network.state_dict())


def test_the_last_is_the_last_checkpoint_to_the_bit(runs: Path, tmp_path: Path) -> None:
    out = tmp_path / "policy.safetensors"
    assert main(["export", str(runs / "cmfq-0"), "--out", str(out)]) == 0
    found, expected = weights(out), weights(runs / "cmfq-0")
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    assert cmfq.load(out).beta == cmfq.load(runs / "cmfq-0").beta
    game = ["--size", "12", "--games", "2", "--workers", "1"]
    assert main(["evaluate", str(out), "random", *game]) == 0


def test_the_average_is_the_mean_of_all_weights(runs: Path, tmp_path: Path) -> None:
    out = tmp_path / "policy.safetensors"
    export_policy([runs / "mfq-0"], out, "average", checkpoints=3)
    files = sorted((runs / "mfq-0" / "checkpoints").iterdir())
    parts = [weights(file) for file in files]
    for name, found in weights(out).items():
        assert torch.allclose(found, sum(part[name] for part in parts) / 3)
        if name.endswith("weight"):
            assert not torch.equal(found, parts[-1][name])


def test_the_average_is_of_the_networks_of_the_run_alone(
    tiny: cmfq.TrainSettings[cmfq.BattleSettings], tmp_path: Path
) -> None:
    """Checkpoints that play by several networks have more of them as the run goes on."""
    network = replace(tiny.network, head="pairwise")
    settings = replace(tiny, episodes=4, checkpoint_period=1, ensemble=2, network=network)
    cmfq.train(settings, run=tmp_path / "run")
    out = tmp_path / "policy.safetensors"
    export_policy([tmp_path / "run"], out, "average", checkpoints=4)
    parts = [weights(file) for file in sorted((tmp_path / "run" / "checkpoints").iterdir())]
    assert len({len(part) for part in parts}) > 1
    found = weights(out)
    assert len(found) == len(parts[0])
    for name in found:
        assert torch.allclose(found[name], sum(part[name] for part in parts) / 4, atol=1e-6)


def test_checkpoints_up_to_an_episode(runs: Path) -> None:
    found = last_checkpoints(runs / "cmfq-0", 2, until=2)
    assert [one.description.episode for one in found] == [1, 2]


def test_a_number_of_checkpoints_is_refused_with_its_new_spelling(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "policy.safetensors"
    words = ["export", str(runs / "cmfq-0"), "--method", "average", "--out", str(out)]
    assert main([*words, "--checkpoints", "2"]) == 2
    assert capsys.readouterr().err == "cmfq: checkpoints is '2': give last:2\n"
    assert main([*words, "--checkpoints", "0"]) == 2
    assert "give last:1, last:5 or the like" in capsys.readouterr().err
    words = ["export", str(runs / "cmfq-0"), "--out", str(out), "--checkpoints", "last:2"]
    assert main(words) == 2
    assert "checkpoints is last:2, but method last takes the last one" in capsys.readouterr().err
    assert not out.exists()


def test_what_cannot_be_exported(runs: Path, tmp_path: Path) -> None:
    out = tmp_path / "policy.safetensors"
    with pytest.raises(UserError, match=r"checkpoints is 4, but .* has 3"):
        export_policy([runs / "cmfq-0"], out, "average", checkpoints=4)
    with pytest.raises(UserError, match="checkpoints is 0"):
        export_policy([runs / "cmfq-0"], out, "average", checkpoints=0)
    shutil.copytree(runs / "cmfq-0", tmp_path / "bare", ignore=lambda *_: ["checkpoints"])
    with pytest.raises(UserError, match="bare has no checkpoints"):
        export_policy([tmp_path / "bare"], out, "last", checkpoints=1)
    again = tmp_path / "again"
    again.symlink_to(runs / "cmfq-0")
    with pytest.raises(UserError, match=r"cmfq-0 and .*again are one run: give every run once"):
        export_policy([runs / "cmfq-0", again], out, "ensemble", checkpoints=1)
    with pytest.raises(UserError, match="not a run folder"):
        export_policy([tmp_path], out, "last", checkpoints=1)
    with pytest.raises(UserError, match="cannot write"):
        export_policy([runs / "cmfq-0"], tmp_path / "policy.pt", "last", checkpoints=1)
    assert not out.exists()
