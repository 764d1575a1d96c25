"""Torture: what the short tests beside this file do a little of, for some minutes.

    python tests/torture mutations --count 300      # mutations of each kind of file
    python tests/torture mutations --kind replay --seed 17     # one again, by itself

Ends with 1 if anything was not dealt with, and says what, with the seed that does it again.
"""

import argparse
import io
import sys
import tempfile
import time
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

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


def main() -> int:
    """All parts, or one."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("part", nargs="?", default="all", choices=["all", *PARTS])
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--kind", default="")
    parser.add_argument("--seed", type=int)
    arguments = parser.parse_args()
    chosen = PARTS if arguments.part == "all" else {arguments.part: PARTS[arguments.part]}
    failures = [part(arguments) for part in chosen.values()]
    return int(any(failures))


PARTS = {"mutations": torture_mutations}

if __name__ == "__main__":
    sys.exit(main())
