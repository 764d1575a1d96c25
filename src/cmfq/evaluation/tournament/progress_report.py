"""What ``cmfq progress`` leaves behind, written by code.

::

    progress/
      README.md                   win rates over training, and the command that does it again
      progress.json.gz            every game
      progress.svg, progress.png  the figure
"""

from pathlib import Path
from shlex import quote

from cmfq.evaluation.entrants import groups_of
from cmfq.evaluation.figures.progress import win_rate_over_training
from cmfq.evaluation.figures.style import save_figure
from cmfq.evaluation.tournament.file import Tournament, tournament_text
from cmfq.evaluation.tournament.progress import progress_rows, progress_table
from cmfq.evaluation.tournament.tables import how_decided
from cmfq.hints import command
from cmfq.storage import make_folder, write_bytes, write_gzip

TITLE = "Learning over time"


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
        f"# {TITLE}: {played.settings.environment.title}\n",
        f"Every checkpoint of {runs} against opponents that stay as they are ({opponents}): in "
        "self-play the reward does not say who is better than before, a fixed opponent does. "
        f"{played.settings.episodes} games of each checkpoint against each opponent; "
        f"{how_decided(played)}, and a draw counts half. Win rates are means over seeds, with the "
        "least and the greatest seed; these are no intervals.\n",
        "![Win rate against training episodes, a panel for each opponent; thin lines are single "
        "seeds](progress.svg)\n",
        progress_table(rows).markdown(),
        "## To get it again\n",
        f"    {played.command} --out {quote(str(folder))}\n",
        f"From the stored games: `{stored}`.\n",
    ]
    write_bytes(folder / "README.md", "\n".join(parts).encode())
