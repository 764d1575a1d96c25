"""Settings that were changed and do nothing, since another one leaves them no part."""

from collections.abc import Iterator
from contextlib import suppress

from cmfq.algorithms import ALGORITHMS
from cmfq.errors import UserError
from cmfq.notices import notify
from cmfq.storage import flatten, plain
from cmfq.training.opponent_settings import GATED, PAST, SELF, parse_mix
from cmfq.training.presets import preset_training
from cmfq.training.settings import RunSettings, TrainSettings

EFFECTS = ("effect_beta", "intervention", "effect")
"""Settings of causal effects."""


def notify_of_idle_settings(settings: RunSettings) -> None:
    """Say of every setting that was changed, and does nothing, why that is so.

    Changed is what is neither the default nor the value of the preset.
    """
    defaults: list[RunSettings] = [TrainSettings(settings.environment)]
    with suppress(UserError):  # a preset of the user's own name, or of another environment
        defaults.append(preset_training(settings.preset, settings.environment))
    given, *usual = (flatten(plain(one)) for one in (settings, *defaults))
    for paths, reason in _idle(settings):
        for path in paths:
            if all(given.get(path) != one.get(path) for one in usual):
                name, value = path.rpartition(".")[2], _shown(given.get(path))
                said = f"{name} is {value} and does nothing in training, since {reason}"
                notify(f"idle {path}", said)


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return " ".join(map(str, value)) or "empty" if isinstance(value, list) else str(value)


def _idle(settings: RunSettings) -> Iterator[tuple[list[str], str]]:
    """Paths of settings that do nothing, and why."""
    mix = parse_mix(settings.opponents)
    algorithms = {settings.algorithm, *settings.algorithms.values()}
    if not settings.sizes:
        yield ["sizes_join"], "no sizes are given"
    if not settings.evaluate_period:
        yield ["evaluate_games", "evaluate_against"], "evaluate_period is 0"
    pool = [f"opponent_pool.{name}" for name in vars(settings.opponent_pool)]
    if GATED not in mix:
        yield [one for one in pool if ".gate_" in one], f"opponents does not name {GATED}"
    if PAST not in mix:
        yield [one for one in pool if ".past_" in one], f"opponents does not name {PAST}"
    if set(mix) == {SELF}:
        yield ["opponent_pool.learn_from"], f"{SELF} is the only opponent, learned from anyway"
    named = " and ".join(sorted(algorithms))
    if algorithms <= {"iql", "mfq", "attention-mfq"}:
        yield ["mean_field.epsilon"], f"no weights are smoothed with {named}"
    if algorithms <= ALGORITHMS.keys() - {"cmfq"}:
        reason = f"no causal effects decide with {named}; recordings show them all the same"
        yield [f"mean_field.{name}" for name in EFFECTS], reason
    if algorithms == {"iql"}:
        merged = ["learner.merged_action", "learner.target_merged_action"]
        yield merged, "iql merges no actions"
    if settings.learner.target_rate:
        reason = f"target_rate is {settings.learner.target_rate:g}: the target follows every update"
        yield ["learner.target_period"], reason
    if not settings.objective.team_share:
        reason = "team_share is 0: it weighs a part of the team's reward"
        yield ["objective.rivalry"], reason
