"""What a PettingZoo environment may say about itself: title, names, scenery and items."""

from typing import Any

import numpy as np
import pytest
from test_odd_worlds import EIGHT, adapt
from toys import Toy, make

from cmfq import Body, Scenery
from cmfq.environments.check import check_environment
from cmfq.errors import EnvironmentFailed, UserError

NOTHING = np.zeros((0, 2), np.float32), np.zeros((0, 3), np.float32)
FIELD = Scenery((0.0, 0.0, 9.0, 4.0), *NOTHING, (Body("circle", 0.5),))


def named(**told: Any) -> type[Toy]:
    return make(plan=EIGHT, **told)


def actions_of(self: Toy, agent: str) -> list[str]:
    return [f"{agent[0]} does {i}" for i in range(self.action_space(agent).n)]


def test_a_world_that_says_nothing_is_as_before() -> None:
    environment = adapt(named())
    environment.reset(0)
    assert environment.title == ""
    assert environment.items() is None
    assert environment.teams[0].actions[0] == "action_0"
    assert environment.scenery().bounds == (0.0, 0.0, 2.0, 2.0)


def test_a_world_is_shown_as_it_says() -> None:
    environment = adapt(
        named(
            metadata={"name": "The meadow"},
            action_names=actions_of,
            feature_names=lambda self, agent: ["number", "time"],
            scenery=lambda self: FIELD,
            items=lambda self: [(1, 2), (3, 4)],
        )
    )
    check_environment(environment)
    (team,) = environment.teams
    assert environment.title == "The meadow"
    assert team.actions[:2] == ("a does 0", "a does 1")
    assert team.features == ("number", "time")
    assert environment.scenery() == FIELD
    np.testing.assert_array_equal(environment.items(), [[1, 2, 0.25], [3, 4, 0.25]])


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        ({"action_names": lambda self, agent: ["left"]}, r"action_names\('a_0'\) gave \['left'\]"),
        ({"feature_names": lambda self, agent: ["x", "x"]}, "give 2 different texts"),
    ],
)
def test_names_that_do_not_fit_are_refused(told: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        adapt(named(**told))


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        ({"scenery": lambda self: "a field"}, "gave str: give a cmfq.Scenery"),
        ({"scenery": lambda self: FIELD._replace(bodies=())}, "gave 0 bodies: give one for each"),
        ({"items": lambda self: [1, 2]}, r"items\(\) gave an array of shape \(2,\)"),
        ({"items": lambda self: [(1, np.nan)]}, "finite numbers"),
    ],
)
def test_what_cannot_be_drawn_is_named(told: dict[str, Any], sentence: str) -> None:
    environment = adapt(named(**told))
    environment.reset(0)
    with pytest.raises(EnvironmentFailed, match=sentence):
        environment.scenery()
        environment.items()
