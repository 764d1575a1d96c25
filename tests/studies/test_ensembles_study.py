"""The study of ensembles: who plays is who is said to play, and nothing is played twice."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

import cmfq
from cmfq.environments.battle import BattleSettings
from cmfq.statistics.replication import Estimate
from cmfq.storage import read_tensors
from cmfq.training.checkpoint import list_checkpoints
from cmfq.training.run import STATE_FILE
from cmfq.training.settings import TrainSettings
from studies import ensembles
from studies.ensembles import Row, commands_of, main, opponent_of, page_of, policy_of
from studies.kept_rows import read_rows


@pytest.fixture(scope="module")
def runs(
    tiny: TrainSettings[BattleSettings], tmp_path_factory: pytest.TempPathFactory
) -> list[Path]:
    folder = tmp_path_factory.mktemp("runs")
    network = replace(tiny.network, head="pairwise")
    found = []
    for seed in (1, 2, 3):
        found.append(folder / f"cmfq-{seed}")
        settings = replace(tiny, network=network, episodes=4, checkpoint_period=1, seed=seed)
        cmfq.train(settings, run=found[-1])
    return found


def test_who_plays_is_who_is_said_to_play(runs: list[Path]) -> None:
    def first_weights(policy: cmfq.QPolicy) -> list[torch.Tensor]:
        networks = [*policy.network.members, policy.network]
        return [next(iter(network.parameters())) for network in networks]

    last = [next(iter(cmfq.load(run).network.parameters())) for run in runs]
    (alone,) = first_weights(policy_of("last", runs[1], runs))
    assert torch.equal(alone, last[1])
    others = first_weights(policy_of("others", runs[1], runs))
    assert all(
        torch.equal(one, other) for one, other in zip(others, (last[0], last[2]), strict=True)
    )
    assert len(others) == 2
    state, _ = read_tensors(runs[1] / STATE_FILE)
    name = "agent/network/trunk.first_convolution.weight"
    (unaveraged,) = first_weights(policy_of("unaveraged", runs[1], runs))
    assert torch.equal(unaveraged, state[name])
    assert not torch.equal(unaveraged, last[1])
    own = first_weights(policy_of("own", runs[1], runs))
    early = [
        next(iter(cmfq.load(runs[1] / "checkpoints" / f"{episode:06d}.safetensors")
                  .network.parameters()))
        for episode in (2, 3, 4)
    ]  # fmt: skip
    assert all(torch.equal(one, other) for one, other in zip(own, early, strict=True))


def test_commands_name_what_was_played() -> None:
    one = Estimate(0.5, 0.4, 0.6)
    rows = [
        Row("a", way, 1, opponent, 64, games, one, one)
        for opponent, way, games in (("swarm", "last", 9), ("swarm", "own", 9), ("rush", "own", 4))
    ]
    assert commands_of(rows, Path("page")) == [
        "python -m studies.ensembles runs/a --against swarm --size 64 --games 9 --ways last own "
        "--out page",
        "python -m studies.ensembles runs/a --against rush --size 64 --games 4 --ways own "
        "--out page",
    ]


def test_a_run_plays_itself_of_before(runs: list[Path]) -> None:
    before = opponent_of("itself@2", runs[0])
    assert Path(before) in list_checkpoints(runs[0])
    assert opponent_of("rush", runs[0]) == "rush"


def test_nothing_is_played_twice(
    runs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = [*map(str, runs), "--out", str(tmp_path / "page"), "--games", "2", "--size", "12"]
    options += ["--against", "rush", "--ways", "last", "others"]
    assert main(options) == 0
    rows = read_rows(tmp_path / "page", Row)
    assert [(row.way, row.networks) for row in rows] == [("last", 1)] * 3 + [("others", 2)] * 3
    monkeypatch.setattr(ensembles, "play_match", None)
    assert main(options) == 0
    assert read_rows(tmp_path / "page", Row) == rows


def test_the_page_says_mean_and_spread_over_runs() -> None:
    def row(run: str, way: str, rate: float) -> Row:
        win_rate = Estimate(rate, rate - 0.1, rate + 0.1)
        damage = Estimate(rate - 0.5, rate - 0.6, rate - 0.4)
        return Row(run, way, 1, "swarm", 64, 100, win_rate, damage)

    rows = [
        row("a", "last", 0.2),
        row("b", "last", 0.8),
        row("a", "own", 0.7),
        row("b", "own", 0.8),
    ]
    text = str(page_of(rows, Path("page")))
    assert (
        "last 50%, 20% to 80% (standard deviation 42 points, of the log damage ratio 0.424)" in text
    )
    assert (
        "own 75%, 70% to 80% (standard deviation 7 points, of the log damage ratio 0.071)" in text
    )
