"""Pages of the notebooks: text, code and stored outputs, as Markdown; nothing runs."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx

Page = dict[str, bytes]
"""Contents of the files of a page by their names."""


def page(notebook: Path) -> Page:
    """The Markdown of a notebook, and the pictures that it shows.

    Args:
        notebook: the ``.ipynb`` file, with outputs.
    """
    files: Page = {}
    cells = json.loads(notebook.read_text())["cells"]
    parts = [part for cell in cells for part in _cell(cell, notebook.stem, files)]
    title, *rest = parts
    note = (
        f"*A notebook with the outputs that it had when it was run: "
        f"{{download}}`download it <{notebook.name}>` to run it yourself.*"
    )
    first, _, text = title.partition("\n")
    files[f"{notebook.stem}.md"] = "\n\n".join([first, note, text.strip(), *rest]).encode() + b"\n"
    return files


def _cell(cell: dict[str, Any], name: str, files: Page) -> Iterator[str]:
    text = "".join(cell["source"])
    if cell["cell_type"] == "markdown":
        yield text.replace(".ipynb)", ".md)")  # links between notebooks
        return
    yield f"```python\n{text}\n```"
    for output in cell["outputs"]:
        if "text" in output:
            printed = "".join(output["text"]).rstrip()
            yield f"```{{code-block}} text\n:class: output\n\n{printed}\n```"
        else:
            picture = f"{name}-{len(files) + 1}.png"
            files[picture] = base64.b64decode(output["data"]["image/png"])
            yield f"![{cell['metadata']['title']}]({picture})"


def write(app: "Sphinx") -> None:
    """Write the files of all pages, unless they say so already: only changes are built again."""
    folder = Path(app.srcdir) / "notebooks"
    for notebook in folder.glob("*.ipynb"):
        for name, content in page(notebook).items():
            path = folder / name
            if not path.exists() or path.read_bytes() != content:
                path.write_bytes(content)


def link(app: "Sphinx", page: str, source: list[str]) -> None:
    """Let links to notebooks lead to their pages; in the repository they lead to the files."""
    source[0] = source[0].replace(".ipynb)", ".md)")


def setup(app: "Sphinx") -> dict[str, bool]:
    """Have the pages written before pages are read."""
    app.connect("builder-inited", write)
    app.connect("source-read", link)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
