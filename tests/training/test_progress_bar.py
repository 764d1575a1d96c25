"""The live line of a training on a terminal."""

import re
from dataclasses import fields
from typing import Any

import pytest

from cmfq.training.metrics import EpisodeMetrics
from cmfq.training.progress import TrainingProgress


def played(**values: Any) -> EpisodeMetrics:
    """An episode of a battle of 64 a side."""
    nothing: dict[str, Any] = {field.name: None for field in fields(EpisodeMetrics)}
    seconds = {"playing_seconds": 1.0, "learning_seconds": 1.0, "agent_steps": 12_800, "steps": 160}
    teams = {
        "rewards": [-214.0, -215.0],
        "kills": [61, 60],
        "survivors": [4, 3],
        "deaths": [60, 61],
    }
    return EpisodeMetrics(**{**nothing, **seconds, **teams, **values})


@pytest.mark.parametrize("width", [80, 100, 200])
def test_a_narrow_terminal_shows_everything(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", str(width))
    with TrainingProgress(120, 90) as progress:
        progress.report(played(episode=91))
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", capsys.readouterr().out)
    *_, last = shown.split("episode 91/120")
    assert "…" not in last
    assert re.search(r"0:00:0\d left -?[\d-]+:[\d-]+", last)
    words = ("reward", "-214 : -215", "kills", "survivors", "6,400", "agent-steps/s")
    assert not [word for word in words if word not in last]
