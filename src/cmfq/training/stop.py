"""Ctrl-C, SIGTERM and a closed terminal end a run between two episodes, with everything saved.

So does SIGUSR2, by which a cluster says that the time of a job is nearly over.
"""

import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Self

from cmfq.interrupts import interrupt

AT_ONCE = (signal.SIGINT, signal.SIGTERM)
"""Signals that mean "at once" when they come again."""


class StopSignal:
    """Turns the first Ctrl-C or SIGTERM into a wish to stop, the second into an interrupt.

    SIGHUP is a wish to stop however often it comes: the shell and the system both send one when a
    terminal closes. Who runs under ``nohup`` does not want it, and it is left alone.
    """

    def __init__(self) -> None:
        self.on_first: Callable[[], None] = lambda: None
        self._asked = False

    def __enter__(self) -> Self:
        """Listen; what listened before does so again afterwards.

        Only the main thread can listen: in another one nothing is heard.
        """
        listening = threading.current_thread() is threading.main_thread()
        numbers = _signals() if listening else []
        self._before = {number: signal.signal(number, self._handle) for number in numbers}
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def __call__(self) -> bool:
        """True once it was asked to stop."""
        return self._asked

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._asked:
            if number in AT_ONCE:
                interrupt(number, frame)
            return
        self._asked = True
        with suppress(OSError, RuntimeError):  # no terminal any more, or it is being written to
            self.on_first()


def _signals() -> list[signal.Signals]:
    """Those to listen to on this system."""
    signals = list(AT_ONCE)
    if hasattr(signal, "SIGUSR2"):
        signals.append(signal.SIGUSR2)
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        signals.append(signal.SIGHUP)
    return signals
