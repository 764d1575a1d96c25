"""Each promise of the protocol, broken in turn; the package's own environments keep them all."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from cmfq.environments.base import (
    NO_ACTION,
    Body,
    Scenery,
    Step,
    TeamObservation,
    TeamSpecification,
)
from cmfq.environments.check import check_environment
from cmfq.environments.registry import KINDS
from cmfq.errors import UserError

TEAM = TeamSpecification("a", (5, 5), ("seen",), ("x", "y"), ("left", "right"), 2.0)
MASKED = replace(TEAM, name="b", role="b", action_masks=True)


class Sound:
    """Two teams; every second step an agent of the first dies and another joins."""

    teams: Sequence[TeamSpecification] = (TEAM, MASKED)

    def reset(self, seed: int) -> tuple[TeamObservation, ...]:
        self.generator = np.random.default_rng(seed)
        self.time = 0
        self.ids = [np.arange(4, dtype=np.int32), np.arange(10, 13, dtype=np.int32)]
        self.previous = [np.full(len(ids), NO_ACTION, np.int32) for ids in self.ids]
        return self.observe()

    def observe(self) -> tuple[TeamObservation, ...]:
        return tuple(
            TeamObservation(
                self.generator.random((len(ids), 5, 5, 1), np.float32),
                self.generator.random((len(ids), 2), np.float32),
                ids,
                np.zeros((len(ids), 2), np.int32),
                previous,
                np.ones((len(ids), 2), np.bool_) if team.action_masks else None,
                np.ones(len(ids), np.float32),
            )
            for team, ids, previous in zip(self.teams, self.ids, self.previous, strict=True)
        )

    def step(self, actions: Sequence[np.ndarray]) -> Step:
        self.time += 1
        rewards = tuple(self.generator.random(len(ids), np.float32) for ids in self.ids)
        alive = [np.ones(len(ids), np.bool_) for ids in self.ids]
        joined: list[list[int]] = [[], []]
        if self.time % 2 == 0:
            alive[0][1] = False
            joined[0] = [100 + self.time]
        self.ids = [
            np.array([*ids[lives], *new], np.int32)
            for ids, lives, new in zip(self.ids, alive, joined, strict=True)
        ]
        self.previous = [
            np.array([*taken[lives], *[NO_ACTION] * len(new)], np.int32)
            for taken, lives, new in zip(actions, alive, joined, strict=True)
        ]
        return Step(self.observe(), rewards, tuple(alive), False, self.time == 7)

    def close(self) -> None: ...

    def scenery(self) -> Scenery:
        body = Body("circle", 1.0)
        nothing = np.zeros((0, 2), np.int32), np.zeros((0, 3), np.float32)
        return Scenery((0, 0, 1, 1), *nothing, (body, body))


def test_a_sound_environment_passes() -> None:
    check_environment(Sound(), steps=20)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_the_packages_environments_pass(kind: Any) -> None:
    check_environment(kind().make(), steps=40)


def of_first(step: Step, **changes: object) -> Step:
    """The step with a change to what the first team observes."""
    return step._replace(
        observations=(step.observations[0]._replace(**changes), step.observations[1])
    )


def of_second(step: Step, **changes: object) -> Step:
    return step._replace(
        observations=(step.observations[0], step.observations[1]._replace(**changes))
    )


def poisoned(array: np.ndarray, value: float) -> np.ndarray:
    array = array.copy()
    array.flat[-1] = value
    return array


def dead_again(step: Step) -> Step:
    """Agent 1, who died in the second step, joins in the fourth."""
    ids = step.observations[0].ids
    return of_first(step, ids=np.where(ids == 104, 1, ids).astype(np.int32))


STEPS: dict[str, tuple[Callable[[Step], Any], str]] = {
    "no step": (lambda s: tuple(s), r"step must return a cmfq.Step, and returned \(\(TeamObs"),
    "dictionary": (lambda s: s._asdict(), "step must return a cmfq.Step, and returned {'observ"),
    "nothing": (lambda s: None, "step must return a cmfq.Step, and returned None"),
    "flag of nothing": (
        lambda s: s._replace(terminated=None),
        "terminated must be True or False, and is None",
    ),
    "flags": (
        lambda s: s._replace(truncated=np.zeros(2, np.bool_)),
        r"truncated must be True or False, and is array\(\[False, False\]\)",
    ),
    "no observations": (
        lambda s: s._replace(observations=None),
        "observations must be a tuple with one entry per team, and are None",
    ),
    "other observations": (
        lambda s: s._replace(observations=(None, s.observations[1])),
        r"observations must be a tuple with a cmfq.TeamObservation for each of the 2 teams, and",
    ),
    "no ids": (lambda s: of_first(s, ids=None), "ids of team a must be int32 .* is NoneType None"),
    "view shape": (
        lambda s: of_first(s, view=s.observations[0].view[:, :4]),
        "view of team a must",
    ),
    "view type": (lambda s: of_first(s, view=s.observations[0].view.astype(float)), "is float64"),
    "masked": (
        lambda s: of_first(s, features=np.ma.masked_array(s.observations[0].features)),
        "features .* is masked float32",
    ),
    "no array": (lambda s: of_first(s, features=[[1, 2]]), "features .* is list"),
    "nan": (
        lambda s: of_first(s, features=poisoned(s.observations[0].features, np.nan)),
        "features of team a holds a number that is not finite, .*: y of the agent in row 3 is nan",
    ),
    "too large": (
        lambda s: of_first(s, view=poisoned(s.observations[0].view, 1e5)),
        r"beyond 65504: entry \[4, 4, 0\] of the agent in row 3 is 100000",
    ),
    "positions": (
        lambda s: of_first(s, positions=s.observations[0].positions.astype(np.int64)),
        "positions of team a must be int32 or float32",
    ),
    "infinite position": (
        lambda s: of_first(s, positions=np.full((4, 2), np.inf, np.float32)),
        "positions of team a holds",
    ),
    "previous actions": (
        lambda s: of_first(s, previous_actions=np.full(4, 2, np.int32)),
        "previous actions that do not exist",
    ),
    "health": (lambda s: of_first(s, health=np.ones(3, np.float32)), "health of team a must"),
    "mask missing": (
        lambda s: of_second(s, action_mask=None),
        ("action_masks True, but none were returned"),
    ),
    "mask unasked": (
        lambda s: of_first(s, action_mask=np.ones((4, 2), np.bool_)),
        "action_masks False, but some were returned",
    ),
    "mask type": (
        lambda s: of_second(s, action_mask=np.ones((3, 2), np.int8)),
        "action_mask of team b must be bool",
    ),
    "mask of nothing": (
        lambda s: of_second(s, action_mask=np.zeros((3, 2), np.bool_)),
        "action mask of the agent with id 10 of team b allows no action; one that waits",
    ),
    "equal ids": (
        lambda s: of_first(s, ids=np.full(4, 10, np.int32)),
        "two agents have the id 10, in teams",
    ),
    "order": (
        lambda s: of_second(s, ids=s.observations[1].ids[::-1].copy()),
        "first rows of team b must be the survivors, ids 10, 11, 12, in order",
    ),
    "the dead": (dead_again, "the agent with id 1 was there before"),
    "reward shape": (
        lambda s: s._replace(rewards=(s.rewards[0][:-1], s.rewards[1])),
        "rewards of team a must be float32",
    ),
    "reward": (
        lambda s: s._replace(rewards=(poisoned(s.rewards[0], np.inf), s.rewards[1])),
        "rewards of team a holds",
    ),
    "health size": (
        lambda s: of_first(s, health=np.full(4, 1e5, np.float32)),
        "health of team a holds a number that is not finite, or beyond 65504: that of the agent",
    ),
    "far away": (
        lambda s: of_first(s, positions=np.full((4, 2), 2e9, np.float32)),
        r"positions of team a holds .* beyond 1000000000: entry \[0\] of the agent in row 0 is 2e",
    ),
    "negative id": (
        lambda s: of_second(s, ids=np.array([-1, 11, 12], np.int32)),
        "team b has the id -1: begin at 0",
    ),
    "reward size": (
        lambda s: s._replace(rewards=(poisoned(s.rewards[0], 2e9), s.rewards[1])),
        r"or beyond 1000000000: that of the agent in row \d is 2e\+09",
    ),
    "alive": (
        lambda s: s._replace(alive=(s.alive[0].astype(int), s.alive[1])),
        "alive of team a must be bool",
    ),
    "teams": (
        lambda s: s._replace(rewards=s.rewards[:1]),
        "rewards must be a tuple with one entry per team",
    ),
    "both ends": (
        lambda s: s._replace(terminated=True, truncated=True),
        "both terminated and truncated",
    ),
}


@pytest.mark.parametrize("broken", STEPS)
def test_a_broken_step_is_found_where_it_is(broken: str) -> None:
    change, message = STEPS[broken]

    class Broken(Sound):
        def step(self, actions: Sequence[np.ndarray]) -> Step:
            step = super().step(actions)
            changed: Step = change(step) if self.time == 4 else step
            return changed

    with pytest.raises(UserError, match=f"episode with seed 3, step 3: .*{message}") as failure:
        check_environment(Broken(), seed=3)
    assert "\n" not in str(failure.value)


def test_hit_points_that_are_there_at_the_reset_alone_are_found() -> None:
    class Broken(Sound):
        def step(self, actions: Sequence[np.ndarray]) -> Step:
            return of_second(super().step(actions), health=None)

    with pytest.raises(UserError, match="step 0: team b has no health, and had some at the reset"):
        check_environment(Broken())


def test_truncation_with_nobody_left_is_found() -> None:
    class Broken(Sound):
        def step(self, actions: Sequence[np.ndarray]) -> Step:
            step = super().step(actions)
            if self.time < 3:
                return step
            self.ids = [ids[:0] for ids in self.ids]
            self.previous = [ids[:0] for ids in self.previous]
            alive = tuple(np.zeros_like(lives) for lives in step.alive)
            return step._replace(observations=self.observe(), alive=alive, truncated=True)

    with pytest.raises(UserError, match="step 2: truncated without agents left"):
        check_environment(Broken())


def test_nobody_at_the_start_is_found() -> None:
    class Broken(Sound):
        def observe(self) -> tuple[TeamObservation, ...]:
            self.ids = [ids[:0] for ids in self.ids]
            self.previous = [ids[:0] for ids in self.previous]
            return super().observe()

    with pytest.raises(UserError, match="seed 0, reset: there are no agents"):
        check_environment(Broken())


def test_arrays_that_are_used_again_are_found() -> None:
    class Broken(Sound):
        views: tuple[np.ndarray, ...] | None = None

        def observe(self) -> tuple[TeamObservation, ...]:
            observed = super().observe()
            if self.views and all(map(np.shape, self.views)) and self.time in (1, 3):
                for kept, one in zip(self.views, observed, strict=True):
                    kept[:] = one.view
                observed = tuple(
                    one._replace(view=kept) for kept, one in zip(self.views, observed, strict=True)
                )
            self.views = tuple(one.view for one in observed)
            return observed

    with pytest.raises(UserError, match="step 0: it changed arrays that it returned before"):
        check_environment(Broken())


@pytest.mark.parametrize("drawn", ["reset", "step"])
def test_a_seed_that_does_not_decide_is_found(drawn: str) -> None:
    class Broken(Sound):
        def reset(self, seed: int) -> tuple[TeamObservation, ...]:
            return super().reset(time.perf_counter_ns() if drawn == "reset" else seed)

        def step(self, actions: Sequence[np.ndarray]) -> Step:
            if drawn == "step" and self.time == 2:
                self.generator = np.random.default_rng()
            return super().step(actions)

    where = {"reset": "reset", "step": "step 2"}[drawn]
    with pytest.raises(
        UserError, match=(f"{where}: the same seed and actions lead to another state")
    ):
        check_environment(Broken())
    check_environment(Broken(), reproducible=False)


@pytest.mark.parametrize(
    ("teams", "message"),
    [
        ((), "no team"),
        ((TEAM, TEAM), "team names are a, a"),
        ((replace(TEAM, actions=()),), "team a has no actions"),
        ((replace(TEAM, actions=("up", "up")),), "two actions have the same name"),
        ((replace(TEAM, channels=(), view_shape=(0, 0), features=()),), "observes nothing"),
        ((replace(TEAM, channels=()),), r"view of \(5, 5\) and 0 channels"),
        (
            (TEAM, replace(TEAM, name="b", features=("x", "z"))),
            "a and b have the role agent, but differ in features: 'y' and 'z'; make them equal, or",
        ),
        ((replace(TEAM, side="us"), replace(MASKED, side="us")), "all 2 teams have the side us"),
        ((replace(TEAM, view_radius=np.nan),), "team a has view_radius nan: give at least 0"),
        ((replace(TEAM, body_side=0),), "team a has body_side 0: give 1 or more"),
        ((replace(TEAM, side="us"), MASKED), "team b has no side, and others have us: give each"),
    ],
)
def test_unsound_specifications_are_found(teams: tuple, message: str) -> None:
    class Broken(Sound):
        pass

    Broken.teams = teams
    with pytest.raises(UserError, match=message):
        check_environment(Broken())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bounds": (0, 0, 0, 1)}, "the bounds of the scenery"),
        ({"bodies": ()}, "one body per team"),
    ],
)
def test_an_unsound_scenery_is_found(change: dict, message: str) -> None:
    class Broken(Sound):
        def scenery(self) -> Scenery:
            return super().scenery()._replace(**change)

    with pytest.raises(UserError, match=message):
        check_environment(Broken())


def test_observations_for_every_team_are_required() -> None:
    class Broken(Sound):
        def observe(self) -> tuple[TeamObservation, ...]:
            return super().observe()[:1]

    with pytest.raises(UserError, match="1 observations for 2 teams"):
        check_environment(Broken())


@pytest.mark.parametrize(
    ("answer", "shown"), [(None, "None"), ({}, "{}"), ([None, None], r"\[None, None\]")]
)
def test_a_reset_that_returns_something_else_is_found(answer: Any, shown: str) -> None:
    class Broken(Sound):
        def reset(self, seed: int) -> tuple[TeamObservation, ...]:
            return answer

    with pytest.raises(
        UserError, match=f"reset: reset must return a tuple with a cmfq.TeamOb.*and it is {shown}"
    ):
        check_environment(Broken())
