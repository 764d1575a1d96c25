"""Weights & Biases and MLflow as they are, without a network: what was tracked is read back.

`make trackers` installs both and runs this file; the other tests need neither.
"""

import json
import struct
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import cmfq
from cmfq.environments.battle import BattleSettings
from cmfq.training.metrics import EpisodeMetrics
from cmfq.training.on_mlflow import metric_name
from cmfq.training.run import Run
from cmfq.training.settings import TrainSettings

Tiny = TrainSettings[BattleSettings]


@pytest.fixture(autouse=True)
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder to work in; nothing is sent anywhere."""
    monkeypatch.chdir(tmp_path)
    for name in ("WANDB_PROJECT", "WANDB_DIR", "MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")


def trained_in_three_parts(tiny: Tiny, track: str) -> list[dict[str, Any]]:
    """Rows of a run that was stopped once and interrupted once, each of its parts tracked."""
    settings = replace(tiny, evaluate_period=3, evaluate_games=1)
    seen: list[int] = []
    cmfq.train(
        settings,
        run="runs/first",
        track=track,
        on_episode=lambda row: seen.append(row.episode),
        should_stop=lambda: seen[-1:] == [2],
    )

    def interrupt(row: EpisodeMetrics) -> None:
        if row.episode == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cmfq.resume("runs/first", on_episode=interrupt)
    assert cmfq.resume("runs/first").finished
    rows = Run.open(Path("runs/first")).rows()
    assert [row["episode"] for row in rows] == [1, 2, 3, 3, 4, 5, 6, 6]
    return rows


def test_wandb(tiny: Tiny) -> None:
    rows = trained_in_three_parts(tiny, "wandb")
    files = sorted(Path("wandb").glob("offline-run-*/run-*.wandb"))
    parts = [list(records(file)) for file in files]
    assert len(parts) == 3
    runs = [one.run for part in parts for one in part if one.WhichOneof("record_type") == "run"]
    assert len({run.run_id for run in runs}) == 1
    assert {(run.project, run.display_name) for run in runs} == {("cmfq", "first")}
    config = {one.key or one.nested_key[0]: one.value_json for one in runs[0].config.update}
    assert json.loads(config["learner.batch_size"]) == tiny.learner.batch_size
    history = [
        one.history for part in parts for one in part if one.WhichOneof("record_type") == "history"
    ]
    assert [one.step.num for one in history] == list(range(8))
    found = [
        {item.key or item.nested_key[0]: json.loads(item.value_json) for item in one.item}
        for one in history
    ]
    assert [one["episode"] for one in found] == [row["episode"] for row in rows]
    for one, row in zip(found, rows, strict=True):
        if "rewards" in row:
            assert [one["rewards/red"], one["rewards/blue"]] == row["rewards"]
            for action, effect in row["effect_by_action"][0].items():
                assert one[f"effect_by_action/red/{action}"] == effect
        else:
            assert one["win_rate/random"] == row["win_rate/random"]


def records(file: Path) -> Iterator[Any]:
    """Records of a .wandb file: a log of LevelDB with a header of its own."""
    from wandb.proto import wandb_internal_pb2

    content, at, whole = file.read_bytes(), 7, b""
    while at < len(content):
        if (left := -at % 2**15) and left < 7:  # too little for another record in this block
            at += left
            continue
        _, length, kind = struct.unpack_from("<IHB", content, at)
        whole += content[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # a record, or the last piece of one
            record = wandb_internal_pb2.Record()
            record.ParseFromString(whole)
            yield record
            whole = b""


def test_mlflow(tiny: Tiny) -> None:
    from mlflow import MlflowClient

    rows = trained_in_three_parts(tiny, "mlflow")
    client = MlflowClient()
    experiment = client.get_experiment_by_name("cmfq")
    (run,) = client.search_runs([experiment.experiment_id])
    assert (run.info.run_name, run.info.status) == ("first", "FINISHED")
    assert run.data.params["learner.batch_size"] == str(tiny.learner.batch_size)
    assert len(run.data.params) > 50

    def history(name: str) -> list[tuple[int, float]]:
        found = client.get_metric_history(run.info.run_id, name)
        return [(one.step, one.value) for one in found]

    episodes = [row for row in rows if "rewards" in row]
    assert history("rewards/red") == [(row["episode"], row["rewards"][0]) for row in episodes]
    assert history("effect_by_action/blue/move 1 -1") == [
        (row["episode"], effects["move +1 -1"])
        for row in episodes
        if "move +1 -1" in (effects := row["effect_by_action"][1])
    ]
    evaluations = [row for row in rows if "rewards" not in row]
    assert history("win_rate/random") == [
        (row["episode"], row["win_rate/random"]) for row in evaluations
    ]


NAMES = {
    "rewards/red": "rewards/red",
    "effect_by_action/red/move +0 -2": "effect_by_action/red/move 0 -2",
    "win_rate//home/me/../run x": "win_rate/home/me/_/run x",
    "win_rate/mine:bot": "win_rate/mine:bot",
    "rewards/équipe (β)": "rewards/équipe _β_",
}


def test_names_are_ones_that_mlflow_takes() -> None:
    from mlflow import MlflowClient

    assert {name: metric_name(name) for name in NAMES} == NAMES
    client = MlflowClient()
    run = client.create_run(client.create_experiment("names")).info.run_id
    for number, taken in enumerate(NAMES.values()):
        client.log_metric(run, taken, number)
    found = client.get_run(run).data.metrics
    assert found == {taken: number for number, taken in enumerate(NAMES.values())}
