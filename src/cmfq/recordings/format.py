"""The replay file: its chunks, its arrays and its header (``docs/replay-format.md``).

A file is a signature, a version and chunks. Each chunk is compressed by itself and carries a
checksum, so a file that was cut off is read up to where it is whole, and the page can open a game
without unpacking all of it.
"""

import json
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from cmfq.decoding import Damage, decode_json
from cmfq.environments.base import FARTHEST, Body, Scenery, TeamSpecification

Arrays = Mapping[str, npt.NDArray[Any]]

SIGNATURE = b"CMFQPLAY"
VERSION = 1
HEAD, STEP, ITEM, MIND, END = b"HEAD", b"STEP", b"ITEM", b"MIND", b"END "
"""Kinds of chunks. Readers pass over kinds that they do not know."""
DTYPES = ("u1", "u2", "u4", "i2", "i4", "f2", "f4")
"""Types of arrays: little-endian."""
LARGEST = {HEAD: 2**23, STEP: 2**24, ITEM: 2**22, MIND: 2**26, END: 2**20}
"""Bytes of an unpacked chunk of each kind: more is damage. An agent takes 23 in a step."""
LONGEST_INDEX = 2**20
"""Bytes of the index of the arrays of a chunk."""
LEAST_GAME, LARGEST_GROWTH = 2**28, 32
"""Bytes of all unpacked steps together (see :func:`weight`): so many, and so many for each byte of
the file. Readers take no more."""
LARGEST_NUMBER = FARTHEST
"""Largest number in a header."""
MOST_AXES = 4
"""Greatest number of axes of an array."""
ARRAY_BYTES = 256
"""What an array takes in memory beside its content."""
PROBABILITY = 65535
"""A probability ``p`` is stored as the u2 ``round(65535 p)``."""
COARSE_PROBABILITY = 255
"""Policies under interventions, of which there are many, are stored as the u1 ``round(255 p)``."""

_PREFIX = struct.Struct("<8sI")
_CHUNK = struct.Struct("<4sII")
_LENGTH = struct.Struct("<I")


@dataclass(frozen=True)
class Reasoning:
    """By what rule a team's policy merges its neighbours' actions."""

    algorithm: str
    neighbours: str
    radius: float | None
    """How far neighbours reach; ``None``: everywhere."""
    epsilon: float | None
    """``None``: infinite."""
    intervention: str
    effect: str
    body_side: int = 1
    """Distances end at the nearest cell of a neighbour's body, which has this side."""


@dataclass(frozen=True)
class RecordedTeam:
    """What does not change about a team."""

    name: str
    player: str
    """Who plays it."""
    actions: tuple[str, ...]
    view_radius: float | None
    """``None``: everywhere."""
    body: Body
    reasoning: Reasoning | None = None
    """``None`` if the player merges no actions: a scripted one."""


@dataclass(frozen=True)
class Header:
    """What does not change in a game."""

    cmfq: str
    """Version of the package that wrote the file."""
    environment: str
    seed: int
    teams: tuple[RecordedTeam, ...]
    bounds: tuple[float, float, float, float]
    walls: tuple[tuple[float, float], ...]
    obstacles: tuple[tuple[float, float, float], ...]
    title: str = ""
    """Title of the environment, for readers; empty in files of versions that did not keep it."""
    origin: str = ""
    """Where the game is from, as its player asked for it: seed and number, or the episode."""

    def scenery(self) -> Scenery:
        """As the environment had it."""
        return Scenery(
            self.bounds,
            np.array(self.walls, np.float32).reshape(-1, 2),
            np.array(self.obstacles, np.float32).reshape(-1, 3),
            tuple(team.body for team in self.teams),
        )


@dataclass(frozen=True)
class Ending:
    """How a game ended: its presence says that the file is whole."""

    steps: int
    terminated: bool
    """It was over; otherwise the step limit cut it off."""
    survivors: tuple[int, ...]


class Chunk(NamedTuple):
    """One piece of a file."""

    kind: bytes
    packed: bytes

    def unpack(self, most: int | None = None) -> bytes:
        """The content.

        Args:
            most: bytes that it may have; as any chunk of its kind if not given.

        Raises:
            Damage: it cannot be decompressed, or is larger.
        """
        largest = LARGEST[self.kind]
        most = largest if most is None else max(0, min(largest, most))
        inflater = zlib.decompressobj()
        try:
            content = inflater.decompress(self.packed, most + 1)
        except zlib.error as error:
            raise Damage(str(error)) from error
        if len(content) > most or not inflater.eof:
            raise Damage("has a chunk that does not end, or is too large")
        return content


def prefix() -> bytes:
    """With which a file begins."""
    return _PREFIX.pack(SIGNATURE, VERSION)


def version_of(content: bytes) -> int | None:
    """Version of the format of a file's content; ``None``: it is no replay."""
    if len(content) < _PREFIX.size or not content.startswith(SIGNATURE):
        return None
    return int(_PREFIX.unpack_from(content)[1])


def pack(kind: bytes, content: bytes) -> bytes:
    """One chunk of a file. Numbers that hardly repeat are packed by how common a byte is alone."""
    strategy = zlib.Z_RLE if kind == MIND else zlib.Z_DEFAULT_STRATEGY
    deflater = zlib.compressobj(1, strategy=strategy)
    packed = deflater.compress(content) + deflater.flush()
    return _CHUNK.pack(kind, len(packed), zlib.crc32(packed)) + packed


def chunks(content: bytes) -> Iterator[Chunk]:
    """The chunks of a file's content, up to the first that is cut short or damaged."""
    at = _PREFIX.size
    while at + _CHUNK.size <= len(content):
        kind, length, checksum = _CHUNK.unpack_from(content, at)
        at += _CHUNK.size
        packed = content[at : at + length]
        if len(packed) < length or zlib.crc32(packed) != checksum:
            return
        yield Chunk(kind, packed)
        at += length


def weight(content: bytes, arrays: int) -> int:
    """Bytes that an unpacked chunk takes in memory, with so many arrays."""
    return len(content) + ARRAY_BYTES * arrays


def encode_arrays(arrays: Arrays) -> bytes:
    """Length of an index, the index (JSON: name, dtype and shape of each), and the arrays."""
    index = [[name, array.dtype.str[1:], array.shape] for name, array in arrays.items()]
    text = json.dumps(index, separators=(",", ":")).encode()
    little = (np.ascontiguousarray(a, a.dtype.newbyteorder("<")) for a in arrays.values())
    return b"".join((_LENGTH.pack(len(text)), text, *(array.tobytes() for array in little)))


def decode_arrays(content: bytes) -> dict[str, npt.NDArray[Any]]:
    """What :func:`encode_arrays` encoded; the arrays cannot be written to.

    Raises:
        Damage: the content does not hold what its index says.
    """
    try:
        (length,) = _LENGTH.unpack_from(content)
        if length > LONGEST_INDEX:
            raise Damage("has an index that is too long")
        at = _LENGTH.size + length
        index = decode_json(content[_LENGTH.size : at], list[_Entry], strict=True)
        arrays = {}
        for name, dtype, shape in index:
            if dtype not in DTYPES or len(shape) > MOST_AXES or min(shape, default=0) < 0:
                raise Damage(f"has an array {name} that is {dtype} of {shape}")
            size = int(np.prod(shape, dtype=object))
            array = np.frombuffer(content, f"<{dtype}", size, at).reshape(shape)
            arrays[name] = array
            at += array.nbytes
    except (struct.error, ValueError, OverflowError) as error:
        raise error if isinstance(error, Damage) else Damage(str(error)) from error
    return arrays


_Entry = tuple[str, str, tuple[int, ...]]


def encode_record(record: Header | Ending) -> bytes:
    """As JSON."""
    return msgspec.json.encode(record)


def decode_header(content: bytes) -> Header:
    """Read a header.

    Raises:
        Damage: it lacks something, or says what cannot be.
    """
    header = decode_json(content, Header, strict=True)
    left, top, right, bottom = header.bounds
    numbers = [*header.bounds, *chain(*header.walls), *chain(*header.obstacles)]
    for team in header.teams:
        numbers += [team.body.size, team.body.full_health, team.view_radius or 0.0]
        numbers += chain(*(attack for attack in team.body.attacks if attack))
    if not header.teams or not all(team.actions and team.body.size > 0 for team in header.teams):
        raise Damage("has no teams, or a team without actions or without a size")
    if any(0 < len(team.body.attacks) < len(team.actions) for team in header.teams):
        raise Damage("has an action of which it does not say whether it is an attack")
    if not (left < right and top < bottom) or max(map(abs, numbers)) > LARGEST_NUMBER:
        raise Damage("has no field, or numbers that are too large")
    return header


def decode_ending(content: bytes) -> Ending:
    """Read an ending; raises like :func:`decode_header`."""
    return decode_json(content, Ending, strict=True)


def describe_team(
    specification: TeamSpecification, body: Body, player: str, reasoning: Reasoning | None
) -> RecordedTeam:
    """The part of the header about one team."""
    return RecordedTeam(
        specification.name,
        player,
        specification.actions,
        reach(specification.view_radius),
        body,
        reasoning,
    )


def finite(number: float) -> float | None:
    """``None`` for infinity, which JSON cannot say."""
    return float(number) if np.isfinite(number) else None


def reach(radius: float) -> float | None:
    """A radius; ``None`` for one beyond all that a header holds, which reaches everywhere."""
    return float(radius) if radius <= LARGEST_NUMBER else None
