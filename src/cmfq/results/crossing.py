"""Results of ``cmfq cross``: rewards of each algorithm in each role, at each size.

::

    results/
      README.md, index.html   tables, figures and how to get them again
      cells.csv         one row per first group, second group and size
      games.jsonl.gz    every game
      metrics.json.gz   metrics of every run
      runs.json         settings and versions of every run
      origin.json       what the page is written again from (:mod:`cmfq.results.origin`)
      rewards.svg, .png   first role's reward by size, a panel for each second side (Fig 7)
      curves.svg, .png    reward of both roles over training (Fig 6, 10)
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import numpy as np

from cmfq.decoding import Damage, damage_of, decode_json, read_maybe_packed
from cmfq.environments.settings import EnvironmentSettings
from cmfq.errors import UserError
from cmfq.play.crossing import CrossCell, CrossGame, missing_pair, roles_of, scaled, summarise
from cmfq.play.entrants import Entrant
from cmfq.results.against_random import random_section
from cmfq.results.curves import by_group, find_metrics, write_metrics
from cmfq.results.figures import rewards_by_size
from cmfq.results.learning import rewards_over_training
from cmfq.results.origin import ORIGIN, from_stored, read_origin, write_origin
from cmfq.results.page import Code, Finding, Page, Part, Picture, Section
from cmfq.results.style import Metrics
from cmfq.results.table import Table, listing, minus
from cmfq.results.writing import write_folder
from cmfq.statistics.replication import Estimate
from cmfq.storage import make_folder, validate_results_folder, write_bytes, write_gzip
from cmfq.text import counted, csv_text

GAMES = "games.jsonl.gz"

FORMER_CURVES = Section(
    "Rewards over training",
    (
        "![Rewards over training](curves.svg)",
        "Drawn from the runs, whose metrics are not stored here.",
    ),
)
"""Section for results whose picture of training an older version drew."""


def heading(settings: EnvironmentSettings) -> str:
    """Beginning of the title of such a page; the roles follow."""
    game = settings.title.split(",")[0]
    return f"{game[:1].upper()}{game[1:]}: "  # the rest stays as its author spelt it


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
    write_gzip(folder / GAMES, lines)
    write_origin(folder, entrants, settings, command)
    metrics = find_metrics(entrants, folder)
    if metrics:
        write_metrics(folder, metrics)
    trained = any(one.run for one in entrants)
    training = (
        "Train the runs with `cmfq train` and those settings, then play with"
        if trained
        else "Played by"
    )
    again = (
        f"`cells.csv` holds the tables, `{GAMES}` every game, `runs.json` the settings and "
        f"versions of every run. {training}",
        Code(command),
        from_stored("cross", folder),
    )
    page = crossing_page(games, settings, by_group(entrants, metrics), again)
    if not metrics and trained and (folder / "curves.svg").is_file():
        page = replace(page, sections=(*page.sections, FORMER_CURVES))
    write_folder(folder, page)
    return page


def write_stored_crossing(folder: Path) -> Page:
    """Write a results folder again from its games. Gives its page.

    Raises:
        UserError: it is no folder of ``cmfq cross``, or is damaged.
    """
    origin = read_origin(folder)
    validate_results_folder(folder, heading(origin.settings))
    with damage_of(folder / GAMES, "give entrants"):
        games = read_games(folder)
        if not games:
            raise Damage("has no games")
        for size in {one.size for one in games}:
            lacking = missing_pair({(one.first, one.second) for one in games if one.size == size})
            if lacking:
                raise Damage(f"has no games of {lacking[0]} against {lacking[1]}")
    return write_crossing(folder, origin.entrants, games, origin.settings, origin.command)


def validate_kept(
    folder: Path,
    entrants: Sequence[Entrant],
    settings: EnvironmentSettings,
    *,
    sizes: Sequence[int],
    games: int,
    seed: int,
) -> None:
    """Refuse to replace stored games that would not be played again.

    Raises:
        UserError: the folder has games of others, of other sizes or of another seed, or more.
    """
    if not (folder / ORIGIN).is_file():
        return
    origin = read_origin(folder)
    with damage_of(folder / GAMES, "give another folder"):
        stored = read_games(folder)
    same = f" --seed {seed} " in f"{origin.command} "
    runs = {one.name for one in origin.entrants} - {one.name for one in entrants}
    groups = {group for one in stored for group in (one.first, one.second)}
    groups -= {one.group for one in entrants}
    other = {one.size for one in stored} - set(sizes or (0, settings.team_sizes[0]))
    more = max((one.game for one in stored), default=0) >= games
    if runs or groups or other or more or not same:
        raise UserError(
            f"{folder} holds {len(stored)} games, played by `{origin.command}`, and not all of "
            "them would be played again: give another folder"
        )


def read_games(folder: Path) -> list[CrossGame]:
    """Stored games of a results folder.

    Raises:
        Damage: they cannot be read.
    """
    lines = read_maybe_packed(folder / GAMES).splitlines()
    return [decode_json(line, CrossGame) for line in lines]


def reward_table(
    cells: Sequence[CrossCell], size: int, role: int, title: str = "", corner: str = "A v B"
) -> Table:
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
            interval = f" ({minus(low, 2)} to {minus(high, 2)})" if np.isfinite(low) else ""
            parts.append(f"{minus(value, 2)}{interval}")
        rows.append(tuple(parts))
    return Table((corner, *seconds), rows, title)


def best_sentence(cells: Sequence[CrossCell], size: int, role: int, name: str) -> str:
    """Sentence: who earns most in a role against each other side, and where intervals tell.

    Args:
        cells: rewards of every two groups at every size.
        size: size of which is spoken.
        role: 0 or 1.
        name: name of the role.
    """
    earned = _earned(cells, size, role)
    names = {own for own, _ in earned}
    if len(names) == 1:
        return f"Only {names.pop()} plays as {name}."
    best: dict[str, list[str]] = {}
    told = []
    others = list(dict.fromkeys(other for _, other in earned))
    for other in others:
        here = {own: one for (own, against), one in earned.items() if against == other}
        most = max(here, key=lambda own: here[own].value)
        best.setdefault(most, []).append(other)
        others_here = [one for own, one in here.items() if own != most]
        alike = any(one.alike for one in here.values())
        if not alike and all(here[most].low > one.high for one in others_here):
            told.append(other)
    places = "; ".join(
        f"{own} against {'all' if against == others else listing(against)}"
        for own, against in best.items()
    )
    where = listing(told) if told else "none"
    return f"Highest mean as {name}: {places}; with an interval above all others: against {where}."


def _earned(cells: Sequence[CrossCell], size: int, role: int) -> dict[tuple[str, str], Estimate]:
    """Reward and its interval, by who has the role and who has the other one."""
    here = [cell for cell in cells if cell.size == size]
    if role == 0:
        return {(c.first, c.second): Estimate(c.first_reward, *c.first_interval) for c in here}
    return {(c.second, c.first): Estimate(c.second_reward, *c.second_interval) for c in here}


def crossing_page(
    games: Sequence[CrossGame],
    settings: EnvironmentSettings,
    metrics: Mapping[str, Sequence[Metrics]] | None = None,
    again: tuple[Part, ...] = (),
) -> Page:
    """Tables of both roles at every size, and figures.

    Args:
        games: games of every two groups at every size.
        settings: settings of the environment.
        metrics: metrics of the runs of each group, as far as they are there.
        again: how to get the page again.
    """
    cells, roles = summarise(games), roles_of(settings)
    first, second = roles
    introduction = (
        f"Reward per agent and step. Rows play the {first}, columns the {second}; trained "
        "policies play against trained policies of the same seed. The 95 % interval over training "
        "seeds (Student's t) is in brackets; two scripted players have one value."
    )
    sections = [Section("", (introduction,)), random_section(games, roles)]
    if len({cell.size for cell in cells}) > 1:
        caption = (
            f"Reward of the {first} by size, a panel for each {second}, with 95 % intervals over "
            "seeds"
        )
        picture = Picture("rewards", partial(rewards_by_size, cells, settings), caption)
        sections.append(Section("Rewards by size", (picture,)))
    for size in dict.fromkeys(cell.size for cell in cells):
        game = scaled(settings, size).title
        seeds = max(cell.seeds for cell in cells if cell.size == size)
        for role, name in enumerate(roles):
            title = f"Reward per {name} and step, {game}"
            table = reward_table(cells, size, role, title, f"{first} v {second}")
            said = Finding(best_sentence(cells, size, role, name))
            above = f"Reward of the {name}: {game}, {counted(seeds, 'seed')}"
            sections.append(Section(above, (said, table)))
    if metrics:
        drawn = partial(rewards_over_training, metrics, settings)
        caption = "Mean reward of a group's runs by training episode"
        sections.append(Section("Rewards over training", (Picture("curves", drawn, caption),)))
    return Page(f"{heading(settings)}{first} against {second}", sections, again)
