"""The command that trains many runs, and what is seen while they train."""

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import tyro

from cmfq.cli.many_screen import RunsScreen
from cmfq.cli.options import WORKERS, Folder, Workers
from cmfq.errors import UserError
from cmfq.experiments.plan import read_many
from cmfq.experiments.training import train_missing, unfinished, validate_sharing
from cmfq.hints import command
from cmfq.text import counted, say
from cmfq.training.settings import RunSettings
from cmfq.workers import check_workers


def train_many(
    plan: tyro.conf.Positional[Path],
    runs: Folder,
    workers: Workers = WORKERS,
    runs_per_gpu: int = 1,
) -> None:
    """Train the runs of a plan, several at once.

    The plan names algorithms, seeds, sizes and sets of settings; every combination is a run with
    its own folder. If interrupted, every run is saved and the same command continues; on the same
    device with the same results.

    Args:
        plan: TOML file with the plan, such as docs/plans/battle.toml.
        runs: Folder for the runs.
        workers: Number of processes, ray, ray:ADDRESS or slurm:PARTITION; results are the same.
        runs_per_gpu: Number of runs that share a GPU on Ray, where the plan sets device to cuda.
            Processes of one machine share its GPU anyway.
    """
    validate_sharing(runs_per_gpu, workers)
    check_workers(workers)
    planned = read_many(plan).runs()
    train_shown(planned, runs, workers, runs_per_gpu)
    say(f"finished: {runs} holds {counted(len(planned), 'run')}")
    together = seeds_together(planned)
    if together:
        names = [runs / name for name in together]
        join = command("export", *names, "--method", "ensemble", "--out", "policy.safetensors")
        say(f"several seeds together play more evenly than one: `{join}`")


def seeds_together(runs: Mapping[str, RunSettings]) -> list[str]:
    """Names of runs of a plan, of its first algorithm, that differ in the seed alone.

    They are those like the last run of this algorithm, since runs that start from others stand
    behind them; each may have a start of its own. Empty if that one is alone: a plan trains
    everything with the same seeds.
    """
    alike = {
        name: replace(settings, seed=0, start_from=settings.start_from and "another run")
        for name, settings in runs.items()
    }
    first = next(iter(alike.values()))
    *_, last = (one for one in alike.values() if one.algorithm == first.algorithm)
    names = [name for name, settings in alike.items() if settings == last]
    return names if len(names) > 1 else []


def train_shown(
    runs: Mapping[str, RunSettings], folder: Path, workers: Workers, runs_per_gpu: int = 1
) -> None:
    """Train what is not finished, and show how far it is.

    Raises:
        UserError: as :func:`~cmfq.experiments.training.train_missing`.
        KeyboardInterrupt: it was stopped, and has said how to go on.
    """
    missing = unfinished(runs, folder)
    say(f"{len(runs) - len(missing)} of {len(runs)} runs are trained", file=sys.stderr, flush=True)
    try:
        with RunsScreen(runs, folder, missing) as screen:
            for name in train_missing(runs, folder, workers, runs_per_gpu):
                screen.finished(name)
    except KeyboardInterrupt:
        say(f"every run in {folder} is saved: the same command continues", file=sys.stderr)
        raise
    except UserError:
        left = unfinished(runs, folder)
        if len(left) < len(missing):
            say(f"{len(runs) - len(left)} of {len(runs)} runs are trained", file=sys.stderr)
        raise
