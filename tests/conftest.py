"""Shape annotations of the mathematics are checked in every test; training pays nothing for it."""

import signal
from dataclasses import replace
from pathlib import Path

import pytest
from jaxtyping import install_import_hook

with install_import_hook("cmfq.mean_field", "beartype.beartype"):
    import cmfq.algorithms  # noqa: F401

import torch

from cmfq.environments.battle import BattleSettings
from cmfq.experiments.training import train_missing
from cmfq.learner import LearnerSettings
from cmfq.networks import NetworkSettings
from cmfq.notices import forget_notices
from cmfq.training.settings import ExplorationSettings, RunSettings, TrainSettings
from cmfq.zoo import FOLDER
from weights import last_checkpoints

torch.set_num_threads(1)
# Tests that are started in the background may ignore these, and so would every process that a test
# starts: no test of Ctrl-C or of a closed terminal could end then.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


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
    one = replace(tiny, episodes=24, checkpoint_period=4, seed=3)
    return {"cmfq-3": one, "mfq-3": replace(one, algorithm="mfq")}


@pytest.fixture(scope="session")
def undisturbed(
    planned: dict[str, RunSettings], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, bytes]:
    """Last checkpoint of each run, trained here one after the other."""
    folder = tmp_path_factory.mktemp("undisturbed")
    assert list(train_missing(planned, folder)) == list(planned)
    return last_checkpoints(folder, planned)
