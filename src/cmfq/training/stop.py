"""Ctrl-C and SIGTERM end a run between two episodes, with everything saved."""

import signal
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Self


class StopSignal:
    """Turns the first Ctrl-C or SIGTERM into a wish to stop, the second into an interrupt."""

    def __init__(self) -> None:
        self.on_first: Callable[[], None] = lambda: None
        self._asked = False

    def __enter__(self) -> Self:
        """Listen; what listened before does so again afterwards."""
        self._before = {
            number: signal.signal(number, self._handle)
            for number in (signal.SIGINT, signal.SIGTERM)
        }
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def __call__(self) -> bool:
        """Whether it was asked to stop."""
        return self._asked

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._asked:
            raise KeyboardInterrupt
        self._asked = True
        self.on_first()
