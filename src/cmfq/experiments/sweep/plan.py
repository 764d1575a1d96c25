"""Plan of a sweep: factors of two levels each, in a design that tells their effects apart.

A plan is a TOML file::

    environment = "battle"
    algorithms = ["cmfq", "mfq"]      # both are trained in every cell, with the same seed

    [factors]                         # two levels each: the first as it is, the second a change
    episodes = [200, 600]
    "exploration.beta_end" = [30, 10]

    [settings]                        # of all runs, where not as by default
    checkpoint_period = 50

The design is a saturated two-level one with its mirror image (a fold-over: Box, Hunter and Hunter,
"Statistics for Experimenters", 2nd ed., ch. 6): 2 to 3 factors take 8 cells, 4 to 7 take 16. Every
run informs every factor, each level of a factor meets both levels of every other one equally often,
and no interaction of two factors looks like the effect of a third.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.linalg import hadamard

from cmfq.algorithms import check_algorithm
from cmfq.environments.settings import EnvironmentSettings
from cmfq.errors import UserError
from cmfq.experiments.settings import NOT_SETTINGS, planned_settings, read_parts
from cmfq.storage import flatten
from cmfq.training.checkpoint import validate_own_functions
from cmfq.training.settings import RunSettings

IntArray = npt.NDArray[np.int64]
PARTS: dict[str, tuple[type, ...]] = {
    "environment": (str,),
    "algorithms": (list,),
    "factors": (dict,),
    "settings": (dict,),
}
"""What a plan may have, and of which types."""


@dataclass(frozen=True)
class Factor:
    """A setting with two levels."""

    name: str
    """Path of the setting, as run.json has it: ``exploration.beta_end``."""
    levels: tuple[object, object]

    @property
    def title(self) -> str:
        """``beta_end 30 → 10``."""
        first, second = map(level_text, self.levels)
        return f"{self.name.rpartition('.')[2]} {first} → {second}"


def level_text(level: object) -> str:
    """A level in a table: the values of a list or tuple with spaces between them."""
    return " ".join(map(str, level)) if isinstance(level, list | tuple) else str(level)


@dataclass(frozen=True)
class Plan:
    """A plan: two algorithms, and the settings that are varied."""

    environment: str
    """Name of the environment, as ``cmfq train`` takes it."""
    algorithms: tuple[str, str]
    """The two algorithms that are compared."""
    factors: tuple[Factor, ...]
    settings: dict[str, object]
    """Settings of all runs, by path."""

    @property
    def design(self) -> IntArray:
        """``(cells, factors)``: 0 for the first level, 1 for the second."""
        return fold_over(len(self.factors))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all runs, cell by cell."""
        cells = range(len(self.design))
        return tuple(run_name(cell, one) for cell in cells for one in self.algorithms)

    @property
    def game(self) -> EnvironmentSettings:
        """Settings of the environment in which the runs play: what no factor varies."""
        return self._settings({}).environment

    def runs(self) -> dict[str, RunSettings]:
        """Settings of every run, by its name (see :func:`run_name`).

        Raises:
            UserError: a setting does not exist, or a level is none of its values.
        """
        runs = {}
        for cell, levels in enumerate(self.design):
            changes = {
                factor.name: factor.levels[level]
                for factor, level in zip(self.factors, levels, strict=True)
            }
            for algorithm in self.algorithms:
                own = {"algorithm": algorithm, "seed": cell}
                runs[run_name(cell, algorithm)] = self._settings(changes | own)
        return runs

    @property
    def own_functions(self) -> list[str]:
        """Names of functions that are not the package's: using them runs their modules."""
        return [name for settings in self.runs().values() for name in settings.own_functions]

    def validate_levels(self) -> None:
        """Refuse two ways to write one level.

        Raises:
            UserError: the levels of a factor are the same to a run, or none of its values.
        """
        for factor in self.factors:
            first, second = (self._settings({factor.name: level}) for level in factor.levels)
            if first == second:
                raise UserError(
                    f"the levels of {factor.name} are {factor.levels[0]!r} and "
                    f"{factor.levels[1]!r}, which give the same run: give two levels that differ"
                )

    def _settings(self, changes: Mapping[str, object]) -> RunSettings:
        return planned_settings(self.environment, {**self.settings, **changes})


def fold_over(factors: int) -> IntArray:
    """A saturated design with its mirror image, ``(cells, factors)`` of 0 and 1."""
    size = 2
    while size <= factors:
        size *= 2
    half = hadamard(size)[:, 1 : factors + 1]
    return np.asarray((1 - np.vstack([half, -half])) // 2, np.int64)


def run_name(cell: int, algorithm: str) -> str:
    """Name of an algorithm's run in a cell: ``03-cmfq``."""
    return f"{cell:02d}-{algorithm}"


def read_plan(path: Path) -> Plan:
    """Read a plan.

    Raises:
        UserError: it cannot be read, or is no plan.
    """
    raw = read_parts(path, PARTS)
    algorithms = [str(name) for name in raw.get("algorithms", [])]
    if len(algorithms) != 2 or algorithms[0] == algorithms[1]:
        raise UserError(f'algorithms of {path} is {algorithms}: give two, as in ["cmfq", "mfq"]')
    for algorithm in algorithms:
        check_algorithm(algorithm)
    factors, settings = flatten(raw.get("factors", {})), flatten(raw.get("settings", {}))
    if len(factors) < 2:
        raise UserError(f"{path} has {len(factors)} factors: give at least two under [factors]")
    for name in (*factors, *settings):
        if name in NOT_SETTINGS:
            raise UserError(f"{path} cannot set {name}: the design sets it")
    for name, levels in factors.items():
        if not isinstance(levels, list) or len(levels) != 2 or levels[0] == levels[1]:
            raise UserError(f"{name} of {path} is {levels}: give two levels, as in [200, 600]")
    plan = Plan(
        raw.get("environment", "battle"),
        (algorithms[0], algorithms[1]),
        tuple(Factor(name, (levels[0], levels[1])) for name, levels in factors.items()),
        settings,
    )
    plan.validate_levels()
    for run in plan.runs().values():  # refuses settings that do not exist
        validate_own_functions(run.own_functions, path)
    return plan
