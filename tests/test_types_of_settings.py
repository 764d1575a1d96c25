"""Values of settings that Python gives: the command line and files are read by type."""

import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_origin, get_type_hints

import numpy as np
import pytest

import cmfq
from cmfq.environments.battle import BattleSettings
from cmfq.environments.pettingzoo import PettingZooSettings
from cmfq.environments.registry import default_settings
from cmfq.errors import UserError
from cmfq.learner import LearnerSettings
from cmfq.networks import NetworkSettings
from cmfq.objective import ObjectiveSettings
from cmfq.training.settings import TrainSettings


def parts_of(settings: Any) -> Iterator[Any]:
    yield settings
    for one in fields(settings):
        if is_dataclass(value := getattr(settings, one.name)):
            yield from parts_of(value)


@pytest.mark.parametrize("kind", ["battle", "pursuit", "particles", "signal"])
def test_no_setting_takes_a_name_that_means_nothing(kind: str) -> None:
    named = 0
    for part in parts_of(TrainSettings(default_settings(kind))):
        hints = get_type_hints(type(part))
        for one in fields(part):
            if get_origin(hints[one.name]) is Literal:
                named += 1
                with pytest.raises(UserError, match=f"unknown {one.name} 'zzz'"):
                    replace(part, **{one.name: "zzz"})
    assert named >= 10


@pytest.mark.parametrize(
    ("kind", "values", "sentence"),
    [
        (
            LearnerSettings,
            {"target_value": "dubble"},
            "unknown target_value 'dubble': did you mean 'double'? known are",
        ),
        (LearnerSettings, {"symmetries": "yes"}, "symmetries is 'yes': give True or False"),
        (LearnerSettings, {"learning_rate": "1e-4"}, "learning_rate is '1e-4': give a number"),
        (LearnerSettings, {"batch_size": 2.5}, "batch_size is 2.5: give a whole number"),
        (ObjectiveSettings, {"death": None}, "unknown death None: known are"),
        (BattleSettings, {"size": "64"}, "size is '64': give a whole number"),
        (
            NetworkSettings,
            {"channels": 16},
            "channels is 16: give a list of 2, each entry a whole number",
        ),
        (NetworkSettings, {"channels": (16,)}, "channels is (16,): give a list of 2"),
        (
            PettingZooSettings,
            {"make_env": print},
            f"make_env is {print!r}: give a string",
        ),
    ],
)
def test_a_value_of_another_type_is_one_sentence(
    kind: Any, values: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(UserError, match=re.escape(sentence)):
        kind(**values)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"opponents": "self"}, "opponents is 'self': give a list, each entry a string"),
        ({"sizes": (16, "25")}, "sizes is (16, '25'): give a list, each entry a whole number"),
        ({"algorithm": 3}, "algorithm is 3: give a string"),
        ({"start_from": 3.5}, "start_from has 3.5, which is no string"),
    ],
)
def test_a_run_says_which_of_its_settings_is_of_another_type(
    values: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(UserError, match=re.escape(sentence)):
        replace(TrainSettings(BattleSettings()), **values)


def test_numbers_of_numpy_are_numbers(tmp_path: Path) -> None:
    """From ``np.arange`` and ``np.logspace``; they are stored as Python's."""
    usual = cmfq.preset("paper", BattleSettings(size=16, max_steps=4))
    rate = np.logspace(-4, -3, 2)[0]
    settings = replace(
        usual,
        episodes=np.arange(1, 3)[0],
        learner=replace(usual.learner, learning_rate=rate, min_updates=np.int64(1)),
    )
    run = cmfq.train(settings, run=tmp_path / "run")
    stored = run.settings
    assert (stored.episodes, stored.learner.learning_rate) == (1, float(rate))
    assert type(stored.learner.min_updates) is int
    assert len(cmfq.resume(tmp_path / "run").metrics()["episode"]) == 1
