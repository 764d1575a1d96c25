"""What ``cmfq progress`` leaves behind, written by code.

::

    progress/
      README.md                   win rates over training, and the command that does it again
      progress.json.gz            every game
      progress.svg, progress.png  the figure
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from shlex import quote

import numpy as np

from cmfq.hints import command
from cmfq.play.by_role import by_role
from cmfq.play.entrants import groups_of
from cmfq.play.game_log import Tournament, tournament_text
from cmfq.play.layouts import interval_unit, sides_of
from cmfq.play.progress import ProgressRow, last_layouts, progress_rows, shared_by_seeds
from cmfq.results.by_role import HOW_TO_READ_ROLES, role_table
from cmfq.results.details import (
    HOW_TO_READ_SIDES,
    HOW_TO_READ_YARDSTICKS,
    side_sentences,
    side_table,
    yardsticks_of,
)
from cmfq.results.progress_figure import win_rate_over_training
from cmfq.results.style import save_figure
from cmfq.results.table import Table, signed
from cmfq.results.tournament_tables import how_decided
from cmfq.storage import make_folder, write_bytes, write_gzip
from cmfq.text import code_line, inline_code, markdown_text

TITLE = "Learning over time"
SINGLE_RUNS = ", and over games for a group of one run"


def damage_table(rows: Sequence[ProgressRow]) -> Table | None:
    """Log damage ratios as in :func:`progress_table`; none if games were not so recorded."""
    if not all("log_damage_ratio" in row.yardsticks for row in rows):
        return None
    return progress_table(
        rows, lambda row: row.yardsticks["log_damage_ratio"], lambda value: signed(value, 2)
    )


def progress_table(
    rows: Sequence[ProgressRow],
    value_of: Callable[[ProgressRow], float] = lambda row: row.win_rate,
    text_of: Callable[[float], str] = lambda value: f"{value:.0%}",
) -> Table:
    """Mean over the seeds of a group at each checkpoint, with the least and the greatest seed.

    Args:
        rows: rows of all checkpoints and opponents.
        value_of: what is shown of a row; its win rate if not given.
        text_of: how that is written.
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
    return Table(("group", "episode", *(f"v {opponent}" for opponent in opponents)), lines)


def _details(played: Tournament, rows: Sequence[ProgressRow]) -> list[str]:
    """Sections about damage over training, and about the last checkpoints."""
    damage, layouts = damage_table(rows), last_layouts(played)
    sides = sides_of(layouts)
    parts = []
    if damage:
        parts += [
            "## Damage dealt over damage taken\n",
            "Logarithm of the ratio, mean over games and seeds; 0 between equals.\n",
            damage.markdown(),
        ]
    if layouts:
        unit = interval_unit(played)
        parts += [
            "## The last checkpoints\n",
            f"Intervals are 95 %, {unit}{SINGLE_RUNS if unit != 'over games' else ''}; opponents "
            "are taken as they are.\n",
            yardsticks_of(layouts).markdown(),
            f"{HOW_TO_READ_YARDSTICKS}\n",
        ]
    earned = by_role(played)
    if earned:
        parts += [
            "## By role, of the last checkpoints\n",
            role_table(earned).markdown(),
            f"{HOW_TO_READ_ROLES}\n",
        ]
    if sides:
        parts += [
            *(f"{markdown_text(sentence)}\n" for sentence in side_sentences(sides)),
            side_table(sides).markdown(),
            f"{HOW_TO_READ_SIDES}\n",
        ]
    return parts


def write_progress(folder: Path, played: Tournament) -> None:
    """Write the folder; it is made if it is not there."""
    make_folder(folder)
    rows = progress_rows(played)
    save_figure(win_rate_over_training(rows), folder, "progress")
    write_gzip(folder / "progress.json.gz", tournament_text(played).encode())
    runs = ", ".join(
        f"{len(entrants)} of {group}" for group, entrants in groups_of(played.entrants).items()
    )
    opponents = ", ".join(one.name for one in played.opponents)
    stored = command("progress", "--log", folder / "progress.json.gz", "--out", folder)
    parts = [
        f"# {TITLE}: {markdown_text(played.settings.environment.title)}\n",
        f"Every checkpoint of {markdown_text(runs)} against opponents that stay as they are "
        f"({markdown_text(opponents)}): in "
        "self-play the reward does not say who is better than before, a fixed opponent does. "
        f"{played.settings.episodes} games of each checkpoint against each opponent; "
        f"{how_decided(played)}, and a draw counts half. Win rates are means over seeds, with the "
        "least and the greatest seed; these are no intervals.\n",
        "![Win rate against training episodes, a panel for each opponent; thin lines are single "
        "seeds](progress.svg)\n",
        progress_table(rows).markdown(),
        *_details(played, rows),
        "## To get it again\n",
        code_line(f"{played.command} --out {quote(str(folder))}"),
        f"From the stored games: {inline_code(stored)}.\n",
    ]
    write_bytes(folder / "README.md", "\n".join(parts).encode())
