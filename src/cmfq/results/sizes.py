"""Results of ``cmfq sizes``: win rates against agents a side (Fig 4c).

::

    sizes/
      README.md, index.html     a row for every two groups, and the command that does it again
      tournament-64.json.gz     every game at 64 a side, and so on
      sizes.svg, sizes.png      the figure
"""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from cmfq.errors import UserError, unknown_name
from cmfq.play.game_log import Tournament, tournament_text
from cmfq.play.layouts import interval_unit
from cmfq.play.standings import standings
from cmfq.results.figures import win_rate_by_size
from cmfq.results.page import Code, Finding, Items, Page, Part, Picture, Section
from cmfq.results.table import Table, conclusion, rate_text
from cmfq.results.tournament import reproducing, tournament_file
from cmfq.results.tournament_tables import HOW_TO_READ, about
from cmfq.results.writing import write_folder
from cmfq.statistics.replication import Estimate
from cmfq.storage import make_folder, write_gzip
from cmfq.text import inline_code, markdown_text

TITLE = "Win rates at several sizes"

SizeCurves = Mapping[str, Mapping[str, Mapping[int, Estimate]]]
"""Win rate at each size, by opponent and group."""


def by_size(tournaments: Mapping[Path, Tournament]) -> dict[int, Tournament]:
    """Tournaments by the agents a side that they were played with, in that order.

    Raises:
        UserError: there are not two sizes, or two tournaments of one.
    """
    found: dict[int, Tournament] = {}
    for path, played in tournaments.items():
        size, *others = played.world.team_sizes
        if others != [size]:
            raise UserError(
                f"{path} is a tournament of {played.world.kind}, which has no number of agents a "
                "side: give tournaments of battle or pursuit"
            )
        if size in found:
            raise UserError(f"two tournaments were played at {size} a side: give one of them")
        found[size] = played
    if len(found) < 2:
        raise UserError("give tournaments of at least two sizes")
    return dict(sorted(found.items()))


def size_curves(tournaments: Mapping[int, Tournament], against: Sequence[str]) -> SizeCurves:
    """Win rates of the groups that are in all tournaments.

    Args:
        tournaments: tournaments of each size.
        against: groups to show as opponents; all of them if not given.

    Raises:
        UserError: one of ``against`` is not in all tournaments.
    """
    results = {size: standings(played) for size, played in tournaments.items()}
    groups = set.intersection(*({r.group for r in one.ratings} for one in results.values()))
    for name in against:
        if name not in groups:
            raise unknown_name("group", name, sorted(groups))
    return {
        opponent: {
            group: {size: one.between(group, opponent).win_rate for size, one in results.items()}
            for group in sorted(groups - {opponent})
        }
        for opponent in against or sorted(groups)
    }


def size_table(curves: SizeCurves, title: str = "") -> Table:
    """A row for every two groups, a column for every size."""
    rows = [
        (f"{group} v {opponent}", *(rate_text(line[size]) for size in _sizes(curves)))
        for opponent, lines in curves.items()
        for group, line in lines.items()
    ]
    return Table(("win rate of A v B", *(f"{size} a side" for size in _sizes(curves))), rows, title)


def _sizes(curves: SizeCurves) -> list[int]:
    return sorted({size for lines in curves.values() for line in lines.values() for size in line})


def _findings(curves: SizeCurves) -> list[Finding]:
    """Sentences about who is better than whom at each size."""
    said = []
    for size in _sizes(curves):
        found: dict[tuple[str, str], Estimate] = {}
        for opponent, lines in curves.items():
            for group, line in lines.items():
                if size in line and (opponent, group) not in found:
                    found[group, opponent] = line[size]
        said.append(Finding(f"At {size} a side: {conclusion(found)}"))
    return said


def write_sizes(
    folder: Path, tournaments: Mapping[int, Tournament], curves: SizeCurves, command: str
) -> None:
    """Write the folder; it is made if it is not there."""
    make_folder(folder)
    for size, played in tournaments.items():
        write_gzip(tournament_file(folder, size), tournament_text(played).encode())
    size, first = next(iter(tournaments.items()))
    anew = ""
    if any(one.run for one in first.entrants):
        file, runs = tournament_file(folder, size), f"runs/{folder.name}-again"
        anew = (
            f"{inline_code(reproducing(first, file, runs))} repeats one of them from scratch, "
            "training included. "
        )
    again: tuple[Part, ...] = (
        Code(command),
        f"writes the page from the stored games. {anew}They were played by",
        *(Code(played.command) for played in tournaments.values()),
    )
    write_folder(folder, sizes_page(tournaments, curves, again))


def sizes_page(
    tournaments: Mapping[int, Tournament], curves: SizeCurves, again: tuple[Part, ...] = ()
) -> Page:
    """Win rates of the same policies at every size."""
    unit = " and ".join(dict.fromkeys(map(interval_unit, tournaments.values())))
    caption = (
        f"Win rate by number of agents a side, a panel for each opponent, 95 % intervals {unit}"
    )
    beginning: tuple[Part, ...] = (
        f"The same policies play at every size. {HOW_TO_READ}",
        Picture("sizes", partial(win_rate_by_size, curves), caption),
        *_findings(curves),
        size_table(curves, "Win rates by size"),
    )
    games = Items([markdown_text(about(played)) for played in tournaments.values()])
    return Page(
        f"{TITLE}: {', '.join(map(str, tournaments))} a side",
        (Section("", beginning), Section("Games", (games,))),
        again,
    )
