"""Ctrl-C and SIGTERM end a run between two episodes, with everything saved."""

import signal
from collections.abc import Callable
from types import FrameType


class StopSignal:
    """Turns the first Ctrl-C or SIGTERM into a wish to stop, the second into an interrupt."""

    def __init__(self) -> None:
        self.on_first: Callable[[], None] = lambda: None
        self._asked = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._handle)

    def __call__(self) -> bool:
        """Whether it was asked to stop."""
        return self._asked

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._asked:
            raise KeyboardInterrupt
        self._asked = True
        self.on_first()
