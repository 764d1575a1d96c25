"""The one writer of results pages: a page is described once, and written as Markdown and as HTML.

::

    results/
      README.md     Markdown; figures are files beside it
      index.html    one file that needs nothing else; figures are in it
      NAME.svg, NAME.png    each figure

A page is a title, sections of parts, and how to get it again. A part is a paragraph, a table, a
figure, a list, code, or a finding: the sentence that says what a table shows. Terminals show the
findings and the tables that have a title.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markdown_it import MarkdownIt
from markupsafe import Markup
from matplotlib.figure import Figure

from cmfq.results.style import save_figure, svg_text
from cmfq.results.table import Table
from cmfq.storage import make_folder, write_bytes
from cmfq.text import code_block, code_line, markdown_text


@dataclass(frozen=True)
class Finding:
    """A sentence that says what a table shows: plain text, names and all."""

    text: str


@dataclass(frozen=True)
class Picture:
    """A figure of a page."""

    name: str
    """File name without its ending."""
    draw: Callable[[], Figure]
    """Called when the page is written, once."""
    caption: str


@dataclass(frozen=True)
class Items:
    """A list, an item a line of Markdown."""

    lines: Sequence[str]


@dataclass(frozen=True)
class Code:
    """A command, or several lines of code."""

    text: str
    language: str = ""
    summary: str = ""
    """Line that HTML shows alone until it is opened."""


Part = str | Finding | Table | Picture | Items | Code
"""A string is a paragraph of Markdown: names in it go through :func:`~cmfq.text.markdown_text`."""


@dataclass(frozen=True)
class Section:
    """Parts under a heading."""

    heading: str
    """Plain text; empty for the beginning of a page."""
    parts: Sequence[Part]


@dataclass(frozen=True)
class Page:
    """All that a results page says."""

    title: str
    """Plain text."""
    sections: Sequence[Section]
    """Those without parts are left out."""
    again: Sequence[Part]
    """The command that makes the page again, and what it needs."""

    def all_sections(self) -> list[Section]:
        """Sections that have parts; the last one says how to get the page again."""
        filled = [one for one in self.sections if one.parts]
        return [*filled, Section("To get it again", self.again)]

    def parts(self) -> Iterator[Part]:
        """All parts, from the beginning to the end."""
        for section in self.all_sections():
            yield from section.parts


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
            return f"**{markdown_text(part.text)}**\n"
        case Table():
            return part.markdown()
        case Picture():
            return f"![{part.caption}]({part.name}.svg)\n"
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
    return templates.get_template("page.html").render(page=page, figures=drawn)


def _draw(page: Page) -> dict[str, Figure]:
    return {part.name: part.draw() for part in page.parts() if isinstance(part, Picture)}
