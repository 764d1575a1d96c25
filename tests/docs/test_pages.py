"""Every block of every page runs: Python as it is, commands with short trainings and few games.

The blocks of a page run in order, in one folder and one namespace, as a reader would type them.
"""

import inspect
import re
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import blocks as reading
import pytest
from blocks import DRAWN, ELSEWHERE, PAGES, ROOT, blocks, commands, short_code, shortened

import cmfq
from cmfq.cli import main
from cmfq.cli.commands import COMMANDS
from cmfq.training import tracking
from cmfq.training.tracking import Tracker

BEFORE: dict[str, list[list[str]]] = {
    "replay-format.md": [
        ["record", "zoo:mfq64", "zoo:cmfq64", "--max-steps", "14", "--out", "fight.replay"],
    ],
    "watching.md": [
        f"train battle --size 9 --map-size 16 --formation random --algorithm {one} --episodes 1 "
        f"--min-updates 1 --max-steps 12 --run runs/{one}".split()
        for one in ("cmfq", "mfq")
    ],
    "policies.md": [
        "train meadow:make_env --share-roles --positions meadow:positions --radius 4 "
        f"--episodes 1 --min-updates 1 --run runs/{name}".split()
        for name in ("meadow",)
    ],
}
"""What pages take for granted that a reader has."""
CONTINUED = dict.fromkeys(("choosing-settings.md", "policies.md"), "own-environment.md")
"""Pages that need the files of another page."""
WITHOUT_CMFQ = "import runpy, sys; sys.modules['cmfq'] = None; runpy.run_path({!r})"
"""Run a file where ``import cmfq`` fails."""


def page_name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if {one.language for one in blocks(page)} - DRAWN],
    ids=page_name,
)
def test_the_blocks_of_a_page_run(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    if page.name in CONTINUED:
        for block in blocks(page.parent / CONTINUED[page.name]):
            save_file(block, tmp_path)
    for words in BEFORE.get(page.name, []):
        assert main(words) == 0, capsys.readouterr().err
    namespace: dict[str, Any] = {"__name__": "page"}
    imported = set(sys.modules)
    try:
        for block in blocks(page):
            if block.language == "python":
                run_python(block, namespace, tmp_path, f"{page_name(page)}:{block.line}")
            elif block.language == "console":
                for words in commands(block):
                    run_command(words, monkeypatch, capsys)
            else:
                assert block.language in DRAWN, f"{page_name(page)}:{block.line}"
    finally:
        for name in set(sys.modules) - imported:  # modules of the page, not those of packages
            if not name.startswith("cmfq") and str(tmp_path) in str(
                getattr(sys.modules[name], "__file__", "")
            ):
                del sys.modules[name]


def run_python(block: reading.Block, namespace: dict[str, Any], folder: Path, where: str) -> None:
    """Run a block; one whose docstring names a file is saved as that, for what follows."""
    save_file(block, folder)
    if "class Meadow" in block.code:
        return
    exec(compile(short_code(block.code), where, "exec"), namespace)


def save_file(block: reading.Block, folder: Path) -> None:
    """Save a block that is a file, if it is one."""
    named = re.match(r'"""(\w+\.py): ', block.code)
    if named:
        (folder / named[1]).write_text(block.code)
    if "class Meadow" in block.code:
        (folder / "meadow.py").write_text(block.code)


def run_command(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Run one command of a console block."""
    if words[0] == "export":
        name, _, value = words[1].partition("=")
        monkeypatch.setenv(name, value)
    elif words[0] == "make":
        targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        assert words[1] in targets
    elif words[0] == "python":
        subprocess.run([sys.executable, "-c", WITHOUT_CMFQ.format(words[1])], check=True)
    elif words[0] not in ELSEWHERE:
        assert words[0] == "cmfq", words
        if words[1] == "view" and "--html" not in words:
            words = [*words, "--html", "page.html"]  # instead of a server that waits for a reader
        if "--track" in words:
            monkeypatch.setattr("cmfq.training.tracking._make", stand_in)
        if words[1] == "watch":
            monkeypatch.setattr("cmfq.cli.watching.serve", lambda pages, *rest: pages.get(""))
        assert main(shortened(words)[1:]) == 0, (words, capsys.readouterr().err)


def stand_in(name: str, make: Callable[[str], Tracker] = tracking._make) -> Tracker:
    """A tracker; for one of a large package, which `make trackers` tests, one that does nothing."""
    nothing = {method: lambda *told: None for method in tracking.METHODS}
    return SimpleNamespace(**nothing) if name in tracking.PACKAGES else make(name)  # type: ignore[return-value]


def test_what_pip_installs_are_extras_that_there_are() -> None:
    extras = re.findall(r"^(\w+) = \[", (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    named = [
        one for page in PAGES for one in re.findall(r"(?:cmfq|\.)\[([\w,]+)\]", page.read_text())
    ]
    assert named
    for one in named:
        assert set(one.split(",")) <= set(extras), one


def test_the_page_of_python_shows_every_function() -> None:
    page = (ROOT / "docs" / "python.md").read_text()
    functions = [name for name in cmfq.__all__ if inspect.isfunction(getattr(cmfq, name))]
    assert len(functions) >= 8
    for name in functions:
        assert f"cmfq.{name}(" in page, name


def test_the_page_of_the_command_line_has_every_command_and_option(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = runpy.run_path(str(ROOT / "docs" / "extensions" / "command_line.py"))["page"]()
    for command in COMMANDS:
        assert f"## cmfq {command}\n" in text
    assert main(["evaluate", "--help-all"]) == 0
    shown = capsys.readouterr().out
    section = text.partition("## cmfq evaluate\n")[2].partition("\n## ")[0]
    options = set(re.findall(r"^ +(--[a-z][\w-]+)", shown, re.MULTILINE)) - {"--help", "--help-all"}
    assert {"--games", "--seed", "--size", "--rules"} <= options
    for option in options:
        assert re.search(rf"[`\s]{option}\b", section), option


def test_every_page_is_in_a_table_of_contents() -> None:
    trees = [one.code for page in PAGES for one in blocks(page) if one.language == "{toctree}"]
    entries = {line for tree in trees for line in tree.splitlines() if line and line[0] != ":"}
    for page in PAGES:
        name = str(page.relative_to(ROOT / "docs").with_suffix("")) if page.parent != ROOT else ""
        assert name in entries | {"", "index"} or name.removeprefix("algorithms/") in entries, page
