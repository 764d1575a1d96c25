import pytest

from cmfq.environments.pursuit import PursuitSettings
from cmfq.learner import LearnerSettings
from cmfq.training.opponent_settings import OpponentSettings
from cmfq.training.settings import TrainSettings


@pytest.fixture
def pursuit() -> TrainSettings[PursuitSettings]:
    """Roles whose learners meet a mix of opponents."""
    return TrainSettings(
        PursuitSettings(predators=4, prey=6, max_steps=10),
        episodes=12,
        checkpoint_period=3,
        learner=LearnerSettings(batch_size=16, min_updates=1, replay_bytes=2**24),
        opponents=("self", "past=2", "greedy"),
        opponent_pool=OpponentSettings(past_period=2, past_size=3, past_choice="hardest"),
    )
