"""Writing files so that a crash, a full disk or a second process never costs the file before."""

import errno
import gzip
import json
import math
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import fields, is_dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from cmfq.decoding import decode_json, reason_of
from cmfq.errors import UserError
from cmfq.outputs import PAGE, POLICY, belongs_to_run, is_run, kind_of


def atomic_write(path: Path, write: Callable[[Path], None], aside: Path | None = None) -> None:
    """Write a file beside ``path``, then move it into place: it is whole, or it is the old one.

    Args:
        path: path of the file.
        write: writes it, to the path that it is given.
        aside: where to write at first; beside ``path`` if not given.

    Raises:
        UserError: the disk is full or may not be written to; what was there before still is.
    """
    aside = aside or path.with_name(path.name + ".part")
    try:
        write(aside)
        with aside.open("rb") as written:
            os.fsync(written.fileno())
        aside.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        with suppress(OSError):
            aside.unlink()
        raise cannot_write(path, error) from error


def _sync_folder(folder: Path) -> None:
    """Have the names in a folder on the disk too, on systems that can do that."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def remove(path: Path) -> None:
    """Remove a file, if it is there.

    Raises:
        UserError: it cannot be removed.
    """
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise UserError(f"cannot remove {path}: {error.strerror or error}") from error


def append_text(path: Path, text: str) -> None:
    """Add to the end of a file, which is made if there is none; it is on the disk on return.

    Raises:
        UserError: the disk is full or may not be written to; some of the text may be there.
    """
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise cannot_write(path, error) from error


def acquire_lock(lock: FileLock, in_use: str) -> None:
    """Take the lock of a file or folder that this process, and no other, is to write to.

    Raises:
        UserError: another process has it (with what ``in_use`` says), or it cannot be written.
    """
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise UserError(in_use) from None
    except OSError as error:
        raise cannot_write(Path(lock.lock_file), error) from error


def cannot_write(path: Path, error: OSError) -> UserError:
    """Error of a file that cannot be written, as a user is told it."""
    if error.errno == errno.ENOENT and not path.parent.is_dir():
        return UserError(f"cannot write {path}: the folder {path.parent} no longer exists")
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    reason = "no space is left on the disk" if full else error.strerror or str(error)
    return UserError(
        f"cannot write {path}: {reason}; nothing that was saved before is lost: solve this, then "
        "continue with the same command, or with `cmfq resume` if it is a run"
    )


def make_folder(path: Path) -> None:
    """Make a folder, and those above it, where they are not there.

    Raises:
        UserError: it cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"cannot make the folder {path}: {error.strerror}; give another one"
        ) from error


def validate_results_folder(path: Path, title: str) -> None:
    """Refuse a folder that results cannot be written to, or that holds other ones.

    Args:
        path: path of the folder, which need not be there.
        title: beginning of the heading of such results, in README.md.

    Raises:
        UserError: it is a file, may not be written to, or has a README.md or an index.html of
            something else.
    """
    there = next(part for part in (path, *path.absolute().parents) if part.exists())
    if not there.is_dir():
        raise UserError(f"cannot write to {path}: {there} is a file, give another folder")
    if not os.access(there, os.W_OK):
        raise UserError(f"cannot write to {path}: {there} is read-only, give another folder")
    if is_run(Path(os.path.realpath(path))) or belongs_to_run(path):
        raise UserError(f"cannot write to {path}: it belongs to a run, give another folder")
    for name, recognise in (
        ("README.md", lambda content: content.startswith(f"# {title}".encode())),
        ("index.html", PAGE.recognise),
    ):
        page = path / name
        if page.exists() and not recognise(page.read_bytes()):
            raise UserError(
                f"{page} is not a page of such results and would be overwritten: give another "
                "folder"
            )


def write_bytes(path: Path, content: bytes) -> None:
    """Write a whole file."""

    def write(aside: Path) -> None:
        aside.write_bytes(content)

    atomic_write(path, write)


def write_gzip(path: Path, content: bytes) -> None:
    """Write a whole file, packed: the same content gives the same bytes."""
    write_bytes(path, gzip.compress(content, mtime=0))


def write_json(path: Path, value: object) -> None:
    """Write JSON that any reader accepts (see :func:`to_json`)."""
    write_bytes(path, (to_json(value, indent=2) + "\n").encode())


def to_json(value: object, indent: int | None = None) -> str:
    """JSON that any reader accepts: infinities become the string "inf". One line by default."""
    return json.dumps(_finite(plain(value)), indent=indent, allow_nan=False)


def plain(value: Any) -> Any:
    """Dataclasses as dicts, tuples as lists and NumPy's numbers as Python's, all the way down.

    Not ``msgspec.to_builtins``: it leaves out what ``msgspec.convert`` filled in from a default.
    """
    if is_dataclass(value):
        return {one.name: plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value.item() if isinstance(value, np.generic) else value


def flatten(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings by their dotted paths: ``{"learner.discount": 0.95}``."""
    flat: dict[str, Any] = {}
    for key, item in value.items():
        if isinstance(item, Mapping):
            flat |= flatten(item, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = item
    return flat


def write_tensors(path: Path, tensors: dict[str, Tensor], info: Mapping[str, object]) -> None:
    """Write named tensors and a JSON-able description into one safetensors file."""
    contiguous = {name: tensor.cpu().contiguous() for name, tensor in tensors.items()}
    metadata = {"info": json.dumps(_finite(info))}
    write_bytes(path, save(contiguous, metadata))


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what :func:`write_tensors` wrote.

    Raises:
        UserError: there is no such file, it is cut short, or something else wrote it.
    """
    if not path.is_file():
        raise UserError(f"there is no file {path}: give a run folder or a .safetensors checkpoint")
    try:
        with safe_open(path, framework="pt") as file:
            info = decode_json((file.metadata() or {}).get("info", ""), dict[str, Any])
            return {name: file.get_tensor(name) for name in file.keys()}, info  # noqa: SIM118
    except (SafetensorError, OSError, TypeError, LookupError, ValueError, RuntimeError) as error:
        other = kind_of(path)
        if other not in ("", POLICY.name):
            raise UserError(
                f"{path} is {other}: give a run folder or a .safetensors checkpoint"
            ) from error
        raise UserError(
            f"{path} is cut short or was not written by cmfq ({reason_of(error)}): "
            "give another checkpoint of the run"
        ) from error


def versions() -> dict[str, str]:
    """Versions of what a result depends on."""
    return {name: _version(name) for name in ("cmfq", "torch", "numpy", "magent2")}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _finite(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
