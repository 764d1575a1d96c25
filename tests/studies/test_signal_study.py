"""The study in short: what it finds with a few babblers, and that its report tells its rows."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from cmfq.environments.signal import SignalEnvironment, SignalSettings
from cmfq.errors import UserError
from studies.signal import (
    VARIANTS,
    Measured,
    SignalTraining,
    main,
    measure,
    neighbour_weights,
    train,
)
from studies.signal_report import (
    SignalRow,
    mean_and_interval,
    read_rows,
    write_report,
    write_rows,
)

BRIEF = SignalTraining(episodes=1, updates=2)


def trained(setting: str, babblers: int, variant: str) -> Measured:
    world = SignalSettings(setting=setting, babblers=babblers)  # type: ignore[arg-type]
    return measure(world, train(world, variant, 0, SignalTraining()), seed=1, episodes=3)


def test_causal_weights_find_the_signaller_in_a_crowd_by_its_action() -> None:
    found = trained("action", 16, "cmfq")
    assert found.weight_share > 0.5  # 1 / 17 if all weigh alike
    assert found.ranks_first > 0.5
    assert found.reward > 0.9


def test_causal_weights_turn_away_from_the_signaller_that_the_mean_already_shows() -> None:
    """Eq 7 compares with the policy under the mean: with one babbler, that is the signaller's."""
    world = SignalSettings("action", babblers=1)
    policy = train(world, "cmfq", 0, SignalTraining())
    found = measure(world, policy, seed=1, episodes=3)
    assert found.weight_share < 0.2  # 1 / 2 if all weigh alike
    assert found.reward < 0.6
    under_the_mean = measure(world, replace(policy, algorithm="mfq"), seed=1, episodes=3)
    assert under_the_mean.reward > 0.9  # the same network, every neighbour weighing the same


def test_attention_finds_the_signaller_by_its_observation_and_counts_cannot() -> None:
    found = trained("observation", 4, "attention-mfq")
    assert found.weight_share > 0.9  # 1 / 5 if all weigh alike
    assert found.reward > 0.9
    mean = trained("observation", 4, "mfq")
    assert mean.weight_share == pytest.approx(1 / 5)
    assert mean.ranks_first == pytest.approx(1 / 5)
    assert mean.reward < 0.6


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("setting", ["action", "observation"])
def test_weights_of_listeners_add_up_to_one_over_the_talkers_they_hear(
    setting: str, variant: str
) -> None:
    world = SignalSettings(setting=setting, babblers=3)  # type: ignore[arg-type]
    environment = SignalEnvironment(world)
    policy = train(world, variant, 0, BRIEF)
    observation = environment.reset(5)[0]
    (decision,) = policy.decide([observation], np.random.default_rng(0))
    weights = neighbour_weights(policy, observation, decision)
    heard = environment.cluster[:, None] == environment.cluster
    heard &= ~environment.listens & ~np.eye(len(weights), dtype=bool)
    assert not weights[~heard].any()
    np.testing.assert_allclose(weights[environment.listens].sum(1), 1, rtol=1e-5)
    merged = decision.merged_actions
    assert merged is not None
    said = np.eye(8)[observation.previous_actions]  # what listeners said weighs nothing
    listens = environment.listens
    np.testing.assert_allclose((weights @ said)[listens], merged[listens], atol=1e-5)


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_same_seed_gives_the_same_policy_and_the_same_measures(variant: str) -> None:
    world = SignalSettings(babblers=2)
    one, same, other = (train(world, variant, seed, BRIEF) for seed in (3, 3, 4))
    parameters = [dict(policy.network.named_parameters()) for policy in (one, same, other)]
    assert all(torch.equal(value, parameters[1][name]) for name, value in parameters[0].items())
    assert not all(torch.equal(value, parameters[2][name]) for name, value in parameters[0].items())
    assert measure(world, one, 0, 2) == measure(world, same, 0, 2)


def test_the_interval_is_student_s() -> None:
    mean, half = mean_and_interval([1.0, 2.0, 3.0])
    assert mean == 2
    assert half == pytest.approx(4.302653 / 3**0.5, rel=1e-6)  # t of 2 degrees; deviation 1
    assert np.isnan(mean_and_interval([1.0])[1])


def test_the_report_tells_the_rows(tmp_path: Path) -> None:
    rows = [
        SignalRow(setting, babblers, variant, seed, 0.1 * (1 + seed), 0.25, 1 / 3)
        for setting in ("action", "observation")
        for babblers in (1, 4)
        for variant in ("mfq", "cmfq")
        for seed in (0, 1)
    ]
    write_rows(tmp_path, rows)
    assert read_rows(tmp_path) == rows
    write_report(tmp_path)
    page = (tmp_path / "README.md").read_text()
    assert "| 4 | 0.150 ± 0.635 | 0.150 ± 0.635 | 0.200 |" in page  # 12.706 * 0.0707 / √2
    assert "| 4 | 0.333 ± 0.000 | 0.333 ± 0.000 | 1.000 |" in page
    drawn = (tmp_path / "signal.svg").read_bytes()
    write_report(tmp_path)
    assert (tmp_path / "signal.svg").read_bytes() == drawn


def test_the_command_runs_the_study_and_reports_again_from_its_rows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = ["--out", str(tmp_path / "signal")]
    assert main([*out, "--report-only"]) == 2
    assert "--report-only" in capsys.readouterr().err
    assert main([*out, "--seeds", "0"]) == 2
    assert "seed" in capsys.readouterr().err
    brief = ["--training.episodes", "1", "--training.updates", "1", "--training.test-episodes", "1"]
    assert main([*out, "--seeds", "2", "--babblers", "1", *brief]) == 0
    rows = read_rows(tmp_path / "signal")
    assert len(rows) == 2 * 2 * len(VARIANTS)
    page = (tmp_path / "signal" / "README.md").read_text()
    assert main([*out, "--report-only"]) == 0
    assert (tmp_path / "signal" / "README.md").read_text() == page
    with pytest.raises(UserError, match="no "):
        read_rows(tmp_path)
