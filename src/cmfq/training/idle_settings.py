"""Settings that were changed and do nothing, since another one leaves them no part."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import MISSING, fields, replace
from typing import Any

from cmfq.algorithms import ALGORITHMS
from cmfq.errors import UserError
from cmfq.notices import notify
from cmfq.storage import flatten, plain
from cmfq.training.opponent_settings import GATED, PAST, SELF, parse_mix
from cmfq.training.presets import preset_training
from cmfq.training.settings import RunSettings, TrainSettings

EFFECTS = ("effect_beta", "intervention", "effect")
"""Settings of causal effects."""
SIZES = ("size", "predators", "prey", "map_size")
"""Settings of an environment that may follow from ``sizes``."""
ABSENT_INPUTS = {"particles": ("ids", "compass"), "signal": ("ids", "place", "compass")}
"""Inputs of MAgent2's games that other environments do not have, by kind of environment. What an
environment of the user's own has is not known before it is made."""
Idle = Iterator[tuple[list[str], str]]
"""Paths of settings that do nothing, and why."""


def notify_of_idle_settings(settings: RunSettings) -> None:
    """Say of every setting that was changed, and does nothing, why that is so.

    Changed is what is neither the default nor the value of the preset.
    """
    defaults: list[RunSettings] = [TrainSettings(settings.environment)]
    with suppress(UserError):  # a preset of the user's own name, or of another environment
        defaults.append(preset_training(settings.preset, settings.environment))
    given, *usual = (flatten(plain(one)) for one in (settings, *defaults))
    own = _fields(settings.environment)
    world = {f"environment.{one.name}": plain(one.default) for one in own}
    usual = [one | world for one in usual]
    for paths, reason in _idle(settings):
        for path in paths:
            if all(given.get(path) != one.get(path) for one in usual):
                name, value = path.rpartition(".")[2], _shown(given.get(path))
                said = f"{name} is {value} and does nothing in training, since {reason}"
                notify(f"idle {path}", said)


def _fields(settings: Any) -> list[Any]:
    """Fields of a dataclass that have a default."""
    return [one for one in fields(settings) if one.default is not MISSING]


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return " ".join(map(str, value)) or "empty" if isinstance(value, list) else str(value)


def _idle(settings: RunSettings) -> Idle:
    yield from _idle_in_games(settings)
    yield from _idle_against_opponents(settings)
    yield from _idle_in_networks(settings)
    yield from _idle_in_learning(settings)


def _idle_in_games(settings: RunSettings) -> Idle:
    if not settings.sizes:
        yield ["sizes_join"], "no sizes are given"
    elif len(settings.sizes) == 1:
        yield ["sizes_join"], "one size is given"
    if not settings.evaluate_period:
        yield ["evaluate_games", "evaluate_against"], "evaluate_period is 0"
        reason = "sizes are given: games with its checkpoints have it by default, and no others"
        yield _replaced_by_sizes(settings), reason


def _replaced_by_sizes(settings: RunSettings) -> list[str]:
    """Settings of the environment without which every game of a size is the same.

    None if the environment itself is of one of the sizes.
    """
    world: Any = settings.environment
    sized = [world.resized(size) for size in settings.sizes]
    if not sized or world in sized:
        return []
    paths: list[str] = []
    for names in (SIZES[-1:], SIZES):  # prey may be in another proportion to predators
        defaults = {one.name: one.default for one in _fields(world) if one.name in names}
        other = replace(world, **defaults)
        if [other.resized(size) for size in settings.sizes] == sized:
            paths = [f"environment.{name}" for name in defaults]
    return paths


def _idle_against_opponents(settings: RunSettings) -> Idle:
    mix, pool = parse_mix(settings.opponents), settings.opponent_pool
    names = [f"opponent_pool.{name}" for name in vars(pool)]
    if GATED not in mix:
        yield [one for one in names if ".gate_" in one], f"opponents does not name {GATED}"
    elif not pool.gate_win_rate:
        results = ["opponent_pool.gate_ties", "opponent_pool.gate_measure"]
        yield results, "gate_win_rate is 0: the gated self is replaced whatever the results are"
    if PAST not in mix:
        yield [one for one in names if ".past_" in one], f"opponents does not name {PAST}"
    elif pool.past_size == 1:
        yield ["opponent_pool.past_choice"], "past_size is 1: there is one past self at a time"
    if set(mix) == {SELF}:
        yield ["opponent_pool.learn_from"], f"{SELF} is the only opponent, learned from anyway"
        reason = f"{SELF} is the only opponent: win rates are measured against others"
        yield ["opponent_pool.result_games"], reason


def _idle_in_networks(settings: RunSettings) -> Idle:
    algorithms = {settings.algorithm, *settings.algorithms.values()}
    named = " and ".join(sorted(algorithms))
    if algorithms <= {"iql", "mfq", "attention-mfq"}:
        yield ["mean_field.epsilon"], f"no weights are smoothed with {named}"
    if algorithms <= ALGORITHMS.keys() - {"cmfq"}:
        reason = f"no causal effects decide with {named}; recordings show them all the same"
        yield [f"mean_field.{name}" for name in EFFECTS], reason
    if algorithms == {"iql"}:
        merging = ["learner.merged_action", "learner.target_merged_action"]
        neighbours = [f"mean_field.{name}" for name in ("neighbours", "radius", "oneself")]
        yield merging + neighbours, "iql merges no actions"
    if algorithms <= ALGORITHMS.keys() - {"attention-mfq"}:
        yield ["network.attention_units"], f"no attention is learned with {named}"
    kind = settings.environment.kind
    absent = [f"network.{name}" for name in ABSENT_INPUTS.get(kind, ())]
    yield absent, f"{kind} has no such inputs"


def _idle_in_learning(settings: RunSettings) -> Idle:
    learner, world = settings.learner, settings.environment
    if learner.target_rate:
        reason = f"target_rate is {learner.target_rate:g}: the target follows every update"
        yield ["learner.target_period"], reason
    if learner.average_updates == 1:
        reason = "average_updates is 1: checkpoints hold the last weights"
        yield ["learner.average_degree"], reason
    if not settings.exploration.beta_episodes:
        reason = "beta_episodes is 0: β is beta_end from the first episode on"
        yield ["exploration.beta_start"], reason
    if not settings.objective.team_share:
        reason = "team_share is 0: it weighs a part of the team's reward"
        yield ["objective.rivalry"], reason
    elif not world.own_functions and len(world.team_sizes) == 1:  # no second one is made of others
        yield ["objective.rivalry"], "there is no other team"
