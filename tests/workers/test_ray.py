"""A real Ray cluster of two nodes: workers and nodes are killed, and nothing shows it."""

import _thread
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import tasks

from cmfq.environments.battle import BattleSettings
from cmfq.errors import UserError
from cmfq.experiments.training import train_missing
from cmfq.experiments.watching import RunsWatch
from cmfq.notices import notices_kept
from cmfq.play.matches import play_match
from cmfq.training.run import Run
from cmfq.training.settings import RunSettings
from cmfq.workers import Needs, as_finished, on_ray
from cmfq.workers.on_ray import validate_address
from cmfq.workers.ray_nodes import validate_needs
from weights import last_checkpoints


def test_tasks_run_on_the_cluster_as_here(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CMFQ_RUN_OWN_FUNCTIONS", "1")
    found = list(as_finished(tasks.where, range(4), f"ray:{cluster.address}"))
    assert {(folder, trusted) for folder, trusted, _ in found} == {(str(tmp_path), "1")}
    done = as_finished(partial(tasks.killed_once, tmp_path), range(4), f"ray:{cluster.address}")
    assert sorted(done) == [0, 1, 4, 9]
    with pytest.raises(UserError, match="number is 2"):
        list(as_finished(tasks.mistaken, range(3), f"ray:{cluster.address}"))


def test_tasks_take_their_share_of_a_gpu(cluster: Any) -> None:
    needs = Needs(gpus=0.25)
    found = list(as_finished(tasks.assigned, range(2), f"ray:{cluster.address}", needs=needs))
    assert found == [{"CPU": 1.0, "GPU": 0.25}] * 2


def test_without_its_token_a_cluster_does_not_answer(
    cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    validate_address(cluster.address)
    monkeypatch.setenv("RAY_AUTH_TOKEN", "b" * 64)
    with pytest.raises(UserError, match="RAY_AUTH_TOKEN_PATH must name its file here"):
        validate_address(cluster.address)


def test_games_are_the_same_as_here(cluster: Any) -> None:
    game = BattleSettings(size=12, max_steps=10)
    here = play_match("rush", "random", game, episodes=4, seed=1)
    there = play_match("rush", "random", game, episodes=4, seed=1, workers=f"ray:{cluster.address}")
    assert there.games == here.games


def when_under_way(
    runs: Mapping[str, RunSettings], folder: Path, act: Callable[[], object]
) -> threading.Thread:
    """Do something once every run has played two episodes more than now."""
    watch = RunsWatch(runs, folder)
    before = watch.episodes()

    def wait() -> None:
        while any(played < before[name] + 2 for name, played in watch.episodes().items()):
            time.sleep(0.02)
        act()

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


def test_interrupted_and_with_a_node_gone_runs_end_with_the_same_weights(
    cluster: Any,
    node: dict[str, int],
    planned: dict[str, RunSettings],
    undisturbed: dict[str, bytes],
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Ctrl-C, then a node that is lost without a word. Workers see another disk, and send files."""
    monkeypatch.setattr("cmfq.workers.on_ray.OnRay.may_share", False)
    workers = f"ray:{cluster.address}"

    def let_runs_begin_together() -> None:
        marks = tmp_path_factory.mktemp("begun")
        together = partial(tasks.trained_beside_others, marks, len(planned))
        monkeypatch.setattr("cmfq.experiments.training._train", together)

    let_runs_begin_together()
    thread = when_under_way(planned, tmp_path, interrupt)
    with pytest.raises(KeyboardInterrupt):
        list(train_missing(planned, tmp_path, workers))
    thread.join()
    watch = RunsWatch(planned, tmp_path)
    length = planned["mfq-3"].episodes
    assert max(watch.episodes().values()) < length, "it came too late to tell"
    assert all((tmp_path / name / "state.safetensors").is_file() for name in planned)
    lost = next(iter(cluster.worker_nodes))
    gone: list[int] = []

    def remove() -> None:
        gone.append(max(RunsWatch(planned, tmp_path).episodes().values()))
        cluster.remove_node(lost, allow_graceful=False)

    let_runs_begin_together()
    thread = when_under_way(planned, tmp_path, remove)
    try:
        assert sorted(train_missing(planned, tmp_path, workers)) == sorted(planned)
        thread.join()
    finally:  # other tests need two nodes, in whatever order they run
        cluster.add_node(**node, num_gpus=1)
    assert gone[0] < length, "it came too late to tell"
    assert last_checkpoints(tmp_path, planned) == undisturbed
    assert not list(tmp_path.rglob("events.*")), "these are written where a run trains"
    assert not list(tmp_path.glob(".home-*"))


PLAN = """
environment = "battle"
algorithms = ["cmfq", "mfq"]
seeds = 1
[settings]
episodes = 20000
"environment.size" = 12
"environment.max_steps" = 25
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_the_command_ends_it_with_every_run_saved(
    cluster: Any, tmp_path: Path, number: signal.Signals
) -> None:
    """Ray has a handler of its own for SIGTERM, which says nothing of that."""
    (tmp_path / "plan.toml").write_text(PLAN)
    runs = tmp_path / "runs"
    command = [sys.executable, "-c", "import sys; from cmfq.cli import main; sys.exit(main())"]
    words = ["train-many", str(tmp_path / "plan.toml"), "--runs", str(runs)]
    leader = subprocess.Popen(
        [*command, *words, "--workers", f"ray:{cluster.address}"],
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 600
    try:
        while len(list(runs.glob("*/metrics.jsonl"))) < 2:
            assert time.monotonic() < deadline
            assert leader.poll() is None
            time.sleep(0.2)
        leader.send_signal(number)
        _, error = leader.communicate(timeout=600)
    finally:
        leader.kill()
    assert leader.returncode == 130, error
    assert f"every run in {runs} is saved: the same command continues" in error
    assert "SIGTERM received" not in error
    begun = [Run.open(path.parent) for path in runs.glob("*/metrics.jsonl")]
    assert all((run.path / "state.safetensors").is_file() for run in begun)
    assert all(0 < len(run.metrics()) < 20000 for run in begun)


@pytest.mark.parametrize(
    ("needs", "sentence"),
    [
        (Needs(gpus=2), r"2 GPUs, and no node .* has that \(1 core and 0 GPUs"),
        (Needs(threads=3), r"a task needs 3 cores, .*: add a node that has it, or ask for fewer"),
    ],
)
def test_a_task_that_no_node_is_large_enough_for_is_refused(
    cluster: Any, needs: Needs, sentence: str
) -> None:
    with pytest.raises(UserError, match=sentence):
        list(as_finished(tasks.square, range(2), f"ray:{cluster.address}", needs=needs))


def test_a_cluster_that_grows_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = SimpleNamespace(nodes=lambda: [{"Alive": True, "Resources": {"CPU": 4.0}}])
    monkeypatch.setattr(
        "cmfq.workers.ray_nodes._groups_to_add",
        lambda ray: [SimpleNamespace(resources={"CPU": 8, "GPU": 1})],
    )
    with notices_kept() as kept:
        validate_needs(ray, Needs(gpus=0.25))
    ((_, sentence),) = kept
    assert sentence.startswith("a task needs 1 core and 0.25 of a GPU, and no node")
    assert "waiting until its autoscaler adds one" in sentence
    with pytest.raises(UserError, match="or set device to cpu"):
        validate_needs(ray, Needs(threads=9, gpus=1))


def interrupt() -> None:
    """Ctrl-C for this process."""
    _thread.interrupt_main()


def test_what_is_no_cluster_is_refused_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """In 20 s, but for the import of Ray, for which a busy machine takes its time."""
    assert on_ray.CONNECT_SECONDS + on_ray.ANSWER_SECONDS < 20
    monkeypatch.setattr(on_ray, "ANSWER_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(
            UserError, match=(f"the server at 127.0.0.1:{port} does not answer as a Ray cluster")
        ):
            validate_address(f"127.0.0.1:{port}")


def test_a_slow_import_of_ray_is_no_missing_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_ray, "ASK", "import time; time.sleep(3); print(flush=True)")
    monkeypatch.setattr(on_ray, "ANSWER_SECONDS", 2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        validate_address(f"127.0.0.1:{server.getsockname()[1]}")
