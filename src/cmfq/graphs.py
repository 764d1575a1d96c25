"""Updates as CUDA graphs: one launch on a GPU in the place of some three hundred.

A kernel of an update of 256 rows takes some microseconds, which is less than it takes to launch it.
A graph records what an update launches, at the addresses at which it found its tensors, and does
all of it again: whatever changes between updates has to be written into tensors that stay.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from cmfq.batch import Batch

WARM_UP = 3
"""Updates before the first recording: libraries choose their kernels and get their memory there."""


class UpdateGraphs:
    """Does an update by a graph, one for each way in which batches are made."""

    def __init__(self, update: Callable[[Batch], Tensor], device: torch.device) -> None:
        """Record nothing yet.

        Args:
            update: learns from a batch and returns its loss; reads nothing back from the device.
            device: a GPU.
        """
        self._update = update
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._rows: Tensor | None = None
        self._done = 0
        self._graphs: dict[object, tuple[torch.cuda.CUDAGraph, Tensor]] = {}

    def run(self, rows: Tensor, make_batch: Callable[[Tensor], Batch], way: object) -> Tensor:
        """Learn from rows of the replay.

        Args:
            rows: ``(n,)``, in the CPU's memory; as many at every call.
            make_batch: makes the batch of rows on the device.
            way: what ``make_batch`` depends on: a graph is recorded for each.

        Returns:
            The loss, a scalar on the device.
        """
        if self._rows is None:
            self._rows = torch.empty_like(rows, device=self._stream.device)
        self._rows.copy_(rows)
        self._done += 1
        if self._done <= WARM_UP:
            self._stream.wait_stream(torch.cuda.current_stream(self._stream.device))
            with torch.cuda.stream(self._stream):
                loss = self._update(make_batch(self._rows))
            torch.cuda.current_stream(self._stream.device).wait_stream(self._stream)
            return loss
        if way not in self._graphs:
            self._graphs[way] = self._record(make_batch, self._rows)
        graph, loss = self._graphs[way]
        graph.replay()
        return loss.clone()

    def _record(
        self, make_batch: Callable[[Tensor], Batch], rows: Tensor
    ) -> tuple[torch.cuda.CUDAGraph, Tensor]:
        graph = torch.cuda.CUDAGraph()
        # One pool for all: nothing but the loss outlives an update, and that is copied.
        pool = next(iter(self._graphs.values()))[0].pool() if self._graphs else None
        with torch.cuda.graph(graph, pool=pool, stream=self._stream):
            loss = self._update(make_batch(rows))
        return graph, loss
