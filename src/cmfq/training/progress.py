"""What a person sees while a run trains: one live line, or plain lines where there is no screen."""

import time
from collections import deque
from contextlib import suppress
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Column

from cmfq.text import plain_text, say
from cmfq.training.deaths import somebody_died
from cmfq.training.metrics import EpisodeMetrics

PLAIN_LINE_PERIOD = 10
"""Episodes between lines when the output is no terminal."""
RATE_WINDOW = 20
"""Episodes over which the rate and the time left are averaged."""


class TrainingProgress:
    """Episode, reward, kills and survivors where agents die, agent-steps per second, time left.

    A terminal that was closed, or a reader that has left, costs the run nothing.
    """

    def __init__(self, episodes: int, episode: int) -> None:
        self._console = Console(markup=False, emoji=False, highlight=False)
        self._episodes = episodes
        self._recent: deque[EpisodeMetrics] = deque(maxlen=RATE_WINDOW)
        self._started = time.perf_counter()
        self._mortal = False
        """Whether an agent has died: before that, survivors are not shown."""
        self._bar = Progress(
            TextColumn("episode {task.completed}/{task.total}"),
            BarColumn(bar_width=20),
            # On a narrow screen the summary takes a second line; the times are never cut.
            TextColumn("{task.fields[summary]}", table_column=Column(overflow="fold")),
            TimeElapsedColumn(table_column=Column(no_wrap=True)),
            TextColumn("left"),
            TimeRemainingColumn(table_column=Column(no_wrap=True)),
            console=self._console,
            disable=not self._console.is_terminal,
            speed_estimate_period=60,
        )
        self._task = self._bar.add_task("", total=episodes, completed=episode, summary="")

    def __enter__(self) -> Self:
        with suppress(OSError):
            self._bar.start()
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        with suppress(OSError):
            self._bar.stop()

    def report(self, metrics: EpisodeMetrics) -> None:
        """Show an episode."""
        self._recent.append(metrics)
        summary = self._summary(metrics)
        with suppress(OSError):
            self._show(metrics, summary)

    def _show(self, metrics: EpisodeMetrics, summary: str) -> None:
        if self._console.is_terminal:
            self._bar.update(self._task, completed=metrics.episode, summary=summary)
        elif metrics.episode % PLAIN_LINE_PERIOD == 0 or metrics.episode == self._episodes:
            say(f"episode {metrics.episode}/{self._episodes}  {summary}", flush=True)

    def say(self, message: str) -> None:
        """Print a line: above the bar, if there is one."""
        with suppress(OSError):
            self._say(message)

    def _say(self, message: str) -> None:
        if self._console.is_terminal:
            self._console.print(plain_text(message), soft_wrap=True)
        else:
            say(message, flush=True)

    def _summary(self, metrics: EpisodeMetrics) -> str:
        seconds = sum(row.playing_seconds + row.learning_seconds for row in self._recent)
        rate = sum(row.agent_steps for row in self._recent) / seconds
        self._mortal = self._mortal or somebody_died(vars(metrics))
        parts = [f"reward {_pair(metrics.rewards)}"]
        if self._mortal and len(metrics.kills) > 1:
            parts.append(f"kills {_pair(metrics.kills)}")
        if self._mortal:
            parts.append(f"survivors {_pair(metrics.survivors)}")
        if metrics.win_rate is not None:
            parts.append(f"won {metrics.win_rate:.0%}")
        return "  ".join([*parts, f"{rate:,.0f} agent-steps/s"])


def _pair(values: list[float] | list[int]) -> str:
    return " : ".join(f"{value:.0f}" for value in values)
