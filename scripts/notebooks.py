"""Write the notebooks of the documentation, with their outputs, from their sources.

    python scripts/notebooks.py            # all of them
    python scripts/notebooks.py FILE.py    # one

A source is a Python file in cells: ``# %% [markdown]`` begins text, ``# %% TITLE`` code. The title
of a cell says what its picture shows, for readers who do not see it. A kernel of Jupyter runs the
cells.
"""

import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

FOLDER = Path(__file__).parents[1] / "docs" / "notebooks"
CELL = re.compile(r"^# %% ?(.*)\n", re.MULTILINE)
LONGEST = 3600
"""Seconds that a kernel may take to start, or a cell to run."""


def sources() -> list[Path]:
    """All sources."""
    return sorted(FOLDER.glob("*.py"))


def read_source(source: Path) -> NotebookNode:
    """The notebook that a source describes, without outputs."""
    before, *parts = CELL.split(source.read_text())
    assert not before, f"{source} does not begin with a cell"
    cells = [
        _cell(number, title, text.strip("\n"))
        for number, (title, text) in enumerate(zip(parts[::2], parts[1::2], strict=True))
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return nbformat.v4.new_notebook(
        cells=cells, metadata={"kernelspec": kernel, "language_info": {"name": "python"}}
    )


def _cell(number: int, title: str, text: str) -> NotebookNode:
    name = f"cell-{number}"
    if title == "[markdown]":
        text = re.sub(r"^# ?", "", text, flags=re.MULTILINE)
        return nbformat.v4.new_markdown_cell(text, id=name)
    return nbformat.v4.new_code_cell(text, id=name, metadata={"title": title} if title else {})


def run(notebook: NotebookNode) -> None:
    """Run all cells in a new kernel and an empty folder; their outputs are in the notebook then.

    Raises:
        CellExecutionError: a cell fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        NotebookClient(
            notebook,
            timeout=LONGEST,
            startup_timeout=LONGEST,
            record_timing=False,
            coalesce_streams=True,
            resources={"metadata": {"path": folder}},
        ).execute()
    for cell in _code(notebook):
        for output in cell.outputs:
            if "image/png" in output.get("data", {}):  # without its description in words
                output.data = {"image/png": output.data["image/png"]}
    notebook.metadata.language_info = {"name": "python"}  # not the version of who wrote it


def kinds(notebook: NotebookNode) -> list[list[str]]:
    """What kinds of output each cell of code has: ``image/png``, or the name of a stream."""
    return [
        [name for output in cell.outputs for name in output.get("data", [output.get("name")])]
        for cell in _code(notebook)
    ]


def _code(notebook: NotebookNode) -> Iterator[NotebookNode]:
    return (cell for cell in notebook.cells if cell.cell_type == "code")


def main(files: list[str]) -> None:
    """Write the notebooks of these sources, or of all."""
    for source in map(Path, files) if files else sources():
        notebook = read_source(source)
        run(notebook)
        nbformat.validate(notebook)
        target = source.with_suffix(".ipynb")
        nbformat.write(notebook, target)
        print(target)


if __name__ == "__main__":
    main(sys.argv[1:])
