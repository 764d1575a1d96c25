"""A run's rows once more, for TensorBoard.

TensorBoard's own writer has a thread that fails where nobody sees it, and loses what it had not
written when the process is killed. Here the rows files are the truth: when a run begins or goes on,
all their rows are written to a new events file, and rows that come are added to it at once.
"""

import os
import socket
import time
from collections.abc import Iterable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, Self

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.hparams.summary_v2 import hparams_pb
from tensorboard.summary.writer.record_writer import RecordWriter

from cmfq.notices import notify
from cmfq.storage import atomic_write, cannot_write, remove
from cmfq.training.scalars import Names, scalars

EVENTS = "events.out.tfevents."
"""With which the names of events files begin; TensorBoard reads them in order of the rest."""
BEFORE = "events.before"
"""Name of an events file whose rows are not all there any more; TensorBoard does not read it."""
Scalars = Mapping[str, Any]
"""A number, a list of numbers or a dictionary of numbers by name; others are left out."""


class Board:
    """The events file of a run under way.

    Args:
        folder: folder of the run.
        names: names for the entries of a list, by how rows call the list and by its length.
        settings: settings of the run, shown as hyperparameters.
    """

    def __init__(self, folder: Path, names: Names, settings: Scalars) -> None:
        self._folder = folder
        self._names = names
        self._settings = settings
        self._file: BinaryIO | None = None
        self._episode = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if self._file:
            self._file.close()

    def begin(self, rows: Iterable[Scalars], started: float) -> None:
        """Write a new events file with these rows; then remove those that are there.

        One that holds more than the rows do, since rows were lost, stays as :data:`BEFORE`.

        Args:
            rows: each with its episode, in order.
            started: time in seconds at which the run began; each row is dated after what the rows
                before it took.

        Raises:
            UserError: the disk is full or may not be written to.
        """
        content = BytesIO()
        _write(content, Event(wall_time=started, file_version="brain.Event:2"))
        start = SessionLog(status=SessionLog.START)  # what a TensorBoard that watches had is void
        _write(content, Event(wall_time=started, session_log=start))
        hyperparameters = hparams_pb(dict(self._settings), start_time_secs=started)
        _write(content, Event(wall_time=started, summary=hyperparameters))
        for row in rows:
            started += sum(row.get(f"{part}_seconds", 0.0) for part in ("playing", "learning"))
            self._episode = row["episode"]
            _write(content, _event(row, started, self._names))
        before = list(self._folder.glob(f"{EVENTS}*"))
        name = f"{EVENTS}{time.time_ns():020d}.{socket.gethostname()}.{os.getpid()}"
        path = self._folder / name
        atomic_write(
            path,
            lambda aside: _write_all(aside, content.getvalue()),
            aside=self._folder / "events.part",  # TensorBoard reads all that have tfevents in it
        )
        for old in before:
            if _records(old.read_bytes()) > _records(content.getvalue()):
                old.replace(self._folder / BEFORE)
                notify(
                    f"events of {self._folder}",
                    f"{self._folder} had more rows in TensorBoard's file than in its own: the "
                    f"former file is kept as {BEFORE}",
                )
            else:
                remove(old)
        try:
            self._file = path.open("ab", buffering=0)
        except OSError as error:
            raise cannot_write(path, error) from error

    def add(self, row: Scalars, *, evaluation: bool = False) -> None:
        """Add a row; an episode before the last makes those void that follow it.

        Args:
            row: numbers, with their episode.
            evaluation: whether it is the row of an evaluation, which makes nothing void.

        Raises:
            UserError: the disk is full or may not be written to.
        """
        assert self._file, "begin() comes first"
        content = BytesIO()
        if not evaluation and row["episode"] < self._episode:
            start = SessionLog(status=SessionLog.START)
            event = Event(wall_time=time.time(), step=row["episode"], session_log=start)
            _write(content, event)
        if not evaluation:
            self._episode = row["episode"]
        _write(content, _event(row, time.time(), self._names))
        try:
            self._file.write(content.getvalue())
        except OSError as error:
            raise cannot_write(Path(self._file.name), error) from error


def _event(row: Scalars, wall_time: float, names: Names) -> Event:
    values = [
        Summary.Value(tag=tag, simple_value=number) for tag, number in scalars(row, names).items()
    ]
    return Event(wall_time=wall_time, step=row["episode"], summary=Summary(value=values))


def _write(file: BytesIO, event: Event) -> None:
    RecordWriter(file).write(event.SerializeToString())


def _records(content: bytes) -> int:
    """Number of the events in a file, of which the last may be cut short.

    Each stands between its length, with a checksum, and another checksum.
    """
    count = start = 0
    while start + 12 <= len(content):
        count += 1
        start += 16 + int.from_bytes(content[start : start + 8], "little")
    return count


def _write_all(path: Path, content: bytes) -> None:
    path.write_bytes(content)
