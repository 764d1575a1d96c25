"""Commands that compare algorithms over many training seeds."""

from collections.abc import Callable
from pathlib import Path

import tyro

from cmfq.cli.command_line import changes, last_of, refuse_unplayed, repeating
from cmfq.cli.options import (
    WORKERS,
    Device,
    EnvironmentName,
    Folder,
    LastCheckpoints,
    Players,
    Workers,
)
from cmfq.cli.screen import GamesScreen, print_page
from cmfq.environments.settings import EnvironmentSettings
from cmfq.hints import command
from cmfq.outputs import IMAGE, PAGE, games_beside, validate_log, validate_output
from cmfq.play.entrants import find_entrants, split_group
from cmfq.play.game_log import Tournament, TournamentSettings
from cmfq.play.players import game_of, usual_opponents
from cmfq.play.progress import play_progress
from cmfq.play.reading import finished_progress, finished_tournament
from cmfq.play.schedule import validate_games
from cmfq.play.tournament import play_tournament
from cmfq.results import progress as progress_report
from cmfq.results.curves import HEADING as CURVES_HEADING
from cmfq.results.curves import write_curves, write_stored_curves
from cmfq.results.figures import win_rate_by_size, win_rate_over_training
from cmfq.results.sizes import TITLE, by_size, size_curves, sizes_page, write_sizes
from cmfq.results.style import save_picture, validate_picture
from cmfq.results.tournament import (
    HEADING,
    tournament_file,
    tournament_page,
    write_html,
    write_results,
)
from cmfq.results.tournament_tables import how_decided
from cmfq.storage import make_folder, remove, validate_results_folder
from cmfq.text import say

OPPONENTS = ("random", "rush", "swarm")
"""Opponents of ``cmfq progress``, where they are scripted players of the game."""


def tournament_in(
    settings_type: type[EnvironmentSettings], default: EnvironmentSettings
) -> Callable[..., None]:
    """``cmfq tournament`` with the options of one kind of environment."""

    def tournament(
        entrants: tyro.conf.Positional[tuple[str, ...]] = (),
        *,
        log: Path,
        settings: tyro.conf.OmitArgPrefixes[settings_type] = default,  # type: ignore[valid-type]
        environment: EnvironmentName | None = None,
        games: int = 100,
        checkpoints: LastCheckpoints = "last:5",
        seed: int = 0,
        within_groups: bool = False,
        workers: Workers = WORKERS,
        device: Device = "cpu",
        html: Path | None = None,
        out: Folder | None = None,
    ) -> None:
        """Compare algorithms over training seeds.

        Every entrant plays every entrant of another group. Runs that differ only in the seed are
        one group, and intervals are over seeds. If interrupted, the same command continues. Without
        entrants, the log is reported again. Settings that are not given are the first entrant's.

        Args:
            entrants: Run folders, checkpoint files, scripted players, zoo:NAME or module:name;
                group=entrant puts an entrant into its own group.
            log: Game log: file that keeps each game as soon as it is over.
            settings: Settings of the game.
            environment: Environment, or a run trained in it (default: that of the players)
            games: Number of games of two entrants, spread over their checkpoints.
            checkpoints: Checkpoints of each run that play: last:5 takes the last five.
            seed: Random seed of the games.
            within_groups: Play games within a group too: ratings of runs become more certain.
            workers: Number of processes, ray, ray:ADDRESS or slurm:PARTITION; results are the same.
            device: Device of trained players: cpu, cuda, cuda:1 or auto.
            html: HTML file to write with the results.
            out: Folder to write tables, figures and games to.
        """
        _validate_tournament(games, log if entrants else None, html, out)
        refuse_unplayed(entrants, tournament, games=games, checkpoints=checkpoints, seed=seed)
        if entrants:
            options = {"log": log, "environment": environment, **changes(default, settings)}
            options |= {"games": games, "checkpoints": checkpoints, "seed": seed, "html": html}
            options |= {"within_groups": within_groups or None, "out": out}
            with GamesScreen(log) as screen:
                played = play_tournament(
                    find_entrants(entrants, default.kind, last_of(checkpoints)),
                    TournamentSettings(settings, games, seed, within_groups),
                    log,
                    command=repeating("tournament", entrants, options, settings),
                    workers=workers,
                    device=device,
                    on_progress=screen.report,
                )
        _report(played if entrants else finished_tournament(log), html, out)

    return tournament


def _validate_tournament(games: int, log: Path | None, html: Path | None, out: Path | None) -> None:
    """Check the number of games and all paths to be written, before a game is played.

    Raises:
        UserError: one of them is not valid.
    """
    validate_games(games)
    if html is not None:
        validate_output(html, PAGE)
    if log is not None:
        validate_log(log, html=html, out=out)
    if out is not None:
        validate_results_folder(out, HEADING)


def progress(
    runs: tyro.conf.Positional[tuple[str, ...]] = (),
    against: Players | None = None,
    games: int = 20,
    seed: int = 0,
    workers: Workers = WORKERS,
    device: Device = "cpu",
    log: Path | None = None,
    out: Folder | None = None,
) -> None:
    """Play all checkpoints of runs against fixed opponents.

    The result is the win rate over the course of training. If interrupted, the same command with
    --log or --out continues, and plays only what is new: checkpoints, runs, opponents or games.
    Without runs, the finished games there are reported again.

    Args:
        runs: Run folders; the game is that of the first one.
        against: Opponents: run folders (their last checkpoint), checkpoint files, scripted
            players, zoo:NAME or module:name (default: random, rush and swarm in battle, all
            scripted players elsewhere)
        games: Number of games of each checkpoint against each opponent; sides swap every game.
        seed: Random seed of the games.
        workers: Number of processes, ray, ray:ADDRESS or slurm:PARTITION; results are the same.
        device: Device of trained players: cpu, cuda, cuda:1 or auto.
        log: Game log: file that keeps each game as soon as it is over (default: that of
            the folder of --out; beside a picture, a file that is there until it is drawn)
        out: Folder to write figure, table and games to, or a picture file: .svg or .png.
    """
    picture = out is not None and _is_picture(out, progress_report.TITLE)
    if runs and log is not None:
        validate_log(log, out=out)
    kept = log or (out and (games_beside(out) if picture else out / progress_report.GAMES))
    if runs or not kept:
        environment = game_of([split_group(run)[1] for run in runs])
        if against is None:
            against = usual_opponents(environment.kind, OPPONENTS)
        options = {"against": against, "games": games, "seed": seed, "log": log, "out": out}
        if kept:
            make_folder(kept.parent)
        with GamesScreen(kept) as screen:
            played = play_progress(
                runs,
                against,
                environment,
                kept,
                games=games,
                seed=seed,
                command=repeating("progress", runs, options, environment, against),
                workers=workers,
                device=device,
                on_progress=screen.report,
            )
        say(screen.cost())
    else:
        refuse_unplayed(runs, progress, against=against, games=games, seed=seed)
        played = finished_progress(kept)
    _report_progress(played, out, picture=picture)
    if picture and kept and kept != log:
        remove(kept)


def _report_progress(played: Tournament, out: Path | None, *, picture: bool) -> None:
    if out and picture:
        save_picture(win_rate_over_training(progress_report.titled_rows(played)), out)
    elif out:
        progress_report.write_progress(out, played)
    say(f"{how_decided(played).capitalize()}.")
    print_page(progress_report.progress_page(played), None if picture else out)


def curves(runs: tyro.conf.Positional[tuple[str, ...]] = (), *, out: Folder) -> None:
    """Draw the training curves of runs (Fig 4a).

    The curves are reward, kills, length of the episode and loss; runs that differ only in the seed
    are one group. Without runs, the curves of the results folder are drawn again from its metrics.

    Args:
        runs: Run folders.
        out: Folder to write figure, table and metrics to.
    """
    if not runs:
        print_page(write_stored_curves(out), out)
        return
    validate_results_folder(out, CURVES_HEADING)
    environment = game_of([split_group(run)[1] for run in runs])
    entrants = find_entrants(runs, environment.kind, 1)
    again = repeating("curves", runs, {"out": out}, environment)
    print_page(write_curves(out, entrants, environment, again), out)


def _report(played: Tournament, html: Path | None, out: Path | None) -> None:
    page = tournament_page(played)
    say(f"{how_decided(played).capitalize()}.")
    if out:
        write_results(out, played)
    print_page(page, out, html)
    if html is not None:
        write_html(html, played)
        say(f"report: {html.resolve()}")


def sizes(
    tournaments: tyro.conf.Positional[tuple[Path, ...]],
    out: Folder,
    against: tuple[str, ...] = (),
) -> None:
    """Draw win rates by number of agents (Fig 4c).

    Args:
        tournaments: Logs of finished tournaments, one for each size.
        out: Folder to write figure, table and games to, or a picture file: .svg or .png.
        against: Opposing groups, one panel each (default: all groups)
    """
    picture = _is_picture(out, TITLE)
    played = by_size({path: finished_tournament(path) for path in tournaments})
    curves = size_curves(played, against)
    if picture:
        save_picture(win_rate_by_size(curves), out)
    else:
        stored = [str(tournament_file(out, size)) for size in played]
        words = ["sizes", *stored, "--out", str(out)]
        words += ["--against", *against] if against else []
        write_sizes(out, played, curves, command(*words))
    print_page(sizes_page(played, curves), None if picture else out)
    if picture:
        say(f"picture: {out}")


def _is_picture(out: Path, title: str) -> bool:
    """Whether a picture is to be written, and no folder with a page of this title.

    Raises:
        UserError: neither can be written there.
    """
    picture = bool(out.suffix) and not out.is_dir()
    if picture:
        validate_picture(out)
        validate_output(out, IMAGE)
    else:
        validate_results_folder(out, title)
    return picture
