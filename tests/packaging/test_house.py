"""The figures of the house: what is planted in a small tree is found, and this tree is in order."""

import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HOUSE = runpy.run_path(str(ROOT / "scripts" / "house.py"))
arrows, copies, report = (HOUSE[name] for name in ("arrows", "copies", "report"))


def plant(folder: Path, **modules: str) -> Path:
    package = folder / "src" / "cmfq"
    for name, text in modules.items():
        file = package / f"{name.replace('__', '/')}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return package


def test_arrows_and_cycles_are_found(tmp_path: Path) -> None:
    package = plant(
        tmp_path,
        one="from cmfq.two import x\n",
        two="import cmfq.three__a\nfrom cmfq.three.a import y\n",
        three__a="from cmfq import one\nfrom cmfq.three import b\n",
        three__b="z = 1\n",
    )
    between, cycles = arrows(package)
    assert between == {("one", "two"), ("two", "three"), ("three", "one")}
    assert len(cycles) == 2
    assert set(cycles[0].split(" → ")) == {"one", "two", "three"}
    assert set(cycles[1].split(" → ")) == {"cmfq.one", "cmfq.two", "cmfq.three.a"}


@pytest.mark.parametrize("lines", [5, 6, 9])
def test_copies_of_six_lines_and_more_are_found(tmp_path: Path, lines: int) -> None:
    copied = "\n".join(f"value_{number} = {number}" for number in range(lines))
    other = copied.replace("\n", "\n\n# a comment\n")
    package = plant(tmp_path, one=f"import os\n{copied}\nown = 1\n", two=f"{other}\nlast = 2\n")
    found = [length for length, *_ in copies(package)]
    assert found == ([lines] if lines >= 6 else [])


def test_this_tree_has_no_cycles_and_every_figure_is_told() -> None:
    lines = list(report(ROOT))
    assert any(line.endswith("cycles: none") for line in lines)
    for kind in ("rule", "bot", "world"):
        (told,) = (line for line in lines if line.startswith(f"to add a {kind}: "))
        assert told.endswith("lines, no file of the package")
