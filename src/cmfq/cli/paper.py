"""The command that makes the paper's figures, tables and claims again."""

from dataclasses import replace
from pathlib import Path

import tyro

from cmfq.cli.many import train_shown
from cmfq.cli.options import WORKERS, Device, Folder, Workers
from cmfq.cli.screen import GamesScreen, print_table
from cmfq.experiments.paper.figures import FIGURES
from cmfq.experiments.paper.make import make_figure
from cmfq.experiments.paper.page import status_table, summary, verdict_table, write_paper
from cmfq.experiments.paper.plan import (
    Effort,
    figures_called,
    games_needed,
    has_preset,
    hours_of_training,
    runs_of,
    status_of,
)
from cmfq.hints import command
from cmfq.text import counted, say
from cmfq.workers import check_workers


def paper(
    figures: tyro.conf.Positional[tuple[str, ...]] = (),
    out: Folder = Path("paper"),
    preset: str = "paper",
    seeds: int = 5,
    quick: bool = False,
    device: Device = "auto",
    workers: Workers = WORKERS,
) -> None:
    """Make figures, tables and claims of the paper again.

    Trains the runs and plays the games that are missing, then writes a page for each figure and one
    with all claims. If interrupted, the same command continues. Without figures, all are listed,
    with what each needs and what is done already.

    Args:
        figures: Figures by their names in the paper, such as 4b and 7; all makes every figure
            that the preset supports.
        out: Folder to write to; runs, games and pages of each preset have a folder in it.
        preset: Preset of training.
        seeds: Number of training seeds of each algorithm.
        quick: Make everything small, in a few minutes, to see that all of it works.
        device: Device to train on: cpu, cuda, cuda:1 or auto. Games are played on the CPU.
        workers: Number of processes, ray, ray:ADDRESS or slurm:PARTITION; results are the same.
    """
    effort, folder = Effort(preset, seeds, quick), out / (f"{preset}-quick" if quick else preset)
    if not figures:
        every = [status_of(one, effort, folder) for one in figures_called(["all"], preset)]
        print_table(status_table(every, f"Preset {preset}, {counted(seeds, 'seed')}"))
        training = hours_of_training(every)
        playing = sum(one.playing_hours for one in every)
        say(f"core-hours left: {training:.1f} of training, shared once; {playing:.1f} of games")
        others = [one.name for one in FIGURES.values() if not has_preset(one, preset)]
        if others:
            say(f"as with preset paper, or not possible with preset {preset}: {', '.join(others)}")
        return
    check_workers(workers)
    wanted = figures_called(figures, preset)
    runs = {name: replace(one, device=device) for name, one in runs_of(wanted, effort).items()}
    train_shown(runs, folder / "runs", workers)
    words = ["paper", *figures, "--out", str(out), "--preset", preset, "--seeds", str(seeds)]
    words += ["--quick"] if quick else []
    again = command(*words, *(["--device", device] if device != "auto" else []))
    for figure in wanted:
        logs = folder / "games" / figure.name if games_needed(figure, effort) else None
        with GamesScreen(logs) as screen:
            page = make_figure(
                figure, effort, folder, again, workers=workers, on_progress=screen.report
            )
        say(f"Fig {figure.name}: {page / 'README.md'}")
    checked = write_paper(folder, effort, again)
    if any(one.verdict != "not measured" for one in checked):
        print_table(verdict_table(checked))
    say(summary(checked))
    say(f"results: {folder / 'README.md'}")
