from pathlib import Path

import pytest
from games import make_policy, record

from cmfq.play.bots import bot


@pytest.fixture(scope="session")
def fight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """CMFQ against a scripted opponent, to the end."""
    path = tmp_path_factory.mktemp("replays") / "fight.replay"
    return record(path, (make_policy("cmfq"), bot("rush")), steps=200)
