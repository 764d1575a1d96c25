"""Workers on a Ray cluster, or on one that is started on this machine."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from cmfq.environments.keeping import close_kept
from cmfq.errors import UserError
from cmfq.interrupts import handlers_kept
from cmfq.workers.place import Call, Finished, Needs, WorkerLost
from cmfq.workers.ray_nodes import validate_needs
from cmfq.workers.sending import Home, HomeFolder

CONNECT_SECONDS = 5
"""Longest time to wait for a port to be opened."""
ANSWER_SECONDS = 14
"""Longest time to wait for an answer of a cluster behind it, once Ray is imported to ask."""
ASK = "from ray.scripts.scripts import main; print(flush=True); main()"
"""Program that asks; its first line says that Ray is imported, for which a busy machine takes its
time."""
STOP_SECONDS = 600
"""Longest time that tasks are given to save what they have."""
PATIENCE = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_raylet_start_wait_time_s": "120",
    "RAY_agent_register_timeout_ms": "120000",
}
"""Ray's own settings, where they are not set: it reports to nobody, and starts under load too."""
AHEAD = 2
"""Tasks handed out for each place of the cluster: a cluster that grows by demand sees some."""


class OnRay:
    """Ray tasks. Each is handed out once: tasks that are lost are handed out again by the caller.

    Args:
        address: address of the cluster, ``host:port``; empty: the cluster that this machine is a
            part of, or a new one on this machine alone.
        needs: cores and GPUs of a task.

    Raises:
        UserError: Ray is not installed, no cluster answers, or none of its nodes is large enough
            for a task.
    """

    may_share = True
    """Whether workers that see the folder of the runs write there themselves."""

    def __init__(self, address: str, needs: Needs) -> None:
        close_kept()
        ray = import_ray()
        self._ray, self._needs = ray, needs
        self._homes: list[_ActorHome] = []
        self._ours = not ray.is_initialized()
        if self._ours:
            if address:
                validate_address(address)
            for name, value in PATIENCE.items():
                os.environ.setdefault(name, value)
        try:
            if self._ours:
                _start_or_join(
                    ray, {"address": address} if address else {"include_dashboard": False}
                )
            validate_needs(ray, needs)
        except BaseException:
            if self._ours:
                ray.shutdown()
            raise
        self._run = ray.remote(_run).options(
            num_cpus=needs.threads, num_gpus=needs.gpus, max_retries=0
        )

    def room(self) -> int:
        """Some tasks more than there are cores for, so that none waits for this process."""
        cores = self._ray.cluster_resources().get("CPU", 1)
        return max(1, AHEAD * int(cores / self._needs.threads))

    def home(self, folder: Path) -> Home:
        """An actor on this machine: workers ask it whether they see the folder, or send files."""
        context = self._ray.get_runtime_context()
        here = self._ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
            context.get_node_id(), soft=False
        )
        actor = self._ray.remote(HomeFolder).options(num_cpus=0, scheduling_strategy=here)
        self._homes.append(_ActorHome(actor.remote(folder, self.may_share)))
        return self._homes[-1]

    def start(self, call: Call[Any, Any], tasks: Sequence[Any]) -> list[Any]:
        """Hand tasks out."""
        shared = self._ray.put(call)
        return [self._run.remote(shared, task) for task in tasks]

    def finished(self, running: Collection[Any]) -> list[Any]:
        """Those that have ended."""
        done, _ = self._ray.wait(list(running), num_returns=1, timeout=1.0, fetch_local=False)
        return list(done)

    def outcome(self, handle: Any) -> Finished:
        """What came of a task.

        Raises:
            WorkerLost: its worker or its node has gone, or had no memory left.
        """
        errors = self._ray.exceptions
        lost = (
            errors.WorkerCrashedError, errors.NodeDiedError, errors.OutOfMemoryError,
            errors.LocalRayletDiedError, errors.ObjectLostError, errors.TaskCancelledError,
        )  # fmt: skip
        try:
            outcome: Finished = self._ray.get(handle)
        except lost as error:
            raise WorkerLost(_first_line(error)) from error
        return outcome

    def close(self, running: Collection[Any]) -> None:
        """Ask tasks to stop, wait, and leave the cluster; a second Ctrl-C ends them at once."""
        handles, ray = list(running), self._ray
        left = handles
        try:
            for handle in handles:
                ray.cancel(handle)
            if handles:
                _, left = ray.wait(
                    handles, num_returns=len(handles), timeout=STOP_SECONDS, fetch_local=False
                )
        finally:
            for handle in left:  # one that has just ended would make Ray abort this process
                with suppress(Exception):
                    ray.cancel(handle, force=True)
            for home in self._homes:
                with suppress(Exception):
                    home.close()
            if self._ours:
                ray.shutdown()


def import_ray() -> Any:
    """The package.

    Raises:
        UserError: it is not installed.
    """
    try:
        import ray
        import ray.util.scheduling_strategies
    except ImportError:
        raise UserError("Ray is not installed: `pip install 'cmfq[ray]'` installs it") from None
    return ray


def _start_or_join(ray: Any, options: Mapping[str, object]) -> None:
    """Call ``ray.init`` and put back the handler of SIGTERM, which Ray replaces by its own.

    Raises:
        UserError: Ray cannot be started, or the cluster cannot be reached.
        KeyboardInterrupt: SIGTERM came meanwhile, which Ray turns into the end of the process.
    """
    try:
        with handlers_kept([signal.SIGTERM]):
            ray.init(logging_level="ERROR", log_to_driver=False, **options)
    except (Exception, SystemExit) as error:
        if isinstance(error, SystemExit) and error.code == signal.SIGTERM:
            raise KeyboardInterrupt from error
        raise UserError(
            f"Ray cannot be started or reached: {_first_line(error)}; `ray status` says more"
        ) from error


def validate_address(address: str) -> None:
    """Refuse an address at which no Ray cluster answers, before Ray waits for minutes.

    Args:
        address: ``host:port``.

    Raises:
        UserError: nothing answers there in time, or it is no cluster that lets us in.
    """
    host, colon, port = address.rpartition(":")
    if not colon or not host or not port.isdecimal() or not 0 < int(port) < 2**16:
        raise UserError(f"workers is ray:{address}: give host and port, as in ray:10.0.0.1:6379")
    try:
        with socket.create_connection((host, int(port)), CONNECT_SECONDS):
            pass
    except OSError as error:
        raise UserError(
            f"no Ray cluster answers at {address} ({error.strerror or error}): `ray start --head` "
            "starts one and prints its address"
        ) from error
    if not _is_cluster(address):
        raise UserError(
            f"the server at {address} does not answer as a Ray cluster: give the address that `ray "
            "start --head` printed; if that cluster has a token, RAY_AUTH_TOKEN_PATH must name its "
            "file here"
        )


def _is_cluster(address: str) -> bool:
    """Whether a Ray cluster answers there in time."""
    check = [sys.executable, "-c", ASK, "health-check", "--address", address]
    with subprocess.Popen(
        check, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as asked:
        assert asked.stdout is not None
        asked.stdout.readline()
        try:
            asked.communicate(timeout=ANSWER_SECONDS)
        except subprocess.TimeoutExpired:
            return False
        finally:
            asked.kill()
        return asked.returncode == 0


class _ActorHome:
    """A home that an actor keeps (see :class:`~cmfq.workers.sending.Home`)."""

    def __init__(self, actor: Any) -> None:
        self._actor = actor

    def token(self) -> str:
        """See :class:`~cmfq.workers.sending.Home`."""
        return str(self._ask("token"))

    def begin(self, name: str) -> int:
        """See :class:`~cmfq.workers.sending.Home`."""
        return int(self._ask("begin", name))

    def files(self, name: str) -> dict[str, int]:
        """See :class:`~cmfq.workers.sending.Home`."""
        return dict(self._ask("files", name))

    def read(self, name: str, file: str, start: int) -> bytes:
        """See :class:`~cmfq.workers.sending.Home`."""
        return bytes(self._ask("read", name, file, start))

    def write(self, name: str, turn: int, file: str, start: int, piece: bytes, size: int) -> None:
        """See :class:`~cmfq.workers.sending.Home`."""
        self._ask("write", name, turn, file, start, piece, size)

    def remove(self, name: str, turn: int, file: str) -> None:
        """See :class:`~cmfq.workers.sending.Home`."""
        self._ask("remove", name, turn, file)

    def end(self, name: str, turn: int) -> None:
        """See :class:`~cmfq.workers.sending.Home`."""
        self._ask("end", name, turn)

    def close(self) -> None:
        """See :class:`~cmfq.workers.sending.Home`."""
        self._ask("close")
        import_ray().kill(self._actor)

    def _ask(self, method: str, *arguments: Any) -> Any:
        """Call a method of the actor, and raise a user's mistake as it is."""
        ray = import_ray()
        try:
            return ray.get(getattr(self._actor, method).remote(*arguments))
        except ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, UserError):
                raise error.cause from error
            raise


def _run(call: Call[Any, Any], task: Any) -> Finished:
    """In a worker."""
    import torch

    torch.set_num_threads(1)
    return call(task)


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
