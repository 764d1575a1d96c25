"""What ``cmfq progress`` leaves behind, written by code.

::

    progress/
      README.md                   win rates over training, and the command that does it again
      progress.json.gz            every game
      progress.svg, progress.png  the figure
"""

from collections.abc import Sequence
from pathlib import Path
from shlex import quote

from cmfq.evaluation.entrants import groups_of
from cmfq.evaluation.figures.progress import win_rate_over_training
from cmfq.evaluation.figures.style import save_figure
from cmfq.evaluation.tournament.details import (
    HOW_TO_READ_SIDES,
    HOW_TO_READ_YARDSTICKS,
    interval_unit,
    side_sentences,
    side_table,
    sides_of,
    yardsticks_of,
)
from cmfq.evaluation.tournament.file import Tournament, tournament_text
from cmfq.evaluation.tournament.progress import (
    ProgressRow,
    damage_table,
    last_layouts,
    progress_rows,
    progress_table,
)
from cmfq.evaluation.tournament.tables import how_decided
from cmfq.hints import command
from cmfq.storage import make_folder, write_bytes, write_gzip
from cmfq.text import code_line, inline_code, markdown_text

TITLE = "Learning over time"
SINGLE_RUNS = ", and over games for a group of one run"


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
    stored = command("progress", "--json", folder / "progress.json.gz", "--out", folder)
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
