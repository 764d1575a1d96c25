"""Workers as jobs of Slurm, by submitit."""

import getpass
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import torch

from cmfq.environments.keeping import close_kept
from cmfq.errors import UserError
from cmfq.workers.place import Call, Finished, Needs, WorkerLost

ROOM = 256
"""Jobs that wait or run at the same time, if :data:`ROOM_VARIABLE` does not say."""
ROOM_VARIABLE = "CMFQ_SLURM_JOBS"
"""Environment variable with the number of jobs that wait or run at the same time."""
TOO_MANY = ("submitjob", "job submit limit", "invalid job array specification")
"""Words in Slurm's reasons for refusing more jobs at once than a partition or a user may have."""
LOOK_SECONDS = 1.0
"""Between two looks at jobs."""
STOP_SECONDS = 120
"""Longest time to wait for jobs that were cancelled; Slurm itself gives them 30 s by default."""
LOCAL_MINUTES = 60 * 24
"""Time limit of processes in the place of jobs."""
FOLDER = "cmfq-jobs"
"""Folder of batch files, results and logs of jobs, in the working directory: nodes must see it."""


class OnSlurm:
    """Jobs of a partition, as arrays.

    Args:
        partition: name of the partition.
        needs: cores and GPUs of a task.
        cluster: ``slurm``, or ``local`` for processes of this machine in the place of jobs.

    Raises:
        UserError: submitit or Slurm is not there, it has no such partition, or the number of jobs
            is invalid.
    """

    def __init__(self, partition: str, needs: Needs, cluster: str = "slurm") -> None:
        submitit = import_submitit()
        if cluster == "slurm":
            validate_partition(partition)
        self._room = _number_of_jobs()
        close_kept()
        self._errors = submitit.core.utils
        folder = Path(FOLDER).absolute() / f"{getpass.getuser()}-{time.time_ns():x}"
        self.folder = folder
        """Folder of these jobs; removed if all have ended well."""
        if cluster == "slurm":
            self._executor = submitit.SlurmExecutor(folder)
            self._executor.update_parameters(**_batch_parameters(partition, needs, self._room))
        else:
            self._executor = submitit.LocalExecutor(folder)
            self._executor.update_parameters(timeout_min=LOCAL_MINUTES)
        self._failed = False

    def room(self) -> int:
        """Number of jobs."""
        return self._room

    def home(self, folder: Path) -> None:
        """None: nodes of Slurm share a disk."""

    def start(self, call: Call[Any, Any], tasks: Sequence[Any]) -> list[Any]:
        """Submit a job for each task, as one array.

        Raises:
            UserError: Slurm refuses them.
        """
        try:
            started: list[Any] = self._executor.map_array(partial(_in_job, call), tasks)
        except (self._errors.FailedJobError, subprocess.CalledProcessError, OSError) as error:
            self._failed = True
            reason = " ".join(str(error).split()) or type(error).__name__
            if any(words in reason.lower() for words in TOO_MANY):
                reason += (
                    f"; {len(tasks)} were submitted at once: set {ROOM_VARIABLE} to the number of "
                    "jobs that you may submit to this partition, and the others follow later"
                )
            raise UserError(f"Slurm refuses the jobs: {reason}") from error
        return started

    def finished(self, running: Collection[Any]) -> list[Any]:
        """Those that have ended."""
        done = [job for job in running if job.done()]
        if not done:
            time.sleep(LOOK_SECONDS)
        return done

    def outcome(self, handle: Any) -> Finished:
        """What came of a job.

        Raises:
            WorkerLost: it left no result: killed, out of time or memory, or its node is gone.
        """
        handle._results_timeout_s = 5
        try:
            outcome: Finished = handle.result()
        except self._errors.UncompletedJobError as error:
            self._failed = True
            raise WorkerLost(f"job {handle.job_id} left no result ({handle.state})") from error
        return outcome

    def close(self, running: Collection[Any]) -> None:
        """Cancel what still runs and wait until it has ended."""
        for job in running:
            job.cancel(check=False)
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline and not all(job.done(True) for job in running):
            time.sleep(LOOK_SECONDS)
        if not self._failed:
            shutil.rmtree(self.folder, ignore_errors=True)
        with suppress(OSError):
            self.folder.parent.rmdir()


def _number_of_jobs() -> int:
    """Number of jobs that wait or run at the same time.

    Raises:
        UserError: the environment variable holds none.
    """
    text = os.environ.get(ROOM_VARIABLE, str(ROOM))
    if not text.isdecimal() or int(text) < 1:
        raise UserError(f"{ROOM_VARIABLE} is {text!r}: give a number of jobs, at least 1")
    return int(text)


def _batch_parameters(partition: str, needs: Needs, room: int) -> dict[str, Any]:
    """Parameters of the batch file. What is not said there, Slurm takes from SBATCH_ variables.

    Without ``time`` submitit would ask for five minutes; none asks for the partition's limit.
    """
    parameters: dict[str, Any] = {
        "job_name": "cmfq",
        "partition": partition,
        "time": None,
        "cpus_per_task": needs.threads,
        "array_parallelism": room,
    }
    if needs.gpus:
        parameters["gpus_per_node"] = max(1, round(needs.gpus))
    return parameters


def _in_job(call: Call[Any, Any], task: Any) -> Finished:
    """In a job: what does not listen to the signal before a time limit goes on until then."""
    if hasattr(signal, "SIGUSR2"):
        signal.signal(signal.SIGUSR2, signal.SIG_IGN)
    torch.set_num_threads(1)
    return call(task)


def import_submitit() -> Any:
    """The package.

    Raises:
        UserError: it is not installed.
    """
    try:
        import submitit
    except ImportError:
        raise UserError(
            "submitit is not installed: `pip install 'cmfq[slurm]'` installs it"
        ) from None
    return submitit


def validate_partition(partition: str) -> None:
    """Refuse a partition that Slurm here does not have.

    Raises:
        UserError: it has not, or there is no Slurm here.
    """
    if not all(shutil.which(name) for name in ("sinfo", "sbatch", "srun")):
        raise UserError(
            f"workers is slurm:{partition}, but there is no Slurm here (no sbatch): give the "
            "command on a login node of the cluster"
        )
    asked = subprocess.run(
        ["sinfo", "--noheader", "--format=%R"], capture_output=True, text=True, check=False
    )
    known = sorted(set(asked.stdout.split()))
    if asked.returncode:
        raise UserError(f"Slurm does not answer: {' '.join(asked.stderr.split()) or 'sinfo fails'}")
    if partition not in known:
        raise UserError(f"unknown partition {partition!r}: known are {', '.join(known)}")
