"""Figures of what training earns, in the style of :mod:`cmfq.results.style`."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from cmfq.environments.keeping import teams_of
from cmfq.environments.settings import EnvironmentSettings
from cmfq.errors import UserError
from cmfq.play.crossing import roles_of
from cmfq.results.style import DASHES, Metrics, colours_of, name_lines, panels
from cmfq.training.deaths import somebody_died

SMOOTHING = 10
"""Episodes over which curves are averaged."""
RowMeasure = Callable[[Mapping[str, Any]], float]
"""A number of a row of metrics."""
Roles = Mapping[str, Sequence[int]]
"""Numbers of the teams of each role, by the role's name."""


def teams_by_role(runs: Mapping[str, Sequence[Metrics]], settings: EnvironmentSettings) -> Roles:
    """The teams of each role: what one role earns may be what another loses.

    Each team is a role of its own if the environment cannot be made here, such as one of the
    user's own whose results came from elsewhere.

    Args:
        runs: metrics of the runs of each group.
        settings: settings of the environment.
    """
    try:
        names = [team.role for team in teams_of(settings)]
    except UserError:
        teams = next(len(row["rewards"]) for some in runs.values() for rows in some for row in rows)
        names = [f"team {number}" for number in range(1, teams + 1)]
    return {name: [n for n, one in enumerate(names) if one == name] for name in names}


def reward_of(row: Mapping[str, Any], teams: Sequence[int]) -> float:
    """Mean reward of some teams in a row of metrics."""
    return float(np.mean([row["rewards"][team] for team in teams]))


def in_role(what: str, role: str, roles: Roles) -> str:
    """Name of a measure, with its role where there are several: ``reward, prey``."""
    return f"{what}, {role}" if len(roles) > 1 else what


def learning_curves(runs: Mapping[str, Sequence[Metrics]], settings: EnvironmentSettings) -> Figure:
    """Reward of each role, kills (where agents die), length of episodes and TD error in training.

    Args:
        runs: metrics of the runs of each group. The line is their mean, the band their spread
            (least to greatest).
        settings: settings of the environment.
    """
    roles = teams_by_role(runs, settings)
    measures: dict[str, RowMeasure] = {
        in_role("reward of a team", role, roles): partial(reward_of, teams=teams)
        for role, teams in roles.items()
    }
    if any(somebody_died(row) for some in runs.values() for rows in some for row in rows):
        measures["kills, all teams"] = lambda row: sum(row["kills"])
    measures["steps"] = lambda row: row["steps"]
    measures["squared TD error"] = lambda row: np.nan if row["loss"] is None else row["loss"]
    return _panels(runs, measures)


def _panels(runs: Mapping[str, Sequence[Metrics]], shown: Mapping[str, RowMeasure]) -> Figure:
    """A panel for each measure, by its label."""
    colours = colours_of(list(runs))
    size, columns = ((2.9, 2.4), 3) if len(shown) == 3 else ((4.3, 2.4), 2)  # no empty block
    figure, drawn = panels(len(shown), size, columns=columns, shared="x")
    for axes, (label, measure) in zip(drawn, shown.items(), strict=True):
        for number, (group, metrics) in enumerate(runs.items()):
            colour = colours[group]
            length = min(len(rows) for rows in metrics)
            curves = np.array(
                [_smooth(np.array([measure(row) for row in rows[:length]])) for rows in metrics]
            )
            episodes = np.arange(1, length + 1)
            name = f"{group} ({len(metrics)} seeds)" if len(metrics) > 1 else group
            axes.plot(episodes, curves.mean(0), color=colour, label=name, linewidth=1.6,
                      linestyle=DASHES[number % len(DASHES)])  # fmt: skip
            low, high = curves.min(0), curves.max(0)
            axes.fill_between(episodes, low, high, color=colour, alpha=0.18, linewidth=0)
        axes.set_ylabel(label)
    for axes in drawn[-columns:]:
        axes.set_xlabel("training episode")
    name_lines(figure, drawn[:1], columns=5)
    return figure


def rewards_over_training(
    runs: Mapping[str, Sequence[Metrics]], settings: EnvironmentSettings
) -> Figure:
    """Reward per agent and step of both roles (see :func:`learning_curves`)."""
    counts = settings.team_sizes

    def measure(team: int) -> RowMeasure:
        return lambda row: float(row["rewards"][team] / counts[team] / row["steps"])

    return _panels(
        runs,
        {
            f"reward per {role} and step": measure(team)
            for team, role in enumerate(roles_of(settings))
        },
    )


def _smooth(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Mean of each value and those before it, over at most ``SMOOTHING`` that are known."""
    known = np.isfinite(values)
    totals = np.cumsum(np.where(known, values, 0.0))
    numbers = np.cumsum(known)
    totals[SMOOTHING:] -= totals[:-SMOOTHING].copy()
    numbers[SMOOTHING:] -= numbers[:-SMOOTHING].copy()
    means: npt.NDArray[np.float64] = np.full(len(values), np.nan)
    np.divide(totals, numbers, out=means, where=numbers > 0)
    return means
