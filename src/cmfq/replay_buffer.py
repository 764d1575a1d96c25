"""The replay buffer: a ring of rows that keeps the steps of a team whole.

One row is one agent at one step. The rows of a team's step stand together, and each row points at
the same agent's row one step later, so an observation is stored once though it serves as
observation and as next observation.
"""

from collections import deque

import numpy as np
import torch
from torch import Tensor

from cmfq.batch import Batch
from cmfq.decision import Decision
from cmfq.environments.base import (
    BoolArray,
    FloatArray,
    IntArray,
    TeamObservation,
    TeamSpecification,
)
from cmfq.errors import UserError
from cmfq.late_writes import LateWrites
from cmfq.replay_columns import make_columns
from cmfq.undo import NOT_TAKEN, Undo


def rows_needed(writers: int, agents: int) -> int:
    """Rows that a ring must have for so many teams, of so many agents each, that write at once.

    A step must be there until the next one of its team completes it: the others of that time come
    between, and the rest of a lap may be given up.
    """
    return (writers + 2) * agents


class ReplayBuffer:
    """Ring buffer of agent-steps, at most ``capacity_bytes`` large, written by some teams at once.

    Observations are kept in half precision: presence and hit points are exact to 0.05 %.
    """

    def __init__(
        self,
        specification: TeamSpecification,
        discount: float,
        capacity_bytes: int,
        writers: int = 2,
        n_steps: int = 1,
        device: torch.device | str = "cpu",
    ) -> None:
        """Make an empty ring.

        Args:
            specification: specification of the teams whose steps are kept.
            discount: ``γ``.
            capacity_bytes: most memory on the device.
            writers: teams, in all environments side by side, that write at once.
            n_steps: rewards that are summed.
            device: where rows live and batches are made.

        Raises:
            UserError: there is not so much memory, or too little was asked for.
        """
        self._columns = make_columns(specification, capacity_bytes, device)
        self.capacity = len(self._columns["actions"])
        self.discount = discount
        self._writers = writers
        self._n_steps = n_steps
        self._device = torch.device(device)
        self._columns["actions"].fill_(NOT_TAKEN)
        self._actions = self._columns["actions"]  # in the CPU's memory: rows are drawn by it
        self._late: LateWrites | None = None
        if self._device.type != "cpu":
            self._actions = torch.full_like(self._actions, NOT_TAKEN, device="cpu")
            self._late = LateWrites(self._columns)
        self._steps: deque[tuple[int, int]] = deque()  # (first row, end), oldest first
        self._head = 0
        self._used = 0
        self._undo: Undo | None = None

    def __len__(self) -> int:
        """Rows in use, counting those that hold an episode's last observation."""
        return sum(end - start for start, end in self._steps)

    @property
    def can_be_sampled(self) -> bool:
        """Whether there is a row to learn from: all may be left out."""
        return bool((self._actions[: self._used] >= 0).any())

    def append(self, observation: TeamObservation, decision: Decision) -> slice:
        """Write what a team saw; no row can be sampled until :meth:`complete` says what came.

        Returns:
            The rows written.
        """
        rows = self._claim(len(observation.ids))
        self._actions[rows] = NOT_TAKEN
        if self._late is not None:
            self._late.see(rows, observation, decision)
            return rows
        for name, value in (
            ("view", observation.view),
            ("features", observation.features),
            ("positions", observation.positions),
            ("previous_actions", observation.previous_actions),
            ("counts", decision.counts),
            ("merged_actions", decision.merged_actions),
            ("action_mask", observation.action_mask),
        ):
            if name in self._columns:
                assert value is not None, "only learned policies' decisions can be replayed"
                self._columns[name][rows] = torch.from_numpy(value)
        return rows

    def complete(
        self,
        rows: slice,
        actions: IntArray,
        rewards: FloatArray,
        alive: BoolArray,
        next_rows: slice | None,
        heirs: IntArray | None = None,
    ) -> None:
        """Say what the rows did and what it led to, which lets them be sampled.

        Args:
            rows: from :meth:`append`.
            actions: taken.
            rewards: received.
            alive: who lives on.
            next_rows: rows of the team one step later, first those that lived on; ``None`` if the
                game ended.
            heirs: ``(dead,)``: for each agent that died, which of those who live on stands for it
                in the next step, counted among them; ``None``: nobody.
        """
        next_row = np.arange(rows.start, rows.stop, dtype=np.int32)  # the dead point at themselves
        discounts = np.zeros(len(alive), np.float32)
        if next_rows is not None:
            next_row[alive] = next_rows.start + np.arange(np.count_nonzero(alive))
            discounts[alive] = self.discount
            if heirs is not None:
                next_row[~alive] = next_rows.start + heirs
                discounts[~alive] = self.discount
        self._actions[rows] = torch.from_numpy(actions)
        values = {"rewards": rewards, "discounts": discounts, "next_row": next_row}
        if self._late is not None:
            self._late.complete(rows, {"actions": actions, **values})
            return
        for name, value in values.items():
            self._columns[name][rows] = torch.from_numpy(value)

    def sample(self, size: int, generator: np.random.Generator) -> Batch:
        """Draw transitions uniformly, with replacement.

        Raises:
            ValueError: nothing has been completed yet.
        """
        return self.gather(self.draw(size, generator).to(self._device))

    def draw(self, size: int, generator: np.random.Generator) -> Tensor:
        """Rows of the transitions that :meth:`sample` draws, ``(size,)``, in the CPU's memory."""
        self._flush()
        if not self._used:
            raise ValueError("the replay holds no completed step")
        rows = torch.from_numpy(generator.integers(self._used, size=size))
        while len(redraw := torch.nonzero(self._actions[rows] < 0).squeeze(1)):
            if len(redraw) == size and not self.can_be_sampled:
                raise ValueError("the replay holds no completed step")
            rows[redraw] = torch.from_numpy(generator.integers(self._used, size=len(redraw)))
        return rows

    def sample_steps(self, size: int, generator: np.random.Generator) -> Batch:
        """Draw whole steps of a team until there are ``size`` transitions or more.

        ``batch.groups`` tells the steps apart, so that neighbours can be found among the rows.
        """
        steps = torch.tensor(list(self._steps), dtype=torch.int64).reshape(-1, 2)
        completed = steps[self._actions[steps[:, 0]] != NOT_TAKEN].tolist()
        if not completed:
            raise ValueError("the replay holds no completed step")
        spans: list[Tensor] = []
        while sum(map(len, spans)) < size:
            span = slice(*completed[generator.integers(len(completed))])
            if bool((self._actions[span] >= 0).any()):
                spans.append(torch.arange(span.start, span.stop))
            elif not self.can_be_sampled:
                raise ValueError("the replay holds no completed step")
        groups = torch.repeat_interleave(torch.tensor([len(span) for span in spans]))
        return self.gather(torch.cat(spans).to(self._device), groups.to(self._device))

    def gather(self, rows: Tensor, groups: Tensor | None = None) -> Batch:
        """Transitions of rows, all on the device.

        Args:
            rows: ``(n,)``.
            groups: ``(n,)``, which step a row is of, if whole steps were sampled.
        """
        self._flush()
        rewards, discounts, next_rows = self._look_ahead(rows)

        def of(name: str, rows: Tensor) -> Tensor:
            return self._columns[name].index_select(0, rows)  # several times as fast as [rows]

        masked = "action_mask" in self._columns
        return Batch(
            view=of("view", rows).float(),
            features=of("features", rows).float(),
            positions=of("positions", rows),
            previous_actions=of("previous_actions", rows).long(),
            actions=of("actions", rows).long(),
            rewards=rewards,
            discounts=discounts,
            counts=of("counts", rows).float(),
            merged_actions=of("merged_actions", rows),
            next_view=of("view", next_rows).float(),
            next_features=of("features", next_rows).float(),
            next_positions=of("positions", next_rows),
            next_previous_actions=of("previous_actions", next_rows).long(),
            next_counts=of("counts", next_rows).float(),
            next_merged_actions=of("merged_actions", next_rows),
            groups=groups,
            action_mask=of("action_mask", rows) if masked else None,
            next_action_mask=of("action_mask", next_rows) if masked else None,
            next_rows=next_rows,
        )

    def _look_ahead(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Rewards summed over ``n_steps``, what discounts the state after them, and its rows.

        ``Σ_{k<m} γ^k r_k``, ``γ^m`` and the rows of ``s_m``, for the target ``Σ_{k<m} γ^k r_k +
        γ^m v(s_m)`` (Sutton & Barto 2018, ch. 7). ``m`` is ``n_steps`` unless the sum ends early:

        - at a death without an heir and at the end of a game, with 0 in place of ``γ^m``;
        - before a row that has no action to learn from: an episode's last observation if it was cut
          off, a row that was left out, or one that is not completed yet.

        At a death with an heir (posthumous value) the sum continues with the heir's rewards: for
        ``n_steps`` 2, ``r + γ r_heir + γ² v(s''_heir)``. If the heir dies, its own heir follows.
        """
        column = self._columns
        rewards, discounts = column["rewards"][rows], column["discounts"][rows]
        next_rows = column["next_row"][rows].long()
        for _ in range(self._n_steps - 1):
            goes_on = (discounts > 0) & (column["actions"][next_rows] >= 0)
            rewards = rewards + torch.where(goes_on, discounts * column["rewards"][next_rows], 0.0)
            discounts = torch.where(goes_on, discounts * column["discounts"][next_rows], discounts)
            next_rows = torch.where(goes_on, column["next_row"][next_rows].long(), next_rows)
        return rewards, discounts, next_rows

    def state(self) -> dict[str, Tensor]:
        """Everything in the ring, as named tensors (views: copy before changing the replay)."""
        self._flush()
        return {
            **{name: column[: self._used] for name, column in self._all_columns.items()},
            "steps": torch.tensor(list(self._steps), dtype=torch.int64).reshape(-1, 2),
            "head": torch.tensor(self._head),
        }

    def restore(self, state: dict[str, Tensor]) -> None:
        """Become what :meth:`state` saw."""
        self._flush()
        self._used = len(state["actions"])
        for name, column in self._columns.items():
            column[: self._used] = state[name]
        self._actions = self._columns["actions"].cpu()  # itself, if it is there
        self._steps = deque((start, end) for start, end in state["steps"].tolist())
        self._head = int(state["head"])

    def begin(self, keep: bool) -> None:
        """Be ready to take back what is written from here on (``keep``: see :class:`Undo`)."""
        self._undo = Undo(self._head, self._used, len(self._steps), keep)

    def end(self, take_back: bool = False) -> bool:
        """Leave what was written since :meth:`begin`, or take it back.

        Returns:
            Whether the ring is as it was; not if that was not kept.
        """
        self._flush()
        undo, self._undo = self._undo, None
        steps = undo.take_back(self._steps, self._all_columns) if undo and take_back else None
        if undo is None or steps is None:
            return False
        self._steps, self._head, self._used = steps, undo.head, undo.used
        self._columns["actions"].copy_(self._actions)
        return True

    def _claim(self, rows: int) -> slice:
        """Make room for a step at the head of the ring; older steps that it overlaps go whole."""
        if rows_needed(self._writers, rows) > self.capacity:
            raise UserError(
                f"the replay buffer holds {self.capacity} agent-steps, too few for {self._writers} "
                f"team(s) of {rows} that play at once: raise replay_bytes"
            )
        start = self._head
        if start + rows > self.capacity:  # the rest of this lap is given up
            while self._steps and self._steps[0][0] >= start:
                self._drop_oldest()
            start = 0
        end = start + rows
        while self._steps and self._steps[0][0] < end and self._steps[0][1] > start:
            self._drop_oldest()
        if rows:  # of a team that nobody is in there is nothing to sample, or to drop
            self._steps.append((start, end))
        self._head = end
        self._used = max(self._used, end)
        return slice(start, end)

    def _drop_oldest(self) -> None:
        start, end = self._steps.popleft()
        if self._undo:
            self._undo.drop((start, end), self._all_columns)
        self._actions[start:end] = NOT_TAKEN

    @property
    def _all_columns(self) -> dict[str, Tensor]:
        """Columns with the actions that rows are drawn by: a GPU's may lag behind."""
        return {**self._columns, "actions": self._actions}

    def _flush(self) -> None:
        if self._late is not None:
            self._late.flush()
