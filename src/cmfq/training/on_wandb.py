"""Weights & Biases as a tracker.

Account, project and mode are those of wandb's own environment variables: ``WANDB_PROJECT`` (default
``cmfq``), ``WANDB_MODE=offline``, ``WANDB_DIR`` and so on.
"""

import os
from collections.abc import Mapping
from typing import Any

import wandb

from cmfq.training.tracking import TrackedRun

PROJECT = "cmfq"


class OnWandb:
    """A run of Weights & Biases; its rows have steps of their own, and episodes as the x-axis."""

    def __init__(self) -> None:
        self._run: Any = None
        self._rows = 0

    def start(self, run: TrackedRun) -> None:
        """Begin a run there, or go on with it."""
        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", PROJECT),
            name=run.name,
            id=run.id,
            resume="allow",
            config=dict(run.settings),
            allow_val_change=True,
            settings=wandb.Settings(console="off"),  # the terminal is not recorded
        )
        self._rows = max(run.rows, self._run.step)
        self._run.define_metric("episode")
        self._run.define_metric("*", step_metric="episode")

    def row(self, episode: int, numbers: Mapping[str, float]) -> None:
        """Add a row of history."""
        self._run.log({**numbers, "episode": episode}, step=self._rows, commit=True)
        self._rows += 1

    def close(self) -> None:
        """End the run there; it can go on."""
        self._run.finish()


def make_tracker() -> OnWandb:
    """A tracker that has not started."""
    return OnWandb()
