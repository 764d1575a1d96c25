"""The release check finds what keeps a tree from being released."""

import runpy
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
problems = runpy.run_path(str(ROOT / "scripts" / "release_check.py"))["problems"]
OPEN = {
    "pyproject.toml has no URL of the repository: add Repository under [project.urls]",
    "CHANGELOG.md has changes that version 0.1.0 does not name: raise the version",
}
"""What is left to whoever releases: where the repository will be, and the next version's number."""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of what the check reads."""
    for file in ROOT.glob("*"):
        if file.is_file():
            shutil.copy(file, tmp_path)
    shutil.copytree(ROOT / "docs", tmp_path / "docs", ignore=shutil.ignore_patterns("api"))
    shutil.copytree(ROOT / "src" / "cmfq" / "zoo", tmp_path / "src" / "cmfq" / "zoo")
    for name in ("scripts", "tests", "benchmarks"):
        (tmp_path / name).mkdir()
    return tmp_path


def test_nothing_but_the_release_itself_is_left_to_do() -> None:
    assert set(problems(ROOT)) <= OPEN


@pytest.mark.parametrize(
    ("file", "old", "new", "sentence"),
    [
        ("CHANGELOG.md", "## Unreleased", "## Soon", "does not begin with an Unreleased part"),
        ("CHANGELOG.md", " (2026-11-24)", "", "has the heading '0.1.0'"),
        ("CHANGELOG.md", "(2026-11-24)", "(2999-01-01)", "a date in the future"),
        ("CITATION.cff", "version: 0.1.0", "version: 0.2.0", "has version 0.2.0, not 0.1.0"),
        ("CITATION.cff", "date-released: 2026", "date-released: 2025", "has date-released 2025"),
        ("pyproject.toml", 'version = "0.1.0"', 'version = "0.2.0"', "no dated part for version"),
        ("constraints.txt", "torch==", "torchy==", "constraints.txt has no version of torch"),
        ("README.md", "(docs/statistics.md)", "(docs/gone.md)", "links to docs/gone.md"),
    ],
)
def test_what_is_wrong_is_said(tree: Path, file: str, old: str, new: str, sentence: str) -> None:
    text = (tree / file).read_text()
    assert old in text
    (tree / file).write_text(text.replace(old, new))
    assert any(sentence in one for one in problems(tree)), list(problems(tree))


def test_a_missing_policy_is_said(tree: Path) -> None:
    shutil.rmtree(tree / "src" / "cmfq" / "zoo" / "mfq64" / "checkpoints")
    assert "the shipped policy zoo:mfq64 has no checkpoint" in set(problems(tree))
