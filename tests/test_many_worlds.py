"""Worlds side by side: stepped on threads, decided in one call, and the same on any number."""

import ctypes
import sys
import threading
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import cmfq
from cmfq.environments.battle import BattleEnvironment, BattleSettings
from cmfq.environments.pursuit import PursuitEnvironment, PursuitSettings
from cmfq.play.players import random_player
from cmfq.policies import QPolicy
from cmfq.rollout import Episode, play_episodes
from cmfq.training.self_play import SelfPlay
from cmfq.training.settings import TrainSettings
from weights import last_checkpoints


def test_the_engine_releases_the_lock_while_it_steps() -> None:
    """With a switch interval of an hour, another thread runs only while a call has let it go."""
    environment = BattleEnvironment(BattleSettings(size=400))
    observations = environment.reset(0)
    environment.step([np.full(len(one.ids), 6, np.int32) for one in observations])
    engine, library = environment._world._engine, environment._world._library
    over, turns, ended = ctypes.c_int(), [0], threading.Event()

    def count() -> None:
        while not ended.is_set():
            turns[0] += 1
            time.sleep(0)  # gives the lock back

    before = sys.getswitchinterval()
    thread = threading.Thread(target=count, daemon=True)
    sys.setswitchinterval(3600)
    try:
        thread.start()
        seen = turns[0]
        for _ in range(20_000):
            library.env_step(engine.game, ctypes.byref(over))
            if turns[0] > seen:
                break
    finally:
        ended.set()
        sys.setswitchinterval(before)
    thread.join()
    assert turns[0] > seen


def played(threads: int, kind: str) -> list[Episode]:
    """Random games in four worlds."""
    if kind == "battle":
        worlds = [BattleEnvironment(BattleSettings(size=64, max_steps=40)) for _ in range(4)]
    else:
        settings = PursuitSettings(predators=8, prey=16, max_steps=40)
        worlds = [PursuitEnvironment(settings) for _ in range(4)]  # type: ignore[misc]
    policies = [random_player(team) for team in worlds[0].teams]
    return play_episodes(
        worlds,
        [policies] * 4,
        seeds=range(4),
        generator=np.random.default_rng(0),
        observers=[()] * 4,
        threads=threads,
    )


@pytest.mark.parametrize("kind", ["battle", "pursuit"])
def test_games_do_not_depend_on_the_threads(kind: str) -> None:
    alone = played(1, kind)
    assert all(played(threads, kind) == alone for threads in (2, 4, 9))


def test_worlds_are_stepped_on_threads_if_all_of_them_allow_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names: set[str] = set()
    step = BattleEnvironment.step

    def noting(self: BattleEnvironment, actions: object) -> object:
        names.add(threading.current_thread().name)
        return step(self, actions)  # type: ignore[arg-type]

    monkeypatch.setattr(BattleEnvironment, "step", noting)
    played(3, "battle")
    assert threading.current_thread().name not in names
    names.clear()
    monkeypatch.setattr(BattleEnvironment, "steps_on_threads", False)
    played(3, "battle")
    assert names == {threading.current_thread().name}, "somebody's own world is on one thread"


def test_all_worlds_are_decided_in_one_call(
    tiny: TrainSettings[BattleSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    count = QPolicy.find_neighbourhood

    def counting(self: QPolicy, positions: object, *rest: object) -> object:
        calls.append(len(positions))  # type: ignore[arg-type]
        return count(self, positions, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(QPolicy, "find_neighbourhood", counting)
    settings = replace(tiny, environments=3, environment=BattleSettings(size=12, max_steps=5))
    with closing(SelfPlay(settings)) as self_play:
        self_play.run_episodes()
    together = [agents for agents in calls if agents > 24]
    assert len(together) == 5, "a call a step, for two teams of three worlds"


def test_weights_do_not_depend_on_how_many_threads_step_the_worlds(
    tiny: TrainSettings[BattleSettings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The network's arithmetic stays on one thread: more would give another run."""
    monkeypatch.setattr("cmfq.training.self_play.torch.set_num_threads", lambda threads: None)
    runs = {}
    for threads in (1, 3):
        settings = replace(tiny, environments=3, threads=threads)
        cmfq.train(settings, run=tmp_path / str(threads))
        runs[str(threads)] = settings
    one, three = last_checkpoints(tmp_path, runs).values()
    assert one == three
