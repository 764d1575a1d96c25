"""Output of commands: progress of games, tables, pages."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

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
from cmfq.text import Strong, plain_text, say

PLAIN_LINES = 20
"""Lines of progress where the output is no terminal."""
SCREEN_ROWS = 20
"""Rows of tables that a page shows on a terminal: with headings and sentences they fill it."""


class _PipedConsole(Console):
    def on_broken_pipe(self) -> None:
        """Raise the :class:`BrokenPipeError`; rich would end the process with exit code 1."""
        raise


def new_console(*, stderr: bool = False) -> Console:
    """A terminal on which text is text: no markup, no names of pictures."""
    return _PipedConsole(stderr=stderr, markup=False, emoji=False, highlight=False)


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
    screen = ScreenTable(title=table.title)
    for number, column in enumerate(table.columns):
        screen.add_column(column, justify="right" if number else "left")
    for row in table.rows:
        screen.add_row(*row)
    new_console().print(screen)


def print_page(page: Page, out: Path | None = None) -> None:
    """Print what a page finds, and its tables that have a title: on a terminal those that fit.

    Args:
        page: description of the page.
        out: folder that it was written to, if any.
    """
    tables = [part for part in page.parts() if isinstance(part, Table) and part.title]
    shown = _short_tables(tables) if new_console().is_terminal else tables
    for part in page.parts():
        if isinstance(part, Table) and any(part is one for one in shown):
            print_table(part)
        elif isinstance(part, Finding):
            say(part.text)
    if left := [one.title for one in tables if not any(one is table for table in shown)]:
        where = "in the results" if out else "give --out FOLDER to see them"
        say(f"too long for a screen, {where}: {'; '.join(left)}")
    if out:
        say(f"results: {out / 'README.md'}")


def _short_tables(tables: Sequence[Table]) -> list[Table]:
    """The shortest tables, as many as have ``SCREEN_ROWS`` together."""
    chosen: list[Table] = []
    for one in sorted(tables, key=lambda table: len(table.rows)):
        if sum(len(table.rows) for table in [*chosen, one]) <= SCREEN_ROWS:
            chosen.append(one)
    return chosen


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
        return f"{played} games in {seconds:.0f} s{each}"

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
