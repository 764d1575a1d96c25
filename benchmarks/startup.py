"""Start-up: ``cmfq --help``, ``cmfq --version`` and ``import cmfq`` beside ``import torch``.

Each is a fresh Python process; a round runs all of them in turn. Figures are medians over rounds of
ratios within a round, so that other load on the machine falls on all of them alike.

    python benchmarks/startup.py [rounds]
"""

import statistics
import subprocess
import sys
import time

MAIN = "import sys; from cmfq.cli import main; sys.exit(main())"
COMMANDS = {
    "import torch": ["import torch"],
    "import cmfq": ["import cmfq"],
    "all of cmfq": ["import cmfq; [getattr(cmfq, name) for name in cmfq.__all__]"],
    "cmfq --help": [MAIN, "--help"],
    "cmfq --version": [MAIN, "--version"],
}
BASELINE = "import torch"
WANTED = {"cmfq --help": 0.2, "cmfq --version": 0.2, "import cmfq": 1.2}
"""Greatest ratio to the baseline."""


def seconds(arguments: list[str]) -> float:
    """Time of a new Python process that runs a script."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def main() -> None:
    """Print medians of ratios."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    for arguments in COMMANDS.values():  # once before: files come from the disk
        seconds(arguments)
    measured = [{name: seconds(one) for name, one in COMMANDS.items()} for _ in range(rounds)]
    for name in COMMANDS:
        ratio = statistics.median(one[name] / one[BASELINE] for one in measured)
        median = statistics.median(one[name] for one in measured)
        wanted = f", at most {WANTED[name]} wanted" if name in WANTED else ""
        print(f"{name:15} {1000 * median:7.0f} ms  {ratio:5.2f} of {BASELINE}{wanted}")


if __name__ == "__main__":
    main()
