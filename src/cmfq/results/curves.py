"""Learning curves of runs, by group, and the metrics that are kept beside a result.

::

    curves/
      README.md, index.html  the first and the last episodes, and the command that does it again
      metrics.json.gz  of every run
      runs.json        settings and versions of every run
      origin.json      what the page is written again from (:mod:`cmfq.results.origin`)
      curves.svg, .png
"""

import json
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any, TypedDict, cast

import msgspec
import numpy as np

from cmfq.decoding import Count, Finite, damage_of, decode_json, read_maybe_packed
from cmfq.environments.settings import EnvironmentSettings
from cmfq.errors import UserError
from cmfq.play.entrants import Entrant
from cmfq.play.outcomes import estimate
from cmfq.results.learning import (
    Roles,
    RowMeasure,
    in_role,
    learning_curves,
    reward_of,
    rewards_over_training,
    teams_by_role,
)
from cmfq.results.origin import from_stored, read_origin, write_origin
from cmfq.results.page import Code, Finding, Page, Picture, Section
from cmfq.results.style import Metrics
from cmfq.results.table import ONE_RUN, Table, conclusion, listing, minus, within
from cmfq.results.writing import write_folder
from cmfq.statistics.replication import difference
from cmfq.storage import make_folder, validate_results_folder, write_gzip
from cmfq.training.deaths import somebody_died
from cmfq.training.run import SETTINGS_FILE, Run
from cmfq.zoo import locate

METRICS = "metrics.json.gz"
HEADING = "Training: "
"""Beginning of the page's title; the game follows."""
ENDS = 10
"""Episodes of which the table has the means, at both ends of training."""

CURVES_CAPTION = (
    f"Training: means over {ENDS} episodes and over seeds; bands from the lowest to the highest "
    "seed. Where teams play against themselves, the reward does not show progress, because all "
    "sides improve."
)


class _KeptRow(TypedDict):
    episode: Count
    rewards: Annotated[list[Finite], msgspec.Meta(min_length=1)]
    kills: list[Finite]
    steps: Finite
    loss: Finite | None
    playing_seconds: Finite
    learning_seconds: Finite


KEPT = tuple(_KeptRow.__annotations__)
"""Keys of the metrics that are kept."""

MetricsOf = Mapping[str, Metrics]
"""Rows of metrics of each run, by the entrant's name."""


def find_metrics(entrants: Sequence[Entrant], folder: Path | None = None) -> MetricsOf:
    """Metrics of the runs that are there, and of the others those that a results folder holds.

    Raises:
        UserError: metrics are damaged.
    """
    found: dict[str, Metrics] = {
        one.name: _metrics(locate(one.name))
        for one in entrants
        if one.run and (locate(one.name) / SETTINGS_FILE).is_file()
    }
    if folder and (folder / METRICS).is_file():
        names = {one.name for one in entrants}
        stored = stored_metrics(folder)
        found = {name: rows for name, rows in stored.items() if name in names} | found
    return {name: rows for name, rows in found.items() if rows}


def stored_metrics(folder: Path) -> dict[str, Metrics]:
    """Metrics of runs, by their names, that a results folder holds.

    Raises:
        UserError: they are damaged.
    """
    path = folder / METRICS
    with damage_of(path, "repair or remove it"):
        found = decode_json(read_maybe_packed(path), dict[str, list[_KeptRow]])
    return {name: cast("Metrics", rows) for name, rows in found.items()}


def write_metrics(folder: Path, metrics: MetricsOf) -> None:
    """Keep metrics in a results folder, where :func:`find_metrics` finds them."""
    if (folder / METRICS).is_file() and stored_metrics(folder) == metrics:
        return
    write_gzip(folder / METRICS, json.dumps(metrics).encode())


def by_group(entrants: Sequence[Entrant], metrics: MetricsOf) -> dict[str, list[Metrics]]:
    """Metrics of the runs of each group."""
    groups: dict[str, list[Metrics]] = {}
    for one in entrants:
        if one.name in metrics:
            groups.setdefault(one.group, []).append(metrics[one.name])
    return groups


def ends_table(curves: Mapping[str, Sequence[Metrics]], roles: Roles, title: str = "") -> Table:
    """Means of the first and of the last episodes of each group.

    Args:
        curves: metrics of the runs of each group.
        roles: roles of the environment, each with a reward of its own.
        title: title of the table on terminals.
    """
    columns: list[str] = ["group", "seeds", "episodes"]
    measures: dict[str, RowMeasure] = {
        in_role("reward", role, roles): partial(reward_of, teams=teams)
        for role, teams in roles.items()
    }
    if _anybody_died(curves):
        measures["kills"] = lambda row: float(np.sum(row["kills"]))
    measures["steps"] = lambda row: float(row["steps"])
    for name in measures:
        columns += [f"{name}, first {ENDS}", f"last {ENDS}"]
    rows = []
    for group, runs in curves.items():
        cells = []
        for measure in measures.values():
            cells += [minus(one, 0) for one in _ends(measure, runs)]
        lengths = sorted({len(run) for run in runs})
        rows.append((group, str(len(runs)), ", ".join(map(str, lengths)), *cells))
    return Table(tuple(columns), rows, title)


def ends_sentences(curves: Mapping[str, Sequence[Metrics]], roles: Roles) -> list[str]:
    """A sentence for each role: who earns more than whom at the end, and who less than at first.

    Both beyond chance. None where there is nothing to say.
    """
    said = {role: _ends_clause(curves, teams) for role, teams in roles.items()}
    return [
        f"Reward, {role}: {one}." if len(roles) > 1 else f"{one[0].upper()}{one[1:]}."
        for role, one in said.items()
        if one
    ]


def _ends_clause(curves: Mapping[str, Sequence[Metrics]], teams: Sequence[int]) -> str:
    measure = partial(reward_of, teams=teams)
    means = {group: [_ends(measure, [run]) for run in runs] for group, runs in curves.items()}
    last = {group: [end for _, end in runs] for group, runs in means.items()}
    pairs = combinations(sorted(last, key=lambda group: -float(np.mean(last[group]))), 2)
    told = conclusion(
        {(a, b): difference(last[a], last[b]) for a, b in pairs}, 0, "earns more than", ONE_RUN
    )
    gains = {
        group: estimate(np.array([[end - start] for start, end in runs]), share=False)
        for group, runs in means.items()
    }
    fallen = [group for group, gain in gains.items() if gain.leaves_out(0) and gain.value < 0]
    parts = [f"in the last {ENDS} episodes {within(told)}"] if told else []
    parts += [f"less than in the first {ENDS}: {listing(fallen)}"] if fallen else []
    return "; ".join(parts)


def write_curves(
    folder: Path, entrants: Sequence[Entrant], settings: EnvironmentSettings, command: str
) -> Page:
    """Write the folder; it is made if it is not there. Gives its page.

    Metrics of runs that are not there any more are those that the folder holds.

    Args:
        folder: to write to.
        entrants: the runs.
        settings: settings of the environment.
        command: that does it again.

    Raises:
        UserError: one of the entrants is no run with metrics, or the runs are of several
            environments.
    """
    metrics = find_metrics(entrants, folder)
    if not entrants:
        raise UserError("no runs are given: give run folders of `cmfq train`")
    for one in entrants:
        if one.name not in metrics:
            raise UserError(f"{one.name} has no curves to draw: give run folders of `cmfq train`")
    kinds = sorted({one.run["environment"] for one in entrants if one.run})
    if len(kinds) != 1:
        raise UserError(
            f"the runs are of {' and '.join(kinds)}, whose rewards cannot be compared: give runs "
            "of one environment"
        )
    curves = by_group(entrants, metrics)
    roles = teams_by_role(curves, settings)
    make_folder(folder)
    write_metrics(folder, metrics)
    write_origin(folder, entrants, settings, command)
    what = f"Means over the first and the last {ENDS} episodes and over seeds; reward per team" + (
        ", kills of all teams." if _anybody_died(curves) else "."
    )
    pictures = [Picture("curves", partial(learning_curves, curves, settings), "Learning curves")]
    if len(roles) == len(settings.team_sizes) == 2 and not _anybody_died(curves):
        each = partial(rewards_over_training, curves, settings)
        pictures.append(Picture("rewards", each, "Reward per agent and step"))
    again = (
        Code(command),
        "`runs.json` holds the settings and versions of every run. Runs that differ only in the "
        "seed form a group.",
        from_stored("curves", folder),
    )
    table = ends_table(curves, roles, "Training")
    said = map(Finding, ends_sentences(curves, roles))
    beginning = Section("", (*said, CURVES_CAPTION, *pictures, what, table))
    page = Page(f"{HEADING}{settings.title}", (beginning,), again)
    write_folder(folder, page)
    return page


def write_stored_curves(folder: Path) -> Page:
    """Write the folder again from the metrics that it holds. Gives its page.

    Raises:
        UserError: it is no folder of ``cmfq curves``, or is damaged.
    """
    origin = read_origin(folder)
    validate_results_folder(folder, HEADING)
    return write_curves(folder, origin.entrants, origin.settings, origin.command)


def _anybody_died(curves: Mapping[str, Sequence[Metrics]]) -> bool:
    return any(somebody_died(row) for runs in curves.values() for rows in runs for row in rows)


def _ends(measure: RowMeasure, runs: Sequence[Metrics]) -> list[float]:
    """Means of the first and of the last episodes of some runs."""
    return [
        float(np.mean([measure(row) for run in runs for row in run[part]]))
        for part in (slice(ENDS), slice(-ENDS, None))
    ]


def _metrics(run: Path) -> Metrics:
    return [_shorten(row) for row in Run(run).metrics()]


def _shorten(row: Mapping[str, Any]) -> dict[str, object]:
    """A row with all that figures and tables need, to three digits."""
    kept = {key: row[key] for key in KEPT}
    return {
        key: [round(part, 3) for part in value]
        if isinstance(value, list)
        else value and round(value, 3)
        for key, value in kept.items()
    }
