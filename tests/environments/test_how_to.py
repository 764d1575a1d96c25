"""The environment of docs/own-environment.md is what the page says."""

import re
from pathlib import Path
from typing import Any

import pytest

from cmfq.environments.check import check_environment
from cmfq.environments.pettingzoo import PettingZooEnvironment, PettingZooSettings

PAGE = Path(__file__).parents[2] / "docs" / "own-environment.md"


def test_the_environment_of_the_page_is_sound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, check, shown = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (tmp_path / "meadow.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    exec(check, {})
    settings = PettingZooSettings("meadow:make_env", share_roles=True, positions="meadow:positions")
    environment = PettingZooEnvironment(settings)
    check_environment(environment, steps=70)
    assert [team.role for team in environment.teams] == ["black-yellow"] * 2
    for team, observed in zip(environment.teams, environment.reset(0), strict=True):
        assert len(observed.ids) == 20
        assert team.view_shape == (9, 9)
        assert observed.view[:, 4, 4, 1].min() > 0  # one's own swarm is where one is
        assert observed.view[:, :, :, 0].sum() > 0
        assert 0 <= observed.positions.min() < observed.positions.max() < 24
    names: dict[str, Any] = {}
    exec(shown, names)
    meadow = PettingZooEnvironment(settings, names["ShownMeadow"]())
    meadow.reset(0)
    assert meadow.title == "The meadow"
    assert meadow.teams[1].actions[1] == "up"
    assert meadow.scenery().bounds == (0, 0, 24, 24)
    items = meadow.items()
    assert items is not None
    assert items.shape == (60, 3)
