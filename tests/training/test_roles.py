"""Predators and prey learn side by side, and a world that breaks costs no finished episode."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from gymnasium import spaces
from pettingzoo import ParallelEnv

import cmfq
from cmfq.cli import main
from cmfq.environments.pursuit import PursuitSettings
from cmfq.errors import UserError
from cmfq.play.matches import play_match
from cmfq.storage import read_tensors
from cmfq.training.checkpoint import latest_checkpoint
from cmfq.training.loop import train
from cmfq.training.run import Run
from cmfq.training.self_play import SelfPlay

SMALL = (
    "--predators", "4", "--prey", "6", "--max-steps", "20", "--episodes", "4", "--batch-size", "32",
    "--min-updates", "2", "--replay-bytes", "20000000", "--checkpoint-period", "2",
)  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("roles") / "run"
    mixed = ("--algorithms", "prey", "mfq")
    assert main(["train", "pursuit", *SMALL, *mixed, "--run", str(path)]) == 0
    return path


def test_each_role_has_its_own_policy(run: Path) -> None:
    predator, prey = cmfq.load(run, "predator"), cmfq.load(run, "prey")
    assert (predator.algorithm, prey.algorithm) == ("cmfq", "mfq")
    assert len(predator.specification.actions) == 13
    assert len(prey.specification.actions) == 9
    with pytest.raises(UserError, match="several roles: name one of predator, prey"):
        cmfq.load(run)
    with pytest.raises(UserError, match="no role 'wolf'"):
        cmfq.load(run, "wolf")


def test_both_roles_learn(run: Path) -> None:
    first, last = (
        read_tensors(run / "checkpoints" / f"{episode:06d}.safetensors")[0] for episode in (2, 4)
    )
    for role in ("predator", "prey"):
        name = f"{role}/trunk.joint_layer.weight"
        assert not torch.equal(first[name], last[name])
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert all(len(row["role_losses"]) == 2 and None not in row["role_losses"] for row in rows)


def test_roles_resume_as_if_never_stopped(run: Path, tmp_path: Path) -> None:
    settings = Run.open(run).description().settings
    with Run.create(tmp_path / "parts", settings) as folder:
        begun = SelfPlay(settings)
        assert not train(folder, begun, lambda metrics: None, lambda: begun.episode >= 2)
    with Run.open(tmp_path / "parts") as folder:
        resumed = SelfPlay(settings)
        folder.restore(resumed)
        assert resumed.episode == 2
        assert train(folder, resumed, lambda metrics: None, lambda: False)
    ours, theirs = (read_tensors(latest_checkpoint(r))[0] for r in (run, tmp_path / "parts"))
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_a_run_plays_the_game_that_it_was_trained_in(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", str(run), "greedy", "--games", "2", "--workers", "1"]) == 0
    output = capsys.readouterr().out
    assert "4 predators, 6 prey" in output
    assert output.count("predator │") >= 2
    assert output.count("prey ") >= 2


def test_rewards_are_those_of_the_role(run: Path) -> None:
    settings = PursuitSettings(predators=4, prey=6, max_steps=20)
    match = play_match("greedy", "random", settings, episodes=4, seed=0)
    earned = {(row.player, row.role): row.mean for row in match.rewards}
    assert earned["greedy", "predator"] > 0 > earned["random", "predator"]
    as_predator = [game.a_reward for game in match.games if game.a_side == 0]
    assert earned["greedy", "predator"] == pytest.approx(np.mean(as_predator))


def test_cross_writes_tables_and_figures_and_keeps_other_games(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "crossed"
    arguments = ["--sizes", "4", "8", "--games", "1", "--workers", "1", "--out", str(out)]
    assert main(["cross", str(run), "random", "greedy", *arguments]) == 0
    page = (out / "README.md").read_text()
    assert "pursuit, 8 predators, 12 prey" in page
    assert (out / "rewards.svg").exists()
    lines = (out / "cells.csv").read_text().splitlines()
    assert len(lines) == 1 + 2 * 3 * 3
    games = (out / "games.jsonl.gz").read_bytes()
    for fewer in (
        [str(run), "random", *arguments],
        [str(run), "random", "greedy", *arguments, "--sizes", "4"],
        [str(run), "random", "greedy", *arguments, "--seed", "1"],
    ):
        capsys.readouterr()
        assert main(["cross", *fewer]) == 2
        assert "not all of them would be played again" in capsys.readouterr().err
    assert (out / "games.jsonl.gz").read_bytes() == games
    more = [*arguments, "--games", "2"]
    assert main(["cross", str(run), "random", "greedy", *more]) == 0


class Fragile(ParallelEnv):  # type: ignore[misc]
    """Breaks in step 3 of the third episode."""

    metadata = {"name": "fragile"}  # noqa: RUF012
    possible_agents = ["one", "other"]  # noqa: RUF012

    def __init__(self) -> None:
        self.episodes = 0

    def observation_space(self, agent: str) -> spaces.Box:
        return spaces.Box(-1, 1, (3,), np.float32)

    def action_space(self, agent: str) -> spaces.Discrete:
        return spaces.Discrete(2)

    def reset(self, seed: int | None = None, options: object = None) -> tuple[dict, dict]:
        self.agents, self.time = self.possible_agents[:], 0
        self.episodes += 1
        return self.observe(), {agent: {} for agent in self.agents}

    def observe(self) -> dict:
        return {agent: np.zeros(3, np.float32) for agent in self.agents}

    def step(self, actions: dict) -> tuple[dict, dict, dict, dict, dict]:
        self.time += 1
        if self.episodes >= BREAKS_IN and self.time == 3:
            raise RuntimeError("the well is dry")
        no = dict.fromkeys(self.agents, False)
        return self.observe(), dict.fromkeys(self.agents, 1.0), no, no, {a: {} for a in self.agents}


BREAKS_IN = 4
"""One reset comes before the first episode: the environment asks what a team observes."""


def make_env() -> Fragile:
    return Fragile()


def test_a_world_that_breaks_is_named_and_what_was_learned_is_saved(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "run"
    arguments = ["--max-steps", "5", "--episodes", "9", "--batch-size", "8", "--min-updates", "1"]
    name = f"{__name__}:make_env"
    assert main(["train", name, *arguments, "--run", str(path)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("cmfq: episode ")
    assert name in error
    assert "step 2" in error or "step 3" in error
    assert "the well is dry" in error
    assert "cmfq resume" in error
    episodes = len((path / "metrics.jsonl").read_text().splitlines())
    assert episodes >= 2
    assert latest_checkpoint(path).stem == f"{episodes:06d}"
