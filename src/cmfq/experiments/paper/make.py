"""Make figures: train the runs that are missing, play the games that are missing, write the pages.

::

    paper/
      runs/battle-cmfq-0/ ...     a run for each group and seed
      games/4b/0.log ...          every game, as soon as it is over
      4b/README.md, index.html    the figure's page, with its data
      README.md, index.html       all figures, and the paper's claims beside what was found
"""

from pathlib import Path

from cmfq.experiments.paper.figures import Figure
from cmfq.experiments.paper.pictures import draw_pictures
from cmfq.experiments.paper.plan import (
    Effort,
    games_needed,
    games_of,
    log_of,
    run_name,
    seeds_of,
    size_of,
    worlds_of,
)
from cmfq.experiments.paper.remainder import write_remainder
from cmfq.play.crossing import CrossGame, play_crossing
from cmfq.play.engine import OnProgress, part_of
from cmfq.play.entrants import Entrant, find_entrants
from cmfq.play.game_log import Tournament, TournamentSettings
from cmfq.play.tournament import play_tournament
from cmfq.results.crossing import write_crossing
from cmfq.results.curves import write_curves
from cmfq.results.sizes import size_curves, write_sizes
from cmfq.results.tournament import write_results
from cmfq.storage import make_folder
from cmfq.workers import Workers


def entrants_of(figure: Figure, effort: Effort, folder: Path) -> list[str]:
    """Runs of a figure with their groups, as ``cmfq tournament`` takes them."""
    return [
        f"{group.name}={folder / 'runs' / run_name(group, seed)}"
        for group in figure.groups
        for seed in seeds_of(figure, effort)
    ]


def make_figure(
    figure: Figure,
    effort: Effort,
    folder: Path,
    command: str,
    *,
    workers: Workers = 1,
    on_progress: OnProgress = lambda finished, games: None,
) -> Path:
    """Play what a figure needs, and write its page.

    Args:
        figure: its runs are trained.
        effort: how much is played.
        folder: folder of the whole paper.
        command: that was called.
        workers: where games are played.
        on_progress: told about games.

    Returns:
        The folder of the figure.

    Raises:
        UserError: a log holds other games, or a run cannot be read.
    """
    page = folder / figure.name
    match figure.kind:
        case "curves":
            kind = figure.groups[0].environment
            entrants = find_entrants(entrants_of(figure, effort, folder), kind, 1)
            settings = next(iter(worlds_of(figure, effort).values()))
            write_curves(page, entrants, settings, command)
        case "matrix":
            (played,) = play_sizes(figure, effort, folder, command, workers, on_progress).values()
            write_results(page, played)
        case "sizes":
            tournaments = {
                played.world.team_sizes[0]: played
                for played in play_sizes(
                    figure, effort, folder, command, workers, on_progress
                ).values()
            }
            write_sizes(page, tournaments, size_curves(tournaments, ()), command)
        case "crossing":
            found, games = play_roles(figure, effort, folder, command, workers, on_progress)
            write_crossing(page, found, games, worlds_of(figure, effort)[_first(figure)], command)
        case "pictures":
            draw_pictures(page, figure, effort, folder / "runs", command)
        case "bound":
            write_remainder(page, figure, effort, folder / "runs", command)
    return page


def play_sizes(
    figure: Figure,
    effort: Effort,
    folder: Path,
    command: str,
    workers: Workers,
    on_progress: OnProgress,
) -> dict[int, Tournament]:
    """Tournaments of a figure, by the paper's sizes; games that a log holds stay."""
    make_folder(folder / "games" / figure.name)
    names = entrants_of(figure, effort, folder)
    entrants = find_entrants(names, figure.groups[0].environment, 1)
    worlds = worlds_of(figure, effort)
    needed = games_needed(figure, effort)
    played = {}
    for number, (size, world) in enumerate(worlds.items()):
        played[size] = play_tournament(
            entrants,
            TournamentSettings(world, games_of(figure, effort), 0),
            log_of(figure, size_of(size, effort), folder),
            command=command,
            workers=workers,
            on_progress=part_of(on_progress, number * needed, len(worlds) * needed),
        )
    return played


def play_roles(
    figure: Figure,
    effort: Effort,
    folder: Path,
    command: str,
    workers: Workers,
    on_progress: OnProgress,
) -> tuple[tuple[Entrant, ...], list[CrossGame]]:
    """Games of every group's first role against every group's second, at all sizes."""
    worlds = worlds_of(figure, effort)
    sizes = [world.team_sizes[0] for size, world in worlds.items() if size]
    return play_crossing(
        [*entrants_of(figure, effort, folder), "random"],
        worlds[_first(figure)],
        sizes=sizes,
        games=games_of(figure, effort),
        seed=0,
        workers=workers,
        folder=folder / "games" / figure.name,
        command=command,
        on_progress=on_progress,
    )


def _first(figure: Figure) -> int:
    return figure.sizes[0] if figure.sizes else 0
