"""Settings of every environment keep their protocol; a world of one's own needs no other file."""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest

from cmfq.environments.battle import BattleSettings
from cmfq.environments.keeping import close_kept, kept_environment
from cmfq.environments.particles import ParticlesSettings
from cmfq.environments.pettingzoo import PettingZooSettings
from cmfq.environments.pursuit import PursuitSettings
from cmfq.environments.settings import EnvironmentSettings, TrainingDefaults
from cmfq.environments.signal import SignalEnvironment, SignalSettings
from cmfq.environments.strong import BATTLE
from cmfq.errors import UserError
from cmfq.training.presets import preset_training
from cmfq.training.settings import TrainSettings

WORLDS = {
    "battle": (BattleSettings(size=12), (12, 12)),
    "random battle": (BattleSettings(size=5, map_size=20, formation="random"), (5, 5)),
    "pursuit": (PursuitSettings(predators=3, prey=7), (3, 7)),
    "particles": (ParticlesSettings(predators=2, prey=3, obstacles=1), (2, 3)),
    "signal": (SignalSettings(listeners=2, signallers=1, babblers=3, clusters=4), (24,)),
    "pettingzoo": (PettingZooSettings("tests.environments.toys:Toy"), (2, 1)),
}


@pytest.mark.parametrize(("settings", "sizes"), WORLDS.values(), ids=WORLDS)
def test_team_sizes_are_those_of_an_episode(
    settings: EnvironmentSettings, sizes: tuple[int, ...]
) -> None:
    environment = settings.make()
    assert settings.team_sizes == sizes
    assert tuple(len(team.ids) for team in environment.reset(7)) == sizes
    assert len(environment.teams) == len(sizes)
    environment.close()
    close_kept()


@pytest.mark.parametrize(("settings", "sizes"), WORLDS.values(), ids=WORLDS)
def test_equal_settings_share_an_environment(
    settings: EnvironmentSettings, sizes: tuple[int, ...]
) -> None:
    assert kept_environment(settings) is kept_environment(replace(settings))  # type: ignore[type-var]
    close_kept()


def test_worlds_are_resized_or_say_that_they_have_one_size() -> None:
    assert BattleSettings(size=12, max_steps=9).resized(64) == BattleSettings(max_steps=9)
    assert PursuitSettings().resized(80).team_sizes == (80, 160)
    for settings in (ParticlesSettings(), SignalSettings(), PettingZooSettings("a:b")):
        with pytest.raises(UserError, match=r"sizes are \(7,\): this environment has one size"):
            settings.resized(7)


@dataclass(frozen=True)
class Whispers(EnvironmentSettings):
    """A world that the package knows nothing of."""

    kind: ClassVar = "whispers"
    clusters: int = 2

    @property
    def title(self) -> str:
        return "whispers"

    @property
    def team_sizes(self) -> tuple[int]:
        return self._signal.team_sizes

    @property
    def training(self) -> TrainingDefaults:
        return TrainingDefaults({"episodes": 7, "learner.discount": 0.5}, strong=BATTLE)

    @property
    def _signal(self) -> SignalSettings:
        return SignalSettings(clusters=self.clusters)

    def make(self) -> SignalEnvironment:
        return SignalEnvironment(self._signal)


def test_a_world_says_what_training_suits_it() -> None:
    found = preset_training("paper", Whispers())
    plain = TrainSettings(Whispers())
    assert found == replace(plain, episodes=7, learner=replace(plain.learner, discount=0.5))
    assert preset_training("strong", Whispers()).objective.death == "posthumous"
    with pytest.raises(UserError, match="preset original is only for battle"):
        preset_training("original", Whispers())
    with pytest.raises(UserError, match="this environment has one size"):
        TrainSettings(Whispers(), sizes=(3,))


@pytest.mark.parametrize("settings", [one for one, _ in WORLDS.values()], ids=WORLDS)
def test_no_step_follows_the_last_one(settings: EnvironmentSettings) -> None:
    if hasattr(settings, "max_steps"):
        settings = replace(settings, max_steps=2)  # type: ignore[call-arg]
    environment = settings.make()
    observations = environment.reset(0)
    over = False
    while not over:
        step = environment.step([np.zeros(len(one.ids), np.int32) for one in observations])
        observations, over = step.observations, step.terminated or step.truncated
    with pytest.raises(ValueError, match="the episode is over: reset the environment"):
        environment.step([np.zeros(len(one.ids), np.int32) for one in observations])
    observations = environment.reset(1)
    environment.step([np.zeros(len(one.ids), np.int32) for one in observations])
