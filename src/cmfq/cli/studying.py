"""Commands that ask what makes the difference."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tyro

from cmfq.cli.command_line import last_of, option_words, refuse_unplayed
from cmfq.cli.many import train_shown
from cmfq.cli.options import WORKERS, Device, Folder, LastCheckpoints, Players, Workers
from cmfq.cli.screen import GamesScreen, print_page, print_table
from cmfq.errors import UserError
from cmfq.experiments.reproduction import (
    change_sentence,
    change_table,
    functions_called,
    play_again,
    runs_of,
    started_again,
    validate_reproduction,
)
from cmfq.experiments.sweep.plan import Plan, read_plan
from cmfq.experiments.sweep.play import play_sweep, validate_sweep
from cmfq.experiments.sweep.report import TITLE, sweep_page, write_sweep
from cmfq.hints import command
from cmfq.outputs import validate_log
from cmfq.play.engine import check_device
from cmfq.play.entrants import split_group
from cmfq.play.players import own_functions_of
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
    device: Device = "cpu",
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
        against: Opponents of all runs: run folders, checkpoints, scripted players, module:name.
        games: Number of games between the two algorithms of each cell, and of each run against
            all opponents together.
        checkpoints: Checkpoints of each run that play: last:3 takes the last three.
        seed: Random seed of the games.
        workers: Number of processes, ray, ray:ADDRESS or slurm:PARTITION; results are the same.
        device: Device of trained players in games: cpu, cuda, cuda:1 or auto.
        out: Folder to write tables, figure and games to.
    """
    if out:
        validate_results_folder(out, TITLE)
    planned, text = read_plan(plan), plan.read_text(encoding="utf-8")
    given = {"against": against, "games": games, "checkpoints": checkpoints, "seed": seed}
    if runs is None:
        refuse_unplayed((), sweep, "runs", **given)
        played = finished_tournament(log)
    else:
        numbers = {"games": games, "checkpoints": last_of(checkpoints), "seed": seed}
        validate_log(log, runs=runs, out=out)
        check_device(device, workers)
        validate_sweep(planned, runs, against, log, games=games, seed=seed, workers=workers)
        train_shown(planned.runs(), runs, workers)
        with GamesScreen(log) as screen:
            played = play_sweep(
                planned,
                runs,
                against,
                log,
                **numbers,
                command=_sweep_again(plan, planned, {"runs": runs, "log": log, **given}),
                workers=workers,
                device=device,
                on_progress=screen.report,
            )
    if out:
        write_sweep(out, planned, text, played)
    print_page(sweep_page(planned, text, played), out)


def _sweep_again(path: Path, plan: Plan, options: Mapping[str, Any]) -> str:
    """Command line that repeats a sweep; it allows the functions of one's own that files name."""
    stored = own_functions_of([split_group(name)[1] for name in options["against"]])
    words = option_words({**options, "against": options["against"] or None})
    return command("sweep", path, *words, own_functions=[*plan.own_functions, *stored])


def reproduce(
    result: tyro.conf.Positional[Path],
    runs: Folder,
    log: Path,
    workers: Workers = WORKERS,
    device: Device = "cpu",
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
        device: Device of trained players in games: cpu, cuda, cuda:1 or auto.
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
    settings = started_again(stored, settings, runs)
    check_device(device, workers)
    validate_reproduction(stored, log, workers)
    train_shown(settings, runs, workers)
    own = functions_called(stored, settings)
    again = command("reproduce", result, "--runs", runs, "--log", log, own_functions=own)
    with GamesScreen(log) as screen:
        played = play_again(
            stored,
            runs,
            log,
            command=again,
            workers=workers,
            device=device,
            on_progress=screen.report,
        )
    table = change_table(stored, played)
    print_table(table)
    say(change_sentence(table))
    if out:
        write_results(out, played)
        say(f"results: {out / 'README.md'}")
