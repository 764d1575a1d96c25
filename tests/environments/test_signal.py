"""The world where the truth is known: its optimum, its chances, and who hears whom."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cmfq.decision import Decision
from cmfq.environments.base import NO_ACTION, TeamObservation
from cmfq.environments.signal import (
    VIEW_RADIUS,
    SignalEnvironment,
    SignalSettings,
)
from cmfq.errors import UserError
from cmfq.mean_field.neighbourhood import find_interactions
from cmfq.rollout import play_episode
from studies.signal_report import best_from_counts

SETTINGS = ("action", "observation")
worlds = st.builds(
    SignalSettings,
    setting=st.sampled_from(SETTINGS),
    babblers=st.integers(0, 5),
    signallers=st.integers(1, 3),
    listeners=st.integers(1, 4),
    clusters=st.integers(1, 5),
    signals=st.integers(2, 5),
    noises=st.integers(1, 3),
    max_steps=st.integers(1, 8),
)


class Knowing:
    """Does what the first signaller of its cluster did."""

    def __init__(self, environment: SignalEnvironment) -> None:
        self.environment = environment

    def decide(
        self,
        observations: Sequence[TeamObservation],
        generator: np.random.Generator,
        others: Sequence[TeamObservation] = (),
        worlds: Sequence[int] | None = None,
    ) -> list[Decision]:
        said = observations[0].previous_actions
        world = self.environment
        return [
            Decision(
                np.array(
                    [said[np.flatnonzero(world.signals & (world.cluster == c))[0]]
                     for c in world.cluster], np.int32
                )
            )
        ]  # fmt: skip


def earned(environment: SignalEnvironment, actions: Any, seed: int = 0) -> np.ndarray:
    """Rewards ``(steps, agents)``; ``actions`` gets a step's number and the number of agents."""
    environment.reset(seed)
    rewards = []
    for number in range(environment.settings.max_steps):
        chosen = np.asarray(actions(number, len(environment.listens)), np.int32)
        rewards.append(environment.step([chosen]).rewards[0])
    return np.array(rewards)


@settings(max_examples=25)
@given(world=worlds, seed=st.integers(0, 1000))
def test_who_knows_the_signallers_earns_one_per_listener_and_step(
    world: SignalSettings, seed: int
) -> None:
    environment = SignalEnvironment(world)
    generator = np.random.default_rng(0)
    played = play_episode(environment, [Knowing(environment)], seed=seed, generator=generator)
    assert played.steps == world.max_steps
    assert played.rewards == (world.max_steps * world.clusters * world.listeners,)
    assert played.deaths == (0,)


@pytest.mark.parametrize("setting", SETTINGS)
def test_random_actions_and_a_constant_one_earn_their_chance(setting: str) -> None:
    world = SignalSettings(setting=setting, clusters=50, listeners=2, max_steps=200)  # type: ignore[arg-type]
    environment = SignalEnvironment(world)
    rng = np.random.default_rng(1)
    # 10,000 truths: three standard errors are below 0.014.
    random = earned(environment, lambda _, agents: rng.integers(8, size=agents))
    assert random[:, environment.listens].mean() == pytest.approx(1 / 8, abs=0.014)
    constant = earned(environment, lambda _, agents: np.full(agents, 2))
    assert constant[:, environment.listens].mean() == pytest.approx(1 / 4, abs=0.014)
    assert not constant[:, ~environment.listens].any()


@settings(max_examples=25)
@given(world=worlds)
def test_neighbours_are_the_talkers_of_the_own_cluster_from_the_first_step_on(
    world: SignalSettings,
) -> None:
    environment = SignalEnvironment(replace(world, max_steps=2))
    agents = len(environment.listens)
    observations = environment.reset(3)
    expected = {
        (i, k)
        for i in range(agents)
        for k in range(agents)
        if i != k
        and environment.cluster[i] == environment.cluster[k]
        and not environment.listens[k]
    }
    for _ in range(2):
        seen = observations[0]
        found = find_interactions(
            seen.positions, np.zeros(agents, int), seen.previous_actions, float(VIEW_RADIUS)
        )
        assert set(zip(found.agent.tolist(), found.neighbour.tolist(), strict=True)) == expected
        assert len(found.agent) == len(expected)
        observations = environment.step([np.zeros(agents, np.int32)]).observations


@settings(max_examples=25)
@given(world=worlds)
def test_signallers_say_the_truth_and_are_told_by_action_or_by_observation_never_by_both(
    world: SignalSettings,
) -> None:
    environment = SignalEnvironment(world)
    seen = environment.reset(0)[0]
    assert seen.view.shape == (len(seen.ids), 5, 5, 1)
    listens, signals = environment.listens, environment.signals
    babbles = ~listens & ~signals
    said = seen.previous_actions
    assert (said[listens] == NO_ACTION).all()
    assert (said[signals] == environment.truth[signals]).all()
    assert (seen.features[:, 0] == listens).all()
    if world.setting == "action":
        assert (
            (said[babbles] >= world.signals) & (said[babbles] < world.signals + world.noises)
        ).all()
        assert not seen.features[:, 1].any()
    else:
        assert ((said[babbles] >= 0) & (said[babbles] < world.signals)).all()
        assert (seen.features[:, 1] == signals).all()


def test_the_same_seed_gives_the_same_episode_whatever_is_chosen() -> None:
    environments = [SignalEnvironment(SignalSettings()) for _ in range(3)]
    seen = [
        environment.reset(seed)[0].previous_actions
        for environment, seed in zip(environments, (7, 7, 8), strict=True)
    ]
    for action in range(5):
        np.testing.assert_array_equal(seen[0], seen[1])
        assert (seen[0] != seen[2]).any()
        seen = [
            environment.step([np.full(len(seen[0]), action * (i + 1) % 8, np.int32)])
            .observations[0]
            .previous_actions
            for i, environment in enumerate(environments)
        ]


@pytest.mark.parametrize(
    ("signals", "signallers", "babblers"), [(2, 1, 4), (3, 1, 3), (3, 2, 4), (4, 1, 5)]
)
def test_the_best_from_counts_against_every_case_there_is(
    signals: int, signallers: int, babblers: int
) -> None:
    cases: dict[tuple[int, ...], list[int]] = {}
    for truth, *babble in product(range(signals), repeat=1 + babblers):
        counts = np.bincount([truth] * signallers + babble, minlength=signals)
        of_truth = cases.setdefault(tuple(counts.tolist()), [0] * signals)
        of_truth[truth] += 1
    best = sum(max(of_truth) for of_truth in cases.values()) / signals ** (1 + babblers)
    world = SignalSettings("observation", babblers, signallers, signals=signals)
    assert best_from_counts(world) == pytest.approx(best)


def test_counts_tell_all_where_actions_do_and_next_to_nothing_among_a_thousand() -> None:
    assert best_from_counts(SignalSettings("action", 1000)) == 1
    assert best_from_counts(SignalSettings("observation", 0)) == 1
    assert 0.25 < best_from_counts(SignalSettings("observation", 1000)) < 0.27


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"setting": "smell"}, "setting"),
        ({"babblers": -1}, "babblers"),
        ({"signallers": 0}, "signallers"),
        ({"listeners": 0}, "listeners"),
        ({"signals": 1}, "signals"),
        ({"max_steps": 0}, "max_steps"),
    ],
)
def test_settings_that_make_no_world_are_refused(wrong: dict[str, Any], word: str) -> None:
    with pytest.raises(UserError, match=word):
        SignalSettings(**wrong)
