"""Runs with opponents go on bit for bit, those from before there were mixes too."""

import json
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from cmfq.cli import main
from cmfq.environments.battle import BattleSettings
from cmfq.environments.pursuit import PursuitSettings
from cmfq.errors import UserError
from cmfq.play.players import load_player
from cmfq.storage import read_tensors, write_tensors
from cmfq.training.checkpoint import latest_checkpoint, save_policies
from cmfq.training.description import read_settings
from cmfq.training.loop import train
from cmfq.training.opponent_settings import OpponentSettings
from cmfq.training.run import Run
from cmfq.training.self_play import SelfPlay
from cmfq.training.settings import TrainSettings
from killing import held_in_training

Tiny = TrainSettings[BattleSettings]


def assert_same_weights(one: Path, other: Path) -> None:
    ours, theirs = (read_tensors(latest_checkpoint(path))[0] for path in (one, other))
    assert ours.keys() == theirs.keys()
    for name in ours:
        assert torch.equal(ours[name], theirs[name]), name


def whole(settings: TrainSettings[Any], path: Path) -> None:
    with Run.create(path, settings) as run:
        assert train(run, SelfPlay(settings, load_player), lambda metrics: None, lambda: False)


def in_parts(settings: TrainSettings[Any], path: Path, stops: Sequence[int]) -> None:
    Run.create(path, settings)
    for stop in (*stops, settings.episodes):
        with Run.open(path) as run:
            self_play = SelfPlay(run.description().settings, load_player)
            run.restore(self_play)
            train(run, self_play, lambda metrics: None, stopping(self_play, stop))


def stopping(self_play: SelfPlay, episode: int) -> Callable[[], bool]:
    return lambda: self_play.episode >= episode


def rows_of(path: Path) -> list[dict[str, Any]]:
    rows = Run.open(path).metrics()
    for row in rows:
        del row["playing_seconds"], row["learning_seconds"]
    return rows


def assert_same_run(one: Path, other: Path) -> None:
    assert_same_weights(one, other)
    assert rows_of(one) == rows_of(other)


@pytest.mark.parametrize("environments", [1, 3])
def test_a_mixed_run_resumes_bit_for_bit(tiny: Tiny, tmp_path: Path, environments: int) -> None:
    whole(replace(tiny, episodes=2), tmp_path / "fixed")
    fixed = str(latest_checkpoint(tmp_path / "fixed"))
    settings = replace(
        tiny,
        episodes=12,
        environments=environments,
        opponents=("self", "gated=2", "past=2", "swarm", fixed),
        opponent_pool=OpponentSettings(
            past_period=2, past_size=2, past_choice="hardest", gate_games=1, gate_win_rate=0.5
        ),
    )
    whole(settings, tmp_path / "whole")
    in_parts(settings, tmp_path / "parts", (2, 5, 9))
    assert_same_run(tmp_path / "whole", tmp_path / "parts")
    assert len({row["opponent"].split()[0] for row in rows_of(tmp_path / "whole")}) >= 4


def test_roles_with_pools_resume_as_if_never_stopped(
    pursuit: TrainSettings[PursuitSettings], tmp_path: Path
) -> None:
    whole(pursuit, tmp_path / "whole")
    in_parts(pursuit, tmp_path / "parts", (4, 7))
    assert_same_run(tmp_path / "whole", tmp_path / "parts")


SMALL = (
    "--size", "12", "--max-steps", "40", "--episodes", "14", "--checkpoint-period", "5",
    "--batch-size", "64", "--min-updates", "2", "--replay-bytes", "20000000",
    "--opponents", "self", "gated", "past=2", "swarm", "--past-period", "3", "--past-size", "2",
    "--past-choice", "hardest", "--gate-games", "2", "--gate-win-rate", "0.5",
)  # fmt: skip


def test_a_killed_mixed_run_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    assert main(["train", "battle", *SMALL, "--run", str(tmp_path / "whole")]) == 0
    with held_in_training(tmp_path / "parts", 6, SMALL, stdout=subprocess.DEVNULL) as process:
        process.kill()
    assert len(Run.open(tmp_path / "parts").metrics()) < 14
    assert main(["resume", str(tmp_path / "parts")]) == 0
    assert_same_run(tmp_path / "whole", tmp_path / "parts")


def test_the_state_is_bounded_by_the_size_of_the_pool(tiny: Tiny) -> None:
    pool = OpponentSettings(past_period=1, past_size=2)
    settings = replace(tiny, episodes=9, opponents=("past",), opponent_pool=pool)
    self_play = SelfPlay(settings)
    counts = []
    for _ in range(8):
        self_play.run_episodes()
        tensors = self_play.state()[0]
        counts.append(sum(name.startswith("*opponents/past/") for name in tensors))
    network = len(self_play.sides["agent"].policy.network.state_dict())
    assert counts == [network, *[2 * network] * 7]
    self_play.run_episodes()
    assert not any("past" in name for name in self_play.state()[0]), "nothing will be played"


# Runs from before there were mixes


def test_settings_with_a_snapshot_become_a_gate_that_always_opens(tiny: Tiny) -> None:
    old = json.loads(json.dumps({"environment": {"size": 12}, "snapshot_period": 7}))
    assert read_settings("battle", old | {"opponent": "shared"}).opponents == ("self",)
    settings = read_settings("battle", old | {"opponent": "snapshot"})
    assert settings.opponents == ("gated",)
    assert settings.opponent_pool == OpponentSettings(gate_games=7, gate_win_rate=0)


@pytest.mark.parametrize("opponent", ["shared", "snapshot"])
def test_a_run_from_before_there_were_mixes_goes_on(
    tiny: Tiny, tmp_path: Path, opponent: str
) -> None:
    mix = ("self",) if opponent == "shared" else ("gated",)
    pool = OpponentSettings(gate_games=2, gate_win_rate=0)
    settings = replace(tiny, opponents=mix)
    if opponent == "snapshot":
        settings = replace(settings, opponent_pool=pool)
    in_parts_of = tmp_path / "run"
    Run.create(in_parts_of, settings)
    with Run.open(in_parts_of) as run:
        self_play = SelfPlay(settings)
        train(run, self_play, lambda metrics: None, stopping(self_play, 3))
    age(in_parts_of, opponent)
    expected = {
        name: weight.clone() for name, weight in read_tensors(state_of(in_parts_of))[0].items()
    }
    with Run.open(in_parts_of) as run:
        resumed = SelfPlay(run.description().settings)
        run.restore(resumed)
        if opponent == "snapshot":
            for name, weight in resumed.opponents.state(True)[0].items():
                own = name.removeprefix("gated/agent/")
                assert torch.equal(weight, expected[f"agent/opponent/{own}"])
        assert train(run, resumed, lambda metrics: None, lambda: False)


def state_of(run: Path) -> Path:
    return run / "state.safetensors"


def age(run: Path, opponent: str) -> None:
    """Rewrite a run as a version without mixes stored it."""
    for_old = {"opponent": opponent, "snapshot_period": 2}
    stored = json.loads((run / "run.json").read_text())
    tensors, info = read_tensors(state_of(run))
    for settings in (stored["settings"], info["settings"]):
        del settings["opponents"], settings["opponent_pool"]
        settings.update(for_old)
    (run / "run.json").write_text(json.dumps(stored))
    del info["opponents"], info["generators"]["opponents"]
    old = {
        name.replace("*opponents/gated/agent/", "agent/opponent/"): weight
        for name, weight in tensors.items()
    }
    write_tensors(state_of(run), old, info)


def test_old_options_are_refused_with_the_new_ones_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for option, value in (("--opponent", "snapshot"), ("--snapshot-period", "3")):
        assert main(["train", "battle", option, value, "--run", str(tmp_path / "run")]) == 2
        error = capsys.readouterr().err
        assert f"no longer has {option}: give --" in error
        assert "--opponents gated" in error
    assert not (tmp_path / "run").exists()


def test_an_opponent_that_is_gone_or_another_at_resume_loses_nothing(
    tiny: Tiny, tmp_path: Path
) -> None:
    file, path = tmp_path / "them.safetensors", tmp_path / "run"

    def write(seed: int) -> None:
        policies = {"agent": SelfPlay(replace(tiny, seed=seed)).sides["agent"].policy}
        save_policies(file, policies, tiny.network, environment=tiny.environment, episode=1)

    write(1)
    settings = replace(tiny, opponents=("self", str(file)))
    Run.create(path, settings)
    with Run.open(path) as run:
        begun = SelfPlay(settings, load_player)
        train(run, begun, lambda metrics: None, stopping(begun, 2))
    before = {one: one.read_bytes() for one in path.rglob("*.safetensors")}
    file.unlink()
    assert main(["resume", str(path)]) == 2
    with pytest.raises(UserError, match="a resumed run needs the opponents with which it be"):
        SelfPlay(settings, load_player, begun=True)
    write(2)
    with Run.open(path) as run, pytest.raises(UserError, match="has other weights than before"):
        run.restore(SelfPlay(settings, load_player))
    assert {one: one.read_bytes() for one in path.rglob("*.safetensors")} == before
    write(1)
    assert main(["resume", str(path)]) == 0
