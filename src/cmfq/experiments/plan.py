"""Plan of many runs: algorithms, seeds, sizes and variants, every one with every other.

A plan is a TOML file::

    environment = "battle"
    algorithms = ["cmfq", "mfq"]
    seeds = 5                         # 0 to 4; or a list of them
    sizes = [64, 100]                 # of the environment, if not the usual one

    [settings]                        # of all runs, where not as by default
    episodes = 400
    "exploration.beta_end" = 20

    [variants.strong]                 # settings that go by a name, if there are several such sets
    preset = "strong"

    [variants.wide]
    "mean_field.radius" = inf

    [variants.larger]                 # runs that start from others; these may be of the same plan
    start_from = "runs/many/{algorithm}-strong-{seed}"

Each run has a folder of its own: ``cmfq-64-strong-0``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any

from cmfq.algorithms import check_algorithm
from cmfq.errors import UserError
from cmfq.experiments.settings import KINDS, NOT_SETTINGS, planned_settings, read_parts
from cmfq.storage import flatten
from cmfq.training.checkpoint import validate_own_functions
from cmfq.training.settings import RunSettings

PARTS: dict[str, tuple[type, ...]] = {
    "environment": (str,),
    "algorithms": (list,),
    "seeds": (int, list),
    "sizes": (list,),
    "settings": (dict,),
    "variants": (dict,),
}
"""What a plan may have, and of which types."""
MOST_RUNS = 10_000


@dataclass(frozen=True)
class ManyRuns:
    """A plan."""

    environment: str
    """Name of the environment, as ``cmfq train`` takes it."""
    algorithms: tuple[str, ...]
    seeds: tuple[int, ...] = (0,)
    sizes: tuple[int, ...] = ()
    """Sizes of the environment; empty: as the settings say."""
    settings: Mapping[str, object] = field(default_factory=dict)
    """Settings of all runs, by path."""
    variants: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    """Settings of each variant, by path; empty: there is one, without a name."""

    def runs(self) -> dict[str, RunSettings]:
        """Settings of every run, by the name of its folder; runs of one seed next to each other.

        Raises:
            UserError: a setting does not exist or does not take a value.
        """
        runs = {}
        variants = self.variants or {"": {}}
        for seed, size, variant, algorithm in product(
            self.seeds, self.sizes or (0,), variants, self.algorithms
        ):
            values = {**self.settings, **variants[variant], "algorithm": algorithm, "seed": seed}
            if isinstance(start := values.get("start_from"), str):
                start = start.replace("{seed}", str(seed))
                values["start_from"] = start.replace("{algorithm}", _in_names(algorithm))
            settings = planned_settings(self.environment, values)
            if size:
                settings = replace(settings, environment=settings.environment.resized(size))
            parts = [_in_names(algorithm), *([str(size)] if size else []), variant, seed]
            runs["-".join(str(part) for part in parts if part != "")] = settings
        return runs


def read_many(path: Path) -> ManyRuns:
    """Read a plan.

    Raises:
        UserError: it cannot be read, is no plan, or one of its runs could not be begun.
    """
    raw = read_parts(path, PARTS)
    plan = ManyRuns(
        raw.get("environment", "battle"),
        tuple(_list("algorithms", raw.get("algorithms", []), str, path)),
        tuple(_seeds(raw.get("seeds", 1), path)),
        tuple(_list("sizes", raw.get("sizes", []), int, path, least=0)),
        flatten(raw.get("settings", {})),
        _variants(raw.get("variants", {}), path),
    )
    for algorithm in plan.algorithms:
        check_algorithm(algorithm)
    for values in (plan.settings, *plan.variants.values()):
        for name in values:
            if name in NOT_SETTINGS:
                raise UserError(
                    f"{path} cannot have the setting {name}: give algorithms and "
                    "seeds at the top of the plan"
                )
    if not 1 <= _number(plan) <= MOST_RUNS:
        raise UserError(f"{path} has {_number(plan)} runs: give 1 to {MOST_RUNS}")
    runs = plan.runs()
    for settings in runs.values():
        validate_own_functions(settings.own_functions, path)
    if len(runs) < _number(plan):
        raise UserError(f"{path} has runs of the same name: give each algorithm and variant once")
    return plan


def _in_names(algorithm: str) -> str:
    """An algorithm as it is a part of a folder's name."""
    return algorithm.replace(":", "-")


def _number(plan: ManyRuns) -> int:
    parts = (plan.algorithms, plan.seeds, plan.sizes or (0,), plan.variants or ("",))
    number = 1
    for part in parts:
        number *= len(part)
    return number


def _seeds(seeds: int | list[Any], path: Path) -> list[int]:
    if isinstance(seeds, int):
        if not 1 <= seeds <= MOST_RUNS:
            raise UserError(f"seeds of {path} is {seeds}: give 1 to {MOST_RUNS}, or a list of them")
        return list(range(seeds))
    return _list("seeds", seeds, int, path)


def _list(name: str, values: list[Any], kind: type, path: Path, least: int = 1) -> list[Any]:
    """A list of different values of one type."""
    for value in values:
        if not isinstance(value, kind) or isinstance(value, bool):
            raise UserError(f"{name} of {path} has {value!r}: give {KINDS[kind]}s")
        if values.count(value) > 1:
            raise UserError(f"{name} of {path} has {value!r} twice: give each once")
    if len(values) < least:
        raise UserError(f"{name} of {path} is empty: give at least one")
    return values


def _variants(raw: Mapping[str, object], path: Path) -> dict[str, dict[str, object]]:
    """Settings of each variant by path; its name becomes part of a folder's."""
    variants = {}
    for name, values in raw.items():
        if not isinstance(values, dict):
            raise UserError(
                f"variants.{name} of {path} is {values!r}: give its settings under "
                f"[variants.{name}]"
            )
        if not name or not all(letter.isalnum() or letter in "_." for letter in name):
            raise UserError(
                f"the variant {name!r} of {path} names folders: give letters, digits, _ and ."
            )
        variants[name] = flatten(values)
    return variants
