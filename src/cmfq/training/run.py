"""A run's folder: settings, metrics, checkpoints, and the state from which it goes on.

::

    runs/x/
      run.json                       settings and versions, as it ran
      metrics.jsonl                  one line per episode
      checkpoints/000050.safetensors policies to play with
      replays/000001.replay          games to watch, if record_period asks for them
      state.safetensors              everything that resuming needs, the replay included
      events.out.tfevents.*          the metrics again, for TensorBoard
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import filelock
import msgspec
from torch.utils.tensorboard import SummaryWriter

from cmfq.environments.base import Environment
from cmfq.environments.registry import find_kind, kind_of, own_functions
from cmfq.errors import EnvironmentFailed, UserError
from cmfq.policies import Policy
from cmfq.replays.record import Recorder
from cmfq.storage import read_tensors, versions, write_bytes, write_json, write_tensors
from cmfq.training.checkpoint import list_checkpoints, refuse_own_functions, save_policies
from cmfq.training.self_play import EpisodeMetrics, SelfPlay
from cmfq.training.settings import TrainSettings

SETTINGS_FILE = "run.json"
METRICS_FILE = "metrics.jsonl"
STATE_FILE = "state.safetensors"


@dataclass(frozen=True)
class RunDescription:
    """Content of ``run.json``."""

    environment: str
    """Name of its kind."""
    settings: TrainSettings[Any]
    versions: dict[str, str]


class Run:
    """A run folder that this process, and no other, writes to."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = filelock.FileLock(path / ".lock")

    def __enter__(self) -> Self:
        """Claim the folder.

        Raises:
            UserError: another process is using it.
        """
        try:
            self._lock.acquire(timeout=0)
        except filelock.Timeout:
            raise UserError(
                f"{self.path} is in use by another run: wait for it, or give another folder"
            ) from None
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._lock.release()

    @classmethod
    def create(cls, path: Path, settings: TrainSettings[Any]) -> "Run":
        """Make the folder of a new run.

        Raises:
            UserError: something is there already, or nothing can be made there.
        """
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            raise UserError(
                f"{path} exists already: give another --run, or go on with `cmfq resume {path}`"
            ) from None
        except OSError as error:
            raise UserError(f"cannot make the run folder {path}: {error.strerror}") from error
        (path / "checkpoints").mkdir()
        name = kind_of(settings.environment).name
        write_json(path / SETTINGS_FILE, RunDescription(name, settings, versions()))
        return cls(path)

    @classmethod
    def open(cls, path: Path) -> "Run":
        """Open the folder of a run that exists.

        Raises:
            UserError: it is no run folder.
        """
        if not (path / SETTINGS_FILE).is_file():
            raise UserError(f"{path} is no run folder: it has no {SETTINGS_FILE}")
        return cls(path)

    def description(self) -> RunDescription:
        """Settings and versions, as the run started with them.

        Raises:
            UserError: the file was damaged.
        """
        try:
            raw = msgspec.json.decode((self.path / SETTINGS_FILE).read_bytes())
            settings = read_settings(raw["environment"], raw["settings"])
            description = RunDescription(
                raw["environment"], settings, msgspec.convert(raw["versions"], dict[str, str])
            )
        except (msgspec.MsgspecError, OSError, KeyError, TypeError) as error:
            raise UserError(f"{self.path / SETTINGS_FILE} cannot be read: {error}") from error
        named = settings.mean_field.own_functions + own_functions(settings.environment)
        refuse_own_functions(named, self.path / SETTINGS_FILE)
        return description

    def save(self, self_play: SelfPlay) -> None:
        """Write a checkpoint and the state to resume from."""
        save_policies(
            self.path / "checkpoints" / f"{self_play.episode:06d}.safetensors",
            {role: side.learner.averaged_policy() for role, side in self_play.sides.items()},
            self_play.settings.network,
            environment=self_play.settings.environment,
            episode=self_play.episode,
        )
        write_tensors(self.path / STATE_FILE, *self_play.state())

    def restore(self, self_play: SelfPlay) -> None:
        """Take up the saved state, and forget metrics and checkpoints that came after it.

        A run that stopped before its first checkpoint starts again from its seed.
        """
        state = self.path / STATE_FILE
        if state.exists():
            self._restore_state(self_play, state)
        rows = [row for row in self.metrics() if row["episode"] <= self_play.episode]
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        write_bytes(self.path / METRICS_FILE, lines.encode())
        for checkpoint in list_checkpoints(self.path):
            if int(checkpoint.stem) > self_play.episode:
                checkpoint.unlink()

    def _restore_state(self, self_play: SelfPlay, state: Path) -> None:
        try:
            tensors, info = read_tensors(state)
            name = kind_of(self_play.settings.environment).name
            settings = read_settings(name, info["settings"])
            if settings != self_play.settings:
                raise UserError("it belongs to a run with other settings")
            self_play.restore(tensors, info)
        except (UserError, KeyError, ValueError, RuntimeError) as error:
            raise UserError(
                f"cannot go on from {state}: {error}; the run's checkpoints are still good to play"
            ) from error

    def metrics(self) -> list[dict[str, Any]]:
        """Rows of the metrics file; a last line that was cut short is left out."""
        path = self.path / METRICS_FILE
        if not path.exists():
            return []
        try:
            lines = path.read_text(encoding="utf-8").split("\n")
            rows = [json.loads(line) for line in lines[:-1]]
            return [row for row in rows if row["episode"]]
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(f"{path} is damaged: {error}; mend or remove it") from error


def read_settings(environment: str, raw: Any) -> TrainSettings[Any]:
    """Settings of a run in this kind of environment, from what JSON holds of them."""
    kind = find_kind(environment)
    settings: TrainSettings[Any] = msgspec.convert(
        raw,
        TrainSettings[kind.settings],  # type: ignore[name-defined]
        strict=False,
    )
    return settings


def train(
    run: Run,
    self_play: SelfPlay,
    report: Callable[[EpisodeMetrics], None],
    should_stop: Callable[[], bool],
) -> bool:
    """Play and learn until the last episode, or until asked to stop between two.

    Returns:
        Whether the run is finished.
    """
    settings = self_play.settings
    board = SummaryWriter(str(run.path), purge_step=self_play.episode + 1)
    try:
        while self_play.episode < settings.episodes:
            begun = self_play.episode
            for metrics in _run_episodes(run, self_play):
                _append(run.path / METRICS_FILE, metrics)
                _write_events(board, metrics)
                report(metrics)
            finished = self_play.episode == settings.episodes
            due = begun // settings.checkpoint_period < (
                self_play.episode // settings.checkpoint_period
            )
            if finished or should_stop() or due:
                run.save(self_play)
            if should_stop():
                return finished
    finally:
        board.close()
    return True


def _run_episodes(run: Run, self_play: SelfPlay) -> list[EpisodeMetrics]:
    """Play and learn; write a replay when one is due."""
    settings = self_play.settings
    due = settings.record_period and self_play.episode % settings.record_period == 0
    recorders: list[Recorder] = []

    def watch(environment: Environment, policies: Sequence[Policy], seed: int) -> Recorder:
        name = kind_of(settings.environment).name
        players = [f"episode {self_play.episode + 1}" for _ in policies]
        recorders.append(Recorder(environment, policies, name=name, players=players, seed=seed))
        return recorders[0]

    try:
        first = self_play.episode + 1
        metrics = self_play.run_episodes(watch if due else None)
        for recorder in recorders:
            (run.path / "replays").mkdir(exist_ok=True)
            recorder.save(run.path / "replays" / f"{first:06d}.replay")
        return metrics
    except EnvironmentFailed as error:
        run.save(self_play)
        raise EnvironmentFailed(
            f"episode {self_play.episode + 1}: {error}; the {self_play.episode} episodes before it "
            f"are saved, `cmfq resume {run.path}` goes on from there"
        ) from error


def _append(path: Path, metrics: EpisodeMetrics) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(metrics)) + "\n")


def _write_events(board: SummaryWriter, metrics: EpisodeMetrics) -> None:
    row = asdict(metrics)
    episode = row.pop("episode")
    for name, value in row.items():
        parts = dict(enumerate(value)) if isinstance(value, list) else {None: value}
        for index, part in parts.items():
            if part is not None:
                board.add_scalar(name if index is None else f"{name}/{index}", part, episode)
