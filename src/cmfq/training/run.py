"""A run's folder: settings, metrics, checkpoints, and the state from which it goes on.

::

    runs/x/
      run.json                       settings and versions, as it ran
      metrics.jsonl                  one line per episode
      evaluations.jsonl              one line per evaluation and opponent, if there are any
      checkpoints/000050.safetensors policies to play with
      replays/000001.replay          games to watch, if record_period asks for them
      state.safetensors              everything that resuming needs; until the end, the replay too
      events.out.tfevents.*          the metrics again, for TensorBoard
"""

import shutil
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import filelock

from cmfq.decoding import convert, damage_of, decode_json, read_bytes, reason_of
from cmfq.environments.registry import find_kind, kind_of
from cmfq.errors import UserError
from cmfq.storage import claim, read_tensors, versions, write_json, write_tensors
from cmfq.training.checkpoint import list_checkpoints, refuse_own_functions, save_policies
from cmfq.training.evaluations import Evaluation
from cmfq.training.former import former_run
from cmfq.training.opponent_settings import GATED
from cmfq.training.rows import forget_rows, read_metrics, read_rows
from cmfq.training.self_play import SelfPlay
from cmfq.training.settings import TrainSettings
from cmfq.training.state import check_state

SETTINGS_FILE = "run.json"
METRICS_FILE = "metrics.jsonl"
EVALUATIONS_FILE = "evaluations.jsonl"
STATE_FILE = "state.safetensors"


@dataclass(frozen=True)
class RunDescription:
    """Content of ``run.json``."""

    environment: str
    """Name of its kind."""
    settings: TrainSettings[Any]
    versions: dict[str, str]


@dataclass(frozen=True)
class StoredRun:
    """The same, as a file holds it: settings are those of its kind of environment."""

    environment: str
    settings: dict[str, Any]
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
        claim(
            self._lock, f"{self.path} is in use by another run: wait for it, or give another folder"
        )
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
        name = kind_of(settings.environment).name
        try:
            write_json(path / SETTINGS_FILE, RunDescription(name, settings, versions()))
            (path / "checkpoints").mkdir()
        except (UserError, OSError):
            shutil.rmtree(path, ignore_errors=True)
            raise
        return cls(path)

    @classmethod
    def open(cls, path: Path) -> "Run":
        """Open the folder of a run that exists.

        Raises:
            UserError: it is no run folder.
        """
        if not (path / SETTINGS_FILE).is_file():
            raise UserError(
                f"{path} is no run folder, it has no {SETTINGS_FILE}: give another one, or remove "
                "it if a run was killed as it began"
            )
        return cls(path)

    def description(self) -> RunDescription:
        """Settings and versions, as the run started with them.

        Raises:
            UserError: the file was damaged.
        """
        path = self.path / SETTINGS_FILE
        with damage_of(path, "put it back as it was"):
            stored = decode_json(read_bytes(path), StoredRun)
            settings = read_settings(
                stored.environment, former_run(stored.environment, stored.settings)
            )
        refuse_own_functions(settings.own_functions, path)
        return RunDescription(stored.environment, settings, stored.versions)

    def checkpoint(self, episode: int) -> Path:
        """File of the policies that had been trained so far."""
        return self.path / "checkpoints" / f"{episode:06d}.safetensors"

    def save(self, self_play: SelfPlay) -> None:
        """Write a checkpoint and the state to resume from."""
        save_policies(
            self.checkpoint(self_play.episode),
            self_play.averaged_policies(),
            self_play.settings.network,
            environment=self_play.settings.environment,
            episode=self_play.episode,
        )
        write_tensors(self.path / STATE_FILE, *self_play.state())

    def restore(self, self_play: SelfPlay) -> None:
        """Take up the saved state; forget metrics, evaluations and checkpoints that came after it.

        A run that stopped before its first checkpoint starts again from its seed.

        Raises:
            UserError: the state is damaged, or gone though there are checkpoints to lose.
        """
        state = self.path / STATE_FILE
        if state.exists():
            self._restore_state(self_play, state)
        elif len(list_checkpoints(self.path)) > 1:  # one is there if a kill came before its state
            raise UserError(
                f"{state} is gone, without which the run cannot go on: its checkpoints are still "
                "good to play; to train again, give another folder"
            )
        for name in (METRICS_FILE, EVALUATIONS_FILE):
            forget_rows(self.path / name, self_play.episode)
        for checkpoint in list_checkpoints(self.path):
            if int(checkpoint.stem) > self_play.episode:
                checkpoint.unlink()

    def _restore_state(self, self_play: SelfPlay, state: Path) -> None:
        try:
            tensors, info = read_tensors(state)
            name = kind_of(self_play.settings.environment).name
            settings = read_settings(name, former_run(name, info.get("settings")))
            if settings != self_play.settings:
                raise UserError("it belongs to a run with other settings")
            check_state(self_play, tensors, info)
            self_play.restore(tensors, info)
        except (
            UserError, LookupError, ValueError, RuntimeError, TypeError, AttributeError,
            ArithmeticError,
        ) as error:  # fmt: skip
            raise UserError(
                f"cannot go on from {state}: {reason_of(error)}; the run's checkpoints are still "
                "good to play"
            ) from error

    def metrics(self) -> list[dict[str, Any]]:
        """Rows of the metrics file; a last line that was cut short is left out."""
        return read_metrics(self.path / METRICS_FILE)

    def evaluations(self) -> list[Evaluation]:
        """Rows of the evaluations file; none if the run does not evaluate itself."""
        path = self.path / EVALUATIONS_FILE
        with damage_of(path, "mend or remove it"):
            return convert(read_rows(path), list[Evaluation])


def read_settings(environment: str, raw: Any) -> TrainSettings[Any]:
    """Settings of a run in this kind of environment, from what JSON holds of them.

    Raises:
        Damage: there are no such settings, or a value is none of theirs.
        UserError: there is no such kind of environment.
    """
    kind = find_kind(environment)
    settings = _with_opponents(raw)
    return convert(settings, TrainSettings[kind.settings])  # type: ignore[name-defined]


def _with_opponents(raw: Any) -> Any:
    """Settings of before there were mixes of opponents: one followed the learner as it was."""
    if not isinstance(raw, dict) or raw.get("opponent") != "snapshot":
        return raw
    pool = {"gate_games": raw.get("snapshot_period", 20), "gate_win_rate": 0.0}
    return {**raw, "opponents": [GATED], "opponent_pool": pool}
