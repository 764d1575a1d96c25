"""What the theme leaves out for those who read by keyboard, by ear or without a network."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

CHANGES = (
    # What is wider than the screen is scrolled, which takes the focus.
    (re.compile(r"<pre(?![^>]*tabindex)"), '<pre tabindex="0"'),
    (re.compile(r'<div class="(table-wrapper[^"]*)"(?! tabindex)'),
     r'<div class="\1" tabindex="0"'),
    (re.compile(r'<p>(?=<img[^>]* src="[^"]*\.svg")'), '<p tabindex="0">'),
    (re.compile(r"<th[^>]*><p></p></th>"), "<td></td>"),
    (re.compile(r'(?<!</h1>)<div id="search-results">'),
     '<h1>Search</h1><div id="search-results">'),
    # Excerpts are fetched, which browsers refuse to pages that are opened as files.
    (re.compile(r'(?<!</script>)\n<script src="_static/searchtools.js">'),
     '<script>DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = location.protocol !== "file:"</script>'
     '\n<script src="_static/searchtools.js">'),
    (re.compile(r'role="heading"(?! aria-level)'), 'role="heading" aria-level="2"'),
    (re.compile(r'<aside class="sidebar-drawer"(?! aria)'),
     '<aside class="sidebar-drawer" aria-label="Site"'),
    (re.compile(r'<aside class="toc-drawer([^"]*)"(?! aria)'),
     r'<aside class="toc-drawer\1" aria-label="This page"'),
)  # fmt: skip
"""Patterns in pages, and what takes their place; nothing is changed twice."""


def readable(html: str) -> str:
    """The page with what is missing."""
    for pattern, text in CHANGES:
        html = pattern.sub(text, html)
    return html


def change_all(app: "Sphinx", error: Exception | None) -> None:
    """Change every page that was written."""
    if error is None:
        for path in Path(app.outdir).rglob("*.html"):
            before = path.read_text()
            after = readable(before)
            if after != before:
                path.write_text(after)


def setup(app: "Sphinx") -> dict[str, bool]:
    """Have pages changed at the end of a build."""
    app.connect("build-finished", change_all)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
