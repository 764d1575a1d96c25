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
      trackers.json                  other trackers, and how many rows each was given
"""

import json
import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import filelock

from cmfq.decoding import convert, damage_of, decode_json, read_bytes, reason_of
from cmfq.devices import describe, moved_text
from cmfq.errors import UserError
from cmfq.hints import command
from cmfq.storage import (
    acquire_lock,
    make_folder,
    read_tensors,
    remove,
    to_json,
    versions,
    write_json,
    write_tensors,
)
from cmfq.training.checkpoint import list_checkpoints, save_policies, validate_own_functions
from cmfq.training.description import RunDescription, StoredRun, read_settings
from cmfq.training.ensemble import playing_policies
from cmfq.training.evaluations import Evaluation
from cmfq.training.former import former_run
from cmfq.training.metrics import EpisodeMetrics
from cmfq.training.new_folder import LOCK_FILE, require_new_folder
from cmfq.training.rows import (
    TimedRow,
    append_row,
    drop_torn_row,
    forget_rows,
    read_metrics,
    read_rows,
    require_rows,
    same_row,
)
from cmfq.training.self_play import SelfPlay
from cmfq.training.settings import RunSettings
from cmfq.training.state import check_state
from cmfq.training.tracking import store_trackers

SETTINGS_FILE = "run.json"
METRICS_FILE = "metrics.jsonl"
EVALUATIONS_FILE = "evaluations.jsonl"
STATE_FILE = "state.safetensors"


class Run:
    """A run folder that this process, and no other, writes to."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = filelock.FileLock(path / LOCK_FILE)
        self._ahead: dict[int, dict[str, Any]] = {}  # rows of episodes that are played again
        self._reached = math.inf  # the last episode that was played, if this process plays it

    def __enter__(self) -> Self:
        """Claim the folder.

        Raises:
            UserError: another process is using it.
        """
        acquire_lock(
            self._lock, f"{self.path} is in use by another run: wait for it, or give another folder"
        )
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._lock.release()

    @classmethod
    def create(cls, path: Path, settings: RunSettings, track: Sequence[str] = ()) -> "Run":
        """Make the folder of a new run; one that is there must be empty.

        A folder in which a run was killed before it had its settings counts as empty.

        Args:
            path: path of the folder.
            settings: settings of the run.
            track: names of its trackers (see :mod:`cmfq.training.tracking`).

        Raises:
            UserError: something is there already, or nothing can be made there.
        """
        resume = command("resume", path, own_functions=settings.own_functions)
        require_new_folder(path, resume)
        there = path.is_dir()
        try:
            path.mkdir(parents=True, exist_ok=True)
        except FileExistsError:
            raise UserError(f"{path} exists already: give another run folder") from None
        except OSError as error:
            raise UserError(f"cannot make the run folder {path}: {error.strerror}") from error
        run = cls(path)
        try:
            with run:
                require_new_folder(path, resume)  # another process may have made a run there
                name = settings.environment.kind
                devices = {"0": describe(settings.device, settings.arithmetic)}
                described = RunDescription(name, settings, versions(), devices=devices)
                store_trackers(path, track)
                write_json(path / SETTINGS_FILE, described)
        except UserError:
            if not there:
                with suppress(OSError):
                    (path / LOCK_FILE).unlink()
                    path.rmdir()
            raise
        return run

    @classmethod
    def open(cls, path: Path) -> "Run":
        """Open the folder of a run that exists.

        Raises:
            UserError: it is no run folder.
        """
        if path.is_file():
            raise UserError(f"{path} is a file, not a run folder: give the folder of a run")
        if not (path / SETTINGS_FILE).is_file():
            raise UserError(
                f"{path} is not a run folder, it has no {SETTINGS_FILE}: give another one, or "
                "train again if the run was killed at its beginning"
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
        validate_own_functions(settings.own_functions, path)
        return RunDescription(
            stored.environment, settings, stored.versions, stored.skipped_seeds, stored.devices
        )

    @property
    def has_begun(self) -> bool:
        """Whether there is a state to restore, or was one; killed at its beginning, it has none."""
        files = [self.path / STATE_FILE, self.path / METRICS_FILE, *list_checkpoints(self.path)]
        return any(file.exists() for file in files)

    def checkpoint(self, episode: int) -> Path:
        """File of the policies that had been trained so far."""
        return self.path / "checkpoints" / f"{episode:06d}.safetensors"

    def skip_seed(self, seed: int, self_play: SelfPlay) -> None:
        """Leave out an episode that could not be played: its seed, from here on.

        Args:
            seed: random seed of the episode.
            self_play: restored.

        Raises:
            UserError: none of the next episodes has this seed.
        """
        following = self_play.next_seeds()
        if not following:
            raise UserError(f"{self.path} is finished: leave skip_seed out")
        if seed not in following:
            raise UserError(
                f"skip_seed is {seed}: the next to be played are {', '.join(map(str, following))}"
            )
        description = self.description()
        skipped = [*description.skipped_seeds, seed]
        write_json(self.path / SETTINGS_FILE, replace(description, skipped_seeds=skipped))
        self_play.skipped_seeds = frozenset(skipped)

    def move(self, self_play: SelfPlay) -> str:
        """Go on with a restored run on the device and in the arithmetic of ``self_play``.

        Returns:
            What to tell the user; nothing if both are those of before, or no episode is left. They
            are stored.
        """
        if self_play.episode >= self_play.settings.episodes:
            return ""
        description = self.description()
        before = list(description.devices.values())[-1:] or [description.settings.device]
        taken_up = self_play.settings
        device = describe(taken_up.device, taken_up.arithmetic)
        if device in before or (not description.devices and device.startswith(before[0])):
            return ""
        settings = description.settings.computed(taken_up.device, taken_up.arithmetic)
        devices = {**description.devices, str(self_play.episode): device}
        moved = replace(description, settings=settings, devices=devices)
        write_json(self.path / SETTINGS_FILE, moved)
        return moved_text(self.path, before[0], device, self_play.episode)

    def begin(self, self_play: SelfPlay) -> None:
        """Write the state before the first episode, if there is none: a run always has one."""
        if not self.has_begun:
            write_tensors(self.path / STATE_FILE, *self_play.state())

    def save(self, self_play: SelfPlay) -> None:
        """Write the state to resume from, and a checkpoint.

        A checkpoint of a stop between two periods is removed as soon as there is a later one.
        """
        write_tensors(self.path / STATE_FILE, *self_play.state())
        if self_play.episode == 0:
            return
        self._save_checkpoint(self_play)
        for old in list_checkpoints(self.path):
            episode = int(old.stem)
            if episode < self_play.episode and not self_play.settings.has_checkpoint(episode):
                remove(old)

    def _save_checkpoint(self, self_play: SelfPlay) -> None:
        path = self.checkpoint(self_play.episode)
        make_folder(path.parent)
        save_policies(
            path,
            playing_policies(self_play, self.path),
            self_play.settings.network,
            environment=self_play.settings.environment,
            episode=self_play.episode,
        )

    def restore(self, self_play: SelfPlay) -> None:
        """Take up the saved state, if there is one; nothing that is there is removed.

        Rows that came after it stay until they are made again.

        Raises:
            UserError: the state is damaged, or it or rows are gone though the run has begun.
        """
        state = self.path / STATE_FILE
        rows = read_rows(self.path / METRICS_FILE, TimedRow)
        if state.exists():
            self._restore_state(self_play, state)
        elif self.has_begun:
            raise UserError(
                f"{state} is gone, and the run cannot continue without it: its checkpoints can "
                "still play; to train again, give another folder"
            )
        require_rows(self.path / METRICS_FILE, rows, self_play.episode)
        for name in (METRICS_FILE, EVALUATIONS_FILE):
            drop_torn_row(self.path / name)
        self_play.skipped_seeds = frozenset(self.description().skipped_seeds)
        self._reached = self_play.episode
        self._ahead = {row["episode"]: row for row in rows if row["episode"] > self._reached}
        if self_play.episode > 0 and not self.checkpoint(self_play.episode).exists():
            self._save_checkpoint(self_play)

    def add_metrics(self, metrics: EpisodeMetrics) -> bool:
        """Add the row of an episode that was played.

        Returns:
            Whether it was added; not if it is there already, from before the run was interrupted.
        """
        row = json.loads(to_json(metrics))
        self._reached = metrics.episode
        there = self._ahead.pop(metrics.episode, None)
        if there is not None and same_row(row, there):
            return False
        if there is not None or self._ahead:  # the environment does not play again what it played
            self._ahead = {}
            for name in (METRICS_FILE, EVALUATIONS_FILE):
                forget_rows(self.path / name, metrics.episode - 1)
        append_row(self.path / METRICS_FILE, row)
        return True

    def rows(self) -> list[dict[str, Any]]:
        """All rows for TensorBoard, in order: metrics, and evaluations by their opponents."""
        every = read_rows(self.path / METRICS_FILE) + [row.scalars() for row in self._evaluations()]
        return sorted(every, key=lambda row: row["episode"])

    def started(self) -> float:
        """Time at which the run began, in seconds since 1970."""
        return (self.path / SETTINGS_FILE).stat().st_mtime

    def _restore_state(self, self_play: SelfPlay, state: Path) -> None:
        try:
            tensors, info = read_tensors(state)
            name = self_play.settings.environment.kind
            settings = read_settings(name, former_run(name, info.get("settings")))
            ours = self_play.settings
            if settings.computed(ours.device, ours.arithmetic) != ours:
                raise UserError("it was written by a run with other settings")
            check_state(self_play, tensors, info)
            self_play.restore(tensors, info)
        except (
            UserError, LookupError, ValueError, RuntimeError, TypeError, AttributeError,
            ArithmeticError,
        ) as error:  # fmt: skip
            raise UserError(
                f"cannot continue from {state}: {reason_of(error)}; the run's checkpoints can "
                "still play"
            ) from error

    def metrics(self) -> list[dict[str, Any]]:
        """Rows of the metrics file, as far as this process has come if it plays them again."""
        return read_metrics(self.path / METRICS_FILE, self._reached)

    def evaluations(self) -> list[Evaluation]:
        """Rows of the evaluations file, of the episodes that :meth:`metrics` gives."""
        return [row for row in self._evaluations() if row.episode <= self._reached]

    def _evaluations(self) -> list[Evaluation]:
        path = self.path / EVALUATIONS_FILE
        with damage_of(path, "repair or remove it"):
            return convert(read_rows(path), list[Evaluation])
