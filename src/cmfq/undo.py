"""Undoing in a replay buffer: an episode that could not be played to its end is taken back."""

from collections import deque
from collections.abc import Mapping

from torch import Tensor

NOT_TAKEN = -1
"""Action of a row that nobody may sample: nothing was done there, or it was overwritten."""
Span = tuple[int, int]
"""First row of a step, and the row after its last."""


class Undo:
    """State of a ring of rows, and its steps that have made room since.

    Args:
        head: the row to be written next.
        used: how many rows had ever been written.
        steps: how many steps the ring held.
        keep: whether to copy what is overwritten: at most the ring's size again.
    """

    def __init__(self, head: int, used: int, steps: int, keep: bool) -> None:
        self.head = head
        self.used = used
        self._steps = steps
        self._keep = keep
        self._dropped: list[tuple[Span, dict[str, Tensor]]] = []  # oldest first

    def drop(self, span: Span, columns: Mapping[str, Tensor]) -> None:
        """Take note of the oldest step, which is about to make room."""
        if len(self._dropped) == self._steps:  # the others were written since
            return
        kept = columns if self._keep else {}
        rows = {name: column[slice(*span)].clone() for name, column in kept.items()}
        self._dropped.append((span, rows))

    def take_back(self, steps: deque[Span], columns: Mapping[str, Tensor]) -> deque[Span] | None:
        """Put rows back as they were, and give the steps of then.

        Args:
            steps: steps kept now, oldest first.
            columns: columns of the ring.

        Returns:
            The steps, oldest first; ``None``: something was overwritten and not kept.
        """
        if self._dropped and not self._keep:
            return None
        remaining = self._steps - len(self._dropped)
        for number, span in enumerate(steps):
            if number >= remaining:  # written since
                columns["actions"][slice(*span)] = NOT_TAKEN
        for span, rows in self._dropped:
            for name, column in columns.items():
                column[slice(*span)] = rows[name]
        return deque([*(span for span, _ in self._dropped), *list(steps)[:remaining]])
