"""The command that shows a run while it trains: its newest recorded game and its curves."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tyro

from cmfq.cli.recordings import serve
from cmfq.environments.keeping import teams_of
from cmfq.errors import UserError
from cmfq.recordings import read
from cmfq.recordings.page import JSON, Document, NamedRecording, documents
from cmfq.training.description import RunDescription
from cmfq.training.run import Run

MOST_POINTS = 300
"""Points of a curve: longer runs are averaged over as many blocks of episodes."""


def watch(
    run: tyro.conf.Positional[Path],
    port: int = 0,
    browser: bool = True,
) -> None:
    """Watch a run while it trains.

    The page shows the newest recorded game and the curves, and keeps up with the run. Games
    are there if the run was trained with `--record-period`. Nothing in the run folder is changed.

    Args:
        run: Run folder.
        port: Port of the local server; 0 takes a free one.
        browser: Open the page in a browser.
    """
    live = LiveRun(run)
    serve(live, f"watch {run} at", port, browser)


class LiveRun:
    """What the page of a run asks for, read from its folder when it asks.

    Raises:
        UserError: it is no run folder.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._described: RunDescription = Run.open(path).description()
        self._pages: dict[str, Document] | None = None
        self._teams = [team.name for team in teams_of(self._described.settings.environment)]

    def get(self, address: str) -> Document | None:
        """The document at an address; ``None``: there is none."""
        if address == "status":
            return Document(JSON, json.dumps(self.status()).encode())
        if self._pages is None or not address:  # what belongs to a page is what it was made with
            newest = self._newest()
            listed = [] if newest.content is None else [NamedRecording(newest.name, newest.content)]
            title = f"{self._path.name}: {newest.name}" if listed else self._path.name
            self._pages = documents(listed, title=title, live=newest.name)
        return self._pages.get(address)

    def status(self) -> dict[str, Any]:
        """Episodes, name of the newest game and the curves, as JSON."""
        run = Run.open(self._path)
        rows, evaluations = run.metrics(), run.evaluations()
        settings = self._described.settings
        curves = [Curve("Reward", _columns(rows, "rewards"), self._teams)]
        if any(row["survivors"] != rows[0]["survivors"] for row in rows):
            curves.append(Curve("Survivors", _columns(rows, "survivors"), self._teams))
        rates: dict[str, list[float]] = {}
        for row in evaluations:
            rates.setdefault(row.opponent, []).append(row.win_rate)
        if rates:
            curves.append(Curve("Win rate", list(rates.values()), list(rates)))
        losses = [row["loss"] for row in rows if row["loss"] is not None]
        curves.append(Curve("Loss", [losses], [""]))
        return {
            "episode": rows[-1]["episode"] if rows else 0,
            "episodes": settings.episodes,
            "newest": self._newest().name,
            "records": settings.record_period > 0,
            "curves": [curve.thinned()._asdict() for curve in curves if any(curve.lines)],
        }

    def _newest(self) -> "_Newest":
        """The newest recorded game that can be read: one may just be in the writing."""
        for path in sorted((self._path / "replays").glob("*.replay"), reverse=True):
            try:
                read(path)
                return _Newest(path.name, path.read_bytes())
            except (UserError, OSError):
                continue
        return _Newest("", None)


class Curve(NamedTuple):
    """Some lines in one drawing."""

    title: str
    lines: list[list[float]]
    names: list[str]

    def thinned(self) -> "Curve":
        """The means of at most ``MOST_POINTS`` blocks of each line."""
        return self._replace(lines=[_thin(line) for line in self.lines])


class _Newest(NamedTuple):
    name: str
    content: bytes | None


def _columns(rows: list[dict[str, Any]], name: str) -> list[list[float]]:
    return [list(column) for column in zip(*(row[name] for row in rows), strict=True)]


def _thin(line: list[float]) -> list[float]:
    blocks = np.array_split(np.array(line, float), min(len(line), MOST_POINTS) or 1)
    return [round(float(block.mean()), 5) for block in blocks if len(block)]
