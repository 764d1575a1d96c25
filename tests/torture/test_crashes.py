"""Kills and failing disks, in short; ``make torture`` does all of it."""

import errno
import re
import subprocess
import sys
from pathlib import Path

import crashes
import pytest
from crashes import act, check_operations, differences, fault_of, tear


def test_faults_at_file_operations_and_kills_at_random_moments_change_nothing() -> None:
    """In a process of its own, since it forks."""
    command = [sys.executable, str(Path(__file__).parent), "crashes", "kills"]
    few = ["--every", "37", "--lives", "1", "--seed", "0"]
    done = subprocess.run([*command, *few], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    cases, lives = re.findall(r": 0 of (\d+) failed", done.stdout)
    assert int(cases) >= 5
    assert lives == "1"


def careless(arguments: list[str]) -> int:
    """A program that writes in place, and that takes a run that has begun for a finished one."""
    run = Path(arguments[-1])
    if arguments[0] == "resume":
        return 0
    (run / "checkpoints").mkdir(parents=True)
    (run / "run.json").write_text("{}")
    (run / "metrics.jsonl").write_text('{"episode": 1}\n')
    (run / "checkpoints" / "000001.safetensors").write_text("weights")
    return 0


def test_what_a_careless_program_loses_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crashes, "main", careless)
    monkeypatch.setattr(crashes, "import_all", lambda: None)
    monkeypatch.setattr(crashes, "FAULTS", ("kill", "full"))
    found = "\n".join(check_operations(tmp_path))
    for line in (
        "kill at operation 4: it does not go on: TRACEBACK FileExistsError",
        "kill at operation 5: 000001.safetensors, metrics.jsonl differ",
        "kill at operation 6: 000001.safetensors differ",
        "full at operation 6: ends with 70: TRACEBACK OSError",
    ):
        assert line in found
    assert "kill at operation 3: " not in found
    assert "kill at operation 7" not in found


@pytest.mark.parametrize(
    ("name", "left"),
    [("a.jsonl", b"one\ntwo\nthr"), ("a.part", b"one\ntwo"), ("run.json", b"one\ntwo\nthree\n")],
)
def test_what_is_torn(tmp_path: Path, name: str, left: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(b"one\ntwo\nthree\n")
    tear(path)
    assert path.read_bytes() == left


@pytest.mark.parametrize(("fault", "number"), [("full", errno.ENOSPC), ("broken", errno.EIO)])
def test_a_disk_that_fails(fault: str, number: int) -> None:
    with pytest.raises(OSError, match="a/b") as error:
        act(fault, "a/b")
    assert error.value.errno == number


def test_what_differs_and_what_is_no_single_sentence() -> None:
    assert differences({"a": 1, "b": 2, "c": 3}, {"a": 1, "b": 3, "d": 4}) == ["b", "c", "d"]
    assert fault_of("episode 1\ncmfq: the disk is full: make room\n") == ""
    for said in ("", "cmfq: a\ncmfq: b", "Traceback (most recent call last):\ncmfq: a"):
        assert fault_of(said) == "no single sentence"
