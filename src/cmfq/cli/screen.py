"""Output of commands: progress of games, tables, pages."""

import math
import os
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from textwrap import wrap
from typing import Any, Self

from rich.cells import cell_len
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table as RichTable
from rich.text import Text

from cmfq.interrupts import interrupted
from cmfq.results.page import Finding, Page
from cmfq.results.table import Table
from cmfq.text import Strong, counted, plain_text, say

PIPED_WIDTH = 500
"""Columns of a file or a pipe: tables are as wide as they are."""
PLAIN_LINES = 20
"""Lines of progress where the output is no terminal."""
OTHER_LINES = 5
"""Lines of a terminal for what is said before and after a page, and the next prompt."""
FRAME = 3
"""Characters of a column for its border and the space on both sides."""
LEAST_COLUMNS = 2
"""Columns of a table that a narrow terminal shows, however long their lines."""


class _PipedConsole(Console):
    def on_broken_pipe(self) -> None:
        """Raise the :class:`BrokenPipeError`; rich would end the process with exit code 1."""
        raise


def new_console(*, stderr: bool = False) -> Console:
    """A terminal on which text is text: no markup, no names of pictures."""
    console = _PipedConsole(stderr=stderr, markup=False, emoji=False, highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = PIPED_WIDTH
    return console


class ScreenTable(RichTable):
    """A table whose titles, headings and cells are text, whatever characters they have."""

    def __init__(self, title: str | None = None, **options: Any) -> None:
        super().__init__(title=None if title is None else _text(title), **options)

    def add_column(self, header: Any = "", *arguments: Any, **options: Any) -> None:
        """Add a column; line breaks of its heading are kept, and long words go on below."""
        super().add_column(_text(header, "\n"), *arguments, **{"overflow": "fold"} | options)

    def add_row(self, *cells: Any, **options: Any) -> None:
        """Add a row."""
        super().add_row(*map(_text, cells), **options)


def _text(cell: Any, keep: str = "") -> Any:
    """A string as it is to be seen, bold where it is meant to be; anything else as it is."""
    if not isinstance(cell, str):
        return cell
    lines = [plain_text(part) for part in (cell.split(keep) if keep else [cell])]
    return Text("\n".join(lines), style="bold" if isinstance(cell, Strong) else "")


def print_table(table: Table) -> None:
    """Print a table on the terminal, under its title."""
    new_console().print(_screen_table(table))


def _screen_table(table: Table, widths: Sequence[int] = ()) -> ScreenTable:
    """Make a table for the terminal, of its first columns alone if their widths are given."""
    screen = ScreenTable(title=table.title)
    columns = table.columns[: len(widths) or None]
    for number, column in enumerate(columns):
        lines = wrap(column, widths[number]) if widths else [column]
        screen.add_column("\n".join(lines), justify="right" if number else "left")
    for row in table.rows:
        screen.add_row(*row[: len(columns)])
    return screen


def print_page(page: Page, out: Path | None = None, html: Path | None = None) -> None:
    """Print what a page finds, and its tables that have a title: on a terminal what fits.

    Args:
        page: description of the page.
        out: folder that it was written to, if any.
        html: HTML file that it was written to, if any.
    """
    console = new_console()
    room = console.height - OTHER_LINES if console.is_terminal else math.inf
    left: list[str] = []
    for findings, table in _with_their_tables(page):
        shown, dropped = _fitted(table, console) if table else (None, ())
        lines = _lines(console, *(one.text for one in findings), *([shown] if shown else []))
        if lines > room:
            left += [_name(table)] if table else []
            shown, dropped = None, ()
            lines = _lines(console, *(one.text for one in findings))
            if lines > room:
                continue
        room -= lines
        for finding in findings:
            say(finding.text)
        if table and shown:
            console.print(shown)
            left += [f"{_name(table)} ({', '.join(dropped)})"] if dropped else []
    if left:
        place = "the results" if out else "the report" if html else ""
        where = f"more in {place}" if place else "give --out FOLDER to see the rest"
        say(f"{where}: {'; '.join(left)}")
    if out:
        say(f"results: {out / 'README.md'}")


def _with_their_tables(page: Page) -> Iterator[tuple[list[Finding], Table | None]]:
    """Findings of a page, with the table below them."""
    for section in page.all_sections():
        findings: list[Finding] = []
        for part in section.parts:
            if isinstance(part, Finding):
                findings.append(part)
            elif isinstance(part, Table) and part.title:
                yield findings, part
                findings = []
        if findings:
            yield findings, None


def _fitted(table: Table, console: Console) -> tuple[ScreenTable, Sequence[str]]:
    """Make a table of the columns that a terminal has room for, and name the other columns."""
    if not console.is_terminal:
        return _screen_table(table), ()
    widths = [
        max(map(cell_len, [*heading.split(), *cells]))
        for heading, *cells in zip(table.columns, *table.rows, strict=True)
    ]
    ends = accumulate(width + FRAME for width in widths)
    kept = max(LEAST_COLUMNS, sum(end < console.width for end in ends))
    return _screen_table(table, widths[:kept]), table.columns[kept:]


def _name(table: Table) -> str:
    """The title without what it says of intervals."""
    return table.title.partition(", ")[0]


def _lines(console: Console, *parts: str | ScreenTable) -> int:
    """Lines that these take on a terminal."""
    return sum(len(console.render_lines(one)) for one in parts)


class GamesScreen:
    """Display while games are played: a bar, or some plain lines where there is no screen."""

    def __init__(self, file: Path | None = None) -> None:
        """``file`` keeps the games, if any does."""
        self._file = file
        self._console = new_console(stderr=True)
        self._bar = Progress(
            TextColumn("games"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
            speed_estimate_period=60,
        )
        self._task: TaskID | None = None
        self._finished = self._games = self._kept = 0
        self._started = time.perf_counter()

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._bar.stop()
        stopped = isinstance(error, KeyboardInterrupt) or (error is not None and interrupted())
        if stopped and self._file:
            say(
                f"{self._finished} of {self._games} games are kept in {self._file}: the same "
                "command continues",
                file=sys.stderr,
            )

    def cost(self) -> str:
        """Number and time of the games played here, without those that were there already."""
        played, seconds = self._finished - self._kept, time.perf_counter() - self._started
        each = f": {1000 * seconds / played:.0f} ms each" if played else ""
        return f"{counted(played, 'game')} in {seconds:.0f} s{each}"

    def report(self, finished: int, games: int) -> None:
        """Show how far it is."""
        if self._task is None:
            self._task = self._bar.add_task("", total=games)
            self._kept = finished
            if self._file and finished:
                say(f"{finished} of {games} games are there already", file=sys.stderr)
        self._bar.update(self._task, completed=finished)
        plain = not self._console.is_terminal
        if plain and finished * PLAIN_LINES // games > self._finished * PLAIN_LINES // games:
            say(f"{finished} of {games} games", file=sys.stderr, flush=True)
        self._finished, self._games = finished, games
