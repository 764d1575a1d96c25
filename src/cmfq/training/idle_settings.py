"""Settings that were changed and do nothing, since another one leaves them no part."""

from collections.abc import Iterator

from cmfq.algorithms import ALGORITHMS
from cmfq.notices import notify
from cmfq.storage import flatten, plain
from cmfq.training.opponent_settings import GATED, PAST, SELF, parse_mix
from cmfq.training.presets import preset_training
from cmfq.training.settings import RunSettings, TrainSettings

CAUSAL = ("epsilon", "effect_beta", "intervention", "effect")
"""Settings of causal weights alone."""


def notify_of_idle_settings(settings: RunSettings) -> None:
    """Say of every setting that was changed, and does nothing, why that is so.

    Changed is what is neither the default nor the value of the preset.
    """
    preset = preset_training(settings.preset, settings.environment)
    given, *usual = (
        flatten(plain(one)) for one in (settings, preset, TrainSettings(settings.environment))
    )
    for paths, reason in _idle(settings):
        for path in paths:
            if all(given.get(path) != one.get(path) for one in usual):
                name, value = path.rpartition(".")[2], given.get(path)
                shown = f"{value:g}" if isinstance(value, float) else f"{value}"
                notify(f"idle {path}", f"{name} is {shown} and does nothing, since {reason}")


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
    if "cmfq" not in algorithms and algorithms <= ALGORITHMS.keys():
        reason = f"{' and '.join(sorted(algorithms))} has no causal effects"
        yield [f"mean_field.{name}" for name in CAUSAL], reason
    if algorithms == {"iql"}:
        merged = ["mean_field.neighbours", "mean_field.radius", "mean_field.oneself"]
        merged += ["learner.merged_action", "learner.target_merged_action"]
        yield merged, "iql merges no actions"
    if settings.learner.target_rate:
        reason = f"target_rate is {settings.learner.target_rate:g}: the target follows every update"
        yield ["learner.target_period"], reason
    if not settings.objective.team_share:
        reason = "team_share is 0: it weighs a part of the team's reward"
        yield ["objective.rivalry"], reason
