"""Notebooks run in a kernel of Jupyter, and what is stored of them is what their sources say."""

import runpy
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from blocks import ROOT, short_code

WRITER = ROOT / "scripts" / "notebooks.py"
NAMES = ("first-battle", "why-the-swarm")
LARGEST = 300_000
"""Bytes of all notebooks together."""


@pytest.fixture(scope="module")
def writer() -> dict:
    return runpy.run_path(str(WRITER))


def stored(name: str) -> nbformat.NotebookNode:
    return nbformat.read(ROOT / "docs" / "notebooks" / f"{name}.ipynb", as_version=4)


def test_all_notebooks_are_small_and_in_the_table_of_contents(writer: dict) -> None:
    assert [source.stem for source in writer["sources"]()] == list(NAMES)
    files = list((ROOT / "docs" / "notebooks").glob("*.ipynb"))
    assert sorted(file.stem for file in files) == list(NAMES)
    assert sum(file.stat().st_size for file in files) < LARGEST
    assert {f"notebooks/{name}" for name in NAMES} <= set(
        (ROOT / "docs/index.md").read_text().split()
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_stored_notebook_is_its_source_with_outputs(name: str, writer: dict) -> None:
    notebook = stored(name)
    nbformat.validate(notebook)
    source = writer["read_source"](ROOT / "docs" / "notebooks" / f"{name}.py")
    assert [(cell.cell_type, cell.source) for cell in notebook.cells] == [
        (cell.cell_type, cell.source) for cell in source.cells
    ], "run `make notebooks`"
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    kinds = writer["kinds"](notebook)
    assert all(kinds[1:]), "a cell without an output: run `make notebooks`"
    for cell, shown in zip(code, kinds, strict=True):
        assert set(shown) <= {"stdout", "image/png"}
        assert "image/png" not in shown or cell.metadata.get("title"), cell.source


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_runs_and_shows_what_is_stored(name: str, tmp_path: Path) -> None:
    """Small, in a process of its own: a kernel warns, and warnings are errors in tests."""
    source = tmp_path / f"{name}.py"
    source.write_text(short_code((ROOT / "docs" / "notebooks" / source.name).read_text()))
    done = subprocess.run([sys.executable, WRITER, source], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    shown = nbformat.read(source.with_suffix(".ipynb"), as_version=4)
    kinds = runpy.run_path(str(WRITER))["kinds"]
    assert kinds(shown) == kinds(stored(name))


def test_the_page_of_a_notebook_has_its_text_its_code_and_its_outputs() -> None:
    page = runpy.run_path(str(ROOT / "docs" / "extensions" / "notebooks.py"))["page"]
    files = page(ROOT / "docs" / "notebooks" / "why-the-swarm.ipynb")
    text = files["why-the-swarm.md"].decode()
    pictures = [name for name in files if name.endswith(".png")]
    assert text.startswith("# Why does the swarm do that?\n")
    assert "download it <why-the-swarm.ipynb>" in text
    assert "why = red.explain(observations[0], agent)" in text
    assert "of the policy of agent" in text.partition("why.summary()")[2]
    assert len(pictures) == 4
    for name in pictures:
        assert files[name].startswith(b"\x89PNG")
        assert f"]({name})" in text
    assert "![]" not in text


def test_pages_of_the_site_have_what_the_theme_leaves_out() -> None:
    readable = runpy.run_path(str(ROOT / "docs" / "extensions" / "readable.py"))["readable"]
    theme = (
        '<aside class="sidebar-drawer"><p class="caption" role="heading">First</p></aside>'
        '<aside class="toc-drawer no-toc"></aside><pre id="codecell0"><span>x</span></pre>'
        '<p><img alt="curves" src="curves.svg" /></p><p><img alt="" src="field.png" /></p>'
    )
    better = readable(theme)
    assert better == (
        '<aside class="sidebar-drawer" aria-label="Site">'
        '<p class="caption" role="heading" aria-level="2">First</p></aside>'
        '<aside class="toc-drawer no-toc" aria-label="This page"></aside>'
        '<pre tabindex="0" id="codecell0"><span>x</span></pre>'
        '<p tabindex="0"><img alt="curves" src="curves.svg" /></p>'
        '<p><img alt="" src="field.png" /></p>'
    )
    assert readable(better) == better
