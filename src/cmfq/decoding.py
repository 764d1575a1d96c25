"""Reading files that may be damaged, or a stranger's: bounded, and one sentence for every damage.

Every format has a schema, a type that :mod:`msgspec` checks. What a file is unpacked to is bounded
by what its format can need, before it is unpacked.
"""

import gzip
import io
import tomllib
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec

from cmfq.errors import UserError

T = TypeVar("T")

Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
"""A number of things, in a schema."""
Finite = Annotated[float, msgspec.Meta(ge=-1e15, le=1e15)]
"""A number that can be added up, in a schema."""

LARGEST_FILE = 2**29
"""Bytes of a file that is read as a whole."""
LEAST_UNPACKED = 2**24
"""Bytes that any gzip file may be unpacked to."""
LARGEST_GROWTH = 32
"""Bytes that a byte of a gzip file may be unpacked to beyond that; tournaments have 6 to 10."""
LONGEST_REASON = 300
"""Characters of what is said of a damage."""


class Damage(ValueError):
    """Content is not what its format says: the text is to stand behind the file's name."""


@contextmanager
def damage_of(file: Path | str, advice: str) -> Iterator[None]:
    """Turn damage that is found inside the block into one sentence.

    Args:
        file: what is read.
        advice: what to do, the end of the sentence.

    Raises:
        UserError: the content is damaged.
    """
    try:
        yield
    except Damage as error:
        raise UserError(f"{file} {error}: {advice}") from error


def read_bytes(path: Path) -> bytes:
    """Read a whole file.

    Raises:
        Damage: it cannot be read, is no regular file (a pipe might never end), or is too large.
    """
    try:
        if path.exists() and not path.is_file():
            raise Damage("cannot be read: it is not a regular file")
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
    except (OSError, ValueError) as error:
        if isinstance(error, Damage):
            raise
        reason = getattr(error, "strerror", None) or str(error)
        raise Damage(f"cannot be read: {reason}") from error
    if len(content) > LARGEST_FILE:
        raise Damage(f"cannot be read: it has more than {LARGEST_FILE >> 20} MB")
    return content


def unpack_gzip(content: bytes) -> bytes:
    """Unpack the content of a gzip file.

    Raises:
        Damage: it is cut short or damaged, or grows more than any result does.
    """
    most = LEAST_UNPACKED + LARGEST_GROWTH * len(content)
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
            unpacked = file.read(most + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise Damage(f"cannot be unpacked: {error}") from error
    if len(unpacked) > most:
        raise Damage(
            f"cannot be unpacked: {len(content):,} bytes unpack to more than {most:,}, which is "
            "the limit"
        )
    return unpacked


GZIP = b"\x1f\x8b"
"""First bytes of every gzip file (RFC 1952)."""


def read_maybe_packed(path: Path) -> bytes:
    """Read a whole file; gzip is unpacked, whatever the file is called.

    Raises:
        Damage: as :func:`read_bytes` and :func:`unpack_gzip`.
    """
    content = read_bytes(path)
    return unpack_gzip(content) if content.startswith(GZIP) else content


def decode_json(content: bytes | str, kind: type[T], *, strict: bool = False) -> T:
    """Read JSON as a value of a type.

    Args:
        content: UTF-8.
        kind: the type.
        strict: otherwise numbers may be written as text, as infinities are.

    Raises:
        Damage: it is no JSON, or another value.
    """
    with _one_reason():
        return msgspec.json.decode(content, type=kind, strict=strict)


def decode_toml(text: str) -> dict[str, Any]:
    """Read TOML.

    Raises:
        Damage: it is no TOML.
    """
    with _one_reason():
        return tomllib.loads(text)


def decode_text(content: bytes) -> str:
    """Read UTF-8.

    Raises:
        Damage: it is something else.
    """
    with _one_reason():
        return content.decode("utf-8")


def convert(value: object, kind: type[T]) -> T:
    """Make a value of a type from what JSON or TOML hold.

    Raises:
        Damage: it is another value.
    """
    with _one_reason():
        return msgspec.convert(value, kind, strict=False)


@contextmanager
def _one_reason() -> Iterator[None]:
    """Whatever a decoder or a checked dataclass raises is damage."""
    try:
        yield
    except RecursionError as error:
        raise Damage("is damaged: it is nested too deep") from error
    except UnicodeDecodeError as error:
        raise Damage(f"is damaged: it is not UTF-8 text at byte {error.start}") from error
    except (msgspec.MsgspecError, UserError, ValueError, ArithmeticError) as error:
        raise Damage(f"is damaged: {reason_of(error)}") from error


def reason_of(error: Exception) -> str:
    """Message of an error, on one line of limited length."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= LONGEST_REASON else text[:LONGEST_REASON] + " …"
