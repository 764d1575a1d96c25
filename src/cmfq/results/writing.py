"""The one writer of results pages, as Markdown and as HTML.

::

    results/
      README.md     Markdown; figures are files beside it
      index.html    one file that needs nothing else; figures are in it
      NAME.svg, NAME.png    each figure
"""

from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markdown_it import MarkdownIt
from markupsafe import Markup
from matplotlib.figure import Figure

from cmfq.results.page import Code, Embedded, Finding, Items, Page, Part, Picture
from cmfq.results.style import save_figure, svg_text
from cmfq.results.table import Table
from cmfq.storage import make_folder, write_bytes
from cmfq.text import code_block, code_line, markdown_text, seen_text


def write_folder(folder: Path, page: Page) -> None:
    """Write README.md, index.html and the figures; the folder is made if it is not there."""
    make_folder(folder)
    figures = _draw(page)
    for name, figure in figures.items():
        save_figure(figure, folder, name)
    write_bytes(folder / "README.md", as_markdown(page).encode())
    write_bytes(folder / "index.html", as_html(page, figures).encode())


def write_page(path: Path, page: Page) -> None:
    """Write one HTML file that needs nothing else."""
    make_folder(path.parent)
    write_bytes(path, as_html(page, _draw(page)).encode())


def as_markdown(page: Page) -> str:
    """The page in Markdown; it shows figures that are stored beside it."""
    lines = [f"# {markdown_text(page.title)}\n"]
    for section in page.all_sections():
        if section.heading:
            lines.append(f"## {markdown_text(section.heading)}\n")
        lines += map(_markdown, section.parts)
    return "\n".join(lines)


def _markdown(part: Part) -> str:
    match part:
        case str():
            return f"{part}\n"
        case Finding():
            return f"**{part.label}{markdown_text(part.text)}**\n"
        case Table():
            return part.markdown()
        case Picture():
            return f"![{part.caption}]({part.name}.svg)\n"
        case Embedded():
            return f"{markdown_text(part.caption)}\n"
        case Items():
            return "".join(f"- {line}\n" for line in part.lines)
        case Code():
            single = "\n" not in part.text and not part.language
            return code_line(part.text) if single else code_block(part.text, part.language)


def as_html(page: Page, figures: Mapping[str, Figure]) -> str:
    """The page as one HTML file, for light and dark screens of any width.

    Args:
        page: description of the page.
        figures: figure of every :class:`Picture`, by its name.
    """
    templates = Environment(
        loader=PackageLoader("cmfq.results", "."), autoescape=True, undefined=StrictUndefined
    )
    inline = MarkdownIt("commonmark", {"html": False}).renderInline
    templates.filters["inline"] = lambda text: Markup(inline(text))
    templates.tests["kind"] = lambda part, name: type(part).__name__ == name
    drawn = {name: Markup(svg_text(figure)) for name, figure in figures.items()}
    return seen_text(templates.get_template("page.html").render(page=page, figures=drawn))


def _draw(page: Page) -> dict[str, Figure]:
    return {part.name: part.draw() for part in page.parts() if isinstance(part, Picture)}
