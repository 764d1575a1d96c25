"""How far many runs are, by the rows in their folders: whoever trains them, and wherever."""

from collections.abc import Mapping
from pathlib import Path

from cmfq.training.run import METRICS_FILE
from cmfq.training.settings import RunSettings


class RunsWatch:
    """Looks at folders of runs that others train.

    Args:
        runs: settings of the runs by the names of their folders.
        folder: folder of the run folders.
    """

    def __init__(self, runs: Mapping[str, RunSettings], folder: Path) -> None:
        self._runs, self._folder = runs, folder
        self._read = dict.fromkeys(runs, 0)
        self._episodes = dict.fromkeys(runs, 0)
        self._weights = {
            name: float(sum(settings.environment.team_sizes) or 1)
            for name, settings in runs.items()
        }

    def episodes(self) -> dict[str, int]:
        """Episodes that each run has played; only what is new is read."""
        for name in self._runs:
            try:
                with (self._folder / name / METRICS_FILE).open("rb") as file:
                    size = file.seek(0, 2)
                    if size < self._read[name]:  # rows were made again
                        self._read[name] = self._episodes[name] = 0
                    file.seek(self._read[name])
                    content = file.read()
            except OSError:
                continue
            self._read[name] += len(content)
            self._episodes[name] += content.count(b"\n")
        return dict(self._episodes)

    def share(self) -> float:
        """Share of all work that is done, from 0 to 1: episodes, weighted by their agents."""
        episodes = self.episodes()
        work = {name: self._weights[name] * one.episodes for name, one in self._runs.items()}
        done = sum(
            work[name] * min(1.0, episodes[name] / one.episodes) for name, one in self._runs.items()
        )
        return done / sum(work.values()) if work else 1.0

    def under_way(self) -> list[tuple[str, int, int]]:
        """Runs that have begun and not ended: name, episodes played, episodes of the run."""
        return [
            (name, self._episodes[name], one.episodes)
            for name, one in self._runs.items()
            if 0 < self._episodes[name] < one.episodes
        ]
