"""Commands that ask what makes the difference."""

import shlex
from pathlib import Path

import tyro

from cmfq.cli.command_line import option_words
from cmfq.cli.many import train_shown
from cmfq.cli.options import WORKERS, Folder, LastCheckpoints, Players, Workers
from cmfq.cli.screen import GamesScreen, print_page, print_table
from cmfq.cli.tournaments import last_of
from cmfq.errors import UserError
from cmfq.experiments.reproduction import (
    change_sentence,
    change_table,
    play_again,
    runs_of,
    validate_reproduction,
)
from cmfq.experiments.sweep.plan import read_plan
from cmfq.experiments.sweep.play import play_sweep, validate_sweep
from cmfq.experiments.sweep.report import TITLE, sweep_page, write_sweep
from cmfq.outputs import validate_log
from cmfq.play.reading import finished_tournament
from cmfq.results.tournament import HEADING, write_results
from cmfq.storage import validate_results_folder
from cmfq.text import say


def sweep(
    plan: tyro.conf.Positional[Path],
    log: Path,
    runs: Folder | None = None,
    against: Players = (),
    games: int = 40,
    checkpoints: LastCheckpoints = "last:3",
    seed: int = 0,
    workers: Workers = WORKERS,
    out: Folder | None = None,
) -> None:
    """Measure which settings change the win rate.

    The plan names two algorithms and two levels of each setting. Runs of a design that varies all
    settings at once are trained and play each other. If interrupted, the same command continues.
    Without --runs, the finished games of the log are reported again.

    Args:
        plan: TOML file with the plan, such as docs/results/study64/plan.toml.
        log: Game log: file that keeps each game as soon as it is over.
        runs: Folder for the runs.
        against: Opponents of all runs: run folders, checkpoint files, scripted players or
            module:name.
        games: Number of games between the two algorithms of each cell, and of each run against
            all opponents together.
        checkpoints: Checkpoints of each run that play: last:3 takes the last three.
        seed: Random seed of the games.
        workers: Number of processes, ray, ray:ADDRESS or slurm:PARTITION; results are the same.
        out: Folder to write tables, figure and games to.
    """
    if out:
        validate_results_folder(out, TITLE)
    planned, text = read_plan(plan), plan.read_text(encoding="utf-8")
    if runs is None:
        played = finished_tournament(log)
    else:
        last = last_of(checkpoints)
        validate_log(log, runs=runs, out=out)
        validate_sweep(planned, runs, against, log, games=games, seed=seed, workers=workers)
        train_shown(planned.runs(), runs, workers)
        options = {"runs": runs, "log": log, "games": games, "checkpoints": checkpoints}
        options |= {"seed": seed} | ({"against": against} if against else {})
        words = ["cmfq", "sweep", str(plan), *option_words(options)]
        with GamesScreen(log) as screen:
            played = play_sweep(
                planned,
                runs,
                against,
                log,
                games=games,
                checkpoints=last,
                seed=seed,
                command=shlex.join(words),
                workers=workers,
                on_progress=screen.report,
            )
    if out:
        write_sweep(out, planned, text, played)
    print_page(sweep_page(planned, text, played), out)


def reproduce(
    result: tyro.conf.Positional[Path],
    runs: Folder,
    log: Path,
    workers: Workers = WORKERS,
    out: Folder | None = None,
) -> None:
    """Repeat a stored tournament: train its runs, play its games.

    The same versions on the same kind of machine give the same weights and games. If interrupted,
    the same command continues.

    Args:
        result: File tournament.json.gz of a results folder, or the log of a finished tournament.
        runs: Folder for the runs.
        log: Game log: file that keeps each new game as soon as it is over.
        workers: Number of processes, ray, ray:ADDRESS or slurm:PARTITION; results are the same.
        out: Folder to write tables, figures and games to.
    """
    if out:
        validate_results_folder(out, HEADING)
    stored = finished_tournament(result)
    validate_log(log, runs=runs, out=out)
    for written in (log, *([out / result.name] if out else [])):
        if written.resolve() == result.resolve():
            raise UserError(f"{result} would be overwritten: give another --log, another --out")
    settings = runs_of(stored)  # first: it refuses a stranger's functions, before any is called
    validate_reproduction(stored, runs, log, workers)
    train_shown(settings, runs, workers)
    command = ["cmfq", "reproduce", str(result), "--runs", str(runs), "--log", str(log)]
    with GamesScreen(log) as screen:
        played = play_again(
            stored,
            runs,
            log,
            command=shlex.join(command),
            workers=workers,
            on_progress=screen.report,
        )
    table = change_table(stored, played)
    print_table(table)
    say(change_sentence(table))
    if out:
        write_results(out, played)
        say(f"results: {out / 'README.md'}")
