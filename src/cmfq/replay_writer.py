"""Writing an episode into the replay buffer: what rewards and deaths count for."""

from collections.abc import Sequence

import numpy as np

from cmfq.batch import LEFT_OUT
from cmfq.decision import Decision
from cmfq.environments.base import BoolArray, FloatArray, IntArray, Step, TeamObservation
from cmfq.objective import ObjectiveSettings, shared_rewards
from cmfq.replay_buffer import ReplayBuffer


class ReplayWriter:
    """Watches one episode and writes what the chosen teams lived through into a replay."""

    def __init__(
        self,
        replay: ReplayBuffer,
        teams: Sequence[int],
        objective: ObjectiveSettings | None = None,
        generator: np.random.Generator | None = None,
    ) -> None:
        """Write into ``replay``.

        Args:
            replay: to write into.
            teams: whose steps are written.
            objective: what rewards and deaths count for; the paper's if not given.
            generator: generator of the draws of posthumous values; seeded with 0 if not given.
        """
        self._replay = replay
        self._teams = teams
        self._objective = objective or ObjectiveSettings()
        self._generator = generator or np.random.default_rng(0)
        self._open: dict[int, tuple[slice, IntArray, FloatArray, BoolArray]] = {}

    def on_step(
        self,
        observations: tuple[TeamObservation, ...],
        decisions: tuple[Decision, ...],
        step: Step,
    ) -> None:
        """Write a step, and complete the one before, whose successor it is."""
        for team in self._teams:
            rows = self._replay.append(observations[team], decisions[team])
            self._complete(team, rows)
            rewards = shared_rewards(step.rewards, team, self._objective)
            self._open[team] = (rows, decisions[team].actions, rewards, step.alive[team])
            if step.terminated:
                self._complete(team, None)

    def on_truncation(
        self, observations: tuple[TeamObservation, ...], decisions: tuple[Decision, ...]
    ) -> None:
        """Write the last observation: values are bootstrapped from it."""
        for team in self._teams:
            rows = self._replay.append(observations[team], decisions[team])
            self._complete(team, rows, cut_off=True)

    def _complete(self, team: int, next_rows: slice | None, cut_off: bool = False) -> None:
        """Complete the open step of a team, if there is one."""
        if team not in self._open:
            return
        rows, actions, rewards, alive = self._open.pop(team)
        heirs, living = None, int(np.count_nonzero(alive))
        if self._objective.death == "posthumous" and living and living < len(alive):
            heirs = self._generator.integers(living, size=len(alive) - living, dtype=np.int32)
        if self._objective.death == "left-out":
            last = cut_off or next_rows is None
            actions = np.where(alive & (not last), actions, LEFT_OUT).astype(np.int32)
        self._replay.complete(rows, actions, rewards, alive, next_rows, heirs)
