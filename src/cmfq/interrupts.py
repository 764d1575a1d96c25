"""Ctrl-C and SIGTERM: an interrupt stays one on its way through libraries, or waits."""

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn

_heard = threading.Event()


def interrupt(number: int, frame: FrameType | None) -> NoReturn:
    """Signal handler that interrupts the main thread.

    Raises:
        KeyboardInterrupt: always.
    """
    _heard.set()
    raise KeyboardInterrupt


def interrupted() -> bool:
    """Whether an interrupt came within :func:`hear_interrupts`."""
    return _heard.is_set()


@contextmanager
def hear_interrupts() -> Iterator[None]:
    """Listen to Ctrl-C.

    An interrupt can come while an extension module runs Python code, and some of those turn every
    exception into one of their own: a checkpoint would seem damaged where somebody pressed Ctrl-C.

    Raises:
        KeyboardInterrupt: it was pressed, whatever came of it.
    """
    _heard.clear()
    with handled((signal.SIGINT,), interrupt, only=signal.default_int_handler):
        try:
            yield
        except Exception as error:
            if interrupted():
                raise KeyboardInterrupt from error
            raise


@contextmanager
def interrupts_wait() -> Iterator[None]:
    """Put Ctrl-C and SIGTERM off until what belongs together is done."""
    came: list[int] = []
    try:
        with handled((signal.SIGINT, signal.SIGTERM), lambda number, frame: came.append(number)):
            yield
    finally:
        for number in came[:1]:
            signal.raise_signal(number)


@contextmanager
def handlers_kept(numbers: Sequence[int]) -> Iterator[None]:
    """Put handlers of signals back that a library replaces, in the main thread."""
    here = threading.current_thread() is threading.main_thread()
    before = {number: signal.getsignal(number) for number in numbers} if here else {}
    try:
        yield
    finally:
        for number, handler in before.items():
            if handler is not None:  # None: it was not set by Python
                signal.signal(number, handler)


@contextmanager
def handled(numbers: Sequence[int], handler: Any, only: Any = None) -> Iterator[None]:
    """Have signals handled so, in the main thread (no other can say how).

    Args:
        numbers: the signals to handle.
        handler: called with a signal's number and a frame.
        only: the handler that is replaced; None: any.
    """
    here = threading.current_thread() is threading.main_thread()
    before: dict[int, Any] = {}
    try:
        for number in numbers if here else ():
            now = signal.getsignal(number)
            if now is not None and only in (None, now):  # None: it was not set by Python
                before[number] = signal.signal(number, handler)
        yield
    finally:
        for number, one in before.items():
            signal.signal(number, one)
