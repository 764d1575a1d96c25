"""Files of workers that see other disks: sent home in pieces, and fetched from there to go on.

A folder is *at home* where whoever started the workers sees it. A worker on a machine that sees
the same disk writes there itself. Any other has a copy in a temporary folder and sends what
changes as soon as it is written, so that a machine that is lost takes little with it.
"""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Protocol
from uuid import uuid4

import filelock

from cmfq.errors import UserError
from cmfq.storage import acquire_lock

PIECE = 16 * 2**20
"""Greatest number of bytes that are sent at once."""
LOCK = ".lock"
GROWING = ".jsonl"
"""Ending of files that are only added to: what is new is sent."""
LAST = "state.safetensors"
"""File that says how far the others are: it is sent after them."""


class Home(Protocol):
    """A folder at home, as workers reach it. Names are of folders in it, files are within these."""

    def token(self) -> str:
        """Name of a file in the folder that no other folder has."""
        ...

    def begin(self, name: str) -> int:
        """Take a folder for oneself; whoever had it before can write no more.

        Returns:
            A number to show when writing.

        Raises:
            UserError: another program is using it.
        """
        ...

    def files(self, name: str) -> dict[str, int]:
        """Sizes of the files, in bytes."""
        ...

    def read(self, name: str, file: str, start: int) -> bytes:
        """A piece of a file."""
        ...

    def write(self, name: str, turn: int, file: str, start: int, piece: bytes, size: int) -> None:
        """Add a piece to a file; it is in its place when all ``size`` bytes are there.

        Raises:
            UserError: somebody else has taken the folder.
        """
        ...

    def remove(self, name: str, turn: int, file: str) -> None:
        """Remove a file."""
        ...

    def end(self, name: str, turn: int) -> None:
        """Give a folder back."""
        ...

    def close(self) -> None:
        """Remove what marks the folder."""
        ...


class HomeFolder:
    """The folder itself (see :class:`Home`); made where it is.

    Args:
        folder: folder; it is made if it is not there.
        may_share: whether workers that see it are to write there themselves.
    """

    def __init__(self, folder: Path, may_share: bool = True) -> None:
        self._folder = folder
        self._token = f".home-{uuid4().hex}"
        folder.mkdir(parents=True, exist_ok=True)
        if may_share:
            (folder / self._token).touch()
        self._turns: dict[str, int] = {}
        self._locks: dict[str, filelock.BaseFileLock] = {}

    def token(self) -> str:
        """See :class:`Home`."""
        return self._token

    def begin(self, name: str) -> int:
        """See :class:`Home`."""
        path = self._path(name)
        path.mkdir(parents=True, exist_ok=True)
        if name not in self._locks:
            lock = filelock.FileLock(path / LOCK)
            acquire_lock(
                lock, f"{path} is in use by another run: wait for it, or give another folder"
            )
            self._locks[name] = lock
        self._turns[name] = self._turns.get(name, 0) + 1
        return self._turns[name]

    def files(self, name: str) -> dict[str, int]:
        """See :class:`Home`."""
        root = self._path(name)
        return {str(file.relative_to(root).as_posix()): _stamp(file)[1] for file in _sent(root)}

    def read(self, name: str, file: str, start: int) -> bytes:
        """See :class:`Home`."""
        with self._path(name, file).open("rb") as opened:
            opened.seek(start)
            return opened.read(PIECE)

    def write(self, name: str, turn: int, file: str, start: int, piece: bytes, size: int) -> None:
        """See :class:`Home`."""
        self._check(name, turn)
        path = self._path(name, file)
        path.parent.mkdir(parents=True, exist_ok=True)
        growing = file.endswith(GROWING)
        written = path if growing else path.with_name(path.name + ".part")
        with written.open("r+b" if start and written.exists() else "wb") as opened:
            opened.seek(start)
            opened.truncate()
            opened.write(piece)
        if not growing and start + len(piece) == size:
            written.replace(path)

    def remove(self, name: str, turn: int, file: str) -> None:
        """See :class:`Home`."""
        self._check(name, turn)
        self._path(name, file).unlink(missing_ok=True)

    def end(self, name: str, turn: int) -> None:
        """See :class:`Home`."""
        if self._turns.get(name) == turn and name in self._locks:
            self._locks.pop(name).release()

    def close(self) -> None:
        """See :class:`Home`."""
        for lock in self._locks.values():
            lock.release()
        (self._folder / self._token).unlink(missing_ok=True)

    def _check(self, name: str, turn: int) -> None:
        if self._turns.get(name) != turn:
            raise UserError(f"another worker continues {name}: this one is too late and ends")

    def _path(self, name: str, file: str = "") -> Path:
        parts = PurePosixPath(name, file)
        assert not parts.is_absolute(), "within the folder"
        assert ".." not in parts.parts, "within the folder"
        return self._folder / parts


_home: list[Home] = []
"""Home of what this worker process writes, if it is not of the process that started it."""


@contextmanager
def working_for(home: Home | None) -> Iterator[None]:
    """Have tasks of the block write to this home."""
    _home[:] = [] if home is None else [home]
    try:
        yield
    finally:
        _home.clear()


@contextmanager
def folder_at_home(folder: Path, name: str) -> Iterator[tuple[Path, Callable[[], None]]]:
    """A folder to write to, and what to call as soon as something is written.

    Args:
        folder: folder at home.
        name: name of a folder in it.

    Raises:
        UserError: another program is using it.
    """
    if not _home or (folder / _home[0].token()).is_file():  # the same disk
        yield folder / name, lambda: None
        return
    home = _home[0]
    with tempfile.TemporaryDirectory(prefix="cmfq-") as place:
        copy = _Copy(home, name, Path(place) / name)
        copy.fetch()
        try:
            yield copy.path, copy.send
        finally:  # after an error too: what was saved before it is worth as much
            try:
                copy.send()
            finally:
                copy.end()


class _Copy:
    """A copy of a folder at home."""

    def __init__(self, home: Home, name: str, path: Path) -> None:
        self.path = path
        self._home, self._name = home, name
        self._turn = home.begin(name)
        self._known: dict[str, tuple[int, int, int]] = {}

    def fetch(self) -> None:
        """Copy all that is at home."""
        for file, size in self._home.files(self._name).items():
            path = self.path / file
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as opened:
                while opened.tell() < size:
                    opened.write(self._home.read(self._name, file, opened.tell()))
            self._known[file] = _stamp(path)

    def send(self) -> None:
        """Send what is new or gone."""
        found = {file.relative_to(self.path).as_posix(): file for file in _sent(self.path)}
        for file in sorted(found, key=_order):
            stamp, before = _stamp(found[file]), self._known.get(file)
            if stamp == before:
                continue
            grown = before and file.endswith(GROWING) and stamp[0] == before[0]
            self._send(file, found[file], before[1] if grown and before else 0, stamp[1])
            self._known[file] = stamp
        for file in self._known.keys() - found.keys():
            self._home.remove(self._name, self._turn, file)
            del self._known[file]

    def end(self) -> None:
        """Give the folder back."""
        self._home.end(self._name, self._turn)

    def _send(self, file: str, path: Path, start: int, size: int) -> None:
        if size <= start and start:  # shorter than it was
            start = 0
        with path.open("rb") as opened:
            opened.seek(start)
            while True:
                piece = opened.read(min(PIECE, size - start))
                self._home.write(self._name, self._turn, file, start, piece, size)
                start += len(piece)
                if start >= size or not piece:
                    return


def _sent(folder: Path) -> list[Path]:
    """Files that are sent: not what is being written, locks, or what is made from the others."""
    return [
        file
        for file in folder.rglob("*")
        if file.is_file()
        and file.name != LOCK
        and not file.name.endswith(".part")
        and not file.name.startswith("events.")
    ]


def _order(file: str) -> tuple[bool, bool, str]:
    """Rows first, the state last: it never says that there is what is not there yet."""
    return file == LAST, not file.endswith(GROWING), file


def _stamp(file: Path) -> tuple[int, int, int]:
    """Which file it is, its size, and when it was written."""
    found = file.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns
