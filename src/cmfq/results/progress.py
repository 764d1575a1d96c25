"""Results of ``cmfq progress``: win rates over training.

::

    progress/
      README.md, index.html       win rates over training, and the command that does it again
      progress.json.gz            every game
      progress.svg, progress.png  the figure
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import combinations
from pathlib import Path

import numpy as np

from cmfq.hints import command
from cmfq.play.entrants import groups_of
from cmfq.play.game_log import Tournament, tournament_text
from cmfq.play.layouts import Layouts, interval_unit, sides_of
from cmfq.play.outcomes import estimate_of, points_of
from cmfq.play.progress import (
    ProgressRow,
    last_differences,
    last_layouts,
    progress_rows,
    shared_by_seeds,
)
from cmfq.results.details import how_to_read_yardsticks, role_section, side_section, yardsticks_of
from cmfq.results.figures import win_rate_over_training
from cmfq.results.origin import writing_command
from cmfq.results.page import Code, Finding, Page, Part, Picture, Section
from cmfq.results.table import ONE_RUN, Table, conclusion, margin_text, rate_text, signed, within
from cmfq.results.tournament_tables import how_decided
from cmfq.results.writing import write_folder
from cmfq.statistics.replication import Estimate, difference
from cmfq.storage import make_folder, write_gzip
from cmfq.text import counted, inline_code, markdown_text

GAMES = "progress.json.gz"
"""Game log of a results folder."""
TITLE = "Learning over time"
SINGLE_RUNS = ", and over games for a group of one run"


def damage_table(rows: Sequence[ProgressRow]) -> Table | None:
    """Log damage ratios as in :func:`progress_table`; none if games were not so recorded."""
    if not all("log_damage_ratio" in row.yardsticks for row in rows):
        return None
    title = "Log of damage dealt over damage taken, mean over seeds"
    return progress_table(rows, _log_damage_ratio, _ratio_text, title)


def damage_sentence(rows: Sequence[ProgressRow]) -> str:
    """Sentence over :func:`damage_table`."""
    return last_sentence(rows, _log_damage_ratio, _ratio_text, "has more than", "Log damage ratio")


def _log_damage_ratio(row: ProgressRow) -> float:
    return row.yardsticks["log_damage_ratio"]


def _ratio_text(value: float) -> str:
    return signed(value, 2)


def progress_table(
    rows: Sequence[ProgressRow],
    value_of: Callable[[ProgressRow], float] = lambda row: row.win_rate,
    text_of: Callable[[float], str] = lambda value: f"{value:.0%}",
    title: str = "",
) -> Table:
    """Mean over the seeds of a group at each checkpoint, with the least and the greatest seed.

    Args:
        rows: rows of all checkpoints and opponents.
        value_of: what is shown of a row; its win rate if not given.
        text_of: how that is written.
        title: title of the table on terminals.
    """
    opponents = list(dict.fromkeys(row.opponent for row in rows))
    rows = shared_by_seeds(rows)
    lines = []
    for group, episode in sorted({(row.group, row.episode) for row in rows}):
        cells = []
        for opponent in opponents:
            values = [
                value_of(row)
                for row in rows
                if (row.group, row.episode, row.opponent) == (group, episode, opponent)
            ]
            ends = f" ({text_of(min(values))} to {text_of(max(values))})"
            cells.append(text_of(float(np.mean(values))) + (ends if len(values) > 1 else ""))
        lines.append((group, str(episode), *cells))
    columns = ("group", "episode", *(f"v {opponent}" for opponent in opponents))
    return Table(columns, lines, title)


def last_sentence(
    rows: Sequence[ProgressRow],
    value_of: Callable[[ProgressRow], float] = lambda row: row.win_rate,
    text_of: Callable[[float], str] = lambda value: f"{value:.0%}",
    better: str = "wins more than",
    measure: str = "Win rate",
) -> str:
    """Sentence: who is better at the last checkpoint against each opponent, as far as seeds tell.

    Args:
        rows: rows of all checkpoints and opponents.
        value_of: what is compared; the win rate if not given.
        text_of: how that is written.
        better: what the better one does.
        measure: name of what is compared.
    """
    shared, parts = shared_by_seeds(rows), []
    for opponent in dict.fromkeys(row.opponent for row in shared):
        values: dict[str, list[float]] = {}
        for group in dict.fromkeys(row.group for row in shared):
            ours = [row for row in shared if (row.opponent, row.group) == (opponent, group)]
            last = max(row.episode for row in ours)
            values[group] = [value_of(row) for row in ours if row.episode == last]
        means = {group: float(np.mean(of_seeds)) for group, of_seeds in values.items()}
        pairs = combinations(sorted(means, key=lambda group: -means[group]), 2)
        found = {(a, b): difference(values[a], values[b]) for a, b in pairs}
        told = conclusion(found, 0, better, ONE_RUN)
        most = text_of(max(means.values()))
        parts.append(
            f"against {opponent} {within(told)} (highest mean {most})"
            if told
            else f"{most} against {opponent}"
        )
    return f"{measure} at the last checkpoint: {'; '.join(parts)}."


def titled_rows(played: Tournament) -> list[ProgressRow]:
    """Rows whose opponents have the names that tables show."""
    titles = {one.name: one.title for one in played.opponents}
    return [replace(row, opponent=titles[row.opponent]) for row in progress_rows(played)]


def write_progress(folder: Path, played: Tournament) -> None:
    """Write the folder; it is made if it is not there."""
    make_folder(folder)
    write_gzip(folder / GAMES, tournament_text(played).encode())
    stored = command("progress", "--log", folder / GAMES, "--out", folder)
    again = (
        Code(writing_command(played.command, folder)),
        f"plays the games. To write the page from the stored games: {inline_code(stored)}.",
    )
    write_folder(folder, progress_page(played, again))


def progress_page(played: Tournament, again: tuple[Part, ...] = ()) -> Page:
    """Win rates over training, and what the last checkpoints do."""
    rows, layouts, unit = titled_rows(played), last_layouts(played), interval_unit(played)
    runs = ", ".join(
        f"{len(entrants)} of {group}" for group, entrants in groups_of(played.entrants).items()
    )
    opponents = ", ".join(one.title for one in played.opponents)
    games = played.settings.episodes
    why = (
        ""
        if played.alone
        else ": in self-play the reward does not show progress, but the win rate against a fixed "
        "opponent does"
    )
    introduction = (
        f"Every checkpoint of {markdown_text(runs)} against fixed opponents "
        f"({markdown_text(opponents)}){why}. {counted(games, 'game')} of each checkpoint against "
        f"each opponent; {how_decided(played)}, and a draw counts half. Win rates are means over "
        "seeds, with the lowest and the highest seed in brackets; these are not confidence "
        "intervals."
    )
    picture = Picture(
        "progress",
        partial(win_rate_over_training, rows),
        "Win rate by training episode, a panel for each opponent; bands: the middle half of the "
        "seeds",
    )
    table = progress_table(rows, title=f"Win rate in {counted(games, 'game')}, mean over seeds")
    sections = (
        Section("", (introduction, picture)),
        Section("The last checkpoints", _last_checkpoints(layouts, unit) if layouts else ()),
        Section("Every checkpoint", (Finding(last_sentence(rows)), table)),
        Section("Damage dealt over damage taken", _damage_parts(rows)),
        Section("Returns", _return_parts(played, rows, unit)),
        role_section(played, "Last checkpoints, reward by role"),
        side_section(sides_of(layouts), unit, "Last checkpoints by"),
    )
    return Page(f"{TITLE}: {played.settings.environment.title}", sections, again)


def _damage_parts(rows: Sequence[ProgressRow]) -> tuple[Part, ...]:
    table = damage_table(rows)
    if table is None:
        return ()
    ratio = "Logarithm of the ratio, mean over games and seeds; 0 between equals."
    return ratio, Finding(damage_sentence(rows)), table


def _return_parts(played: Tournament, rows: Sequence[ProgressRow], unit: str) -> tuple[Part, ...]:
    differences = last_differences(played)
    if not differences:
        return ()
    what = "Return minus the opponent's on the same episodes"
    last = [(group, other, margin_text(one)) for (group, other), one in differences.items()]
    return (
        Finding(f"Last checkpoints: {conclusion(differences, 0, 'earns more than')}"),
        progress_table(rows, lambda row: row.margin, _return_text, f"{what}, mean over seeds"),
        Table(
            ("group", "opponent", "difference"),
            last,
            f"Differences of the last checkpoints, 95 % intervals {unit}",
        ),
    )


def _return_text(value: float) -> str:
    return signed(value, 1)


def _last_checkpoints(layouts: Layouts, unit: str) -> tuple[Part, ...]:
    rates = {pair: estimate_of(games, points_of, share=True) for pair, games in layouts.items()}
    found = {pair: rate for pair, rate in rates.items() if rate is not None}
    table = yardsticks_of(layouts, f"Other measures of the last checkpoints, 95 % intervals {unit}")
    return (
        f"Intervals are 95 % intervals {unit}{SINGLE_RUNS if unit != 'over games' else ''}; "
        "opponents are treated as fixed.",
        Finding(f"Last checkpoints: {conclusion(found)}"),
        _rates(found, f"Win rates of the last checkpoints, 95 % intervals {unit}"),
        table,
        how_to_read_yardsticks(table),
    )


def _rates(found: Mapping[tuple[str, str], Estimate], title: str) -> Table:
    """A row for each group, a column for each opponent."""
    groups, opponents = (list(dict.fromkeys(names)) for names in zip(*found, strict=True))
    rows = [
        (
            group,
            *(rate_text(found[group, one]) if (group, one) in found else "" for one in opponents),
        )
        for group in groups
    ]
    return Table(("group", *(f"v {one}" for one in opponents)), rows, title)
