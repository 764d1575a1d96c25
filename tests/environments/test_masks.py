"""Action masks of PettingZoo environments: who has one, in its info or its observation."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from test_odd_worlds import adapt
from toys import Toy, make

from cmfq.environments.check import check_environment
from cmfq.environments.pettingzoo import PettingZooEnvironment
from cmfq.errors import EnvironmentFailed

TWO_A_SIDE = {f"{side}_{n}": (0, None, 8) for side in ("red", "blue") for n in (0, 1)}
LATE = {"a_0": (0, None, 8), "a_1": (0, None, 8), "b_0": (3, None, 8)}
NOT_THE_LAST = np.array([1, 1, 0], np.int8)
ALL = [True] * 3


def told(masks: Callable[[Toy], dict[str, Any]], **attributes: Any) -> Callable[[], Toy]:
    """Toys with these action masks in infos, an entry for each agent that has one."""

    def infos(toy: Toy) -> dict[str, Any]:
        return {agent: {"action_mask": mask} for agent, mask in masks(toy).items()}

    def reset(self: Toy, seed: int | None = None, options: object = None) -> tuple[dict, dict]:
        return Toy.reset(self, seed)[0], infos(self)

    def step(self: Toy, actions: dict) -> tuple:
        return (*Toy.step(self, actions)[:4], infos(self))

    return make(**{"plan": TWO_A_SIDE, "reset": reset, "step": step, **attributes})


def masks_of(environment: PettingZooEnvironment, steps: int = 0) -> list[Any]:
    """Mask of each team after the reset with seed 0 and some steps."""
    observed = environment.reset(0)
    for _ in range(steps):
        nothing = [np.zeros(len(team.ids), np.int32) for team in observed]
        observed = environment.step(nothing).observations
    return [None if (mask := team.action_mask) is None else mask.tolist() for team in observed]


@pytest.mark.parametrize("side", ["red", "blue"])
def test_teams_of_one_role_have_masks_if_one_of_them_has(side: str) -> None:
    world = told(lambda toy: dict.fromkeys([f"{side}_0", f"{side}_1"], NOT_THE_LAST))
    shared = adapt(world, share_roles=True)
    assert [team.action_masks for team in shared.teams] == [True, True]
    forbidden = [[True, True, False]] * 2
    expected = [forbidden, [ALL] * 2] if side == "red" else [[ALL] * 2, forbidden]
    assert masks_of(shared) == expected
    check_environment(shared)
    alone = adapt(world)
    assert [team.action_masks for team in alone.teams] == [side == "red", side == "blue"]


def test_any_agent_of_a_team_may_be_the_one_with_a_mask() -> None:
    environment = adapt(told(lambda toy: {"red_1": NOT_THE_LAST}))
    assert masks_of(environment) == [[ALL, [True, True, False]], None]
    check_environment(environment)


def test_a_team_that_comes_later_may_have_masks() -> None:
    world = told(lambda toy: dict.fromkeys(toy.agents, NOT_THE_LAST), plan=LATE)
    environment = adapt(make_possible(world))
    assert [team.action_masks for team in environment.teams] == [True, True]
    assert masks_of(environment, 3)[1] == [[True, True, False]]
    check_environment(environment)


def test_reset_may_say_which_masks_come_later() -> None:
    def masks(toy: Toy) -> dict[str, Any]:
        return {"b_0": NOT_THE_LAST}

    environment = adapt(make_possible(told(masks, plan=LATE)))
    assert [team.action_masks for team in environment.teams] == [False, True]
    assert masks_of(environment, 3) == [None, [[True, True, False]]]


def make_possible(world: Callable[[], Toy]) -> Callable[[], Toy]:
    """The same toys, which name all their agents beforehand."""

    def made() -> Toy:
        toy = world()
        toy.possible_agents = list(toy.plan)  # type: ignore[attr-defined]
        return toy

    return made


def test_without_infos_at_the_end_everything_is_allowed() -> None:
    world = told(lambda toy: {} if toy.time == 8 else dict.fromkeys(toy.agents, NOT_THE_LAST))
    environment = adapt(world)
    assert masks_of(environment, 7)[0] == [[True, True, False]] * 2
    assert masks_of(environment, 8)[0] == [ALL] * 2
    check_environment(environment)


def test_a_mask_of_whichever_agent_that_comes_too_late_is_named() -> None:
    world = told(lambda toy: {"red_1": NOT_THE_LAST} if toy.time else {})
    sentence = "step 0 .*: the info of agent 'red_1' holds an action mask, .*: let reset give one"
    with pytest.raises(EnvironmentFailed, match=sentence):
        masks_of(adapt(world), 1)
