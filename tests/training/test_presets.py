"""Presets set options, single options override them, and runs over several sizes resume."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import cmfq
from cmfq.algorithms import MeanFieldSettings
from cmfq.cli import main
from cmfq.environments.battle import BattleSettings
from cmfq.environments.particles import ParticlesSettings
from cmfq.environments.pursuit import PursuitSettings
from cmfq.environments.signal import SignalSettings
from cmfq.errors import UserError
from cmfq.new_network import new_network
from cmfq.notices import forget_notices
from cmfq.policies import QPolicy
from cmfq.training.presets import PRESETS, preset_training
from cmfq.training.run import Run
from cmfq.training.self_play import SelfPlay
from cmfq.training.settings import TrainSettings

SMALL = ["--size", "12", "--max-steps", "20", "--episodes", "2", "--min-updates", "1"]


@pytest.mark.parametrize("environment", [BattleSettings(), PursuitSettings(), ParticlesSettings()])
def test_the_paper_is_the_default(environment: object) -> None:
    assert preset_training("paper", environment).preset == TrainSettings(environment).preset
    assert preset_training("paper", SignalSettings()) == TrainSettings(SignalSettings())


@pytest.mark.parametrize("preset", PRESETS)
def test_a_run_is_trained_with_each_preset_and_remembers_it(preset: str, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert main(["train", "battle", "--preset", preset, *SMALL, "--run", str(run)]) == 0
    settings = Run.open(run).description().settings
    asked = preset_training(preset, BattleSettings(size=12, max_steps=20))
    assert settings.preset == preset
    assert settings.objective == asked.objective
    assert settings.network.stride == asked.network.stride
    assert settings.opponents == asked.opponents
    assert settings.learner.target_value == asked.learner.target_value
    assert (settings.episodes, settings.learner.min_updates) == (2, 1)  # what was given wins


def test_pursuit_has_a_strong_preset_of_its_own(tmp_path: Path) -> None:
    """It learns from the script's games too: the named ones are played, and both roles learn."""
    run = tmp_path / "run"
    words = ["train", "pursuit", "--preset", "strong", "--predators", "2", "--prey", "4"]
    short = ["--max-steps", "5", "--episodes", "4", "--min-updates", "1"]
    assert main([*words, *short, "--run", str(run)]) == 0
    settings = Run.open(run).description().settings
    assert settings.opponents == ("self=0.5", "greedy=0.5")
    assert settings.opponent_pool.learn_from
    assert settings.network.compass
    assert not settings.network.place
    assert "greedy" in {row["opponent"] for row in Run.open(run).metrics()}


def test_the_original_dialect_row_by_row() -> None:
    original = preset_training("original", BattleSettings())
    assert original.objective.death == "left-out"
    assert original.opponents == ("gated",)
    assert original.opponent_pool.gate_mix == 0.99
    assert original.episodes == 2000
    assert (original.learner.replay_ratio, original.learner.batch_size) == (2, 64)
    assert (original.learner.target_value, original.learner.target_rate) == ("double", 0.005)
    assert original.exploration.beta(0) == original.exploration.beta(1999) == 1e6
    assert original.mean_field.oneself
    with closing(SelfPlay(replace(original, environment=BattleSettings(size=12)))) as self_play:
        assert self_play.sides["agent"].replay.capacity == 80_000
    assert original.mean_field.radius == np.inf
    assert original.network.head == "embedding"
    assert original.network.channels == (32, 32)
    assert original.network.stride == 1
    specification = SelfPlay(original).teams[0]
    rows = SelfPlay(original).sides["agent"].replay.capacity
    assert 80_000 <= rows < 90_000
    assert specification.name == "red"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["battle", "--preset", "strng"], "unknown preset 'strng': did you mean 'strong'"),
        (["battle", "--preset=strng"], "unknown preset 'strng'"),
        (["pursuit", "--preset", "original"], "preset original is only for battle"),
        (["battle", "--sizes", "64", "70"], "no battle map has 70 agents a side"),
        (["signal", "--sizes", "3"], "sizes are (3,): this environment has one size"),
    ],
)
def test_what_does_not_fit_is_refused(
    arguments: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", *arguments, "--run", str(tmp_path / "run")]) == 2
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def sized(episodes: int, environments: int) -> TrainSettings[BattleSettings]:
    return TrainSettings(
        BattleSettings(size=12, max_steps=10, formation="random"),
        algorithm="mfq",
        episodes=episodes,
        environments=environments,
        sizes=(4, 9, 25),
    )


@pytest.mark.parametrize("environments", [1, 3])
def test_sizes_are_drawn_for_each_episode_and_resumed(environments: int) -> None:
    whole = SelfPlay(sized(9, environments))
    rows = [row for _ in range(9 // environments) for row in whole.run_episodes()]
    agents = {row.agent_steps // row.steps for row in rows}
    assert agents <= {8, 18, 50}
    assert len(agents) > 1
    first = SelfPlay(sized(9, environments))
    for _ in range(3 // environments):
        first.run_episodes()
    second = SelfPlay(sized(9, environments))
    second.restore(*first.state())
    for _ in range(6 // environments):
        second.run_episodes()
    ours, theirs = (one.sides["agent"].policy.network.state_dict() for one in (whole, second))
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_sizes_join_in_turn_each_after_an_equal_share_of_the_episodes() -> None:
    settings = replace(sized(9, 1), sizes=(4, 4, 9), sizes_join="in-turn")
    assert [settings.sizes_at(episode) for episode in (0, 2, 3, 5, 6, 8)] == [
        *[(4,)] * 2,
        *[(4, 4)] * 2,
        *[(4, 4, 9)] * 2,
    ]
    self_play = SelfPlay(settings)
    rows = [self_play.run_episodes()[0] for _ in range(9)]
    agents = [row.agent_steps // row.steps for row in rows]
    assert set(agents[:6]) == {8}
    assert set(agents[6:]) <= {8, 18}
    assert replace(settings, sizes_join="at-once").sizes_at(0) == (4, 4, 9)


def test_sizes_join_in_turn_within_a_round_too(monkeypatch: pytest.MonkeyPatch) -> None:
    self_play = SelfPlay(replace(sized(9, 9), sizes_join="in-turn"))
    asked: list[int] = []

    def sizes_at(_: object, episode: int) -> tuple[int, ...]:
        asked.append(episode)
        return (4,)

    monkeypatch.setattr(TrainSettings, "sizes_at", sizes_at)
    self_play.run_episodes()
    assert asked == list(range(9))


def test_oneself_counts_among_the_neighbours_if_asked() -> None:
    specification = SelfPlay(sized(1, 1)).teams[0]
    network = new_network(specification, TrainSettings(BattleSettings()).network, "mfq")
    positions, groups = np.zeros((3, 2)), np.zeros(3, int)
    previous = np.array([4, 7, -1])
    for oneself, own in ((False, [0, 0, 0]), (True, [1, 1, 0])):
        policy = QPolicy(specification, network, "mfq", MeanFieldSettings(oneself=oneself), 1.0)
        counts = policy.find_neighbourhood(positions, groups, previous).counts
        assert counts.sum(1).tolist() == [1 + own[0], 1 + own[1], 2 + own[2]]
        assert counts[0, 4] == own[0]
    with pytest.raises(UserError, match="leave oneself at its default"):
        QPolicy(specification, network, "attention-mfq", MeanFieldSettings(oneself=True), 1.0)


def test_a_longer_run_begins_as_a_shorter_one_where_the_rate_falls_over_the_same_episodes() -> None:
    weights = []
    for episodes in (2, 6):
        settings = TrainSettings(
            BattleSettings(size=12, max_steps=10), episodes=episodes, learning_rate_episodes=2
        )
        self_play = SelfPlay(settings)
        for _ in range(2):
            self_play.run_episodes()
        weights.append(self_play.sides["agent"].policy.network.state_dict())
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_checkpoints_play_with_their_own_temperature_and_training_does_not(tmp_path: Path) -> None:
    run = tmp_path / "run"
    arguments = ["train", "battle", *SMALL, "--play-beta", "500", "--run", str(run)]
    assert main(arguments) == 0
    assert cmfq.load(run).beta == 500
    assert Run.open(run).metrics()[0]["beta"] == 3


def test_a_policy_on_a_map_that_it_was_not_trained_on_says_so_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tied, free = tmp_path / "tied", tmp_path / "free"
    assert main(["train", "battle", *SMALL, "--run", str(tied)]) == 0
    inputs = ["--no-place", "--compass"]
    assert main(["train", "battle", *SMALL, *inputs, "--run", str(free)]) == 0
    said = "was trained on a map of 20 and plays on one of 32"
    game = ["--games", "2", "--max-steps", "3", "--workers", "1"]
    for player, size, expected in ((tied, "12", 0), (tied, "36", 1), (free, "36", 0)):
        forget_notices()
        capsys.readouterr()
        assert main(["evaluate", str(player), "hold", "--size", size, *game]) == 0
        assert capsys.readouterr().err.count(said) == expected
