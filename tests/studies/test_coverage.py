"""The page on coverage says what its rows say, failing seeds included."""

import csv
from pathlib import Path

from studies.coverage import FAILING

STORED = Path(__file__).parents[2] / "docs" / "results" / "coverage"


def test_the_headline_has_the_worlds_in_which_seeds_fail() -> None:
    with (STORED / "rows.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    failing = [float(row["covered"]) for row in rows if row["world"] in FAILING]
    sound = [float(row["covered"]) for row in rows if row["world"] not in FAILING]
    assert (
        f"number of seeds is {min(sound):.1%} without failing seeds, and {min(failing):.1%} where "
        "one seed in five fails.**"
    ) in (STORED / "README.md").read_text(encoding="utf-8")
