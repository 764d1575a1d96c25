"""An environment with known truth: one neighbour says which action pays, many say nothing of use.

Agents stand in clusters, too far apart to see one another. A cluster holds *listeners*, which
choose, and *talkers*, which speak: the environment sets their actions, whatever they chose. At
every step one of the signals is drawn as the truth of each cluster. *Signallers* say it, *babblers*
do not, and a listener earns 1 if it then takes the action that was true, else 0. There are two
ways to tell a signaller from a babbler:

- ``action``: babblers take actions that are not signals, so the *action of a neighbour* shows what
  it is, and no observation does;
- ``observation``: babblers take signals at random, so their actions show nothing, and the
  *signaller's own observation* is marked.

A policy that knows the signallers earns 1 per listener and step, whatever the number of babblers:
the optimum. Random actions earn ``1 / (signals + noises)``, the best constant action
``1 / signals``. A study calculates the most that a policy can earn without telling neighbours apart
(``studies/signal_report.py``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from cmfq.environments.base import (
    NO_ACTION,
    Body,
    BoolArray,
    IntArray,
    Scenery,
    Step,
    TeamObservation,
    TeamSpecification,
    require_running,
)
from cmfq.environments.settings import EnvironmentSettings
from cmfq.errors import UserError, require_range, require_types

Setting = Literal["action", "observation"]

VIEW_SIDE = 5
"""Cells; the view is empty, and this is the least that the network's convolutions take."""
VIEW_RADIUS = 2
MOST_ACTIONS = 1000
"""Most signals, and most noises."""
MOST_AGENTS = 100_000
CLUSTER_GAP = 10
"""Cells between neighbouring clusters, whose members stand within a square of 2 by 2."""


@dataclass(frozen=True)
class SignalSettings(EnvironmentSettings):
    """Listeners, signallers and babblers in clusters that do not see one another."""

    kind: ClassVar = "signal"

    setting: Setting = "action"
    """Difference of a signaller from a babbler: in its action, or in its observation."""
    babblers: int = 4
    """Number of babblers in each cluster: talkers that say nothing of use."""
    signallers: int = 1
    """Number of signallers in each cluster: talkers that all say the truth."""
    listeners: int = 8
    """Number of listeners in each cluster: agents that earn and never speak."""
    clusters: int = 8
    """Number of clusters, each with its own truth."""
    signals: int = 4
    """Number of actions that name a truth."""
    noises: int = 4
    """Number of further actions, taken by babblers if the setting is action."""
    max_steps: int = 5
    """Number of steps of an episode."""

    def __post_init__(self) -> None:
        require_types(self)
        if self.babblers < 0:
            raise UserError(f"babblers is {self.babblers}: give 0 or more")
        for name in ("signallers", "listeners", "clusters", "noises", "max_steps"):
            if getattr(self, name) < 1:
                raise UserError(f"{name} is {getattr(self, name)}: give at least 1")
        require_range(self, 1, MOST_ACTIONS, "signals", "noises")
        if self.clusters * self.cluster_size > MOST_AGENTS:
            raise UserError(
                f"{self.clusters} clusters of {self.cluster_size} are too many agents: give fewer "
                f"agents, at most {MOST_AGENTS} agents together"
            )
        if self.signals < 2:
            raise UserError(
                f"signals is {self.signals}: give at least 2, or there is no information"
            )

    @property
    def title(self) -> str:
        """A few words for headings."""
        return f"signal, {self.babblers} babblers"

    @property
    def team_sizes(self) -> tuple[int]:
        """See :class:`~.settings.EnvironmentSettings`."""
        return (self.clusters * self.cluster_size,)

    def make(self) -> "SignalEnvironment":
        """See :class:`~.settings.EnvironmentSettings`."""
        return SignalEnvironment(self)

    @property
    def cluster_size(self) -> int:
        """Agents in a cluster."""
        return self.listeners + self.signallers + self.babblers


class SignalEnvironment:
    """One team; in each cluster first the listeners, then the signallers, then the babblers."""

    def __init__(self, settings: SignalSettings) -> None:
        self.settings = settings
        place = np.arange(settings.cluster_size)
        agents = settings.clusters * settings.cluster_size
        row = np.arange(agents)
        self.cluster: IntArray = (row // settings.cluster_size).astype(np.int32)
        """``(agents,)``: which cluster each row belongs to."""
        self.listens: BoolArray = np.tile(place < settings.listeners, settings.clusters)
        """``(agents,)``: who is a listener."""
        told = (place >= settings.listeners) & (place < settings.listeners + settings.signallers)
        self.signals: BoolArray = np.tile(told, settings.clusters)
        """``(agents,)``: who is a signaller, the neighbours that matter."""
        marked = self.signals & (settings.setting == "observation")
        self._features = np.stack([self.listens, marked], axis=1).astype(np.float32)
        self._view = np.zeros((agents, VIEW_SIDE, VIEW_SIDE, 1), np.float32)
        x = CLUSTER_GAP * self.cluster + row % 2
        self._positions = np.stack([x, row // 2 % 2], axis=1).astype(np.int32)
        self._ids = row.astype(np.int32)

    @property
    def teams(self) -> tuple[TeamSpecification, ...]:
        """See :class:`~cmfq.environments.base.Environment`."""
        signals = tuple(f"signal {i}" for i in range(self.settings.signals))
        noises = tuple(f"noise {i}" for i in range(self.settings.noises))
        return (
            TeamSpecification(
                name="agents",
                view_shape=(VIEW_SIDE, VIEW_SIDE),
                channels=("empty",),
                features=("listener", "marked"),
                actions=signals + noises,
                view_radius=VIEW_RADIUS,
            ),
        )

    @property
    def truth(self) -> IntArray:
        """``(agents,)``: the action that pays in the coming step, by each agent's cluster."""
        return self._truth[self.cluster]

    def reset(self, seed: int) -> tuple[TeamObservation, ...]:
        """Start an episode. The talkers have spoken, so the first step is like any other."""
        self._generator = np.random.default_rng(seed)
        self._steps = 0
        return self._speak()

    def step(self, actions: Sequence[IntArray]) -> Step:
        """Pay the listeners, and let the talkers speak again."""
        require_running(over=self._steps >= self.settings.max_steps)
        rewards = (self.listens & (actions[0] == self.truth)).astype(np.float32)
        self._steps += 1
        return Step(
            observations=self._speak(),
            rewards=(rewards,),
            alive=(np.ones(len(rewards), bool),),
            terminated=False,
            truncated=self._steps >= self.settings.max_steps,
        )

    def close(self) -> None:
        """Nothing is held that must be given back."""

    def scenery(self) -> Scenery:
        """See :class:`~cmfq.environments.base.Environment`."""
        least, greatest = self._positions.min(0).tolist(), self._positions.max(0).tolist()
        nothing = np.zeros((0, 2), np.int32), np.zeros((0, 3), np.float32)
        bounds = (least[0], least[1], greatest[0] + 1, greatest[1] + 1)
        return Scenery(bounds, *nothing, (Body("square", 1.0),))

    def _speak(self) -> tuple[TeamObservation, ...]:
        settings, draw = self.settings, self._generator
        self._truth = draw.integers(settings.signals, size=settings.clusters, dtype=np.int32)
        low, high = 0, settings.signals
        if settings.setting == "action":
            low, high = settings.signals, settings.signals + settings.noises
        said = draw.integers(low, high, size=len(self._ids), dtype=np.int32)
        said[self.signals] = self.truth[self.signals]
        said[self.listens] = NO_ACTION  # who has not acted is nobody's neighbour
        return (TeamObservation(self._view, self._features, self._ids, self._positions, said),)
