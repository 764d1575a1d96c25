"""Small runs that were really trained."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from cmfq.environments.battle import BattleSettings
from cmfq.learner import LearnerSettings
from cmfq.networks import NetworkSettings
from cmfq.training.loop import train
from cmfq.training.run import Run
from cmfq.training.self_play import SelfPlay
from cmfq.training.settings import TrainSettings

TINY = TrainSettings(
    environment=BattleSettings(size=12, max_steps=25),
    episodes=3,
    checkpoint_period=1,
    network=NetworkSettings("additive", (4, 4), 8, 4, 16),
    learner=LearnerSettings(batch_size=64, min_updates=3, replay_bytes=8 * 2**20, target_period=5),
)


@pytest.fixture(scope="session")
def run_settings() -> TrainSettings[BattleSettings]:
    """Of the runs, but for algorithm and seed."""
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
