"""Shape annotations of the mathematics are checked in every test; training pays nothing for it."""

import os

# Tests run beside each other: threads that wait for each other's cores make each several times as
# slow. Read before the first of these libraries is imported, here and in every process of a test.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # where a test has two, they do not spin

import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import hypothesis
import pytest
from jaxtyping import install_import_hook
from playwright.sync_api import Browser, sync_playwright

with install_import_hook("cmfq.mean_field", "beartype.beartype"):
    import cmfq.algorithms  # noqa: F401

import torch

from browser import launch
from cmfq.environments.battle import BattleSettings
from cmfq.experiments.training import train_missing
from cmfq.learner import LearnerSettings
from cmfq.networks import NetworkSettings
from cmfq.notices import forget_notices
from cmfq.training.loop import train
from cmfq.training.run import Run
from cmfq.training.self_play import SelfPlay
from cmfq.training.settings import ExplorationSettings, RunSettings, TrainSettings
from cmfq.zoo import FOLDER
from weights import last_checkpoints

# A busy machine is slow at anything: no test may fail for it.
hypothesis.settings.register_profile(
    "busy", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("busy")
# Ray reads these once in a process, whichever test is the first to ask for it.
os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "a" * 64}
# Tests that are started in the background may ignore these, and so would every process that a test
# starts: no test of Ctrl-C or of a closed terminal could end then.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A cluster takes minutes to start and to end: first, so that nothing waits for it at last."""
    items.sort(key=lambda item: item.path.stem != "test_ray")


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """A run sets the number of threads of its process, which stays for the next test."""
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def seeded() -> None:
    """What a test draws from torch does not depend on the tests that ran before it."""
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def every_notice_anew() -> None:
    """What was said once in one test is said again in the next."""
    forget_notices()


@pytest.fixture(scope="session")
def tiny() -> TrainSettings[BattleSettings]:
    """A run of real battles that takes a second."""
    return TrainSettings(
        environment=BattleSettings(size=12, max_steps=25),
        episodes=6,
        checkpoint_period=2,
        network=NetworkSettings("additive", (4, 4), 8, 4, 16),
        learner=LearnerSettings(
            batch_size=64, min_updates=3, replay_bytes=8 * 2**20, target_period=5
        ),
        exploration=ExplorationSettings(beta_episodes=3),
    )


@pytest.fixture(scope="session")
def zoo() -> Path:
    """Folder of the shipped policies."""
    return FOLDER


@pytest.fixture(scope="session")
def planned(tiny: TrainSettings[BattleSettings]) -> dict[str, RunSettings]:
    """Two runs that take some seconds each."""
    one = replace(tiny, episodes=60, checkpoint_period=4, seed=3)
    return {"cmfq-3": one, "mfq-3": replace(one, algorithm="mfq")}


@pytest.fixture(scope="session")
def undisturbed(
    planned: dict[str, RunSettings], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, bytes]:
    """Last checkpoint of each run, trained here one after the other."""
    folder = tmp_path_factory.mktemp("undisturbed")
    assert list(train_missing(planned, folder)) == list(planned)
    return last_checkpoints(folder, planned)


TINY = TrainSettings(
    environment=BattleSettings(size=12, max_steps=25),
    episodes=3,
    checkpoint_period=1,
    network=NetworkSettings("additive", (4, 4), 8, 4, 16),
    learner=LearnerSettings(batch_size=64, min_updates=3, replay_bytes=8 * 2**20, target_period=5),
)


@pytest.fixture(scope="session")
def run_settings() -> TrainSettings[BattleSettings]:
    """Settings of the runs, but for algorithm and seed."""
    return TINY


@pytest.fixture(scope="session")
def train_run() -> Callable[[Path, TrainSettings[BattleSettings]], None]:
    """Trains a run to its end."""

    def train_to_end(path: Path, settings: TrainSettings[BattleSettings]) -> None:
        with Run.create(path, settings) as run:
            train(run, SelfPlay(settings), lambda metrics: None, lambda: False)

    return train_to_end


@pytest.fixture(scope="session")
def runs(
    tmp_path_factory: pytest.TempPathFactory,
    train_run: Callable[[Path, TrainSettings[BattleSettings]], None],
) -> Path:
    """Folder with cmfq-0, cmfq-1, mfq-0, mfq-1: three checkpoints each."""
    folder = tmp_path_factory.mktemp("runs")
    for algorithm in ("cmfq", "mfq"):
        for seed in (0, 1):
            settings = replace(TINY, algorithm=algorithm, seed=seed)
            train_run(folder / f"{algorithm}-{seed}", settings)
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for all tests of a file."""
    with sync_playwright() as playwright:
        started = launch(playwright)
        yield started
        started.close()
