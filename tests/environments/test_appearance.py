"""What a PettingZoo environment may say about itself: title, names, scenery and items."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_odd_worlds import EIGHT, adapt
from toys import Toy, make

from cmfq import Body, Scenery
from cmfq.environments.check import check_environment
from cmfq.environments.pettingzoo import PettingZooEnvironment
from cmfq.errors import EnvironmentFailed, UserError
from cmfq.play.players import random_player
from cmfq.recordings import read
from cmfq.recordings.record import record_episode

NOTHING = np.zeros((0, 2), np.float32), np.zeros((0, 3), np.float32)
FIELD = Scenery((0.0, 0.0, 9.0, 4.0), *NOTHING, (Body("circle", 0.5),))


HIT = (1, 0)
UNSOUND: tuple[tuple[dict[str, Any], str], ...] = (
    ({"bounds": (0, 0, np.nan, 4)}, r"gave the bounds \(0, 0, nan, 4\): give rows of 4 numbers"),
    ({"bounds": (0, 0, 4)}, "gave the bounds"),
    ({"bounds": None}, "gave the bounds None"),
    ({"bounds": "abcd"}, "gave the bounds 'abcd'"),
    ({"bounds": (0, 0, 1e30, 1e30)}, "from -1e[+]09 to 1e[+]09"),
    ({"bounds": (4, 4, 0, 0)}, "give least x and y, then greatest"),
    ({"walls": np.zeros((2, 3))}, "gave the walls .*: give rows of 2 numbers"),
    ({"walls": [(1, np.inf)]}, "gave the walls"),
    ({"obstacles": [(1, 2)]}, "gave the obstacles .*: give rows of 3 numbers"),
    ({"bodies": (None,)}, "gave None: give a cmfq.Body"),
    ({"bodies": (Body("triangle", 1),)}, "give a cmfq.Body, a square or a circle"),  # type: ignore[arg-type]
    ({"bodies": (Body("circle", 0),)}, "team a a body of size 0"),
    ({"bodies": (Body("circle", np.nan),)}, "team a a body of size nan"),
    ({"bodies": (Body("circle", 1, -1),)}, "-1 hit points"),
    (
        {"bodies": (Body("square", 1, 9.0, (None, HIT)),)},
        "2 attacks: give none, or one or None",
    ),
    ({"bodies": (Body("square", 1, 9.0, (None, HIT, (np.nan, 0))),)}, "gave the attacks"),
    ({"bodies": (Body("circle", "wide"),)}, "team a a body of size 'wide'"),  # type: ignore[arg-type]
    ({"obstacles": [(1, 2, -3)]}, "gave an obstacle of radius -3: give rows of x, y and a radius"),
)


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


def record(environment: PettingZooEnvironment, path: Path) -> None:
    """A game of random players, in a file."""
    record_episode(
        path,
        environment,
        [random_player(team) for team in environment.teams],
        name="a",
        players=["random"],
        seed=0,
        generator=np.random.default_rng(0),
    )


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
    for shown, told in zip(environment.scenery(), FIELD, strict=True):
        np.testing.assert_array_equal(shown, told)
    np.testing.assert_array_equal(environment.items(), [[1, 2, 0.25], [3, 4, 0.25]])


def test_a_scenery_may_hold_lists_and_can_be_recorded_and_drawn(tmp_path: Path) -> None:
    body = Body("square", 1, 9.0, (None, None, HIT))
    given = Scenery(np.array([0, 0, 9, 4]), [[1, 2]], [], [body])  # type: ignore[arg-type]
    environment = adapt(named(scenery=lambda self: given))
    record(environment, tmp_path / "a.replay")
    field = read(tmp_path / "a.replay").header.scenery()
    assert (field.bounds, field.bodies) == ((0.0, 0.0, 9.0, 4.0), (body,))
    assert (field.walls.tolist(), field.obstacles.shape) == ([[1, 2]], (0, 3))


@pytest.mark.parametrize(
    "body",
    [
        Body("circle", np.float32(0.5)),  # type: ignore[arg-type]
        Body(np.str_("square"), np.int64(1), np.float64(9)),  # type: ignore[arg-type]
        Body("square", 1, 0, ((0, 1), None, np.array([1.0, 0.5]))),  # type: ignore[arg-type]
        Body("square", 1, 0, np.array([[0, 1], [1, 0], [0, -1]])),  # type: ignore[arg-type]
    ],
)
def test_numbers_and_texts_may_be_numpys(body: Body, tmp_path: Path) -> None:
    names = np.array(["left", "right", "stay"])
    environment = adapt(
        named(
            scenery=lambda self: FIELD._replace(bodies=(body,)),
            action_names=lambda self, agent: names,
        )
    )
    path = tmp_path / "a.replay"
    record(environment, path)
    (team,) = read(path).header.teams
    assert team.actions == ("left", "right", "stay")
    assert (team.body.shape, team.body.size) == (body.shape, body.size)
    assert [list(attack or ()) for attack in team.body.attacks] == [
        [] if attack is None else list(attack) for attack in body.attacks
    ]


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
        *(
            ({"scenery": lambda self, one=one: FIELD._replace(**one)}, sentence)
            for one, sentence in UNSOUND
        ),
        ({"items": lambda self: [(1e10, 2)]}, r"finite numbers .* from -1e\+09 to 1e\+09"),
        ({"items": lambda self: np.zeros((400_000, 2))}, "gave 400000 rows: give at most 250000"),
        ({"items": lambda self: [1, 2]}, r"items\(\) gave \[1, 2\]: give a row"),
        ({"items": lambda self: [(1, np.nan)]}, "finite numbers"),
    ],
)
def test_what_cannot_be_drawn_is_named(told: dict[str, Any], sentence: str) -> None:
    environment = adapt(named(**told))
    environment.reset(0)
    with pytest.raises(EnvironmentFailed, match=sentence):
        environment.scenery()
        environment.items()
