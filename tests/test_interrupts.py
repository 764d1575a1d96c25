"""Ctrl-C in the middle of what belongs together, or of what turns it into another error."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from cmfq.cli import main
from cmfq.errors import UserError
from cmfq.interrupts import hear_interrupts, interrupted, interrupts_wait


def turned_into_a_mistake() -> None:
    """What safetensors makes of an interrupt while it loads a file."""
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        raise UserError("the file is cut short") from None


def test_an_interrupt_that_a_library_made_an_error_of_is_one() -> None:
    with pytest.raises(KeyboardInterrupt), hear_interrupts():
        turned_into_a_mistake()
    assert signal.getsignal(signal.SIGINT) == signal.default_int_handler


def test_a_command_says_that_it_was_stopped(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("cmfq.cli._run", lambda *_: turned_into_a_mistake())
    assert main(["watch"]) == 130
    assert capsys.readouterr().err == "cmfq: stopped\n"


def test_other_errors_stay_what_they_are() -> None:
    with pytest.raises(KeyboardInterrupt), hear_interrupts():
        signal.raise_signal(signal.SIGINT)
    with pytest.raises(ValueError, match="mine"), hear_interrupts():
        assert not interrupted(), "the last one is over"
        raise ValueError("mine")


@pytest.mark.parametrize("fails", [False, True])
def test_an_interrupt_waits_for_what_belongs_together(fails: bool) -> None:
    done = []
    with pytest.raises(KeyboardInterrupt):
        with interrupts_wait():
            done.append("written")
            signal.raise_signal(signal.SIGINT)
            done.append("counted")
            if fails:
                raise OSError
        done.append("next")
    assert done == ["written", "counted"]


def test_threads_have_no_signals_to_wait_for() -> None:
    errors = []

    def work() -> None:
        try:
            with hear_interrupts(), interrupts_wait():
                pass
        except ValueError as error:
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert not errors


def test_a_reader_that_leaves_before_the_end_is_no_mistake() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    words = [sys.executable, "-m", "cmfq.cli", "environments", "battle"]
    ended = subprocess.run(words, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert (ended.returncode, ended.stderr) == (0, "")
