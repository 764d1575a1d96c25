"""Writes to a replay on a GPU: those of a step are done together.

There a small write takes as long as a large one, some ten microseconds, and a step of many worlds
makes ten for each of their teams.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy.typing as npt
from torch import Tensor

from cmfq.decision import Decision, Trace
from cmfq.devices import stacked
from cmfq.environments.base import TeamObservation
from cmfq.undo import NOT_TAKEN

Array = npt.NDArray[Any]


class _Seen(NamedTuple):
    rows: slice
    observation: TeamObservation
    decision: Decision


class _Done(NamedTuple):
    rows: slice
    values: Mapping[str, Array]


class LateWrites:
    """Gathers what is to be written into columns on a device, until it is asked for.

    Args:
        columns: tensors by name, a row per agent-step.
    """

    def __init__(self, columns: Mapping[str, Tensor]) -> None:
        self._columns = columns
        self._device = columns["actions"].device
        self._trace: Trace | None = None
        self._seen: list[_Seen] = []
        self._done: list[_Done] = []

    def see(self, rows: slice, observation: TeamObservation, decision: Decision) -> None:
        """What a team saw and decided; what was decided in another call is written first."""
        if decision.together is not self._trace:
            self.flush()
        self._trace = decision.together
        self._seen.append(_Seen(rows, observation, decision))

    def complete(self, rows: slice, values: Mapping[str, Array]) -> None:
        """What rows did and what it led to: ``values`` by the name of the column."""
        self._done.append(_Done(rows, values))

    def flush(self) -> None:
        """Write all."""
        for rows, seen in _runs(self._seen):
            first = seen[0].decision.first_row
            end = first + rows.stop - rows.start
            there = _inputs(self._trace, first, end) if _in_order(seen) else {}
            self._columns["actions"][rows] = NOT_TAKEN
            for name, read in _READ.items():
                if name not in self._columns:
                    continue
                if name in there and there[name].device == self._device:
                    self._columns[name][rows] = there[name]
                else:
                    arrays = [read(one) for one in seen]
                    self._columns[name][rows] = stacked(arrays, self._device)
        for rows, done in _runs(self._done):
            for name in done[0].values:
                arrays = [one.values[name] for one in done]
                self._columns[name][rows] = stacked(arrays, self._device)
        self._seen, self._done, self._trace = [], [], None


_READ: dict[str, Callable[[_Seen], Any]] = {
    "view": lambda seen: seen.observation.view,
    "features": lambda seen: seen.observation.features,
    "positions": lambda seen: seen.observation.positions,
    "previous_actions": lambda seen: seen.observation.previous_actions,
    "counts": lambda seen: seen.decision.counts,
    "merged_actions": lambda seen: seen.decision.merged_actions,
    "action_mask": lambda seen: seen.observation.action_mask,
}


def _runs(
    writes: Sequence[Any],
) -> Iterator[tuple[slice, list[Any]]]:
    """Writes whose rows follow upon each other, and the rows of all of them."""
    start = 0
    for number in range(1, len(writes) + 1):
        if number < len(writes) and writes[number].rows.start == writes[number - 1].rows.stop:
            continue
        run = list(writes[start:number])
        if run[-1].rows.stop > run[0].rows.start:
            yield slice(run[0].rows.start, run[-1].rows.stop), run
        start = number


def _in_order(seen: Sequence[_Seen]) -> bool:
    """Whether the teams stand in the trace as they do in the run."""
    row = seen[0].decision.first_row
    for one in seen:
        if one.decision.first_row != row:
            return False
        row += len(one.decision.actions)
    return True


def _inputs(trace: Trace | None, start: int, end: int) -> dict[str, Tensor]:
    """Rows of a trace that are on the policy's device, if that is not the CPU."""
    if trace is None or trace.view is None or trace.features is None:
        return {}
    return {
        "view": trace.view[start:end],
        "features": trace.features[start:end],
        "counts": trace.neighbourhood.counts[start:end],
        "merged_actions": trace.merged.action[start:end],
    }
