"""Settings that do nothing are named, and others are not."""

from dataclasses import replace

import pytest

import cmfq
from cmfq.algorithms import MeanFieldSettings
from cmfq.environments.battle import BattleSettings
from cmfq.environments.pursuit import PursuitSettings
from cmfq.learner import LearnerSettings
from cmfq.notices import Notice, forget_notices
from cmfq.objective import ObjectiveSettings
from cmfq.training.idle_settings import notify_of_idle_settings
from cmfq.training.opponent_settings import OpponentSettings
from cmfq.training.presets import PRESETS
from cmfq.training.settings import RunSettings

PAPER = cmfq.preset("paper", BattleSettings())


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
