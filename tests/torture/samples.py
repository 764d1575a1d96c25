"""One small valid file of every kind that cmfq writes and reads, and what reads it."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from cmfq.cli import main
from cmfq.experiments.sweep.plan import read_plan
from cmfq.play.entrants import find_entrants
from cmfq.play.progress import progress_rows
from cmfq.play.reading import finished_progress, finished_tournament
from cmfq.play.standings import standings
from cmfq.recordings import read
from cmfq.recordings.page import NamedRecording, documents
from cmfq.results.curves import by_group, ends_table, find_metrics
from cmfq.results.learning import teams_by_role
from cmfq.results.progress import progress_table
from cmfq.results.tournament_tables import comparison_table, ordering_table, rating_table
from cmfq.training.checkpoint import load_checkpoint
from cmfq.training.run import Run
from cmfq.training.self_play import SelfPlay
from cmfq.training.tracking import TRACKERS_FILE, read_trackers, store_trackers

GAME = ("--size", "12", "--max-steps", "12")
SMALL = (
    *GAME, "--episodes", "4", "--checkpoint-period", "2", "--batch-size", "32",
    "--min-updates", "1", "--replay-bytes", "8000000", "--head", "additive",
    "--channels", "2", "2", "--hidden-units", "8", "--view-units", "8",
    "--evaluate-period", "2", "--evaluate-games", "2", "--evaluate-against", "random",
)  # fmt: skip
PLAN = """environment = "battle"
algorithms = ["cmfq", "mfq"]

[factors]
episodes = [2, 4]
"exploration.beta_end" = [30, 10]

[settings]
checkpoint_period = 2
"""


class Sample(NamedTuple):
    """A valid file, and what its readers do with it."""

    kind: str
    path: Path
    """Where the file stands; a mutation is written there, with what belongs to it beside it."""
    read: Callable[[Path], object]
    """Takes the path; raises a UserError if the file is damaged."""


def make_samples(folder: Path) -> list[Sample]:
    """Train, play and record a moment, by the command line."""
    run, other = folder / "run", folder / "other"
    games, progress, replay, plan = (
        folder / name for name in ("games.json", "progress.json", "a.replay", "plan.toml")
    )
    plan.write_text(PLAN)
    out = folder / "out"
    call("train", "battle", *SMALL, "--run", run)
    call("train", "battle", *SMALL, "--algorithm", "mfq", "--run", other)
    few = ("--games", "4", "--checkpoints", "last:1", "--workers", "1")
    call("tournament", run, other, "rush", "--log", games, *few, "--out", out)
    call(
        "progress", run, "--against", "random", "--games", "2", "--workers", "1", "--log", progress
    )
    call("record", run, "random", *GAME, "--out", replay)
    store_trackers(run, ("wandb", "mlflow"))

    def in_run(path: Path) -> Path:
        return path.parent

    def use_metrics(path: Path) -> None:
        entrants = find_entrants([str(in_run(path))], "battle", 1)
        curves = by_group(entrants, find_metrics(entrants))
        settings = Run.open(in_run(path)).description().settings.environment
        ends_table(curves, teams_by_role(curves, settings))

    def use_evaluations(path: Path) -> None:
        Run.open(in_run(path)).evaluations()

    def use_state(path: Path) -> None:
        opened = Run.open(in_run(path))
        opened.restore(SelfPlay(opened.description().settings))

    def use_games(path: Path) -> None:
        result = standings(finished_tournament(path))
        comparison_table(result), rating_table(result), ordering_table(result)

    def use_progress(path: Path) -> None:
        progress_table(progress_rows(finished_progress(path)))

    def use_replay(path: Path) -> None:
        game = read(path)
        game.frames()
        for step in range(len(game.steps)):
            game.traces(step)
        documents([NamedRecording(path.name, path.read_bytes())])

    last = sorted((run / "checkpoints").iterdir())[-1]
    return [
        Sample("run", run / "run.json", lambda path: Run.open(in_run(path)).description()),
        Sample("metrics", run / "metrics.jsonl", use_metrics),
        Sample(
            "evaluations",
            run / "evaluations.jsonl",
            lambda path: Run.open(in_run(path)).evaluations(),
        ),
        Sample("checkpoint", last, lambda path: load_checkpoint(path).environment_settings()),
        Sample("state", run / "state.safetensors", use_state),
        Sample("trackers", run / TRACKERS_FILE, lambda path: read_trackers(in_run(path))),
        Sample("tournament", games, use_games),
        Sample("packed tournament", out / "tournament.json.gz", use_games),
        Sample("progress", progress, use_progress),
        Sample("replay", replay, use_replay),
        Sample("plan", plan, read_plan),
    ]


def call(*arguments: object) -> None:
    """A command that succeeds.

    Raises:
        RuntimeError: it did not.
    """
    code = main([str(argument) for argument in arguments])
    if code:
        raise RuntimeError(f"cmfq {' '.join(map(str, arguments))} ended with {code}")
