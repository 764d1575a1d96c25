"""Every environment that is made is closed, and no command holds more of them than it plays in."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from cmfq.cli import main
from cmfq.environments.battle import BattleEnvironment, BattleSettings
from cmfq.environments.keeping import close_kept, kept_environment, opened
from cmfq.environments.pettingzoo import PettingZooSettings
from cmfq.training.self_play import SelfPlay
from cmfq.training.settings import TrainSettings

WORLD = '''
"""A game of three and three that may be open only so many times at once, over all processes."""
import os
import pathlib

import numpy as np
from gymnasium import spaces

HERE = pathlib.Path(__file__).parent
FAILS = HERE / "fails"


class Port:
    metadata = {"name": "port_v0"}
    steps, apart = 24, False

    def __init__(self):
        self.possible_agents = [f"{side}_{i}" for side in ("red", "blue") for i in range(3)]
        self.say("made")
        taken = len(list(HERE.glob("open-*")))
        if taken >= int((HERE / "limit").read_text()):
            raise RuntimeError("the port is already in use")
        self.file = HERE / f"open-{os.getpid()}-{id(self)}"
        self.file.touch()
        most = HERE / f"most-{os.getpid()}"  # two workers may count at the same moment
        most.write_text(str(max(taken + 1, int((HERE / "most").read_text()))))
        most.replace(HERE / "most")

    def say(self, what):
        with (HERE / "log").open("a") as log:
            log.write(what + "\\n")

    def close(self):
        self.say("closed")
        self.file.unlink()

    def observation_space(self, agent):
        return spaces.Box(-1, 1, (3 if self.apart and agent[0] == "r" else 2,))

    def action_space(self, agent):
        return spaces.Discrete(3)

    def look(self):
        return {a: self.rng.random(self.observation_space(a).shape) for a in self.possible_agents}

    def reset(self, seed=None, options=None):
        self.rng, self.time, self.agents = np.random.default_rng(seed), 0, self.possible_agents[:]
        return self.look(), {}

    def step(self, actions):
        self.time += 1
        if self.time == 3 and FAILS.exists():
            raise ValueError("the port is broken")
        over = self.time >= self.steps
        agents = self.possible_agents
        self.agents = [] if over else agents[:]
        rewards = {agent: float(actions[agent] == 1) for agent in agents}
        return self.look(), rewards, {}, dict.fromkeys(agents, over), {}


class Unlike(Port):
    apart = True


class Unfit(Port):
    def action_space(self, agent):
        return spaces.Box(-1, 1, (2,))
'''
SHARED = ("--share-roles", "--episodes", "2", "--min-updates", "1", "--hidden-units", "8")


class Ports:
    """The worlds of one test."""

    def __init__(self, folder: Path, module: str) -> None:
        self.folder = folder
        self.module = module
        self.name = f"{module}:Port"
        self.limit(1)

    def limit(self, worlds: int) -> None:
        """At most so many may be open; begin to count anew."""
        (self.folder / "limit").write_text(str(worlds))
        (self.folder / "most").write_text("0")
        (self.folder / "log").write_text("")

    def command(self, *arguments: object, code: int = 0) -> None:
        assert main([str(argument) for argument in arguments]) == code
        assert not list(self.folder.glob("open-*")), "an environment is still open"

    @property
    def made(self) -> int:
        """Environments that were made since the limit was set."""
        return (self.folder / "log").read_text().split().count("made")

    @property
    def most(self) -> int:
        """Environments that were open at once."""
        return int((self.folder / "most").read_text())


@pytest.fixture
def ports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ports]:
    module = f"port_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{module}.py").write_text(WORLD)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("CMFQ_RUN_OWN_FUNCTIONS", "1")
    yield Ports(tmp_path, module)
    close_kept()


@pytest.fixture
def run(ports: Ports) -> Path:
    ports.command("train", ports.name, "--run", "run", *SHARED)
    assert (ports.made, ports.most) == (1, 1)
    ports.limit(1)
    return ports.folder / "run"


def test_training_and_its_evaluations_play_in_one_environment(ports: Ports) -> None:
    evaluating = ("--evaluate-period", 1, "--evaluate-against", "random", "--evaluate-games", 2)
    ports.command("train", ports.name, "--run", "run", *SHARED, *evaluating)
    assert ports.made == 1
    assert len((ports.folder / "run" / "evaluations.jsonl").read_text().splitlines()) == 2


def test_worlds_side_by_side_are_all_closed(ports: Ports) -> None:
    ports.limit(3)
    ports.command("train", ports.name, "--run", "run", *SHARED, "--environments", 3)
    assert (ports.made, ports.most) == (3, 3)
    ports.limit(2)  # the third cannot be made
    ports.command("train", ports.name, "--run", "other", *SHARED, "--environments", 3, code=2)
    assert ports.most == 2


def test_worlds_of_every_size_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[BattleEnvironment] = []
    monkeypatch.setattr(BattleEnvironment, "close", lambda one: closed.append(one))
    battle = BattleSettings(size=12, max_steps=5, formation="random")
    play = SelfPlay(TrainSettings(battle, algorithm="mfq", episodes=9, sizes=(4, 9, 25)))
    rows = [row for _ in range(9) for row in play.run_episodes()]
    agents = {row.agent_steps // row.steps for row in rows}
    assert len(agents) > 1
    play.close()
    assert len(set(map(id, closed))) == 1 + len(agents)


def test_failures_close_too_and_a_run_goes_on(ports: Ports) -> None:
    fails = ports.folder / "fails"
    fails.touch()
    ports.command("train", ports.name, "--run", "run", *SHARED, code=2)
    fails.unlink()
    ports.command("resume", "run")
    rows = (ports.folder / "run" / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(row)["episode"] for row in rows] == [1, 2]
    for mistake in (("--opponents", "nobody:1"), ("--algorithm", "nothing"), ("--radius", "3")):
        assert main(["train", ports.name, "--run", "other", *SHARED, *mistake]) == 2
    ports.command("train", f"{ports.module}:Unfit", "--run", "unfit", code=2)
    ports.command("train", ports.name, "--run", "run", *SHARED, code=2)  # the folder is there


@pytest.mark.parametrize(
    "arguments",
    [
        ("evaluate", "RUN", "random", "--games", 2, "--workers", 1),
        ("record", "RUN", "random", "--out", "game.replay"),
        ("tournament", "RUN", "random", "--games", 2, "--workers", 1, "--log", "t.json"),
        (
            "progress",
            "RUN",
            "--against",
            "random",
            "--games",
            2,
            "--log",
            "p.json",
            "--workers",
            1,
        ),
        ("explain", "RUN", "--agent", 0, "--step", 1),
        ("check", "RUN"),
        ("environments", "NAME"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_a_command_makes_one_environment_and_closes_it(
    ports: Ports, run: Path, arguments: tuple
) -> None:
    names = {"RUN": run, "NAME": ports.name}
    ports.command(*(names.get(one, one) for one in arguments))
    assert (ports.made, ports.most) == (1, 1)


def test_workers_close_theirs(ports: Ports, run: Path) -> None:
    ports.limit(2)
    ports.command("evaluate", run, "random", "--games", 4, "--workers", 2)
    assert ports.made <= 3
    assert ports.most <= 2  # the one that was looked at is closed before


def test_games_that_fail_close_their_environment(ports: Ports, run: Path) -> None:
    (ports.folder / "fails").touch()
    ports.command("evaluate", run, "random", "--games", 2, "--workers", 1, code=2)
    ports.command("record", run, "random", "--out", "game.replay", code=2)
    ports.command("evaluate", run, "nobody", "--games", 2, "--workers", 1, code=2)


def test_an_environment_is_kept_until_another_is_opened(ports: Ports) -> None:
    settings = PettingZooSettings(ports.name)
    kept = kept_environment(settings)
    assert kept_environment(settings) is kept
    with opened(settings) as environment:
        assert environment is not kept
    assert kept_environment(settings) is not kept
    close_kept()
    assert not list(ports.folder.glob("open-*"))
    with pytest.raises(KeyboardInterrupt), opened(settings):
        raise KeyboardInterrupt
    assert not list(ports.folder.glob("open-*"))
