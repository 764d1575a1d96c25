"""Record a game: an observer of the one episode loop that writes the replay format."""

from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from cmfq.decision import Decision
from cmfq.environments.base import Environment, FloatArray, IntArray, Step, TeamObservation
from cmfq.notices import notify
from cmfq.policies import Policy, QPolicy
from cmfq.recordings import format as form
from cmfq.recordings.neighbours import follow
from cmfq.recordings.traces import reasoning_of, trace_arrays
from cmfq.rollout import Episode, play_episode
from cmfq.storage import write_bytes

BATCH_ROWS = 2048
"""Decisions that are worked out together."""
SMALLEST_LIMIT = 3_000_000
"""Bytes that a file may have at least. A fight to the end is smaller; a long peace keeps the
traces of every other step alone, or every fourth."""
PENDING_BATCHES = 4
"""Batches that may wait to be packed before the game waits for them."""


def record_episode(
    path: Path,
    environment: Environment,
    policies: Sequence[Policy],
    *,
    name: str,
    players: Sequence[str],
    seed: int,
    generator: np.random.Generator,
    title: str = "",
    origin: str = "",
) -> Episode:
    """Play one episode (see :func:`cmfq.rollout.play_episode`) and write its replay.

    Args:
        path: file to write.
        environment: to play in.
        policies: one per team.
        name: name of the environment.
        players: who plays each team, for readers.
        seed: random seed of the environment's episode.
        generator: generator of every draw that the policies make.
        title: title of the environment, for readers.
        origin: where the game is from, for readers; its seed if not given.
    """
    recorder = Recorder(
        environment, policies, name=name, players=players, seed=seed, title=title, origin=origin
    )
    with recorder:
        episode = play_episode(
            environment, policies, seed=seed, generator=generator, observers=(recorder,)
        )
    recorder.save(path)
    return episode


def size_limit(agents: int) -> int:
    """Bytes that a file may have: 3 MB for 64 agents a side, 24 MB for 400."""
    return max(SMALLEST_LIMIT, 31_250 * agents - 1_000_000)


class Recorder:
    """Keeps an episode as the content of a replay file (see :class:`cmfq.rollout.Observer`).

    Of several worlds that are played together (:func:`cmfq.rollout.play_episodes`), it watches the
    first one. A thread of its own works out the traces of the decisions and packs them, while the
    game goes on.
    Use it as a context manager around the episode; the content is there afterwards.
    """

    def __init__(
        self,
        environment: Environment,
        policies: Sequence[Policy],
        *,
        name: str,
        players: Sequence[str],
        seed: int,
        title: str = "",
        origin: str = "",
    ) -> None:
        self._environment = environment
        self._policies = policies
        self._about = (name, seed, tuple(players))
        self._told = (title, origin)
        self._items: FloatArray | None = None
        self._acted = [np.zeros(0, np.int32) for _ in policies]  # of who lived on, by team
        self._pieces: list[_Piece] = [_Piece(form.prefix())]
        self._limit = SMALLEST_LIMIT
        self._packer = ThreadPoolExecutor(1, thread_name_prefix="replay")
        self._pending: deque[Future[list[_Piece]]] = deque()
        self._batch: list[_Recorded] = []
        self._steps = 0

    def __enter__(self) -> "Recorder":
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._packer.shutdown()
        if error is None:
            self._collect(leave=0)

    @property
    def content(self) -> bytes:
        """Content of the file; whole once the episode is over and the context is left."""
        stride = 1
        kept = self._pieces
        while sum(len(one.happened) + len(one.traces) for one in kept) > self._limit:
            if not any(one.traces for one in kept):
                break
            stride *= 2
            kept = [
                one if (index - 1) % stride == 0 else one._replace(traces=b"")
                for index, one in enumerate(self._pieces)
            ]
        content = b"".join(part for one in kept for part in (one.happened, one.traces))
        if sum(one.weight for one in kept) > form.LEAST_GAME + form.LARGEST_GROWTH * len(content):
            notify(
                f"recording {self._about[0]}",
                f"a recorded game in {self._about[0]} has {self._steps} steps of "
                f"{len(self._policies)} teams, more than readers take: they show its beginning",
            )
        return content

    def save(self, path: Path) -> None:
        """Write the file."""
        write_bytes(path, self.content)

    def on_reset(self) -> None:
        """See what there is to gather before anybody has."""
        self._items = self._look()

    def _look(self) -> FloatArray | None:
        give = getattr(self._environment, "items", None)
        return give() if give else None

    def on_step(
        self,
        observations: tuple[TeamObservation, ...],
        decisions: tuple[Decision, ...],
        step: Step,
    ) -> None:
        """Hand steps to the thread that packs them, a batch at a time."""
        if self._steps == 0:
            header = form.encode_record(self._header())
            self._pieces[0] = _Piece(form.prefix() + form.pack(form.HEAD, header))
            agents = sum(len(observation.ids) for observation in observations)
            self._limit = size_limit(agents)
        self._steps += 1
        kept = tuple(  # of the others, reasons would not be their own
            decision.copy() if isinstance(policy, QPolicy) else Decision(decision.actions)
            for policy, decision in zip(self._policies, decisions, strict=True)
        )
        previous = tuple(map(_unlike, observations, self._acted))
        self._batch.append(_Recorded(observations, kept, step, self._items, previous))
        self._acted = [
            decision.actions[alive] for decision, alive in zip(decisions, step.alive, strict=True)
        ]
        rows = sum(len(one.ids) for recorded in self._batch for one in recorded.observations)
        over = step.terminated or step.truncated
        self._items = None if over else self._look()
        if rows >= BATCH_ROWS or over:
            self._pending.append(self._packer.submit(_pack_steps, self._batch))
            self._batch = []
        if over:
            survivors = tuple(len(observation.ids) for observation in step.observations)
            ending = form.Ending(self._steps, step.terminated, survivors)
            self._pending.append(self._packer.submit(_pack_ending, ending))
        self._collect(leave=PENDING_BATCHES)

    def on_truncation(
        self, observations: tuple[TeamObservation, ...], decisions: tuple[Decision, ...]
    ) -> None:
        """The game is over: what would have been decided next is in no replay."""

    def _collect(self, leave: int) -> None:
        while len(self._pending) > leave:
            self._pieces += self._pending.popleft().result()

    def _header(self) -> form.Header:
        scenery = self._environment.scenery()
        name, seed, players = self._about
        described = zip(
            self._environment.teams, scenery.bodies, players, self._policies, strict=True
        )
        return form.Header(
            version("cmfq"),
            name,
            seed,
            tuple(
                form.describe_team(
                    team,
                    body,
                    player,
                    reasoning_of(policy) if isinstance(policy, QPolicy) else None,
                )
                for team, body, player, policy in described
            ),
            scenery.bounds,
            _rows(scenery.walls),
            _rows(scenery.obstacles),
            *self._told,
        )


class _Recorded(NamedTuple):
    """One step, before it is packed."""

    observations: tuple[TeamObservation, ...]
    decisions: tuple[Decision, ...]
    step: Step
    items: FloatArray | None
    """What there was to gather when the step began."""
    previous: tuple[IntArray | None, ...]
    """Previous actions of each team; ``None`` where they follow from the step before."""


class _Piece(NamedTuple):
    """The chunks of one step, or what stands before or after all steps."""

    happened: bytes
    traces: bytes = b""
    """May be left out."""
    weight: int = 0
    """Bytes that a reader needs for it, without the traces (see :func:`~.format.weight`)."""


def _pack_ending(ending: form.Ending) -> list[_Piece]:
    return [_Piece(form.pack(form.END, form.encode_record(ending)))]


def _pack_steps(batch: Sequence[_Recorded]) -> list[_Piece]:
    """Chunks of some steps."""
    alike: dict[Any, list[tuple[int, int]]] = {}
    for index, recorded in enumerate(batch):
        for team, decision in enumerate(recorded.decisions):
            if (trace := decision.trace) is not None:
                key = (id(trace.network), trace.settings, trace.beta, trace.merged.effects is None)
                alike.setdefault(key, []).append((index, team))
    traces: list[dict[str, npt.NDArray[Any]]] = [{} for _ in batch]
    for places in alike.values():
        worked_out = trace_arrays([batch[index].decisions[team] for index, team in places])
        for (index, team), arrays in zip(places, worked_out, strict=True):
            traces[index] |= {f"{team}/{name}": array for name, array in arrays.items()}
    return [_pack_step(recorded, trace) for recorded, trace in zip(batch, traces, strict=True)]


def _pack_step(recorded: _Recorded, trace: dict[str, npt.NDArray[Any]]) -> _Piece:
    """Chunks of a step: what happened, what there was to gather, and the trace."""
    arrays = _step_arrays(recorded)
    content = form.encode_arrays(arrays)
    happened, weight = form.pack(form.STEP, content), form.weight(content, len(arrays))
    if recorded.items is not None:
        items = form.encode_arrays({"item": recorded.items})
        happened += form.pack(form.ITEM, items)
        weight += form.weight(items, 1)
    return _Piece(happened, _pack_trace(trace), weight)


def _pack_trace(trace: dict[str, npt.NDArray[Any]]) -> bytes:
    """Bytes of the trace; empty if no actions are merged or readers would not take so many."""
    content = form.encode_arrays(trace)
    too_large = len(content) > form.LARGEST[form.MIND]
    return form.pack(form.MIND, content) if trace and not too_large else b""


def _step_arrays(recorded: _Recorded) -> dict[str, npt.NDArray[Any]]:
    observations, decisions, step, _, previous = recorded
    teams = zip(observations, decisions, step.rewards, step.alive, previous, strict=True)
    return dict(
        chain.from_iterable(_team_arrays(team, *columns) for team, columns in enumerate(teams))
    )


def _team_arrays(
    team: int,
    observation: TeamObservation,
    decision: Decision,
    rewards: FloatArray,
    alive: npt.NDArray[np.bool_],
    previous: IntArray | None,
) -> list[tuple[str, npt.NDArray[Any]]]:
    arrays: dict[str, npt.NDArray[Any]] = {
        "id": observation.ids.astype(np.uint32),
        "position": _narrow(observation.positions),
        "action": _narrow(decision.actions),
        "alive": alive.astype(np.uint8),
        "reward": rewards,
    }
    if observation.health is not None:
        arrays["health"] = observation.health.astype(np.float16)
    if previous is not None:
        arrays["previous"] = _narrow(previous)
    return [(f"{team}/{name}", array) for name, array in arrays.items()]


def _unlike(observation: TeamObservation, acted: IntArray) -> IntArray | None:
    """Previous actions, if they are not those of the agents that lived on."""
    previous = observation.previous_actions
    return None if np.array_equal(previous, follow(acted, len(previous))) else previous


def _narrow(numbers: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Whole numbers as i2, where they fit; others as they are."""
    if numbers.dtype.kind == "f":
        return numbers.astype(np.float32)
    fits = not numbers.size or (numbers.min() >= -(2**15) and numbers.max() < 2**15)
    return numbers.astype(np.int16 if fits else np.int32)


def _rows(numbers: npt.NDArray[Any]) -> Any:
    return tuple(tuple(row) for row in numbers.tolist())
