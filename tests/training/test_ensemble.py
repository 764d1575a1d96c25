"""Ensembles: mean Q-values of a run's checkpoints, in one file that plays and goes on as one."""

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import cmfq
from cmfq.cli import main
from cmfq.environments.battle import BattleEnvironment, BattleSettings
from cmfq.errors import UserError
from cmfq.networks import NetworkSettings, QNetwork
from cmfq.new_network import ensemble
from cmfq.policies import QPolicy
from cmfq.storage import read_tensors, write_tensors
from cmfq.training.checkpoint import load_checkpoint
from cmfq.training.ensemble import joined, members_at
from cmfq.training.run import Run
from cmfq.training.self_play import SelfPlay
from cmfq.training.settings import TrainSettings

Tiny = TrainSettings[BattleSettings]


@pytest.fixture
def tiny(tiny: Tiny) -> Tiny:
    return replace(tiny, network=replace(tiny.network, head="pairwise"))


@pytest.fixture
def run(tiny: Tiny, tmp_path: Path) -> Path:
    cmfq.train(replace(tiny, episodes=3, checkpoint_period=1), run=tmp_path / "trained")
    return tmp_path / "trained"


def policies(number: int, tiny: Tiny, algorithm: str = "cmfq") -> list[QPolicy]:
    """Untrained policies of one kind with different weights."""
    settings = replace(tiny, algorithm=algorithm)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        first = SelfPlay(settings).sides["agent"].policy
        found = [replace(first, network=copy.deepcopy(first.network)) for _ in range(number)]
        for policy in found:
            for weight in policy.network.parameters():
                torch.nn.init.normal_(weight, std=0.2)
    return found


@pytest.mark.parametrize("algorithm", ["iql", "mfq", "cmfq", "random-weights"])
def test_values_are_the_means_under_any_merged_action(tiny: Tiny, algorithm: str) -> None:
    parts = policies(3, tiny, algorithm)
    whole = joined(parts).network
    observations = BattleEnvironment(tiny.environment).reset(0)
    actions = len(parts[0].specification.actions)
    agents = len(observations[0].ids)
    merged = torch.softmax(torch.randn(agents, actions), 1)
    agent, action = torch.tensor([0, 1, 1, 3]), torch.tensor([2, 0, 7, 20])

    def values(network: QNetwork, keep: float) -> tuple[torch.Tensor, torch.Tensor]:
        encoding = replace(parts[0], network=network).encode(observations[:1])
        asked = network.counterfactual_q_values(encoding, merged, agent, action, keep, 1 - keep)
        return network.q_values(encoding, merged), asked

    for keep in (0.0, 0.9):
        each = [values(policy.network, keep) for policy in parts]
        for found, expected in zip(values(whole, keep), zip(*each, strict=True), strict=True):
            torch.testing.assert_close(found, torch.stack(expected).mean(0), rtol=1e-4, atol=1e-5)
    (decision,) = joined(parts).decide(observations[:1], np.random.default_rng(0))
    assert decision.merged_actions is not None
    encoding = joined(parts).encode(observations[:1])
    chosen = whole.q_values(encoding, torch.from_numpy(decision.merged_actions))
    torch.testing.assert_close(torch.from_numpy(decision.q_values), chosen)


def test_an_ensemble_of_one_is_that_one_and_shares_nothing(tiny: Tiny) -> None:
    one, other = policies(2, tiny)
    assert joined([one]) is one
    whole = ensemble([one.network, other.network])
    again = ensemble([one.network, whole])
    assert len(whole.members) == len(again.members) == 1, "members of members are left out"
    with torch.no_grad():
        next(one.network.parameters()).add_(1)
    assert not torch.equal(
        next(one.network.parameters()), next(iter(whole.members[0].parameters()))
    )


@pytest.mark.parametrize("head", ["additive", "embedding"])
def test_other_heads_are_refused(tiny: Tiny, head: str) -> None:
    network = NetworkSettings(head=head)  # type: ignore[arg-type]
    with pytest.raises(UserError, match=f"ensemble is 3 and head {head}: .* give head pairwise"):
        SelfPlay(replace(tiny, network=network, ensemble=3))
    parts = policies(2, replace(tiny, network=network))
    with pytest.raises(UserError, match=f"need the pairwise head, but these networks have {head}"):
        joined(parts)


@pytest.mark.parametrize(
    ("episode", "period", "number", "expected"),
    [
        (800, 50, 5, [400, 500, 600, 700]),
        (800, 50, 2, [400]),
        (800, 50, 1, []),
        (50, 50, 5, []),
        (100, 50, 5, [50]),
        (150, 50, 5, [100]),
        (400, 50, 100, [200, 250, 300, 350]),
        (430, 100, 3, [300]),
    ],
)
def test_members_are_spread_over_the_last_half(
    episode: int, period: int, number: int, expected: list[int]
) -> None:
    there = list(range(period, episode, period))
    assert members_at(episode, there, number) == expected


def test_checkpoints_of_a_run_play_by_earlier_ones_too(tiny: Tiny, tmp_path: Path) -> None:
    settings = replace(tiny, episodes=6, checkpoint_period=1, ensemble=3)
    together, single = tmp_path / "together", tmp_path / "single"
    cmfq.train(settings, run=together)
    cmfq.train(replace(settings, ensemble=1), run=single)
    own = {
        episode: cmfq.load(Run.open(single).checkpoint(episode)).network.state_dict()
        for episode in range(1, 7)
    }
    whole = cmfq.load(together).network
    for member, episode in zip((*whole.members, whole), (3, 4, 6), strict=True):
        for name, weight in own[episode].items():
            assert torch.equal(member.state_dict()[name], weight), "training is the same"
    description = load_checkpoint(together).description.policies["agent"]
    assert description.members == 2


def test_a_stopped_run_ends_with_the_same_ensemble(tiny: Tiny, tmp_path: Path) -> None:
    settings = replace(tiny, episodes=6, checkpoint_period=2, ensemble=3)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    cmfq.train(settings, run=whole)
    seen: list[int] = []

    def stop(metrics: object) -> None:
        seen.append(1)
        if len(seen) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cmfq.train(settings, run=parts, on_episode=stop)
    cmfq.resume(parts)
    one, other = (cmfq.load(run).network.state_dict() for run in (whole, parts))
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_commands_take_ensembles(
    run: Path, runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "policy.safetensors"
    words = ["--method", "ensemble", "--checkpoints", "last:3", "--out", str(out)]
    assert main(["export", str(run), *words]) == 0
    assert len(cmfq.load(out).network.members) == 2
    game = ["--size", "12", "--games", "2", "--workers", "1"]
    assert main(["evaluate", str(out), "random", *game]) == 0
    words[-1] = str(tmp_path / "other.safetensors")
    assert main(["export", str(runs / "cmfq-0"), *words]) == 2
    assert "need the pairwise head, but these networks have additive" in capsys.readouterr().err


def test_several_runs_make_one_policy(run: Path, tiny: Tiny, tmp_path: Path) -> None:
    """Runs of other seeds err in other places: their mean is worth more than more of one run."""
    second, out = tmp_path / "second", tmp_path / "policy.safetensors"
    cmfq.train(replace(tiny, episodes=3, checkpoint_period=1, seed=5), run=second)
    words = ["--method", "ensemble", "--out", str(out)]
    assert main(["export", str(run), str(second), *words]) == 0
    whole = cmfq.load(out).network
    assert len(whole.members) == 1
    for network, trained in ((whole.members[0], run), (whole, second)):
        for name, weight in cmfq.load(trained).network.state_dict().items():
            assert torch.equal(network.state_dict()[name], weight)
    assert main(["export", str(run), str(second), *words, "--checkpoints", "last:2"]) == 0
    assert len(cmfq.load(out).network.members) == 3


def test_runs_that_do_not_fit_together_are_refused(
    run: Path, tiny: Tiny, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other, out = tmp_path / "other", tmp_path / "policy.safetensors"
    cmfq.train(replace(tiny, algorithm="mfq", episodes=1), run=other)
    words = ["--out", str(out)]
    assert main(["export", str(other), str(run), "--method", "ensemble", *words]) == 2
    assert "differ in agent: give runs of one algorithm" in capsys.readouterr().err
    assert main(["export", str(run), str(run), *words]) == 2
    assert "method is last, for one run: give method ensemble" in capsys.readouterr().err
    assert main(["export", *words]) == 2
    assert "no run is named" in capsys.readouterr().err
    assert not out.exists()


def test_a_file_that_lies_about_its_members_is_refused(run: Path, tmp_path: Path) -> None:
    tensors, info = read_tensors(Run.open(run).checkpoint(3))
    for members in (1, -1, 10**9):
        info["policies"]["agent"]["members"] = members
        file = tmp_path / "lying.safetensors"
        write_tensors(file, tensors, info)
        with pytest.raises(UserError, match=r"members"):
            cmfq.load(file)
