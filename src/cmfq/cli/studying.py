"""Commands that ask what makes the difference."""

import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

import tyro

from cmfq.cli.again import option_words
from cmfq.cli.playing import WORKERS
from cmfq.cli.screen import GamesScreen, print_table
from cmfq.cli.tournaments import last_of
from cmfq.errors import UserError
from cmfq.outputs import GAMES, validate_output
from cmfq.play.reading import finished_tournament
from cmfq.results.tournament import HEADING, write_results
from cmfq.storage import refuse_results_folder
from cmfq.studies.reproduction import change_table, play_again, refuse_again, runs_of
from cmfq.studies.sweep.plan import read_plan
from cmfq.studies.sweep.play import play_sweep, refuse_sweep, responses
from cmfq.studies.sweep.report import TITLE, effects_of, effects_table, write_sweep
from cmfq.studies.training import train_missing, unfinished
from cmfq.text import say
from cmfq.training.settings import RunSettings


def sweep(
    plan: tyro.conf.Positional[Path],
    json: Path,
    runs: Path | None = None,
    against: tuple[str, ...] = (),
    games: int = 40,
    checkpoints: str = "last:3",
    seed: int = 0,
    workers: int = WORKERS,
    out: Path | None = None,
) -> None:
    """Train two algorithms under varied settings, and say which setting changes what.

    The plan names two levels of each setting; a design that varies all of them at once is trained,
    played and judged. Whatever stops it, the same command goes on.

    Args:
        plan: TOML file: docs/results/sweep64/plan.toml is one.
        json: file that holds the games, each as soon as it is over.
        runs: folder for the runs. None: report the finished games in the file again.
        against: common opponents of all runs: run folders, checkpoint files, scripted players.
        games: of the two algorithms of each cell, and of each run against all opponents together.
        checkpoints: last:3 plays the last three of each run.
        seed: of the games.
        workers: processes; the result does not depend on it.
        out: folder to write tables, figure and all games to.
    """
    if out:
        refuse_results_folder(out, TITLE)
    planned = read_plan(plan)
    text = plan.read_text(encoding="utf-8")
    if runs is None:
        played = finished_tournament(json)
    else:
        last = last_of(checkpoints)
        validate_output(json, GAMES)
        refuse_sweep(planned, runs, against, json, games=games, seed=seed, workers=workers)
        _train(planned.runs(), runs, workers)
        options = {"runs": runs, "json": json, "games": games, "checkpoints": checkpoints}
        words = ["cmfq", "sweep", str(plan), *option_words(options | {"seed": seed})]
        words += ["--against", *against] if against else []
        with GamesScreen(json) as screen:
            played = play_sweep(
                planned,
                runs,
                against,
                json,
                games=games,
                checkpoints=last,
                seed=seed,
                command=shlex.join(words),
                workers=workers,
                on_progress=screen.report,
            )
    effects = effects_of(planned, responses(planned, played))
    print_table(effects_table(planned, effects), "Win rates, and their changes in points")
    if out:
        write_sweep(out, planned, text, played)
        say(f"results: {out / 'README.md'}")


def reproduce(
    result: tyro.conf.Positional[Path],
    runs: Path,
    json: Path,
    workers: int = WORKERS,
    out: Path | None = None,
) -> None:
    """Do a stored tournament again: train all its runs, play all its games.

    The same versions on the same kind of machine give the same weights and games. Whatever stops
    it, the same command goes on.

    Args:
        result: tournament.json.gz of a results folder, or the file of a finished tournament.
        runs: folder for the runs.
        json: file that holds the new games, each as soon as it is over.
        workers: processes; the result does not depend on it.
        out: folder to write tables, figures and all games to.
    """
    if out:
        refuse_results_folder(out, HEADING)
    stored = finished_tournament(result)
    validate_output(json, GAMES)
    for written in (json, *([out / result.name] if out else [])):
        if written.resolve() == result.resolve():
            raise UserError(f"{result} would be overwritten: give another --json, another --out")
    settings = runs_of(stored)  # first: it refuses a stranger's functions, before any is called
    refuse_again(stored, runs, json, workers)
    _train(settings, runs, workers)
    command = ["cmfq", "reproduce", str(result), "--runs", str(runs), "--json", str(json)]
    with GamesScreen(json) as screen:
        played = play_again(
            stored,
            runs,
            json,
            command=shlex.join(command),
            workers=workers,
            on_progress=screen.report,
        )
    print_table(change_table(stored, played), "Win rates, 95 % intervals over seeds")
    if out:
        write_results(out, played)
        say(f"results: {out / 'README.md'}")


def _train(runs: Mapping[str, RunSettings], folder: Path, workers: int) -> None:
    trained = len(runs) - len(unfinished(runs, folder))
    say(f"{trained} of {len(runs)} runs are trained", file=sys.stderr, flush=True)
    try:
        for name in train_missing(runs, folder, workers):
            trained += 1
            say(f"{trained} of {len(runs)} runs: {name}", file=sys.stderr, flush=True)
    except KeyboardInterrupt:
        say(f"each run in {folder} is saved: the same command goes on", file=sys.stderr)
        raise
