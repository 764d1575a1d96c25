"""Read a replay as arrays."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from cmfq.environments.base import BoolArray, FloatArray, IntArray, PositionArray
from cmfq.errors import UserError
from cmfq.replays import format as form
from cmfq.replays.fight import TeamFrame

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

    def frame(self) -> TeamFrame:
        """What a drawing needs."""
        return TeamFrame(self.positions, self.health, self.actions, self.alive)


class TeamMind(NamedTuple):
    """What the team's policy went by.

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
    """``(agents, actions)``: Eq 7; 0 for actions that no neighbour took."""
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
class Replay:
    """A recorded game."""

    header: form.Header
    ending: form.Ending | None
    """``None``: the file is cut short; the game went on."""
    steps: tuple[tuple[TeamStep, ...], ...]
    """Every team at every step."""
    _minds: tuple[form.Chunk | None, ...]

    def minds(self, step: int) -> tuple[TeamMind | None, ...]:
        """What every team went by at a step.

        ``None``: its player merges no actions, or the game is so long that this is not kept for
        every step.

        Raises:
            UserError: this part of the file is damaged.
        """
        chunk = self._minds[step]
        if chunk is None:
            return tuple(None for _ in self.header.teams)
        try:
            teams = _by_team(form.decode_arrays(chunk.unpack()), len(self.header.teams))
            return tuple(
                _mind(arrays, len(team.actions)) if arrays else None
                for arrays, team in zip(teams, self.header.teams, strict=True)
            )
        except (form.Damage, KeyError, ValueError, IndexError) as error:
            raise UserError(f"the replay is damaged at step {step}: record it again") from error

    def frames(self) -> list[tuple[TeamFrame, ...]]:
        """What drawings need of every step."""
        return [tuple(team.frame() for team in step) for step in self.steps]


def read(path: Path | str) -> Replay:
    """Read a replay file, up to where it is whole.

    Raises:
        UserError: it cannot be read, is no replay, comes from a newer version of the package, or
            breaks off before the first step ends.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error
    version = form.version_of(content)
    if version is None:
        raise UserError(f"{path} is no replay: give a file made by `cmfq record`")
    if version > form.VERSION:
        raise UserError(
            f"{path} is a replay of format {version}, this cmfq reads up to {form.VERSION}: "
            "install a newer cmfq"
        )
    replay = _assemble(content)
    if replay is None:
        raise UserError(f"{path} is cut short before its first step ends: record it again")
    return replay


def _assemble(content: bytes) -> Replay | None:
    """``None``: there is no header, or no whole step."""
    header: form.Header | None = None
    ending: form.Ending | None = None
    steps: list[tuple[TeamStep, ...]] = []
    minds: list[form.Chunk | None] = []
    try:
        for chunk in form.chunks(content):
            if chunk.kind == form.HEAD:
                header = form.decode_header(chunk.unpack())
            elif chunk.kind == form.STEP and header is not None:
                teams = _by_team(form.decode_arrays(chunk.unpack()), len(header.teams))
                steps.append(tuple(_team_step(arrays) for arrays in teams))
                minds.append(None)
            elif chunk.kind == form.MIND and minds:
                minds[-1] = chunk
            elif chunk.kind == form.END:
                ending = form.decode_ending(chunk.unpack())
    except (form.Damage, KeyError):
        ending = None  # what came before is whole
    if header is None or not steps:
        return None
    return Replay(header, ending, tuple(steps), tuple(minds))


def _by_team(arrays: Arrays, teams: int) -> list[Arrays]:
    """``"1/action"`` is ``action`` of team 1."""
    split: list[dict[str, npt.NDArray[Any]]] = [{} for _ in range(teams)]
    for name, array in arrays.items():
        team, _, rest = name.partition("/")
        if not team.isdecimal() or int(team) >= teams:
            raise form.Damage(f"array {name} belongs to no team")
        split[int(team)][rest] = array
    return list(split)


def _team_step(arrays: Arrays) -> TeamStep:
    stored, health = arrays["position"], arrays.get("health")
    positions: PositionArray = (
        stored.astype(np.int32) if stored.dtype.kind == "i" else stored.astype(np.float32)
    )
    return TeamStep(
        arrays["id"].astype(np.int32),
        positions,
        None if health is None else health.astype(np.float32),
        arrays["action"].astype(np.int32),
        arrays["alive"].astype(bool),
        arrays["reward"].astype(np.float32),
    )


def _mind(arrays: Arrays, actions: int) -> TeamMind:
    beta = float(arrays["beta"][0])
    taken = arrays["taken"]
    pair_agent = np.repeat(np.arange(len(taken), dtype=np.int32), taken)
    pair_action = arrays["taken_action"].astype(np.int32)

    def dense(name: str) -> FloatArray:
        full = np.zeros((len(taken), actions), np.float32)
        full[pair_agent, pair_action] = arrays[name]
        return full

    counts = dense("taken_count")
    advantages = arrays["advantage"].astype(np.float32)
    unnormalised: FloatArray = np.exp(np.float32(beta) * advantages)
    weights = arrays.get("weight")
    return TeamMind(
        beta,
        pair_agent,
        pair_action,
        counts,
        counts / np.maximum(counts.sum(1, keepdims=True), np.float32(1)),
        dense("merged"),
        dense("effect"),
        advantages + arrays["value"][:, None],
        _probabilities(arrays["policy_before"], form.PROBABILITY),
        unnormalised / unnormalised.sum(1, keepdims=True),
        _probabilities(arrays["what_if"], form.COARSE_PROBABILITY),
        None if weights is None else _probabilities(weights, form.PROBABILITY),
    )


def _probabilities(stored: npt.NDArray[Any], one: int) -> FloatArray:
    return stored.astype(np.float32) / np.float32(one)
