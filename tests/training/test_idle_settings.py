"""Settings that do nothing are named, and others are not."""

from dataclasses import replace
from typing import Any

import pytest

import cmfq
from cmfq.algorithms import MeanFieldSettings
from cmfq.environments.battle import BattleSettings
from cmfq.environments.particles import ParticlesSettings
from cmfq.environments.pursuit import PursuitSettings
from cmfq.environments.registry import KINDS
from cmfq.environments.settings import EnvironmentSettings
from cmfq.environments.signal import SignalSettings
from cmfq.learner import LearnerSettings
from cmfq.networks import NetworkSettings, QNetwork
from cmfq.notices import Notice, forget_notices
from cmfq.objective import ObjectiveSettings
from cmfq.training.idle_settings import ABSENT_INPUTS, notify_of_idle_settings
from cmfq.training.opponent_settings import OpponentSettings
from cmfq.training.presets import PRESETS
from cmfq.training.settings import ExplorationSettings, RunSettings

PAPER = cmfq.preset("paper", BattleSettings())
PURSUIT = cmfq.preset("paper", PursuitSettings())
BY_SIZES = "sizes are given: games with its checkpoints have it by default, and no others"


def pool(opponent: str, **values: Any) -> RunSettings:
    """The paper's settings against one opponent, with settings of copies."""
    return replace(PAPER, opponents=(opponent,), opponent_pool=OpponentSettings(**values))


def said(settings: RunSettings) -> list[str]:
    forget_notices()
    with pytest.warns(Notice) as notices:
        notify_of_idle_settings(settings)
    return [str(one.message) for one in notices]


@pytest.mark.parametrize(
    ("settings", "sentences"),
    [
        (
            replace(PAPER, sizes_join="in-turn"),
            ["sizes_join is in-turn: no sizes are given"],
        ),
        (
            replace(PAPER, evaluate_games=4),
            ["evaluate_games is 4: evaluate_period is 0"],
        ),
        (
            replace(PAPER, opponents=("past",), opponent_pool=OpponentSettings(gate_mix=0.9)),
            ["gate_mix is 0.9: opponents does not name gated"],
        ),
        (
            replace(PAPER, opponent_pool=OpponentSettings(past_period=3, learn_from=True)),
            [
                "past_period is 3: opponents does not name past",
                "learn_from is True: self is the only opponent, learned "
                "from anyway",
            ],
        ),
        (
            replace(PAPER, algorithm="mfq", mean_field=replace(PAPER.mean_field, epsilon=1.0)),
            ["epsilon is 1: no weights are smoothed with mfq"],
        ),
        (
            replace(PAPER, algorithm="iql", learner=LearnerSettings(merged_action="recomputed")),
            ["merged_action is recomputed: iql merges no actions"],
        ),
        (
            replace(
                PAPER,
                algorithm="random-weights",
                mean_field=MeanFieldSettings(epsilon=1.0, effect="reverse-kl"),
            ),
            [
                "effect is reverse-kl: no causal effects decide with random-weights; recordings "
                "show them all the same"
            ],
        ),
        (
            replace(PAPER, preset="mine", evaluate_against=("rush", "swarm")),
            ["evaluate_against is rush swarm: evaluate_period "
             "is 0"],
        ),
        (
            replace(PAPER, learner=replace(PAPER.learner, target_rate=0.01, target_period=7)),
            ["target_period is 7: target_rate is 0.01: the target follows "
             "every update"],
        ),
        (
            replace(PAPER, objective=ObjectiveSettings(rivalry=2)),
            ["rivalry is 2: team_share is 0: it weighs a part of the "
             "team's reward"],
        ),
        (
            replace(
                cmfq.preset("paper", SignalSettings()),
                objective=ObjectiveSettings(team_share=0.5, rivalry=2),
            ),
            ["rivalry is 2: there is no other team"],
        ),
        (
            replace(PAPER, sizes=(16,), sizes_join="in-turn"),
            ["sizes_join is in-turn: one size is given"],
        ),
        (
            replace(PAPER, environment=BattleSettings(size=100, map_size=50), sizes=(16, 36)),
            [f"size is 100: {BY_SIZES}", f"map_size is 50: {BY_SIZES}"],
        ),
        (
            replace(PURSUIT, environment=PursuitSettings(40, 80, map_size=90), sizes=(20, 30)),
            [f"{name}: {BY_SIZES}" for name in ("predators is 40", "prey is 80", "map_size is 90")],
        ),
        (
            replace(PURSUIT, environment=PursuitSettings(40, map_size=90), sizes=(20, 30)),
            [f"map_size is 90: {BY_SIZES}"],
        ),
        (
            pool("gated", gate_win_rate=0, gate_ties="win", gate_measure="reward"),
            [
                f"{name}: gate_win_rate is 0: the gated self is replaced whatever the results are"
                for name in ("gate_ties is win", "gate_measure is reward")
            ],
        ),
        (
            pool("past", past_size=1, past_choice="hardest"),
            ["past_choice is hardest: past_size is 1: there is one past self at a time"],
        ),
        (
            pool("self", result_games=7),
            [
                "result_games is 7: self is the only opponent: win rates are measured against "
                "others"
            ],
        ),
        (
            replace(
                PAPER,
                algorithm="iql",
                mean_field=MeanFieldSettings(neighbours="everyone", radius=3.0, oneself=True),
            ),
            [
                f"{name}: iql merges no actions"
                for name in ("neighbours is everyone", "radius is 3", "oneself is True")
            ],
        ),
        (
            replace(PAPER, network=NetworkSettings(attention_units=8)),
            ["attention_units is 8: no attention is learned with cmfq"],
        ),
        (
            replace(
                cmfq.preset("paper", SignalSettings()),
                network=NetworkSettings(ids=True, place=False, compass=True),
            ),
            [
                f"{name}: signal has no such inputs"
                for name in ("ids is True", "place is False", "compass is True")
            ],
        ),
        (
            replace(
                cmfq.preset("paper", ParticlesSettings()),
                network=NetworkSettings(place=False, compass=True),
            ),
            ["compass is True: particles has no such inputs"],
        ),
        (
            replace(PAPER, learner=LearnerSettings(average_updates=1, average_degree=2)),
            ["average_degree is 2: average_updates is 1: checkpoints hold the last weights"],
        ),
        (
            replace(PAPER, exploration=ExplorationSettings(beta_start=1, beta_episodes=0)),
            ["beta_start is 1: beta_episodes is 0: β is beta_end from the first episode on"],
        ),
    ],
)  # fmt: skip
def test_what_does_nothing_is_said(settings: RunSettings, sentences: list[str]) -> None:
    told = [one.replace(": ", " and does nothing in training, since ", 1) for one in sentences]
    assert said(settings) == told


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("algorithm", ["cmfq", "iql"])
def test_presets_and_settings_that_do_something_are_not_named(name: str, algorithm: str) -> None:
    forget_notices()
    notify_of_idle_settings(replace(cmfq.preset(name, BattleSettings()), algorithm=algorithm))
    notify_of_idle_settings(
        replace(
            PAPER,
            algorithm="mfq",
            algorithms={"agent": "cmfq"},
            mean_field=MeanFieldSettings(epsilon=1.0, oneself=True),
            learner=LearnerSettings(target_period=7),
            opponents=("past", "gated"),
            opponent_pool=OpponentSettings(past_period=3, gate_games=2, learn_from=True),
            sizes=(16, 36),
            sizes_join="in-turn",
            evaluate_period=2,
            evaluate_games=4,
            objective=ObjectiveSettings(team_share=0.5, rivalry=2),
        )
    )
    if name != "original":
        notify_of_idle_settings(cmfq.preset(name, PursuitSettings()))


ACTIVE: list[RunSettings] = [
    replace(PAPER, environment=BattleSettings(100), sizes=(16, 36), evaluate_period=2),
    replace(PAPER, environment=BattleSettings(16), sizes=(16, 36)),
    replace(PURSUIT, environment=PursuitSettings(predators=30), sizes=(20, 40)),
    pool("gated", gate_ties="win", gate_measure="reward", result_games=7),
    pool("past", past_choice="hardest", past_size=2, result_games=7),
    replace(
        PAPER,
        algorithm="attention-mfq",
        network=NetworkSettings(attention_units=8, place=False, compass=True),
        mean_field=MeanFieldSettings(radius=3.0),
        learner=LearnerSettings(average_updates=2, average_degree=2),
        exploration=ExplorationSettings(beta_start=1, beta_episodes=1),
    ),
    replace(PAPER, algorithm="mine:rule", network=NetworkSettings(attention_units=8)),
    replace(cmfq.preset("paper", ParticlesSettings()), network=NetworkSettings(place=False)),
    replace(
        cmfq.preset("original", BattleSettings()),
        algorithm="iql",
        opponent_pool=OpponentSettings(gate_win_rate=0, gate_measure="reward"),
    ),
]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("settings", ACTIVE)
def test_what_does_something_or_is_the_presets_is_not_named(settings: RunSettings) -> None:
    forget_notices()
    notify_of_idle_settings(settings)


@pytest.mark.parametrize("kind", KINDS)
def test_inputs_that_an_environment_lacks_are_those_that_change_no_network(kind: str) -> None:
    settings: EnvironmentSettings = KINDS[kind]()
    teams = settings.make().teams

    def inputs(network: NetworkSettings) -> list[int]:
        shapes = [QNetwork(team, network).state_dict().values() for team in teams]
        return [weight.numel() for weights in shapes for weight in weights]

    usual = NetworkSettings()
    without = [
        name
        for name in ("ids", "place", "compass")
        if inputs(replace(usual, **{name: not getattr(usual, name)})) == inputs(usual)
    ]
    assert without == list(ABSENT_INPUTS.get(kind, ()))
