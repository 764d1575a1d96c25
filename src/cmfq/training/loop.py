"""Training in a run's folder: play and learn, write down, save and evaluate when it is time."""

import time
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from cmfq.environments.appearance import shown_title
from cmfq.environments.base import Environment
from cmfq.errors import EnvironmentFailed, UserError
from cmfq.hints import command
from cmfq.imports import own_names
from cmfq.policies import Policy
from cmfq.recordings.record import Recorder
from cmfq.storage import make_folder, plain
from cmfq.training.boards import NoBoard, open_board
from cmfq.training.ensemble import playing_policies
from cmfq.training.evaluations import Evaluation, Evaluator
from cmfq.training.metrics import EpisodeMetrics
from cmfq.training.rows import append_row
from cmfq.training.run import EVALUATIONS_FILE, Run
from cmfq.training.scalars import hyperparameters, names_of
from cmfq.training.self_play import SelfPlay
from cmfq.training.settings import RunSettings
from cmfq.training.tracking import Trackers, Tracking, read_trackers

if TYPE_CHECKING:
    from cmfq.training.board import Board


class Shown(NamedTuple):
    """Where the rows of a run are shown."""

    board: "Board | NoBoard"
    tracking: Tracking

    def add(self, row: Mapping[str, Any], *, evaluation: bool = False) -> None:
        """Show a row that was added to the run."""
        self.board.add(row, evaluation=evaluation)
        self.tracking.add(row, evaluation=evaluation)


def train(
    run: Run,
    self_play: SelfPlay,
    report: Callable[[EpisodeMetrics], None],
    should_stop: Callable[[], bool],
    evaluator: Evaluator | None = None,
    trackers: Trackers = MappingProxyType({}),
) -> bool:
    """Play, learn and evaluate until the last episode, or until asked to stop.

    An evaluation that an interrupt cut short is made up for when the run goes on.

    Args:
        run: its folder.
        self_play: its state.
        report: told of every episode.
        should_stop: asked between two episodes, and between two games of an evaluation.
        evaluator: for the evaluations that its settings ask for; none: they are left out.
        trackers: told of every row.

    Returns:
        Whether the run is finished.

    Raises:
        UserError: a tracker cannot start, or what :meth:`SelfPlay.run_episodes` raises.
    """
    episodes, checkpoint_seconds = self_play.settings.episodes, 0.0
    run.begin(self_play)
    names, settings = names_of(self_play.teams), hyperparameters(self_play.settings)
    with (
        open_board(run.path, names, settings) as board,
        Tracking(run.path, trackers, names) as tracking,
    ):
        rows = run.rows()
        board.begin(rows, run.started())
        tracking.begin(rows, settings)
        shown = Shown(board, tracking)
        while True:  # here nothing has happened since the state was saved: it is safe to stop
            evaluated = evaluator is None or _evaluate(
                run, self_play, evaluator, should_stop, shown, checkpoint_seconds
            )
            if self_play.episode == episodes or should_stop():
                return evaluated and self_play.episode == episodes
            checkpoint_seconds = _train_to_checkpoint(
                run, self_play, report, should_stop, shown, evaluates=evaluator is not None
            )


def _train_to_checkpoint(
    run: Run,
    self_play: SelfPlay,
    report: Callable[[EpisodeMetrics], None],
    should_stop: Callable[[], bool],
    shown: Shown,
    evaluates: bool,
) -> float:
    """Play and learn until a checkpoint is due, and write it.

    Returns:
        Seconds that writing took, if it was for an evaluation alone.
    """
    settings = self_play.settings
    while True:
        for metrics in _run_episodes(run, self_play):
            if run.add_metrics(metrics):
                shown.add(plain(metrics))
            report(metrics)
        episode = self_play.episode
        finished = episode == settings.episodes
        usual = finished or should_stop() or settings.is_due(episode, settings.checkpoint_period)
        if usual or (evaluates and settings.is_due(episode, settings.evaluate_period)):
            started = time.perf_counter()
            run.save(self_play)
            return 0.0 if usual else time.perf_counter() - started


def _evaluate(
    run: Run,
    self_play: SelfPlay,
    evaluator: Evaluator,
    should_stop: Callable[[], bool],
    shown: Shown,
    checkpoint_seconds: float,
) -> bool:
    """Play the opponents that are missing of an evaluation that is due here.

    Returns:
        Whether none is missing now; some are if it was asked to stop.
    """
    episode = self_play.episode
    for opponent in _unplayed(run, self_play.settings, episode):
        started = time.perf_counter() - checkpoint_seconds
        checkpoint_seconds = 0.0
        try:
            score = evaluator.play(
                run.checkpoint(episode),
                playing_policies(self_play, run.path),
                opponent,
                should_stop,
            )
        except UserError as error:
            raise UserError(
                f"the evaluation of episode {episode} against {opponent} failed: {error}; "
                f"`{_resume_line(run, self_play, '--no-evaluate')}` continues without it"
            ) from error
        if score is None:
            return False
        row = Evaluation.of(score, episode, opponent, time.perf_counter() - started)
        append_row(run.path / EVALUATIONS_FILE, row)
        shown.add(row.scalars(), evaluation=True)
        evaluator.report(row)
    return True


def is_finished(run: Run, settings: RunSettings) -> bool:
    """Whether a run has its last checkpoint, and all games of its last evaluation."""
    last = settings.episodes
    return run.checkpoint(last).is_file() and not _unplayed(run, settings, last)


def _unplayed(run: Run, settings: RunSettings, episode: int) -> list[str]:
    """Opponents that are missing of an evaluation that is due after so many episodes."""
    at_the_end = episode == settings.episodes and settings.evaluate_period > 0
    if not at_the_end and not settings.is_due(episode, settings.evaluate_period):
        return []
    played = {row.opponent for row in run.evaluations() if row.episode == episode}
    return [one for one in settings.evaluate_against if one not in played]


def _run_episodes(run: Run, self_play: SelfPlay) -> list[EpisodeMetrics]:
    """Play and learn; write a replay when one is due."""
    settings = self_play.settings
    due = settings.starts_period(self_play.episode, settings.record_period)
    recorders: list[Recorder] = []

    def watch(
        environment: Environment, policies: Sequence[Policy], opponents: Sequence[str], seed: int
    ) -> Recorder:
        name = settings.environment.kind
        players = [opponent or f"episode {self_play.episode + 1}" for opponent in opponents]
        recorder = Recorder(
            environment,
            policies,
            name=name,
            players=players,
            seed=seed,
            title=shown_title(environment, self_play.worlds.settings_of(environment)),
            origin=f"episode {self_play.episode + 1} of {run.path.name}",
        )
        recorders.append(recorder)
        return recorder

    first = self_play.episode + 1
    try:
        metrics = self_play.run_episodes(watch if due else None)
    except UserError as error:
        if self_play.undone:
            raise _saved(run, self_play, error) from error
        raise
    for recorder in recorders:
        make_folder(run.path / "replays")
        recorder.save(run.path / "replays" / f"{first:06d}.replay")
    return metrics


def _saved(run: Run, self_play: SelfPlay, error: UserError) -> UserError:
    """Save what was before an episode that cannot be played; what to tell the user."""
    before = self_play.episode
    way_out = ""
    seeds = self_play.next_seeds()
    seed = error.seed if isinstance(error, EnvironmentFailed) else None
    if seed is None and len(seeds) == 1:
        (seed,) = seeds
    if seed in seeds:
        skip = _resume_line(run, self_play, "--skip-seed", seed)
        way_out = f", `{skip}` leaves that seed out if it always fails"
    run.save(self_play)
    saved = {0: "", 1: "the first episode is saved: "}
    number = before + 1 + (seeds.index(seed) if seed in seeds else 0)
    return type(error)(
        f"episode {number}: {error}; "
        f"{saved.get(before, f'the first {before} episodes are saved: ')}"
        f"`{_resume_line(run, self_play)}` plays it again{way_out}"
    )


def _resume_line(run: Run, self_play: SelfPlay, *options: object) -> str:
    """The command that goes on with a run."""
    own = [*self_play.settings.own_functions, *own_names(*read_trackers(run.path))]
    return command("resume", run.path, *options, own_functions=own)
