"""Kill a run, or let the disk fail, at its n-th file operation or at a random moment.

Each command runs in a fork of this process, which has imported everything but computed nothing.
Whatever happened, the same command line that a user would type goes on, and what is there in the
end must be what an undisturbed run leaves, bit for bit.
"""

import contextlib
import errno
import importlib
import json
import os
import pkgutil
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from readers import fault_of_sentence
from samples import SMALL
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import cmfq
from cmfq.cli import main

TINY = (*SMALL, "--max-steps", "4", "--evaluate-games", "1")
FAULTS = ("kill", "tear", "full", "broken")
"""Killed before the operation; killed with half of the file there; no space left; I/O error."""
CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate"}


class Crash(NamedTuple):
    """A fault at an operation of a command, counted from 1."""

    operation: int
    fault: str


def check_operations(folder: Path, every: int = 1) -> Iterator[str]:
    """Each fault at each operation of training, and of going on after a kill in the middle.

    Args:
        folder: to work in.
        every: only every so many of these cases; an odd number has all kinds of faults.

    Yields:
        For each case what went wrong; nothing: an empty string.
    """
    import_all()
    whole, run = folder / "whole", folder / "run"
    run_command(["train", "battle", *TINY, "--run", str(whole)], folder, None)
    expected = left_by(whole)
    operations = (folder / "operations").read_text().splitlines()
    crashes = [
        Crash(number, fault)
        for number, operation in enumerate(operations, 1)
        for fault in FAULTS
        if fault != "tear" or operation == "sync"  # what is on the disk is not torn
    ]
    middle = len(operations) // 2
    again = [[Crash(middle, "kill"), crash] for crash in crashes if crash.operation < middle]
    for case in [*([crash] for crash in crashes), *again][::every]:
        shutil.rmtree(run, ignore_errors=True)
        yield "; ".join(check_one(run, case, expected, folder))


def import_all() -> None:
    """Import what a command imports, once for all forks."""
    extras = ("__main__", "on_wandb", "on_mlflow")  # of packages that need not be there
    for module in pkgutil.walk_packages(cmfq.__path__, "cmfq."):
        if not module.name.endswith(extras):
            importlib.import_module(module.name)


def check_one(
    run: Path, crashes: list[Crash], expected: dict[str, Any], folder: Path
) -> Iterator[str]:
    """Begin a run, crash, go on, crash again, and go on to the end; what went wrong."""
    what = ", then ".join(f"{crash.fault} at operation {crash.operation}" for crash in crashes)
    for crash in [*crashes, None]:
        code = run_command(command_for(run), folder, crash)
        said = (folder / "said").read_text()
        if crash is None and code:
            yield f"{what}: it does not go on: {said[-300:]}"
            return
        failed = crash is not None and crash.fault in ("full", "broken") and code
        if failed and (code != 2 or fault_of(said)):
            yield f"{what}: ends with {code}: {said[-300:]}"
    if wrong := ", ".join(differences(left_by(run), expected)):
        yield f"{what}: {wrong} differ"


def check_random_kills(folder: Path, lives: int, seed: int) -> Iterator[str]:
    """Runs that are killed again and again, at random moments, until they are finished.

    Yields:
        For each life what went wrong; nothing: an empty string.
    """
    import_all()
    whole, run = folder / "whole", folder / "run"
    started = time.monotonic()
    run_command(["train", "battle", *TINY, "--run", str(whole)], folder, None)
    seconds = time.monotonic() - started
    expected = left_by(whole)
    generator = np.random.default_rng(seed)
    for life in range(lives):
        shutil.rmtree(run, ignore_errors=True)
        kills = 0
        while True:
            process = start(command_for(run), folder, None)
            patience = generator.uniform(0.05, 1.2) * seconds * (1 + kills / 10)
            if wait(process, patience):
                break
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
            kills += 1
        wrong = ", ".join(differences(left_by(run), expected))
        yield wrong and f"life {life} of seed {seed}, {kills} kills: {wrong} differ"


def command_for(run: Path) -> list[str]:
    """What a user would type: train, or resume if the run has begun."""
    if (run / "run.json").is_file():
        return ["resume", str(run)]
    return ["train", "battle", *TINY, "--run", str(run)]


def left_by(run: Path) -> dict[str, Any]:
    """What a run leaves: checkpoints, rows without times, and what TensorBoard shows of them."""
    found: dict[str, Any] = {
        file.name: file.read_bytes() for file in (run / "checkpoints").glob("*.safetensors")
    }
    for name in ("metrics.jsonl", "evaluations.jsonl"):
        path = run / name
        lines = path.read_text().splitlines() if path.exists() else []
        rows = map(json.loads, lines)
        found[name] = [
            {key: value for key, value in row.items() if not key.endswith("seconds")}
            for row in rows
        ]
    events = EventAccumulator(str(run), size_guidance={"scalars": 0}).Reload()
    found["TensorBoard"] = {
        tag: [(event.step, event.value) for event in events.Scalars(tag)]
        for tag in events.Tags()["scalars"]
        if not tag.endswith("seconds")
    }
    return found


def differences(found: dict[str, Any], expected: dict[str, Any]) -> list[str]:
    """Names of what differs."""
    return [
        name
        for name in sorted(found.keys() | expected.keys())
        if found.get(name) != expected.get(name)
    ]


def run_command(arguments: list[str], folder: Path, crash: Crash | None) -> int:
    """Run to the end.

    Returns:
        Its exit code, or -100 if it was killed.
    """
    process = start(arguments, folder, crash)
    _, status = os.waitpid(process, 0)
    return -100 if os.WIFSIGNALED(status) else os.waitstatus_to_exitcode(status)


def start(arguments: list[str], folder: Path, crash: Crash | None) -> int:
    """Run a command in a fork of this process; its id."""
    sys.stdout.flush()
    process = os.fork()
    if process:
        return process
    code = 70
    try:
        with (folder / "said").open("w", buffering=1) as said:
            os.dup2(said.fileno(), 1), os.dup2(said.fileno(), 2)
            with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
                operations = watch_operations(str(folder), crash)
                code = main(arguments)
                (folder / "operations").write_text("\n".join(operations))
    except BaseException as error:
        with (folder / "said").open("a") as said:
            said.write(f"TRACEBACK {type(error).__name__}: {error}")
    finally:
        os._exit(code)


def watch_operations(folder: str, crash: Crash | None) -> list[str]:
    """From here on list what this process does to files in a folder, and crash at one of them."""
    operations: list[str] = []
    own = {f"{folder}/said", f"{folder}/operations"}

    def note(operation: str, path: str) -> None:
        if not path.startswith(folder) or path in own:
            return
        operations.append(operation)
        if crash and len(operations) == crash.operation:
            act(crash.fault, path)

    def audit(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            writes = os.O_WRONLY | os.O_RDWR | os.O_CREAT
            if isinstance(path, str) and (flags or 0) & writes:
                note(event, path)
        elif event in CHANGES:
            note(event, os.fspath(arguments[0]))

    sync = os.fsync

    def noted_sync(descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        note("sync" if path.is_file() else "sync of a folder", str(path))
        sync(descriptor)

    os.fsync = noted_sync
    sys.addaudithook(audit)
    return operations


def act(fault: str, path: str) -> None:
    """Let an operation go wrong."""
    if fault == "full":
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
    if fault == "broken":
        raise OSError(errno.EIO, os.strerror(errno.EIO), path)
    if fault == "tear" and Path(path).is_file():
        tear(Path(path))
    os.kill(os.getpid(), signal.SIGKILL)


def tear(path: Path) -> None:
    """Lose the second half of a file that is being written, or of the last line of one of rows."""
    content = path.read_bytes()
    line = content[:-1].rfind(b"\n") + 1 if path.suffix == ".jsonl" else 0
    if path.suffix in (".jsonl", ".part"):
        os.truncate(path, line + (len(content) - line) // 2)


def wait(process: int, seconds: float) -> bool:
    """Whether a process ends in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if os.waitpid(process, os.WNOHANG)[0]:
            return True
        time.sleep(0.01)
    return False


def fault_of(said: str) -> str:
    """What is wrong with the last thing that a command said."""
    errors = [line for line in said.splitlines() if line.startswith("cmfq: ")]
    if "Traceback" in said or "TRACEBACK" in said or len(errors) != 1:
        return "no single sentence"
    return fault_of_sentence(errors[0])
