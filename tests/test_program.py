"""Policies as programs: the same Q-values, for any number of agents, where cmfq is not there."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import cmfq
from cmfq.algorithms import MeanFieldSettings
from cmfq.cli import main
from cmfq.environments.base import TeamObservation, TeamSpecification
from cmfq.errors import UserError
from cmfq.heads import Activation
from cmfq.mean_field.intervention import INTERVENTIONS, MEASURES, Outcome
from cmfq.networks import NetworkSettings
from cmfq.new_network import ensemble, new_network
from cmfq.policies import QPolicy
from cmfq.program import DESCRIPTION, export_program

SEEN = TeamSpecification("t", (7, 7), ("a", "b"), ("x", "id_bit_0"), ("l", "r", "up"), 2.5)
WITHOUT = """
import sys
import numpy as np
import torch

sys.modules["cmfq"] = None  # whoever imports it fails
step = dict(np.load(sys.argv[2]))
program = torch.export.load(sys.argv[1]).module()
inputs = map(torch.from_numpy, (step["view"], step["features"], step["counts"]))
print(np.abs(program(*inputs).detach().numpy() - step["q_values"]).max())
"""


def team(specification: TeamSpecification, agents: int) -> TeamObservation:
    """A crowd: with the radius of the view some have several neighbours, and some have none."""
    generator = np.random.default_rng(agents)
    shape = (agents, *specification.view_shape, len(specification.channels))
    mask = generator.random((agents, len(specification.actions))) < 0.7
    mask[:, 0] = True
    return TeamObservation(
        generator.random(shape, dtype=np.float32),
        generator.random((agents, len(specification.features)), dtype=np.float32),
        np.arange(agents, dtype=np.int32),
        generator.random((agents, 2), dtype=np.float32) * 12,
        generator.integers(-1, len(specification.actions), agents).astype(np.int32),
        mask if specification.action_masks else None,
    )


def policy(
    algorithm: str = "cmfq",
    network: NetworkSettings | None = None,
    specification: TeamSpecification = SEEN,
    **mean_field: object,
) -> QPolicy:
    torch.manual_seed(0)
    settings = MeanFieldSettings(**mean_field)  # type: ignore[arg-type]
    made = new_network(specification, network or NetworkSettings(), algorithm)
    return QPolicy(specification, made, algorithm, settings, 5.0)


def greatest_error(one: QPolicy, path: Path) -> float:
    """Of Q-values of the exported program, for crowds of several sizes."""
    export_program(one, path)
    program = torch.export.load(path).module()
    errors = []
    for agents in (1, 2, 40):
        observation = team(one.specification, agents)
        (decision,) = one.decide([observation], np.random.default_rng(0))
        inputs = [observation.view, observation.features, decision.counts]
        if observation.action_mask is not None:
            inputs.append(observation.action_mask)
        found = program(*map(torch.from_numpy, inputs)).detach().numpy()
        errors.append(np.abs(found - decision.q_values).max())
    assert (decision.counts.sum(1) > 1).any() and (decision.counts.sum(1) == 0).any()
    return float(max(errors))


@pytest.mark.parametrize("head", ["additive", "pairwise", "embedding"])
@pytest.mark.parametrize("intervention", INTERVENTIONS)
def test_every_head_and_do_operation(head: str, intervention: str, tmp_path: Path) -> None:
    network = NetworkSettings(head=head)  # type: ignore[arg-type]
    one = policy(network=network, intervention=intervention)
    assert greatest_error(one, tmp_path / "p.pt2") < 1e-5


@pytest.mark.parametrize("effect", MEASURES)
def test_every_measure(effect: str, tmp_path: Path) -> None:
    one = policy(effect=effect, effect_beta=20.0, oneself=True)
    assert greatest_error(one, tmp_path / "p.pt2") < 1e-5


@pytest.mark.parametrize("algorithm", ["iql", "mfq"])
def test_algorithms_without_effects(algorithm: str, tmp_path: Path) -> None:
    assert greatest_error(policy(algorithm), tmp_path / "p.pt2") < 1e-6


@pytest.mark.parametrize("activation", ["softplus", "silu"])
@pytest.mark.parametrize("epsilon", [0.001, float("inf")])
def test_smooth_networks_and_any_epsilon(
    activation: Activation, epsilon: float, tmp_path: Path
) -> None:
    network = NetworkSettings(activation=activation, ids=True)
    assert greatest_error(policy(network=network, epsilon=epsilon), tmp_path / "p.pt2") < 1e-5


def test_masks_ensembles_and_worlds_without_a_view(tmp_path: Path) -> None:
    blind = TeamSpecification("t", (0, 0), (), ("x", "y"), ("l", "r"), 2.5, action_masks=True)
    networks = [policy(specification=blind).network for _ in range(2)]
    torch.nn.init.normal_(networks[0].trunk.joint_layer.weight)
    one = replace(policy(specification=blind), network=ensemble(networks))
    assert len(one.network.members) == 1
    assert greatest_error(one, tmp_path / "p.pt2") < 1e-5
    described = torch_description(tmp_path / "p.pt2")
    assert described["inputs"] == ["view", "features", "counts", "action_mask"]


def torch_description(path: Path) -> dict[str, object]:
    files = {DESCRIPTION: ""}
    torch.export.load(path, extra_files=files)
    found: dict[str, object] = json.loads(files[DESCRIPTION])
    return found


def half_gap(before: Outcome, after: Outcome, agent: torch.Tensor) -> torch.Tensor:
    return (before.q_values[agent] - after.q_values).abs().sum(-1) / 2


def by_item(before: Outcome, after: Outcome, agent: torch.Tensor) -> torch.Tensor:
    return after.q_values.abs().sum(-1) * float(before.q_values.max())


def test_functions_of_ones_own(tmp_path: Path) -> None:
    assert greatest_error(policy(effect=f"{__name__}:half_gap"), tmp_path / "p.pt2") < 1e-5
    with pytest.raises(UserError, match="test_program:by_item cannot be exported"):
        export_program(policy(effect=f"{__name__}:by_item"), tmp_path / "q.pt2")
    assert not (tmp_path / "q.pt2").exists()


def test_what_is_no_program(tmp_path: Path) -> None:
    for algorithm in ("attention-mfq", "random-weights"):
        with pytest.raises(UserError, match=f"a policy of {algorithm} is no program"):
            export_program(policy(algorithm), tmp_path / "p.pt2")
    with pytest.raises(UserError, match=r"give a \.pt2 file"):
        export_program(policy(), tmp_path / "p.onnx")


def test_a_run_is_a_program_where_cmfq_is_not_there(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, path = runs / "cmfq-0", tmp_path / "policy.pt2"
    assert main(["export", str(run), "--out", str(path)]) == 0
    assert "load it with `torch.export.load(" in capsys.readouterr().out
    one = cmfq.load(run)
    described = torch_description(path)
    assert described["actions"] == list(one.specification.actions)
    assert (described["radius"], described["beta"]) == (one.radius, one.beta)
    observation = team(one.specification, 12)
    (decision,) = one.decide([observation], np.random.default_rng(0))
    np.savez(
        tmp_path / "step.npz",
        view=observation.view,
        features=observation.features,
        counts=decision.counts,
        q_values=decision.q_values,
    )
    words = [sys.executable, "-c", WITHOUT, str(path), str(tmp_path / "step.npz")]
    found = subprocess.run(words, check=True, capture_output=True, text=True)
    assert float(found.stdout) < 1e-5
    assert main(["export", str(run), "--out", str(path)]) == 0, "it may be written again"
    (tmp_path / "mine.pt2").write_text("something else")
    assert main(["export", str(run), "--out", str(tmp_path / "mine.pt2")]) == 2
    assert "mine.pt2" in capsys.readouterr().err


def test_roles_of_programs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "prey.pt2"
    words = ["export", "zoo:pursuit", "--out", str(path)]
    assert main(words) == 2
    assert "several roles: name one of predator, prey" in capsys.readouterr().err
    assert main([*words, "--role", "prey"]) == 0
    actions = torch_description(path)["actions"]
    assert actions == list(cmfq.load("zoo:pursuit", "prey").specification.actions)
    out = tmp_path / "all.safetensors"
    assert main(["export", "zoo:pursuit", "--out", str(out), "--role", "prey"]) == 2
    assert "a .safetensors file holds all roles" in capsys.readouterr().err
