"""Read mutated files: each is read, or refused in one sentence, in little time and memory."""

import contextlib
import resource
import signal
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import NamedTuple

from mutations import mutate
from samples import Sample

from cmfq.errors import UserError

SECONDS = 20
"""Longer than this is a hang."""
MEMORY = 2**31
"""Bytes that reading may take, beside what the process has."""
LONGEST_SENTENCE = 600


class Failure(NamedTuple):
    """A mutation that was not dealt with."""

    kind: str
    seed: int
    mutation: str
    why: str


def read_mutated(sample: Sample, seeds: range) -> Iterator[Failure]:
    """Mutate a sample's file with each seed and read it; the file is put back afterwards."""
    valid = sample.path.read_bytes()
    try:
        for seed in seeds:
            name, content = mutate(valid, seed)
            sample.path.write_bytes(content)
            why = attempt(sample)
            if why:
                yield Failure(sample.kind, seed, name, why)
    finally:
        sample.path.write_bytes(valid)


def attempt(sample: Sample) -> str:
    """Read a file; what is wrong with how it went, if anything."""
    try:
        with limits(), warnings.catch_warnings():
            warnings.simplefilter("error")
            sample.read(sample.path)
    except UserError as error:
        return fault_of_sentence(str(error))
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        frames = traceback.extract_tb(error.__traceback__)
        place = ([one for one in frames if "cmfq" in one.filename] or frames)[-1]
        where = f"{Path(place.filename).name}:{place.lineno}"
        return f"{type(error).__name__} at {where}: {error!s:.150}"
    return ""


def fault_of_sentence(said: str) -> str:
    """Why what a user is told is no sentence; empty if it is one."""
    if len(said.strip().splitlines()) != 1:
        return f"not one line: {said!r:.200}"
    if len(said) > LONGEST_SENTENCE:
        return f"{len(said)} characters: {said:.200}"
    if any(ord(character) < 32 or ord(character) == 127 for character in said):
        return f"control characters: {said!r:.200}"
    return ""


@contextlib.contextmanager
def limits() -> Iterator[None]:
    """Make what takes too long, or too much memory, raise instead."""

    def too_long(number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"it takes more than {SECONDS} s")

    before, hard = resource.getrlimit(resource.RLIMIT_AS)
    handler = signal.signal(signal.SIGALRM, too_long)
    signal.alarm(SECONDS)
    resource.setrlimit(resource.RLIMIT_AS, (_size() + MEMORY, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (before, hard))
        signal.alarm(0)
        signal.signal(signal.SIGALRM, handler)


def _size() -> int:
    """Bytes of address space that this process has."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * resource.getpagesize()
