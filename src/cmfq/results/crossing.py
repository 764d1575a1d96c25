"""Results of ``cmfq cross``: rewards of each algorithm in each role, at each size.

::

    results/
      README.md, index.html   tables, figures and how to get them again
      cells.csv         one row per first group, second group and size
      games.jsonl.gz    every game
      runs.json         settings and versions of every run
      rewards.svg, .png   first role's reward by size, a panel for each second side (Fig 7)
      curves.svg, .png    reward of both roles over training (Fig 6, 10)
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np

from cmfq.environments.settings import EnvironmentSettings
from cmfq.play.crossing import CrossCell, CrossGame, roles_of, scaled, summarise
from cmfq.play.entrants import Entrant, groups_of, script_group
from cmfq.play.players import RANDOM
from cmfq.results.figures import rewards_by_size, rewards_over_training
from cmfq.results.page import Code, Finding, Page, Part, Picture, Section
from cmfq.results.style import Metrics
from cmfq.results.table import Table
from cmfq.results.writing import write_folder
from cmfq.storage import make_folder, write_bytes, write_gzip, write_json
from cmfq.text import csv_text
from cmfq.training.run import Run
from cmfq.zoo import locate

RANDOM_GROUP = script_group(RANDOM)


def heading(settings: EnvironmentSettings) -> str:
    """Beginning of the title of such a page; the roles follow."""
    return f"{settings.title.split(',')[0].capitalize()}: "


def write_crossing(
    folder: Path,
    entrants: Sequence[Entrant],
    games: Sequence[CrossGame],
    settings: EnvironmentSettings,
    command: str,
) -> Page:
    """Write the results folder. Gives its page.

    Args:
        folder: to write to; made if it is not there.
        entrants: that played.
        games: all of them.
        settings: settings of the environment.
        command: that does it again.
    """
    make_folder(folder)
    cells = summarise(games)
    rows = [list(asdict(cells[0])), *(list(asdict(cell).values()) for cell in cells)]
    write_bytes(folder / "cells.csv", csv_text(rows).encode())
    lines = b"".join(json.dumps(asdict(game)).encode() + b"\n" for game in games)
    write_gzip(folder / "games.jsonl.gz", lines)
    write_json(folder / "runs.json", {one.name: one.run for one in entrants if one.run})
    metrics = {
        group: [Run.open(locate(one.name)).metrics() for one in members]
        for group, members in groups_of([one for one in entrants if one.run]).items()
    }
    again = (
        "`cells.csv` holds the tables, `games.jsonl.gz` every game, `runs.json` the settings and "
        "versions of every run. Train the runs with `cmfq train` and those settings, then",
        Code(command),
    )
    page = crossing_page(cells, settings, metrics, again)
    write_folder(folder, page)
    return page


def reward_table(cells: Sequence[CrossCell], size: int, role: int, title: str = "") -> Table:
    """A row per first group, a column per second one; the reward of one of the two roles."""
    here = {(cell.first, cell.second): cell for cell in cells if cell.size == size}
    seconds = list(dict.fromkeys(second for _, second in here))
    rows = []
    for first in dict.fromkeys(first for first, _ in here):
        parts = [first]
        for second in seconds:
            cell = here[first, second]
            value, (low, high) = (
                (cell.first_reward, cell.first_interval),
                (cell.second_reward, cell.second_interval),
            )[role]
            interval = f" ({low:.2f} to {high:.2f})" if np.isfinite(low) else ""
            parts.append(f"{value:.2f}{interval}")
        rows.append(tuple(parts))
    return Table(("A v B", *seconds), rows, title)


def findings(cells: Sequence[CrossCell], roles: tuple[str, str]) -> Table:
    """Each trained group in each role against random agents in its place, over all other sides.

    It *earns more* where the interval over its seeds lies above what random agents earn.
    """
    rows = []
    for role, name in enumerate(roles):
        for size in dict.fromkeys(cell.size for cell in cells):
            earned = _earned(cells, size, role)
            for group in dict.fromkeys(own for own, _ in earned if not own.endswith("(script)")):
                others = [other for own, other in earned if own == group]
                if (RANDOM_GROUP, others[0]) not in earned:
                    continue
                by_chance = [earned[RANDOM_GROUP, other][0] for other in others]
                values, lows = zip(*(earned[group, other] for other in others), strict=True)
                ahead = np.subtract(values, by_chance)
                rows.append(
                    (
                        f"{group} {name}",
                        str(size or "as trained"),
                        f"{np.count_nonzero(np.greater(lows, by_chance))} of {len(others)}",
                        f"{ahead.min():+.2f} to {ahead.max():+.2f}",
                    )
                )
    columns = ("trained", "size", "earns more than random", "by, against one side or another")
    return Table(columns, rows)


def _earned(
    cells: Sequence[CrossCell], size: int, role: int
) -> dict[tuple[str, str], tuple[float, float]]:
    """Reward and its lower limit, by who has the role and who has the other one."""
    here = [cell for cell in cells if cell.size == size]
    if role == 0:
        return {(c.first, c.second): (c.first_reward, c.first_interval[0]) for c in here}
    return {(c.second, c.first): (c.second_reward, c.second_interval[0]) for c in here}


def crossing_page(
    cells: Sequence[CrossCell],
    settings: EnvironmentSettings,
    metrics: Mapping[str, Sequence[Metrics]] | None = None,
    again: tuple[Part, ...] = (),
) -> Page:
    """Tables of both roles at every size, and figures.

    Args:
        cells: rewards of every two groups at every size.
        settings: settings of the environment.
        metrics: metrics of the runs of each group, as far as they are there.
        again: how to get the page again.
    """
    roles = roles_of(settings)
    first, second = roles
    introduction = (
        f"Reward per agent and step. Rows play the {first}, columns the {second}; a trained "
        "policy meets trained others of its own seed. In brackets the 95 % interval over training "
        "seeds (Student's t); for a script against a script there is but one value."
    )
    sections = [Section("", (introduction,)), _against_random(cells, roles)]
    for size in dict.fromkeys(cell.size for cell in cells):
        game = scaled(settings, size).title
        seeds = max(cell.seeds for cell in cells if cell.size == size)
        for role, name in enumerate(roles):
            table = reward_table(cells, size, role, f"Reward per {name} and step, {game}")
            sections.append(Section(f"Reward of the {name}: {game}, {seeds} seeds", (table,)))
    figures = [Picture("rewards", partial(rewards_by_size, cells, settings), "Rewards by size")]
    if metrics:
        drawn = partial(rewards_over_training, metrics, settings)
        figures.append(Picture("curves", drawn, "Rewards over training"))
    sections.append(Section("Figures", figures))
    return Page(f"{heading(settings)}{first} against {second}", sections, again)


def _against_random(cells: Sequence[CrossCell], roles: tuple[str, str]) -> Section:
    table = findings(cells, roles)
    if not table.rows:
        return Section("", ())
    counts = [tuple(map(int, row[2].split(" of "))) for row in table.rows]
    told, games = (sum(numbers) for numbers in zip(*counts, strict=True))
    said = (
        f"In {told} of {games} places trained policies can be told to earn more than random agents."
    )
    how = (
        "Against how many of the other sides the interval over seeds lies above what random "
        "agents earn there."
    )
    return Section("Trained against random agents in the same place", (Finding(said), table, how))
