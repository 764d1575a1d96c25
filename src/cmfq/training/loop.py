"""Training in a run's folder: play and learn, write down, save and evaluate when it is time."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict

from torch.utils.tensorboard import SummaryWriter

from cmfq.environments.base import Environment
from cmfq.environments.registry import kind_of
from cmfq.errors import EnvironmentFailed, OpponentFailed, UserError
from cmfq.policies import Policy
from cmfq.replays.record import Recorder
from cmfq.training.evaluations import Evaluation, Evaluator
from cmfq.training.rows import append_row
from cmfq.training.run import EVALUATIONS_FILE, METRICS_FILE, Run
from cmfq.training.self_play import EpisodeMetrics, SelfPlay


def train(
    run: Run,
    self_play: SelfPlay,
    report: Callable[[EpisodeMetrics], None],
    should_stop: Callable[[], bool],
    evaluator: Evaluator | None = None,
) -> bool:
    """Play, learn and evaluate until the last episode, or until asked to stop.

    An evaluation that an interrupt cut short is made up for when the run goes on.

    Args:
        run: its folder.
        self_play: its state.
        report: told of every episode.
        should_stop: asked between two episodes, and between two games of an evaluation.
        evaluator: for the evaluations that its settings ask for; none: they are left out.

    Returns:
        Whether the run is finished.
    """
    episodes, checkpoint_seconds = self_play.settings.episodes, 0.0
    board = SummaryWriter(str(run.path), purge_step=self_play.episode + 1)
    try:
        while True:  # here nothing has happened since the state was saved: it is safe to stop
            evaluated = evaluator is None or _evaluate(
                run, self_play, evaluator, should_stop, board, checkpoint_seconds
            )
            if self_play.episode == episodes or should_stop():
                return evaluated and self_play.episode == episodes
            checkpoint_seconds = _train_to_checkpoint(
                run, self_play, report, should_stop, board, evaluates=evaluator is not None
            )
    finally:
        board.close()


def _train_to_checkpoint(
    run: Run,
    self_play: SelfPlay,
    report: Callable[[EpisodeMetrics], None],
    should_stop: Callable[[], bool],
    board: SummaryWriter,
    evaluates: bool,
) -> float:
    """Play and learn until a checkpoint is due, and write it.

    Returns:
        Seconds that writing took, if it was for an evaluation alone.
    """
    settings = self_play.settings
    while True:
        for metrics in _run_episodes(run, self_play):
            append_row(run.path / METRICS_FILE, metrics)
            _write_events(board, metrics)
            report(metrics)
        finished = self_play.episode == settings.episodes
        usual = finished or should_stop() or _is_due(self_play, settings.checkpoint_period)
        if usual or (evaluates and _is_due(self_play, settings.evaluate_period)):
            started = time.perf_counter()
            run.save(self_play)
            return 0.0 if usual else time.perf_counter() - started


def _is_due(self_play: SelfPlay, period: int) -> bool:
    """Whether one of the episodes played last, side by side, ended a period; 0: none ever does."""
    before = max(0, self_play.episode - self_play.settings.environments)
    return period > 0 and before // period < self_play.episode // period


def _evaluate(
    run: Run,
    self_play: SelfPlay,
    evaluator: Evaluator,
    should_stop: Callable[[], bool],
    board: SummaryWriter,
    checkpoint_seconds: float,
) -> bool:
    """Play the opponents that are missing of an evaluation that is due here.

    Returns:
        Whether none is missing now; some are if it was asked to stop.
    """
    settings, episode = self_play.settings, self_play.episode
    finished = episode == settings.episodes and settings.evaluate_period > 0
    if not finished and not _is_due(self_play, settings.evaluate_period):
        return True
    played = {row.opponent for row in run.evaluations() if row.episode == episode}
    for opponent in settings.evaluate_against:
        if opponent in played:
            continue
        started = time.perf_counter() - checkpoint_seconds
        checkpoint_seconds = 0.0
        try:
            score = evaluator.play(
                run.checkpoint(episode), self_play.averaged_policies(), opponent, should_stop
            )
        except UserError as error:
            raise UserError(
                f"the evaluation of episode {episode} against {opponent} failed: {error}; "
                f"`cmfq resume {run.path} --no-evaluate` goes on without it"
            ) from error
        if score is None:
            return False
        row = Evaluation.of(score, episode, opponent, time.perf_counter() - started)
        append_row(run.path / EVALUATIONS_FILE, row)
        board.add_scalar(f"win_rate/{opponent}", row.win_rate, episode)
        board.add_scalar(f"margin/{opponent}", row.margin, episode)
        for name, value in row.yardsticks.items():
            board.add_scalar(f"{name}/{opponent}", value, episode)
        evaluator.report(row)
    return True


def _run_episodes(run: Run, self_play: SelfPlay) -> list[EpisodeMetrics]:
    """Play and learn; write a replay when one is due."""
    settings = self_play.settings
    due = settings.record_period and self_play.episode % settings.record_period == 0
    recorders: list[Recorder] = []

    def watch(
        environment: Environment, policies: Sequence[Policy], opponents: Sequence[str], seed: int
    ) -> Recorder:
        name = kind_of(settings.environment).name
        players = [opponent or f"episode {self_play.episode + 1}" for opponent in opponents]
        recorders.append(Recorder(environment, policies, name=name, players=players, seed=seed))
        return recorders[0]

    try:
        first = self_play.episode + 1
        metrics = self_play.run_episodes(watch if due else None)
        for recorder in recorders:
            (run.path / "replays").mkdir(exist_ok=True)
            recorder.save(run.path / "replays" / f"{first:06d}.replay")
        return metrics
    except (EnvironmentFailed, OpponentFailed) as error:
        run.save(self_play)
        raise type(error)(
            f"episode {self_play.episode + 1}: {error}; the {self_play.episode} episodes before it "
            f"are saved, `cmfq resume {run.path}` goes on from there"
        ) from error


def _write_events(board: SummaryWriter, metrics: EpisodeMetrics) -> None:
    row = asdict(metrics)
    episode = row.pop("episode")
    for name, value in row.items():
        parts = dict(enumerate(value)) if isinstance(value, list) else value
        parts = parts if isinstance(parts, dict) else {None: parts}
        for index, part in parts.items():
            if isinstance(part, int | float):
                board.add_scalar(name if index is None else f"{name}/{index}", part, episode)
