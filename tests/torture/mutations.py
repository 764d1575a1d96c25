"""Damage to files: a mutation is a pure function of a file's content and a seed.

Half of the mutations hit bytes. The others know the format and damage what is inside it, with
lengths and checksums that are right: a JSON value, a key, a line, the index of an array. So what
is behind the first check of a reader is reached as well.
"""

import gzip
import json
import struct
import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

DEEP = "@DEEP@"
NOT_UTF8 = "@NOT UTF-8@"
SPLICED = {
    json.dumps(DEEP).encode(): b"[" * 100_000 + b"]" * 100_000,
    json.dumps(NOT_UTF8).encode(): b'"\xff\xfe\xc3"',
}
"""Values that JSON cannot be asked to write."""
VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 1, 7, 2**20, 10**9, 2**63, 10**30, 1e308, 0.5,
    float("nan"), float("-inf"),
    "", "12", "inf", "x", "x" * 1000, "[/x]", "[small]", "\x1b[31m", "\ud800", "../../x", "a:b",
    "a\nb", [], [[]], [1, "x"], {}, {"x": 1}, DEEP, NOT_UTF8,
)  # fmt: skip

REPLAY = b"CMFQPLAY"
_CHUNK = struct.Struct("<4sII")


class Mutation(NamedTuple):
    """A damaged file."""

    name: str
    """What was done."""
    content: bytes


def mutate(content: bytes, seed: int) -> Mutation:
    """Damage a file's content: the same seed damages the same content in the same way."""
    generator = np.random.default_rng(seed)
    inner = _format_of(content)
    if inner and generator.random() < 0.7:
        return inner(content, generator)
    return _bytes(content, generator)


def _format_of(content: bytes) -> Callable[[bytes, np.random.Generator], Mutation] | None:
    if content.startswith(b"\x1f\x8b"):
        return _gzip
    if content.startswith(REPLAY):
        return _replay
    if content[8:9] == b"{":
        return _safetensors
    if content[:1] in (b"{", b"["):
        return _json
    return None


def _bytes(content: bytes, generator: np.random.Generator) -> Mutation:
    """Cut, flip, insert, remove, double or fill, anywhere."""
    at, other = sorted(int(place) for place in generator.integers(len(content) + 1, size=2))
    noise = generator.bytes(int(generator.integers(1, 40)))
    kinds = {
        "empty": lambda: b"",
        "cut short": lambda: content[:at],
        "beginning lost": lambda: content[at:],
        "middle lost": lambda: content[:at] + content[other:],
        "bytes inserted": lambda: content[:at] + noise + content[at:],
        "bytes overwritten": lambda: content[:at] + noise + content[at + len(noise) :],
        "one bit flipped": lambda: _flip(content, at, generator),
        "zeros": lambda: content[:at] + bytes(other - at) + content[other:],
        "doubled": lambda: content + content[at:],
        "text": lambda: b"hello\n" * 20,
        "line breaks": lambda: content.replace(b"\n", b"\r\n"),
        "byte order mark": lambda: b"\xef\xbb\xbf" + content,
    }
    name = str(generator.choice(list(kinds)))
    return Mutation(f"{name} at {at}", kinds[name]())


def _flip(content: bytes, at: int, generator: np.random.Generator) -> bytes:
    if not content:
        return content
    at = min(at, len(content) - 1)
    flipped = content[at] ^ (1 << int(generator.integers(8)))
    return content[:at] + bytes([flipped]) + content[at + 1 :]


def _gzip(content: bytes, generator: np.random.Generator) -> Mutation:
    unpacked = gzip.decompress(content)
    if generator.random() < 0.02:
        return Mutation("gzip, 64 MiB of spaces", gzip.compress(unpacked + b" " * 2**26))
    name, damaged = mutate(unpacked, int(generator.integers(2**31)))
    return Mutation(f"gzip, {name}", gzip.compress(damaged, 1))


def _safetensors(content: bytes, generator: np.random.Generator) -> Mutation:
    """Damage the header, or the description that it holds as text."""
    (length,) = struct.unpack_from("<Q", content)
    header, data = json.loads(content[8 : 8 + length]), content[8 + length :]
    info = header.get("__metadata__", {}).get("info")
    if info and generator.random() < 0.7:
        name, damaged = _json(info.encode(), generator)
        header["__metadata__"]["info"] = damaged.decode("utf-8", "surrogateescape")
        text = json.dumps(header).encode()
        name = f"description, {name}"
    else:
        name, text = _json(content[8 : 8 + length], generator)
        name = f"header, {name}"
    return Mutation(f"safetensors, {name}", struct.pack("<Q", len(text)) + text + data)


def _replay(content: bytes, generator: np.random.Generator) -> Mutation:
    """Damage one chunk and give it the checksum that it then has; or lose, double, move one."""
    chunks = _chunks(content)
    which = int(generator.integers(len(chunks)))
    kind, packed = chunks[which]
    draw = generator.random()
    if draw < 0.1:
        name = "chunk lost"
        del chunks[which]
    elif draw < 0.2:
        name = "chunk doubled"
        chunks.insert(which, chunks[which])
    elif draw < 0.3:
        name = "chunk moved"
        chunks.insert(int(generator.integers(len(chunks))), chunks.pop(which))
    else:
        inner, damaged = _chunk(zlib.decompress(packed), generator)
        name = f"in chunk, {inner}"
        chunks[which] = (kind, zlib.compress(damaged, 1))
    body = b"".join(_CHUNK.pack(k, len(p), zlib.crc32(p)) + p for k, p in chunks)
    return Mutation(f"replay, {kind.decode()} {which}, {name}", content[:12] + body)


def _chunks(content: bytes) -> list[tuple[bytes, bytes]]:
    found, at = [], 12
    while at < len(content):
        kind, length, _ = _CHUNK.unpack_from(content, at)
        at += _CHUNK.size
        found.append((kind, content[at : at + length]))
        at += length
    return found


def _chunk(content: bytes, generator: np.random.Generator) -> Mutation:
    """JSON, or arrays with an index in front of them."""
    if content[:1] == b"{":
        return _json(content, generator)
    (length,) = struct.unpack_from("<I", content)
    if generator.random() < 0.5:
        name, text = _json(content[4 : 4 + length], generator)
        return Mutation(
            f"index, {name}", struct.pack("<I", len(text)) + text + content[4 + length :]
        )
    if generator.random() < 0.05:
        return Mutation("64 MiB of zeros", content + bytes(2**26))
    return _bytes(content, generator)


def _json(content: bytes, generator: np.random.Generator) -> Mutation:
    """One document, or one of the lines of a file of rows."""
    try:
        return _document(json.loads(content), generator)
    except ValueError:
        lines = content.split(b"\n")
    which = int(generator.integers(len(lines)))
    line = lines[which]
    comma, line = (b",", line[1:]) if line[:1] == b"," else (b"", line)
    for end in (b"", b"]}"):  # the first line of a tournament goes on in the others
        try:
            parsed = json.loads(line + end)
        except ValueError:
            continue
        name, damaged = _document(parsed, generator)
        lines[which] = comma + (damaged.removesuffix(end) if end else damaged)
        return Mutation(f"line {which + 1}, {name}", b"\n".join(lines))
    return _lines(lines, which, generator)


def _lines(lines: list[bytes], which: int, generator: np.random.Generator) -> Mutation:
    name = str(generator.choice(["lost", "doubled", "moved"]))
    line = lines.pop(which)
    if name == "doubled":
        lines[which:which] = [line, line]
    elif name == "moved":
        lines.insert(int(generator.integers(len(lines) + 1)), line)
    return Mutation(f"line {which + 1} {name}", b"\n".join(lines))


def _document(document: Any, generator: np.random.Generator) -> Mutation:
    """Replace, remove, rename, double or wrap one value, anywhere in a document."""
    root = {"": document}
    places = list(_places(root))
    holder, key = places[int(generator.integers(len(places)))]
    value = VALUES[int(generator.integers(len(VALUES)))]
    draw = generator.random()
    if draw < 0.6 or holder is root:
        name, holder[key] = f"{key} is {str(value)[:20]!r}", value
    elif draw < 0.75:
        name = f"{key} lost"
        del holder[key]
    elif draw < 0.85:
        name, holder[key] = f"{key} in a list", [holder[key]]
    elif isinstance(holder, dict):
        name = f"{key} renamed"
        holder[f"{key}/x"] = holder.pop(key)
    else:
        name = f"{key} doubled"
        holder.insert(key, holder[key])
    text = json.dumps(root[""]).encode()
    for written, instead in SPLICED.items():
        text = text.replace(written, instead)
    return Mutation(name, text)


def _places(value: Any) -> Any:
    """Every container of a document with each of its keys."""
    entries = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in entries:
        yield value, key
        if isinstance(inner, dict | list):
            yield from _places(inner)
