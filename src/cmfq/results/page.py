"""Descriptions of results pages; :mod:`cmfq.results.writing` writes them.

A page is a title, sections of parts, and how to get it again. A part is a paragraph, a table, a
figure, a list, code, or a finding: the sentence that says what a table shows. Terminals show the
findings and the tables that have a title.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from cmfq.results.table import Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure  # most that describe a page draw nothing


Tone = Literal["", "good", "bad", "unknown"]
LABELS: dict[Tone, str] = {
    "": "",
    "good": "Good: ",
    "bad": "Bad: ",
    "unknown": "Uncertain: ",
}


@dataclass(frozen=True)
class Finding:
    """A sentence that says what a table shows: plain text, names and all."""

    text: str
    verdict: Tone = ""
    """Whether it is good or bad news of the policy that the page is about."""

    @property
    def label(self) -> str:
        """Verdict in words, before the text."""
        return LABELS[self.verdict]


@dataclass(frozen=True)
class Picture:
    """A figure of a page."""

    name: str
    """File name without its ending."""
    draw: "Callable[[], Figure]"
    """Called when the page is written, once."""
    caption: str
    tabled: bool = False
    """A table of the page has its numbers: on a narrow screen that is easier to read."""


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


@dataclass(frozen=True)
class Embedded:
    """A whole HTML page in a frame; Markdown has its caption alone."""

    html: str
    caption: str


Part = str | Finding | Table | Picture | Items | Code | Embedded
"""A string is a paragraph of Markdown: names in it go through :func:`~cmfq.text.markdown_text`."""


@dataclass(frozen=True)
class Section:
    """Parts under a heading."""

    heading: str
    """Plain text; empty for the beginning of a page."""
    parts: Sequence[Part]

    @property
    def anchor(self) -> str:
        """Its name in links, as those who show Markdown make it."""
        return re.sub(r"[^\w -]", "", self.heading.lower()).replace(" ", "-")


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
        return [*filled, Section("To reproduce this page", self.again)]

    def parts(self) -> Iterator[Part]:
        """All parts, from the beginning to the end."""
        for section in self.all_sections():
            yield from section.parts
