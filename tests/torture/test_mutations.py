"""The generator of damage itself; what readers make of it, in short."""

import gzip
import json
from pathlib import Path

import pytest
from mutations import mutate
from readers import Sample, attempt, fault_of_sentence, read_mutated

from cmfq.errors import UserError


def test_the_same_seed_damages_in_the_same_way_and_seeds_differ() -> None:
    content = json.dumps({"a": [1, 2, {"b": "x"}], "c": None}).encode()
    found = [mutate(content, seed) for seed in range(300)]
    assert found == [mutate(content, seed) for seed in range(300)]
    assert len({one.content for one in found}) > 100
    names = " ".join(one.name for one in found)
    for what in ("cut short", "lost", "renamed", "doubled", "DEEP", "NOT UTF-8", "bit flipped"):
        assert what in names


def test_what_is_packed_is_damaged_inside() -> None:
    content = gzip.compress(json.dumps({"a": 1}).encode())
    unpacked = []
    for seed in range(100):
        name, damaged = mutate(content, seed)
        if name.startswith("gzip"):
            unpacked.append(gzip.decompress(damaged))
    assert len(set(unpacked)) > 20


def test_faults_of_readers_are_found_and_the_file_is_put_back(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b'{"a": 1}')

    def refuse(path: Path) -> None:
        raise UserError("this file is damaged: give another one")

    assert not list(read_mutated(Sample("x", path, refuse), range(5)))
    failures = list(read_mutated(Sample("x", path, lambda path: 1 / 0), range(5)))
    assert [failure.seed for failure in failures] == [0, 1, 2, 3, 4]
    assert "ZeroDivisionError at test_mutations.py" in failures[0].why
    assert path.read_bytes() == b'{"a": 1}'


@pytest.mark.parametrize("said", ["", "two\nlines", "x" * 700, "colour \x1b[31m"])
def test_what_is_no_sentence(said: str) -> None:
    assert fault_of_sentence(said)


def test_too_much_memory_is_a_fault(tmp_path: Path) -> None:
    why = attempt(Sample("x", tmp_path, lambda path: bytearray(3 * 2**30)))
    assert why.startswith("MemoryError")
