"""What a bench measures is what training does: on as many threads, each second once."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from cmfq.bench import _Clock, measure
from cmfq.environments.battle import BattleEnvironment, BattleSettings
from cmfq.training.settings import TrainSettings


@pytest.mark.parametrize("threads", [1, 2])
def test_environments_step_on_the_threads_of_the_run(
    threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    used, step = set(), BattleEnvironment.step
    both = threading.Barrier(threads)

    def seen(self: BattleEnvironment, actions: object) -> object:
        used.add(threading.get_ident())
        both.wait(60)
        return step(self, actions)  # type: ignore[arg-type]

    monkeypatch.setattr(BattleEnvironment, "step", seen)
    world = BattleSettings(size=12, max_steps=3)
    row = measure(TrainSettings(world, environments=2, threads=threads))
    assert len(used) >= threads
    assert row.environments == 2


def test_calls_at_the_same_time_count_once() -> None:
    clock, both = _Clock(), threading.Barrier(2)

    def call() -> None:
        both.wait(60)
        time.sleep(0.05)
        both.wait(60)

    started = time.perf_counter()
    with ThreadPoolExecutor(2) as pool:
        for one in [pool.submit(clock.time, call) for _ in range(2)]:
            one.result()
    assert 0.05 <= clock.seconds <= time.perf_counter() - started
