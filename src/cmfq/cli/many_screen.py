"""What is seen while many runs train: which of them, how far, and the time left."""

import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from rich.progress import BarColumn, Progress, TextColumn

from cmfq.cli.screen import PLAIN_LINES, new_console
from cmfq.experiments.watching import RunsWatch
from cmfq.text import plain_text, say
from cmfq.training.settings import RunSettings

PERIOD = 1.0
"""Seconds between two looks at the runs' folders."""
SHOWN = 4
"""Runs that are shown by name."""


class RunsScreen:
    """One line for all runs: a bar, the runs under way with their episodes, and the time left.

    Args:
        runs: settings of all runs by name.
        folder: folder of the run folders.
        missing: names of those that are to be trained.
    """

    def __init__(
        self, runs: Mapping[str, RunSettings], folder: Path, missing: Sequence[str]
    ) -> None:
        self._watch = RunsWatch({name: runs[name] for name in missing}, folder)
        self._all, self._done = len(runs), len(runs) - len(missing)
        self._console = new_console(stderr=True)
        self._bar = Progress(
            TextColumn("{task.fields[done]} runs"),
            BarColumn(bar_width=20),
            TextColumn("{task.percentage:.0f} %  {task.fields[left]}  {task.fields[under_way]}"),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._task = self._bar.add_task("", total=1.0, done=self._counted(), left="", under_way="")
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._lines = 0

    def __enter__(self) -> Self:
        self._started, self._before = time.monotonic(), self._watch.share()
        with suppress(OSError):
            self._bar.start()
        self._thread.start()
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._ended.set()
        self._thread.join()
        with suppress(OSError):
            self._bar.stop()

    def finished(self, name: str) -> None:
        """Count a run that has its last checkpoint."""
        self._done += 1
        line = f"{self._counted()} runs: {name}"
        with suppress(OSError):
            if self._console.is_terminal:
                self._console.print(plain_text(line))
            else:
                say(line, file=sys.stderr, flush=True)

    def _counted(self) -> str:
        return f"{self._done} of {self._all}"

    def _look(self) -> None:
        """Show how far it is, again and again."""
        while not self._ended.wait(PERIOD):
            share, under_way = self._watch.share(), self._watch.under_way()
            names = [f"{name} {episode}/{episodes}" for name, episode, episodes in under_way]
            more = [f"{len(names) - SHOWN} more"] if len(names) > SHOWN else []
            left, text = self._time_left(share), ", ".join([*names[:SHOWN], *more])
            with suppress(OSError):
                self._show(share, left, text)

    def _show(self, share: float, left: str, under_way: str) -> None:
        if self._console.is_terminal:
            self._bar.update(
                self._task,
                completed=share,
                done=self._counted(),
                left=left,
                under_way=plain_text(under_way),
            )
        elif int(share * PLAIN_LINES) > self._lines:
            self._lines = int(share * PLAIN_LINES)
            say(f"{share:.0%}, {left}: {under_way}", file=sys.stderr, flush=True)

    def _time_left(self, share: float) -> str:
        """By what was trained since this screen began."""
        trained = share - self._before
        if trained <= 0:
            return "time left unknown"
        seconds = (1 - share) / trained * (time.monotonic() - self._started)
        return f"{duration(seconds)} left"


def duration(seconds: float) -> str:
    """``40 s``, ``12 min``, ``3 h 20 min``, ``2 d 4 h``."""
    minutes = round(seconds / 60)
    if seconds < 100:
        return f"{seconds:.0f} s"
    if minutes < 100:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes // 1440} d {minutes % 1440 // 60} h"
