"""Torture: what the short tests beside this file do a little of, for some minutes.

    python tests/torture mutations --count 300      # mutations of each kind of file
    python tests/torture mutations --kind replay --seed 17     # one again, by itself
    python tests/torture crashes --every 3    # every third of all faults at file operations
    python tests/torture kills --lives 20 --seed 0  # killed at random moments until it is finished
    python tests/torture commands                   # bad command lines

Ends with 1 if anything was not dealt with, and says what, with the seed that does it again.
"""

import argparse
import io
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

from commands import check_commands
from crashes import check_operations, check_random_kills
from readers import read_mutated
from samples import make_samples


def torture_mutations(arguments: argparse.Namespace) -> int:
    """Read mutated files of every kind."""
    one = arguments.seed is not None
    seeds = range(arguments.seed, arguments.seed + 1) if one else range(arguments.count)
    failures = 0
    with tempfile.TemporaryDirectory() as folder:
        said = io.StringIO()
        with redirect_stdout(said), redirect_stderr(said):
            samples = make_samples(Path(folder))
        for sample in samples:
            if arguments.kind not in ("", sample.kind):
                continue
            started, before = time.perf_counter(), failures
            for failure in read_mutated(sample, seeds):
                failures += 1
                print(f"  {failure.kind} --seed {failure.seed}: {failure.mutation}: {failure.why}")
            seconds = time.perf_counter() - started
            print(f"{sample.kind}: {failures - before} of {len(seeds)} failed, {seconds:.0f} s")
    return failures


def torture_crashes(arguments: argparse.Namespace) -> int:
    """Faults at file operations."""
    with tempfile.TemporaryDirectory() as folder:
        return _count("crashes", check_operations(Path(folder), arguments.every))


def torture_kills(arguments: argparse.Namespace) -> int:
    """Kills at random moments."""
    with tempfile.TemporaryDirectory() as folder:
        found = check_random_kills(Path(folder), arguments.lives, arguments.seed or 0)
        return _count("kills", found)


def torture_commands(arguments: argparse.Namespace) -> int:
    """Bad command lines."""
    with tempfile.TemporaryDirectory() as folder:
        return _count("commands", check_commands(Path(folder)))


def _count(name: str, found: Iterator[str]) -> int:
    """Print what failed; how many cases did."""
    started, failures, cases = time.perf_counter(), 0, 0
    for failure in found:
        cases += 1
        failures += bool(failure)
        if failure:
            print(f"  {failure}", flush=True)
    print(f"{name}: {failures} of {cases} failed, {time.perf_counter() - started:.0f} s")
    return failures


def main() -> int:
    """All parts, or some."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("parts", nargs="*", metavar="part", help=", ".join(PARTS) + "; or all")
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--kind", default="")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--lives", type=int, default=10)
    parser.add_argument("--seed", type=int)
    arguments = parser.parse_args()
    if unknown := set(arguments.parts) - set(PARTS):
        parser.error(f"there is no part {', '.join(unknown)}: name some of {', '.join(PARTS)}")
    failures = [PARTS[part](arguments) for part in arguments.parts or PARTS]
    return int(any(failures))


PARTS = {
    "crashes": torture_crashes,
    "kills": torture_kills,
    "commands": torture_commands,
    "mutations": torture_mutations,
}

if __name__ == "__main__":
    sys.exit(main())
