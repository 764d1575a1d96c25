"""Read a replay as arrays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from cmfq.decoding import Damage, damage_of, read_bytes
from cmfq.environments.base import NO_ACTION, BoolArray, FloatArray, IntArray, PositionArray
from cmfq.errors import UserError
from cmfq.recordings import format as form
from cmfq.recordings.frames import TeamFrame

Arrays = Mapping[str, npt.NDArray[Any]]


class TeamStep(NamedTuple):
    """What one team did in one step: a row per agent that lived when it began."""

    ids: IntArray
    """``(agents,)``: constant for an episode, unique over all teams."""
    positions: PositionArray
    """``(agents, 2)``: x and y."""
    health: FloatArray | None
    """``(agents,)``: hit points, if any."""
    actions: IntArray
    """``(agents,)``."""
    alive: BoolArray
    """``(agents,)``: who lives when the step ends."""
    rewards: FloatArray
    """``(agents,)``."""
    previous_actions: IntArray | None = None
    """``(agents,)``: what each counts as having done in the step before, ``NO_ACTION`` for nothing;
    ``None``: what was recorded there (see :func:`~.neighbours.previous_actions`)."""

    def frame(self) -> TeamFrame:
        """What a drawing needs."""
        return TeamFrame(self.positions, self.health, self.actions, self.alive)


class TeamTrace(NamedTuple):
    """Trace of the decisions of a team.

    A row per agent, or per *pair* of an agent and an action that some neighbour of it took in the
    step before.
    """

    beta: float
    """Inverse temperature of the policy."""
    pair_agent: IntArray
    """``(pairs,)``: row of the agent; sorted."""
    pair_action: IntArray
    """``(pairs,)``: the action."""
    counts: FloatArray
    """``(agents, actions)``: how many neighbours took each action."""
    mean_actions: FloatArray
    """``(agents, actions)``: ``ā``."""
    merged_actions: FloatArray
    """``(agents, actions)``: ``ǎ``."""
    effects: FloatArray
    """``(agents, actions)``: by the merging rule, or Eq 7; 0 for actions that no neighbour took."""
    q_values: FloatArray
    """``(agents, actions)``: ``Q(s, ·, ǎ)``."""
    policy_before: FloatArray
    """``(agents, actions)``: with the mean action."""
    policy_after: FloatArray
    """``(agents, actions)``: with the merged action: what the agent acted by."""
    what_if: FloatArray
    """``(pairs, actions)``: the policy under the intervention with the pair's action."""
    weights: FloatArray | None
    """``(interactions,)``: of each neighbour, sorted by row of agent and of neighbour, where it
    does not follow from the neighbour's action; else it is merged action over count."""


@dataclass(frozen=True)
class Recording:
    """A recorded game."""

    header: form.Header
    ending: form.Ending | None
    """``None``: the file is cut short; the game went on."""
    steps: tuple[tuple[TeamStep, ...], ...]
    """Every team at every step."""
    _traces: tuple[form.Chunk | None, ...]
    items: tuple[FloatArray | None, ...] = ()
    """``(items, 3)`` for each step: x, y and radius of what there was to gather when it began."""

    def traces(self, step: int) -> tuple[TeamTrace | None, ...]:
        """What every team went by at a step.

        ``None``: its player merges no actions, or the game is so long that this is not kept for
        every step.

        Raises:
            UserError: this part of the file is damaged.
        """
        chunk = self._traces[step]
        if chunk is None:
            return tuple(None for _ in self.header.teams)
        rows = [len(team.ids) for team in self.steps[step]]
        actions = [len(team.actions) for team in self.header.teams]
        try:
            content = chunk.unpack(_largest_trace(rows, actions))
            teams = _by_team(form.decode_arrays(content), len(rows))
            return tuple(map(_trace, teams, rows, actions))
        except Damage as error:
            raise UserError(f"the replay is damaged at step {step}: record it again") from error

    def frames(self) -> list[tuple[TeamFrame, ...]]:
        """What drawings need of every step."""
        return [tuple(team.frame() for team in step) for step in self.steps]


def read(path: Path | str) -> Recording:
    """Read a replay file, up to where it is whole.

    Raises:
        UserError: it cannot be read, is no replay, comes from a newer version of the package, or
            breaks off before the first step ends.
    """
    with damage_of(path, "give a file made by `cmfq record`"):
        content = read_bytes(Path(path))
    version = form.version_of(content)
    if version is None:
        raise UserError(f"{path} is not a replay: give a file made by `cmfq record`")
    if version > form.VERSION:
        raise UserError(
            f"{path} is a replay of format {version}, but this cmfq reads formats up to "
            f"{form.VERSION}: install a newer cmfq"
        )
    game = _assemble(content)
    if game is None:
        raise UserError(f"{path} is cut short before its first step ends: record it again")
    return game


def _assemble(content: bytes) -> Recording | None:
    """``None``: there is no header, or no whole step."""
    header: form.Header | None = None
    ending: form.Ending | None = None
    steps: list[tuple[TeamStep, ...]] = []
    traces: list[form.Chunk | None] = []
    items: list[FloatArray | None] = []
    left = form.LEAST_GAME + form.LARGEST_GROWTH * len(content)
    try:
        for chunk in form.chunks(content):
            if chunk.kind == form.HEAD:
                if header is not None:
                    raise Damage("has two headers")
                header = form.decode_header(chunk.unpack())
            elif chunk.kind == form.STEP and header is not None:
                unpacked = chunk.unpack(left)
                arrays = form.decode_arrays(unpacked)
                left -= form.weight(unpacked, len(arrays))
                teams = _by_team(arrays, len(header.teams))
                step = tuple(map(_team_step, teams, header.teams))
                _check_follows(steps, step)
                steps.append(step)
                traces.append(None)
                items.append(None)
            elif chunk.kind == form.ITEM and items:
                unpacked = chunk.unpack(left)
                left -= form.weight(unpacked, 1)
                items[-1] = _items(form.decode_arrays(unpacked))
            elif chunk.kind == form.MIND and traces:
                traces[-1] = chunk
            elif chunk.kind == form.END:
                ending = form.decode_ending(chunk.unpack())
    except Damage:
        ending = None  # what came before is whole
    if header is None or not steps:
        return None
    return Recording(header, ending, tuple(steps), tuple(traces), tuple(items))


def _items(arrays: Arrays) -> FloatArray:
    items = _take(arrays, "item", len(arrays.get("item", ())), 3)
    if np.abs(items, dtype=np.float64).max(initial=0) > form.LARGEST_NUMBER:
        raise Damage("has items that are too far away")
    return items.astype(np.float32)


def _by_team(arrays: Arrays, teams: int) -> list[Arrays]:
    """``"1/action"`` is ``action`` of team 1."""
    split: list[dict[str, npt.NDArray[Any]]] = [{} for _ in range(teams)]
    for name, array in arrays.items():
        team, _, rest = name.partition("/")
        if not (team.isascii() and team.isdecimal() and len(team) < 7) or int(team) >= teams:
            raise Damage(f"has an array {name}, which belongs to no team")
        split[int(team)][rest] = array
    return list(split)


def _take(arrays: Arrays, name: str, *shape: int) -> npt.NDArray[Any]:
    """An array of this shape, of finite numbers.

    Raises:
        Damage: there is none.
    """
    array = arrays.get(name)
    if array is None or array.shape != shape:
        raise Damage(f"has no array {name} of {shape}")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise Damage(f"has an array {name} of numbers that are not finite")
    return array


def _whole(arrays: Arrays, name: str, low: int, high: int, *shape: int) -> IntArray:
    """Whole numbers from ``low`` to ``high`` in an array of this shape; raises as :func:`_take`."""
    array = _take(arrays, name, *shape)
    if array.dtype.kind == "f" or (array.size and not low <= array.min() <= array.max() <= high):
        raise Damage(f"has an array {name} of numbers that are not {low} to {high}")
    return array.astype(np.int32)


def _team_step(arrays: Arrays, team: form.RecordedTeam) -> TeamStep:
    count = np.size(arrays.get("id", ()))
    stored = _take(arrays, "position", count, 2)
    if np.abs(stored, dtype=np.float64).max(initial=0) > form.LARGEST_NUMBER:
        raise Damage("has positions that are too far away")
    positions: PositionArray = (
        stored.astype(np.float32) if stored.dtype.kind == "f" else stored.astype(np.int32)
    )
    return TeamStep(
        _whole(arrays, "id", 0, 2**31 - 1, count),
        positions,
        _take(arrays, "health", count).astype(np.float32) if "health" in arrays else None,
        _whole(arrays, "action", NO_ACTION, len(team.actions) - 1, count),
        _whole(arrays, "alive", 0, 1, count).astype(bool),
        _take(arrays, "reward", count).astype(np.float32),
        _whole(arrays, "previous", NO_ACTION, len(team.actions) - 1, count)
        if "previous" in arrays
        else None,
    )


def _check_follows(steps: Sequence[tuple[TeamStep, ...]], step: tuple[TeamStep, ...]) -> None:
    """Refuse a step with fewer agents than lived when the one before it ended.

    Raises:
        Damage: it has.
    """
    for before, now in zip(steps[-1] if steps else (), step, strict=False):
        if np.count_nonzero(before.alive) > len(now.ids):
            raise Damage("has a step without living agents")


def _largest_trace(rows: Sequence[int], actions: Sequence[int]) -> int:
    """Bytes of what the policies of a step can have in a trace, with its index."""
    everyone = sum(rows)
    return form.LONGEST_INDEX + sum(
        count * (8 + 4 * choices + min(choices, everyone) * (8 + choices) + 2 * everyone)
        for count, choices in zip(rows, actions, strict=True)
    )


def _trace(arrays: Arrays, rows: int, actions: int) -> TeamTrace | None:
    if not arrays:
        return None
    beta = float(_take(arrays, "beta", 1)[0])
    pairs = np.size(arrays.get("taken_action", ()))
    taken = _whole(arrays, "taken", 0, actions, rows)
    advantages = _take(arrays, "advantage", rows, actions).astype(np.float32)
    if taken.sum() != pairs or beta < 0 or (advantages > 0).any():
        raise Damage("has numbers that do not match")
    pair_agent = np.repeat(np.arange(rows, dtype=np.int32), taken)
    pair_action = _whole(arrays, "taken_action", 0, actions - 1, pairs)

    def dense(name: str) -> FloatArray:
        full = np.zeros((rows, actions), np.float32)
        full[pair_agent, pair_action] = _take(arrays, name, pairs)
        return full

    counts = dense("taken_count")
    unnormalised: FloatArray = np.exp(np.float32(beta) * advantages)
    weights = arrays.get("weight")
    if weights is not None:
        degrees = _take(arrays, "neighbours", rows).sum(dtype=np.int64)
        weights = _probabilities(_take(arrays, "weight", int(degrees)), form.PROBABILITY)
    return TeamTrace(
        beta,
        pair_agent,
        pair_action,
        counts,
        counts / np.maximum(counts.sum(1, keepdims=True), np.float32(1)),
        dense("merged"),
        dense("effect"),
        advantages + _take(arrays, "value", rows)[:, None],
        _probabilities(_take(arrays, "policy_before", rows, actions), form.PROBABILITY),
        unnormalised / np.maximum(unnormalised.sum(1, keepdims=True), np.float32(1e-30)),
        _probabilities(_take(arrays, "what_if", pairs, actions), form.COARSE_PROBABILITY),
        weights,
    )


def _probabilities(stored: npt.NDArray[Any], one: int) -> FloatArray:
    return stored.astype(np.float32) / np.float32(one)
