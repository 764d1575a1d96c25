"""Commands that train."""

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import fields
from pathlib import Path

import tyro

from cmfq.algorithms import ALGORITHMS
from cmfq.bench import BenchRow, measure_all
from cmfq.cli.command_line import preset_options
from cmfq.cli.options import Device, Folder, Trackers
from cmfq.cli.screen import ScreenTable, new_console
from cmfq.devices import Arithmetic, describe
from cmfq.environments.settings import EnvironmentSettings
from cmfq.errors import UserError
from cmfq.hints import command
from cmfq.imports import own_names
from cmfq.interrupts import interrupted
from cmfq.outputs import TIMES, validate_output
from cmfq.own_functions import try_own_functions
from cmfq.play.players import RANDOM, load_player
from cmfq.play.progress import training_games
from cmfq.storage import write_json
from cmfq.text import say
from cmfq.training.evaluations import Evaluation, Evaluator, PlayCheckpoint
from cmfq.training.head import head_line
from cmfq.training.idle_settings import notify_of_idle_settings
from cmfq.training.loop import train as train_run
from cmfq.training.presets import preset_training
from cmfq.training.progress import TrainingProgress
from cmfq.training.run import Run
from cmfq.training.self_play import SelfPlay
from cmfq.training.settings import TrainSettings
from cmfq.training.stop import StopSignal
from cmfq.training.tracking import Tracker, make_trackers, stored_trackers

SAME_IN_ALL = ("threads", "device", "arithmetic", "environments")
"""Columns of ``cmfq bench`` that are the same in all rows: its title says them."""


def train_in(
    settings_type: type[EnvironmentSettings], default: EnvironmentSettings, preset: str = "paper"
) -> Callable[..., None]:
    """``cmfq train`` with the options of one kind of environment, as a preset sets them."""

    def train(
        environment: tyro.conf.Positional[str],
        settings: tyro.conf.OmitArgPrefixes[
            TrainSettings[settings_type]  # type: ignore[valid-type]
        ] = preset_training(preset, default),  # noqa: B008
        *,
        run: Folder,
        track: Trackers = (),
    ) -> None:
        """Train a policy for each role by self-play.

        Ctrl-C or SIGTERM ends the run after the current episode, with a checkpoint; a second signal
        ends it at once. `cmfq resume` continues it. The reward of self-play does not show progress:
        use --evaluate-period to measure it against fixed opponents.

        Args:
            environment: Environment to train in; `cmfq environments` lists them.
            settings: Settings of the run.
            run: Folder to make for the run; it must not exist.
            track: Trackers that show the run elsewhere: wandb, mlflow or module:name.
        """
        trackers = make_trackers(track)
        notify_of_idle_settings(settings)
        with closing(SelfPlay(settings, load_player)) as self_play:
            games = training_games(settings, self_play.environments[0])
            for side in self_play.sides.values():
                try_own_functions(side.policy)  # before there is a run that cannot be played
            with Run.create(run, self_play.settings, track) as folder:
                if line := head_line(settings, self_play.teams):
                    say(line, flush=True)
                if settings.preset != "paper":
                    unused = () if settings.evaluate_period else ("evaluate_against",)
                    words = preset_options(settings.preset, settings.environment, unused)
                    say(f"preset {settings.preset} sets {' '.join(words) or 'nothing'}", flush=True)
                _continue(folder, self_play, games, trackers)

    return train


def resume(
    run: tyro.conf.Positional[Path],
    evaluate: bool = True,
    skip_seed: int | None = None,
    device: str | None = None,
    arithmetic: Arithmetic | None = None,
    track: bool = True,
) -> None:
    """Continue an interrupted run.

    The run ends as if it had not been interrupted.

    Args:
        run: Run folder.
        evaluate: Play the evaluations of the run; turn it off if an opponent no longer exists.
        skip_seed: Seed of the next episode, if the environment fails in it every time: another seed
            is played instead, and run.json says so.
        device: Device to continue on, if not that of the run: cpu, cuda, cuda:1 or auto.
        arithmetic: Arithmetic to continue in, if not that of the run: float32 or bfloat16.
        track: Continue the trackers of the run; turn it off if one cannot be reached.
    """
    with Run.open(run) as folder:
        settings = folder.description().settings.computed(device, arithmetic)
        trackers = stored_trackers(folder.path) if track else {}
        with closing(SelfPlay(settings, load_player, folder.has_begun)) as self_play:
            games = training_games(settings, self_play.environments[0]) if evaluate else None
            folder.restore(self_play)
            if moved := folder.move(self_play):
                say(moved, flush=True)
            if skip_seed is not None:
                folder.skip_seed(skip_seed, self_play)
            _continue(folder, self_play, games, trackers)


def bench(
    algorithms: tuple[str, ...] = tuple(ALGORITHMS),
    sizes: tuple[int, ...] = (64, 400),
    steps: int = 400,
    threads: int = 1,
    device: Device = "cpu",
    arithmetic: Arithmetic = "float32",
    environments: int = 1,
    json: Path | None = None,
) -> None:
    """Measure the speed of training.

    Times environment, acting and learning in whole episodes of battle with a new network.

    Args:
        algorithms: Algorithms to measure.
        sizes: Numbers of agents on each side.
        steps: Number of steps of an episode.
        threads: Number of threads for the network.
        device: Device to measure: cpu, cuda, cuda:1 or auto.
        arithmetic: Arithmetic of the networks' trunks: float32 or bfloat16.
        environments: Number of episodes side by side.
        json: JSON file to write with the rows of the table.
    """
    if not algorithms or not sizes:
        raise UserError("there is nothing to measure: name at least one of algorithms and of sizes")
    if json is not None:
        validate_output(json, TIMES)
    names = [field.name for field in fields(BenchRow) if field.name not in SAME_IN_ALL]
    where = describe(device, arithmetic)
    table = ScreenTable(f"{where}, {threads} thread(s), {environments} episode(s) side by side")
    for name in names:
        table.add_column(name.replace("_", "\n"), justify="right", no_wrap=True)
    rows = []
    for row in measure_all(algorithms, sizes, threads, steps, device, environments, arithmetic):
        rows.append(row)
        values = [getattr(row, name) for name in names]
        table.add_row(*(f"{v:,.2f}" if isinstance(v, float) else str(v) for v in values))
        say(f"measured {row.algorithm} at {row.agents} a side", file=sys.stderr)
    if json is not None:
        write_json(json, rows)
    new_console().print(table)
    for size in dict.fromkeys(row.agents for row in rows):
        say(_speeds([row for row in rows if row.agents == size]))


def _speeds(rows: Sequence[BenchRow]) -> str:
    """Sentence: the fastest algorithm at one size, and the others as shares of it."""
    fastest, *others = sorted(rows, key=lambda row: -row.agent_steps_per_second)
    best = fastest.agent_steps_per_second
    shares = [f"{row.algorithm} {row.agent_steps_per_second / best:.0%}" for row in others]
    compared = f"; {', '.join(shares)} of that" if shares else ""
    return (
        f"{fastest.agents} a side: {fastest.algorithm} takes {best:,.0f} agent-steps/s{compared}."
    )


def _continue(
    run: Run, self_play: SelfPlay, games: PlayCheckpoint | None, trackers: Mapping[str, Tracker]
) -> None:
    """Train until the last episode or a signal; report to the terminal."""
    one_team = len(self_play.environments[0].teams) == 1
    measure = "" if one_team else self_play.settings.environment.decided_by
    progress_bar = TrainingProgress(self_play.settings.episodes, self_play.episode)
    own = self_play.settings.own_functions
    go_on = command("resume", run.path, own_functions=[*own, *own_names(*trackers)])
    with StopSignal() as stop, progress_bar as progress:
        stop.on_first = lambda: progress.say(
            f"stopping after this episode or game; once more to stop at once, which loses the "
            f"episodes since the last checkpoint in {run.path}"
        )
        evaluator = games and Evaluator(
            games, lambda row: progress.say(_evaluation_line(row, measure))
        )
        try:
            finished = train_run(run, self_play, progress.report, stop, evaluator, trackers)
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt) or interrupted():
                progress.say(
                    f"stopped at once: `{go_on}` continues from the last state that was saved"
                )
            raise
    if games and run.evaluations():
        say(_cost_line(run))
    if finished:
        play = command("evaluate", run.path, RANDOM, own_functions=own)
        say(f"finished: {run.path} holds the run, play it with `{play}`")
    else:
        say(f"stopped after episode {self_play.episode}: `{go_on}` continues")
        raise KeyboardInterrupt


def _evaluation_line(row: Evaluation, measure: str) -> str:
    """Line of an evaluation; without a ``measure`` there is one team, and nobody wins."""
    if not measure:
        earns = f"earns {abs(row.margin):.1f} {'less' if row.margin < 0 else 'more'}"
        return (
            f"episode {row.episode}: {earns} than {row.opponent} in the same episodes, and more in "
            f"{row.win_rate:.0%} of them; {row.seconds:.1f} s"
        )
    return (
        f"episode {row.episode}: win rate {row.win_rate:.0%} against {row.opponent} "
        f"({row.wins}-{row.draws}-{row.losses}), {row.margin:+.1f} {measure}; {row.seconds:.1f} s"
    )


def _cost_line(run: Run) -> str:
    """Cost of evaluations since the run began."""
    evaluating = sum(row.seconds for row in run.evaluations())
    rows = run.metrics()
    training = sum(row["playing_seconds"] + row["learning_seconds"] for row in rows)
    share = evaluating / max(evaluating + training, 1e-9)
    return f"evaluating took {evaluating:.1f} s, {share:.0%} of {evaluating + training:.0f} s"
