"""A run's folder: settings, metrics, checkpoints, and the state from which it goes on.

::

    runs/x/
      run.json                       settings and versions, as it ran
      metrics.jsonl                  one line per episode
      checkpoints/000050.safetensors policies to play with
      state.safetensors              everything that resuming needs, the replay included
      events.out.tfevents.*          the metrics again, for TensorBoard
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import filelock
import msgspec
from torch.utils.tensorboard import SummaryWriter

from cmfq.errors import UserError
from cmfq.storage import read_tensors, versions, write_bytes, write_json, write_tensors
from cmfq.training.checkpoint import list_checkpoints, refuse_own_functions, save_policy
from cmfq.training.self_play import EpisodeMetrics, SelfPlay
from cmfq.training.settings import TrainSettings

SETTINGS_FILE = "run.json"
METRICS_FILE = "metrics.jsonl"
STATE_FILE = "state.safetensors"


@dataclass(frozen=True)
class RunDescription:
    """Content of ``run.json``."""

    environment: str
    settings: TrainSettings
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
    def create(cls, path: Path, settings: TrainSettings) -> "Run":
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
        write_json(path / SETTINGS_FILE, RunDescription("battle", settings, versions()))
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
            text = (self.path / SETTINGS_FILE).read_bytes()
            description = msgspec.json.decode(text, type=RunDescription, strict=False)
            refuse_own_functions(description.settings.mean_field, self.path / SETTINGS_FILE)
            return description
        except (msgspec.DecodeError, msgspec.ValidationError, OSError) as error:
            raise UserError(f"{self.path / SETTINGS_FILE} cannot be read: {error}") from error

    def save(self, self_play: SelfPlay) -> None:
        """Write a checkpoint and the state to resume from."""
        save_policy(
            self.path / "checkpoints" / f"{self_play.episode:06d}.safetensors",
            self_play.learner.averaged_policy(),
            self_play.settings.network,
            environment="battle",
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
            settings = msgspec.convert(info["settings"], TrainSettings, strict=False)
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
            metrics = self_play.run_episode()
            _append(run.path / METRICS_FILE, metrics)
            _write_events(board, metrics)
            report(metrics)
            finished = self_play.episode == settings.episodes
            if finished or should_stop() or self_play.episode % settings.checkpoint_period == 0:
                run.save(self_play)
            if should_stop():
                return finished
    finally:
        board.close()
    return True


def _append(path: Path, metrics: EpisodeMetrics) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(metrics)) + "\n")


def _write_events(board: SummaryWriter, metrics: EpisodeMetrics) -> None:
    row = asdict(metrics)
    episode = row.pop("episode")
    for name, value in row.items():
        if isinstance(value, list):
            for team, part in enumerate(value):
                board.add_scalar(f"{name}/team_{team}", part, episode)
        elif value is not None:
            board.add_scalar(name, value, episode)
