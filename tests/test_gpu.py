"""On a real GPU, where there is one: the same decisions, the same updates, and runs that move.

Needs neither a browser nor the other tests' set-up: ``pytest --noconftest tests/test_gpu.py``.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from cmfq.batch import Batch
from cmfq.cli import main
from cmfq.environments.battle import BattleEnvironment, BattleSettings
from cmfq.graphs import WARM_UP
from cmfq.learner import LearnerSettings
from cmfq.networks import NetworkSettings
from cmfq.training.run import Run
from cmfq.training.self_play import SelfPlay
from cmfq.training.settings import TrainSettings

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")

BATTLE = BattleSettings(size=16, max_steps=12, formation="random")
SETTINGS = TrainSettings(
    environment=BATTLE,
    algorithm="cmfq",
    environments=2,
    learner=LearnerSettings(batch_size=64, min_updates=6, target_period=5, replay_bytes=2**24),
)


@pytest.fixture(autouse=True)
def exact() -> None:
    """No convolution in TF32 arithmetic, whose 10 bits hide what these tests look for."""
    torch.backends.cudnn.allow_tf32 = False


def on(device: str, **changed: object) -> SelfPlay:
    learner = replace(SETTINGS.learner, **changed)  # type: ignore[arg-type]
    network = NetworkSettings(place=not learner.symmetries)
    return SelfPlay(replace(SETTINGS, device=device, learner=learner, network=network))


def same_weights(one: torch.nn.Module, other: torch.nn.Module) -> None:
    for (name, mine), theirs in zip(
        one.state_dict().items(), other.state_dict().values(), strict=True
    ):
        torch.testing.assert_close(mine.cpu(), theirs.cpu(), rtol=1e-3, atol=2e-5, msg=name)


@pytest.mark.parametrize("algorithm", ["iql", "mfq", "attention-mfq", "cmfq", "random-weights"])
def test_decisions_are_those_of_the_cpu(algorithm: str) -> None:
    observations = BattleEnvironment(BATTLE).reset(0)
    sides = [
        SelfPlay(replace(SETTINGS, algorithm=algorithm, device=device)).sides["agent"].policy
        for device in ("cpu", "cuda")
    ]
    acted = [one._replace(previous_actions=one.previous_actions * 0 + 3) for one in observations]
    here, there = (policy.decide(acted, np.random.default_rng(0)) for policy in sides)
    for one, other in zip(here, there, strict=True):
        for name in ("counts", "merged_actions", "effects", "q_values"):
            mine, theirs = getattr(one, name), getattr(other, name)
            assert (mine is None) == (theirs is None)
            if mine is not None:
                np.testing.assert_allclose(mine, theirs, rtol=1e-3, atol=1e-4)
        assert (one.actions == other.actions).mean() > 0.95


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"symmetries": True, "action_gap": 0.8},
        {"target_value": "double", "target_rate": 0.01, "n_steps": 3},
    ],
    ids=["plain", "turned", "double"],
)
def test_an_update_by_a_graph_is_the_update(changed: dict[str, object]) -> None:
    by_graph, by_call = on("cuda", **changed), on("cuda", **changed)
    for self_play in (by_graph, by_call):
        self_play.run_episodes()
    (one,), (other,) = by_graph.sides.values(), by_call.sides.values()
    other.replay.restore(one.replay.state())
    other.restore(*one.state(with_replay=False))
    assert one.learner._graphs is not None
    assert one.learner.updates > WARM_UP
    for _ in range(25):
        loss, rows = one.learner.learn(one.replay)
        batch: Batch = other.learner.sample(other.replay)
        assert rows == len(batch.actions)
        torch.testing.assert_close(loss, other.learner.update(batch), rtol=1e-2, atol=1e-4)
    assert len(one.learner._graphs._graphs) == (8 if "symmetries" in changed else 1)
    assert one.learner.updates == other.learner.updates
    same_weights(one.learner.average, other.learner.average)
    same_weights(one.policy.network, other.policy.network)
    same_weights(one.learner.target_network, other.learner.target_network)


def test_a_run_in_bfloat16_learns_by_graphs_and_plays_like_float32() -> None:
    settings = replace(SETTINGS, device="cuda", arithmetic="bfloat16")
    self_play = SelfPlay(settings)
    before = self_play.sides["agent"].policy.network.trunk.joint_layer.weight.detach().clone()
    played = self_play.run_episodes()
    side = self_play.sides["agent"]
    assert side.learner._graphs is not None
    assert all(one.loss is not None and np.isfinite(one.loss) for one in played)
    network = side.policy.network
    assert not torch.equal(network.trunk.joint_layer.weight, before)
    specification = side.policy.specification
    shape = *specification.view_shape, len(specification.channels)
    view = torch.rand(64, *shape, device="cuda")
    features = torch.rand(64, len(specification.features), device="cuda")
    with torch.inference_mode():
        cheap = network.encode(view, features).hidden
        network.in_bfloat16 = False
        exact = network.encode(view, features).hidden
    assert cheap.dtype == torch.float32, "the head computes in float32"
    assert not torch.equal(cheap, exact)
    torch.testing.assert_close(cheap, exact, rtol=0.03, atol=0.03)


def test_what_changes_between_updates_reaches_the_graph() -> None:
    self_play = on("cuda")
    self_play.run_episodes()
    (side,) = self_play.sides.values()
    for _ in range(5):
        side.learner.learn(side.replay)
    before = [weight.clone() for weight in side.policy.network.parameters()]
    side.learner.optimiser.rate = 0.0
    side.learner.learn(side.replay)
    for weight, was in zip(side.policy.network.parameters(), before, strict=True):
        assert torch.equal(weight, was), "the learning rate is that of the recording"
    side.learner.settings = replace(side.learner.settings, average_updates=1)
    side.learner.learn(side.replay)
    for mean, weight in zip(
        side.learner.average.parameters(), side.policy.network.parameters(), strict=True
    ):
        assert torch.equal(mean, weight), "the averaging rate is that of the recording"


def test_what_a_replay_holds_is_what_the_cpu_would_hold() -> None:
    here, there = on("cpu", min_updates=0), on("cuda", min_updates=0)
    there.sides["agent"].policy.network.load_state_dict(
        here.sides["agent"].policy.network.state_dict()
    )
    for self_play in (here, there):
        self_play.settings = replace(self_play.settings, exploration=SETTINGS.exploration)
        self_play.run_episodes()
    state, other = (one.sides["agent"].replay.state() for one in (here, there))
    assert torch.equal(state["steps"], other["steps"])
    for name in ("view", "features", "positions", "previous_actions"):
        first = slice(*state["steps"][0].tolist())  # later, a draw at a boundary may differ
        torch.testing.assert_close(state[name][first], other[name][first].cpu(), msg=name)
    actions = other["actions"].cpu()
    assert torch.equal(actions, there.sides["agent"].replay._actions[: len(actions)])


def test_a_run_goes_from_the_gpu_to_the_cpu_and_back() -> None:
    there = on("cuda")
    there.run_episodes()
    here = on("cpu")
    here.restore(*there.state())
    here.run_episodes()
    assert here.sides["agent"].policy.device.type == "cpu"
    back = on("cuda")
    back.restore(*here.state())
    back.run_episodes()
    assert back.episode == 3 * SETTINGS.environments
    assert back.sides["agent"].policy.device.type == "cuda"


def test_the_commands_work_on_a_gpu(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    small = ["--size", "16", "--max-steps", "12", "--min-updates", "4", "--environments", "2"]
    command = ["train", "battle", *small, "--episodes", "4", "--run", str(run)]
    assert main([*command, "--device", "cuda", "--preset", "strong"]) == 0
    assert Run.open(run).description().devices["0"].startswith("cuda:0 (")
    assert main(["resume", str(run), "--device", "cpu"]) == 0
    assert "continues on cpu" in capsys.readouterr().out
    assert main(["evaluate", str(run), "rush", "--games", "4", "--device", "cuda"]) == 0
