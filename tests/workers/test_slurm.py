"""Jobs of submitit: real processes in the place of Slurm's, and the file that Slurm would get."""

import os
import signal
import threading
import time
from functools import partial
from pathlib import Path

import pytest
import tasks

from cmfq.cli import main
from cmfq.errors import UserError
from cmfq.experiments.training import train_missing
from cmfq.experiments.watching import RunsWatch
from cmfq.training.settings import RunSettings
from cmfq.workers import Needs, as_finished
from cmfq.workers.on_slurm import OnSlurm
from weights import last_checkpoints

BATCH = """\
#!/bin/bash

# Parameters
#SBATCH --array=0-1%2
#SBATCH --cpus-per-task=3
#SBATCH --error=FOLDER/%A_%a_0_log.err
#SBATCH --gpus-per-node=1
#SBATCH --job-name=cmfq
#SBATCH --nodes=1
#SBATCH --open-mode=append
#SBATCH --output=FOLDER/%A_%a_0_log.out
#SBATCH --partition=fast
#SBATCH --signal=USR2@90
#SBATCH --wckey=submitit

# command
export SUBMITIT_EXECUTOR=slurm
srun --unbuffered --output FOLDER/%A_%a_%t_log.out --error FOLDER/%A_%a_%t_log.err PYTHON
"""


@pytest.fixture
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OnSlurm:
    """Processes of this machine as jobs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", f"{Path(__file__).parent}:{os.environ.get('PYTHONPATH', '')}")
    return OnSlurm("any", Needs(), cluster="local")


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Programs with the names of Slurm's, which keep what they are given."""
    programs = {
        "sinfo": "printf 'slow\\nfast\\n'",
        "srun": "true",
        "sbatch": f"cp $1 {tmp_path}/batch; echo Submitted batch job 77",
        "scancel": f"echo $* >> {tmp_path}/cancelled",
        "sacct": "printf 'JobID|State\\n77|CANCELLED\\n'",
    }
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, line in programs.items():
        (folder / name).write_text(f"#!/bin/sh\n{line}\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_tasks_of_killed_jobs_are_done_by_others(
    jobs: OnSlurm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = as_finished(partial(tasks.killed_once, tmp_path), range(2), jobs)
    assert sorted(done) == [0, 1]
    assert jobs.folder.is_dir(), "logs of jobs that failed stay"


def test_runs_of_killed_jobs_end_with_the_same_weights(
    jobs: OnSlurm,
    planned: dict[str, RunSettings],
    undisturbed: dict[str, bytes],
    tmp_path: Path,
) -> None:
    """One gets the signal of a time limit or a pre-emption, and saves what it has."""
    runs = {"mfq-3": planned["mfq-3"]}
    at_the_signal: list[int] = []

    def stop() -> None:
        watch = RunsWatch(runs, tmp_path)
        while watch.episodes()["mfq-3"] < 2:
            time.sleep(0.02)
        (running,) = jobs_of(os.getpid())
        os.kill(running, signal.SIGUSR2)
        at_the_signal.append(watch.episodes()["mfq-3"])

    thread = threading.Thread(target=stop, daemon=True)
    thread.start()
    assert list(train_missing(runs, tmp_path, jobs)) == ["mfq-3"]
    thread.join()
    assert at_the_signal[0] < planned["mfq-3"].episodes, "it came too late to tell"
    assert last_checkpoints(tmp_path, runs) == {"mfq-3": undisturbed["mfq-3"]}


def jobs_of(process: int) -> list[int]:
    """Processes that do the tasks of jobs: of those that submitit started, the innermost."""
    children: dict[int, list[int]] = {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(file.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        children.setdefault(parent, []).append(int(file.parent.name))

    def innermost(one: int) -> list[int]:
        return [inner for child in children.get(one, []) for inner in innermost(child)] or [one]

    return [one for one in innermost(process) if b"submitit" in words_of(one)]


def words_of(process: int) -> bytes:
    """Command line of a process; empty if it has ended."""
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return b""


def test_the_batch_file(slurm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cmfq.workers.on_slurm.STOP_SECONDS", 0)
    place = OnSlurm("fast", Needs(3, 1))
    started = place.start(tasks.square, [1, 2])  # type: ignore[arg-type]
    assert [job.job_id for job in started] == ["77_0", "77_1"]
    text = (slurm / "batch").read_text()
    command = text.partition("_log.err ")[2].partition("\n")[0]
    assert "-m submitit.core._submit" in command
    assert (
        text.replace(str(place.folder), "FOLDER").replace(
            command.replace(str(place.folder), "FOLDER"), "PYTHON"
        )
        == BATCH
    )
    place.close(started)
    assert (slurm / "cancelled").read_text().split() == ["77_0", "77_1"]
    assert not place.folder.exists()


def test_mistakes_about_slurm_get_one_sentence(
    slurm: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["evaluate", "rush", "random", "--size", "12", "--max-steps", "3", "--workers"]
    assert main([*words, "slurm:fats"]) == 2
    assert "unknown partition 'fats': known are fast, slow" in capsys.readouterr().err
    (slurm / "bin" / "sbatch").write_text("#!/bin/sh\necho 'Invalid account' >&2\nexit 1\n")
    assert main([*words, "slurm:fast"]) == 2
    error = capsys.readouterr().err
    assert "Slurm refuses the jobs" in error
    assert "Invalid account" in error


def test_a_limit_of_jobs_is_kept_where_it_is_named(
    slurm: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusal = "error: QOSMaxSubmitJobPerUserLimit"
    (slurm / "bin" / "sbatch").write_text(f"#!/bin/sh\necho '{refusal}' >&2\nexit 1\n")
    place = OnSlurm("fast", Needs())
    with pytest.raises(UserError, match="3 were submitted at once: set CMFQ_SLURM_JOBS to the num"):
        place.start(tasks.square, [1, 2, 3])  # type: ignore[arg-type]
    place.close([])
    monkeypatch.setenv("CMFQ_SLURM_JOBS", "20")
    assert OnSlurm("fast", Needs()).room() == 20
    monkeypatch.setenv("CMFQ_SLURM_JOBS", "0")
    with pytest.raises(UserError, match="CMFQ_SLURM_JOBS is '0': give a number of jobs"):
        OnSlurm("fast", Needs())
