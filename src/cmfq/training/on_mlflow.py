"""MLflow as a tracker.

Where it writes is said by MLflow's own environment variables: ``MLFLOW_TRACKING_URI`` (default: its
own, the file ``mlflow.db`` in the working directory) and ``MLFLOW_EXPERIMENT_NAME`` (default
``cmfq``).
"""

import os
import re
import time
from collections.abc import Mapping
from posixpath import normpath
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunStatus

from cmfq.training.tracking import TrackedRun

EXPERIMENT = "cmfq"
TAG = "cmfq.id"
"""Tag by which a run is found again."""
MOST_PARAMETERS = 100
"""Greatest number of parameters in a request to a server."""
MOST_METRICS = 1000
"""Greatest number of metrics in a request."""
LONGEST_PARAMETER = 6000
"""Greatest number of characters of a parameter."""


class OnMlflow:
    """A run of MLflow; the episode is the step of a metric."""

    def __init__(self) -> None:
        self._client = MlflowClient()
        self._run = ""

    def start(self, run: TrackedRun) -> None:
        """Begin a run there, or go on with it."""
        experiment = self._experiment(os.environ.get("MLFLOW_EXPERIMENT_NAME", EXPERIMENT))
        found = self._client.search_runs([experiment], f"tags.`{TAG}` = '{run.id}'", max_results=1)
        if found:
            self._run = found[0].info.run_id
            self._client.update_run(self._run, RunStatus.to_string(RunStatus.RUNNING))
            return
        made = self._client.create_run(experiment, run_name=run.name, tags={TAG: run.id})
        self._run = made.info.run_id
        settings = [
            Param(name, str(value)[:LONGEST_PARAMETER]) for name, value in run.settings.items()
        ]
        for start in range(0, len(settings), MOST_PARAMETERS):
            part = settings[start : start + MOST_PARAMETERS]
            self._client.log_batch(self._run, params=part)

    def _experiment(self, name: str) -> Any:
        found = self._client.get_experiment_by_name(name)
        return found.experiment_id if found else self._client.create_experiment(name)

    def row(self, episode: int, numbers: Mapping[str, float]) -> None:
        """Add a value to each metric."""
        now = int(time.time() * 1000)
        metrics = [
            Metric(metric_name(name), value, now, episode) for name, value in numbers.items()
        ]
        for start in range(0, len(metrics), MOST_METRICS):
            self._client.log_batch(self._run, metrics=metrics[start : start + MOST_METRICS])

    def close(self) -> None:
        """End the run there; it can go on."""
        self._client.set_terminated(self._run)


def metric_name(name: str) -> str:
    """A name that MLflow takes: ``move +1 -2`` is ``move 1 -2``, other characters become ``_``."""
    return normpath(re.sub(r"[^\w\-. :/]|\.\.", "_", name.replace("+", ""))).lstrip("/")


def make_tracker() -> OnMlflow:
    """A tracker that has not started."""
    return OnMlflow()
