"""Workers of this machine: whoever is killed, all that can be done is done, and nobody stays."""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import tasks

import cmfq
from cmfq.cli import main
from cmfq.errors import UserError
from cmfq.workers import TasksMissing, as_finished

HERE = Path(__file__).parent
LEADER = """
import sys
from functools import partial
from pathlib import Path
import tasks
from cmfq.workers import as_finished
if __name__ == "__main__":
    list(as_finished(partial(tasks.slow, Path(sys.argv[1])), range(4), 2))
"""


@pytest.mark.parametrize("workers", [1, "2"])
def test_every_task_is_done_once(workers: int | str) -> None:
    assert sorted(as_finished(tasks.square, range(7), workers)) == [n * n for n in range(7)]


def test_tasks_of_killed_workers_are_done_by_others(tmp_path: Path) -> None:
    done = as_finished(partial(tasks.killed_once, tmp_path), range(3), 2)
    assert sorted(done) == [0, 1, 4]
    assert len(list(tmp_path.iterdir())) == 1


def test_a_worker_that_is_killed_while_it_waits_is_replaced(tmp_path: Path) -> None:
    done = as_finished(partial(tasks.kills_the_idle, tmp_path), range(2), 2)
    assert sorted(done) == [0, 1]


def test_a_script_that_its_workers_would_run_again_is_told_so(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import cmfq\nprint('runs')\n"
        "game = cmfq.BattleSettings(size=12, max_steps=3)\n"
        "cmfq.evaluate('rush', 'random', game, games=2, workers=2)\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=900)
    assert done.returncode == 1
    assert 'put what it does under `if __name__ == "__main__":`, or give workers=1' in done.stderr
    assert done.stdout.count("runs") <= 3, "nothing is tried again"
    assert "bootstrapping" not in done.stderr


def test_what_always_kills_its_worker_is_given_up_and_the_rest_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("cmfq.workers.RETRIES", 1)
    done = []
    with pytest.raises(TasksMissing, match=r"1 of the tasks .* lost 2 times each: task 1 \(its"):
        for result in as_finished(tasks.killed_always, range(3), 2, name=lambda one: f"task {one}"):
            done.append(result)  # noqa: PERF402
    assert sorted(done) == [0, 4]


def test_a_task_that_somebody_else_stopped_goes_on(tmp_path: Path) -> None:
    done = as_finished(partial(tasks.stopped_once, tmp_path), range(2), 2)
    assert sorted(done) == [0, 1]


def test_a_task_that_is_stopped_here_ends_all(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        list(as_finished(partial(tasks.stopped_once, tmp_path), range(3), 1))


@pytest.mark.parametrize("workers", [1, 2])
def test_errors_arrive_as_they_are(workers: int) -> None:
    with pytest.raises(UserError, match="number is 2: give another"):
        list(as_finished(tasks.mistaken, range(3), workers))
    with pytest.raises(ZeroDivisionError):
        list(as_finished(tasks.faulty, range(1), workers))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_no_worker_outlives_its_leader(tmp_path: Path, number: signal.Signals) -> None:
    """The leader alone gets the signal; of Ctrl-C the second, since tasks do not listen."""
    leader = subprocess.Popen(
        [sys.executable, "-c", LEADER, str(tmp_path)], cwd=HERE, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 600
    try:
        while len(workers := [int(one.name[4:]) for one in tmp_path.glob("pid-*")]) < 2:
            assert time.monotonic() < deadline
            assert leader.poll() is None
            time.sleep(0.05)
        while leader.poll() is None:
            leader.send_signal(number)
            time.sleep(0.3)
            assert time.monotonic() < deadline
    finally:
        leader.kill()
    while not all(map(ended, workers)):
        assert time.monotonic() < deadline, "a worker outlives its leader"
        time.sleep(0.05)


def ended(process: int) -> bool:
    """Whether it has ended, though perhaps nobody has asked how."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


@pytest.mark.parametrize(
    ("workers", "sentence"),
    [
        ("0", "workers is 0: give at least 1"),
        ("-3", "workers is -3"),
        ("many", "workers is 'many': give a whole number of processes, ray, ray:ADDRESS or slurm"),
        ("ray:", "workers is 'ray:'"),
        ("slurm", "workers is 'slurm'"),
        ("ray:here", "workers is ray:here: give host and port, as in ray:10.0.0.1:6379"),
        ("ray:localhost:99999", "give host and port"),
        ("ray:127.0.0.1:9", "no Ray cluster answers at 127.0.0.1:9"),
        ("slurm:debug", "there is no Slurm here"),
    ],
)
def test_what_no_task_can_run_on_is_refused(
    workers: str,
    sentence: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["evaluate", "rush", "random", "--size", "12", "--max-steps", "3", "--games", "2"]
    assert main([*words, "--json", "m.json", "--workers", workers]) == 2
    assert sentence in capsys.readouterr().err
    assert not list(tmp_path.glob("*.json"))


@pytest.mark.parametrize("workers", [2.0, None, True, [2], object], ids=repr)
def test_python_is_told_what_workers_may_be(workers: Any, tmp_path: Path) -> None:
    calls: list[Callable[[], object]] = [
        lambda: cmfq.evaluate("rush", "random", games=2, workers=workers),
        lambda: cmfq.tournament(["rush", "random"], games=2, workers=workers),
        lambda: cmfq.train_many({}, folder=tmp_path / "runs", workers=workers),
    ]
    told = re.escape(f"workers is {workers!r}: give a whole number of processes, ray, ray:ADDRESS")
    for call in calls:
        with pytest.raises(UserError, match=told):
            call()
    assert not (tmp_path / "runs").exists()


def test_workers_may_be_a_number_of_numpy() -> None:
    assert sorted(as_finished(tasks.square, range(3), cast(int, np.int64(1)))) == [0, 1, 4]


@pytest.mark.parametrize(("workers", "package"), [("ray", "ray"), ("slurm:debug", "slurm")])
def test_an_extra_that_is_not_installed_is_named(
    workers: str,
    package: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.setitem(sys.modules, "submitit", None)
    assert main(["evaluate", "rush", "random", "--size", "12", "--workers", workers]) == 2
    assert f"`pip install 'cmfq[{package}]'` installs it" in capsys.readouterr().err
