"""Predators chase prey among round obstacles: MPE's ``simple_tag`` with hundreds of agents.

The game is that of ``mpe2.simple_tag_v3``, number for number: the same seed and actions give the
same positions, observations and rewards. mpe2 loops over pairs of agents in Python, which takes
long with many agents; here all pairs of any number of environments are calculated at once.

An agent observes everyone: its vector lists the position of each other agent, so its length
depends on the numbers of predators, prey and obstacles, and **a trained policy plays only at the
numbers with which it was trained**.

No agent gets farther from the middle than ``1 + max_steps * prey_speed / 10`` in x or in y: 4.25
with the defaults. So the error of half precision (in which the replay buffer keeps observations) is
at most 0.0005 within the field and 0.004 for any two agents; the smallest body is 0.1 wide.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import ClassVar, Literal

import numpy as np

from cmfq.environments.base import (
    NO_ACTION,
    Body,
    FloatArray,
    IntArray,
    Scenery,
    Step,
    TeamObservation,
    TeamSpecification,
    require_running,
)
from cmfq.environments.particle_world import (
    OBSTACLE_RADIUS,
    PREDATOR_RADIUS,
    PREY_RADIUS,
    WorldState,
    find_catches,
    observe,
    step_physics,
)
from cmfq.environments.settings import EnvironmentSettings, TrainingDefaults
from cmfq.errors import require_range, require_types

RewardSharing = Literal["own", "all"]
Role = Literal["predator", "prey"]

AGENTS_WITHIN = 1.0
OBSTACLES_WITHIN = 0.9
"""Episodes start with everything at random places in squares of this half side."""
FREE_WITHIN = 0.9
"""Prey whose x and y are both at most this far from 0 pay nothing for where they are."""
DRAWN_WITHIN = 1.5
"""Half side of what drawings show: prey that fear for their rewards stay within 1."""
ACTIONS = ("no_action", "push -1 +0", "push +1 +0", "push +0 -1", "push +0 +1")
"""Named by their x and y, in mpe2's order: no action, left, right, down, up, if y grows upwards."""


@dataclass(frozen=True)
class ParticlesSettings(EnvironmentSettings):
    """MPE's predator-prey: slower predators collide with faster prey."""

    kind: ClassVar = "particles"

    predators: int = 20
    """Number of predators (paper: 20)."""
    prey: int = 40
    """Number of prey (paper: 40)."""
    obstacles: int = 20
    """Number of round bodies that stay in place and push back (paper: 20)."""
    max_steps: int = 25
    """Number of steps of an episode (mpe2: 25; the paper gives no value)."""
    predator_speed: float = 1.0
    """Greatest speed of a predator, in lengths per 10 steps; half the side of the field is 1."""
    prey_speed: float = 1.3
    """Greatest speed of a prey, in the same unit (paper: 1.3 times the predators')."""
    catch_reward: float = 10.0
    """Reward of a predator for each prey that it touches, in every step (paper: 10)."""
    caught_penalty: float = -10.0
    """Reward of a prey for each predator that touches it, in every step (paper: -10)."""
    boundary_penalty: float = -10.0
    """Least reward of a prey far outside the field, in every step, for x and for y each (paper:
    -10)."""
    reward_sharing: RewardSharing = "own"
    """Predators that are rewarded for a catch: own, the one that touches the prey (paper), or all
    of them (mpe2)."""

    def __post_init__(self) -> None:
        require_types(self)
        require_range(self, 1, 1000, "predators", "prey")
        require_range(self, 0, 1000, "obstacles")
        require_range(self, 1, 1e6, "max_steps")
        require_range(self, 0, 1e3, "predator_speed", "prey_speed")
        require_range(self, 0, 1e6, "catch_reward")
        require_range(self, -1e6, 0, "caught_penalty", "boundary_penalty")

    @property
    def title(self) -> str:
        """A few words for headings."""
        return f"particles, {self.predators} predators, {self.prey} prey"

    @property
    def team_sizes(self) -> tuple[int, int]:
        """See :class:`~.settings.EnvironmentSettings`."""
        return self.predators, self.prey

    @property
    def training(self) -> TrainingDefaults:
        """Rewards are ten times as large as in battle, and episodes short."""
        return TrainingDefaults(
            {
                "exploration.beta_start": 0.1,
                "exploration.beta_end": 10.0,
                "exploration.beta_episodes": 100,
                "learner.learning_rate": 1e-3,
                "learner.discount": 0.9,
                "learner.min_updates": 40,
                "learner.replay_bytes": 256 * 2**20,
            }
        )

    def make(self) -> "ParticlesEnvironment":
        """See :class:`~.settings.EnvironmentSettings`."""
        return ParticlesEnvironment(self)


def start(settings: ParticlesSettings, seeds: Sequence[int]) -> WorldState:
    """Draw the first state of one world per seed; mpe2 draws the same from that seed."""
    positions, obstacles = [], []
    for seed in seeds:
        draw = np.random.default_rng(seed).uniform
        shape = (settings.predators + settings.prey, 2)
        positions.append(draw(-AGENTS_WITHIN, AGENTS_WITHIN, shape))
        obstacles.append(draw(-OBSTACLES_WITHIN, OBSTACLES_WITHIN, (settings.obstacles, 2)))
    placed = np.stack(positions)
    return WorldState(placed, np.zeros_like(placed), np.stack(obstacles))


def rewards(state: WorldState, settings: ParticlesSettings) -> tuple[FloatArray, FloatArray]:
    """Rewards of a step that led to ``state``: ``(worlds, predators)`` and ``(worlds, prey)``."""
    catches = find_catches(state, settings.predators)
    caught = catches.sum(2)
    if settings.reward_sharing == "all":
        caught = np.repeat(caught.sum(1, keepdims=True), settings.predators, axis=1)
    outside = np.abs(state.positions[:, settings.predators :])
    rising = np.maximum((outside - FREE_WITHIN) * 10, 0)
    steep = np.exp(np.minimum(2 * outside - 2, 20))  # e^20 is beyond any penalty: no overflow
    bounded = np.minimum(np.where(outside < 1, rising, steep), -settings.boundary_penalty)
    prey = settings.caught_penalty * catches.sum(1) - bounded.sum(2)
    return (settings.catch_reward * caught).astype(np.float32), prey.astype(np.float32)


def feature_names(settings: ParticlesSettings, role: Role) -> tuple[str, ...]:
    """Name the entries of an observation of :func:`~.particle_world.observe`.

    An agent leaves itself out: ``other_prey_3`` is prey 4 to prey 0, 1, 2, 3, and prey 3 to the
    rest.
    """
    if role == "predator":
        predators = [f"other_predator_{i}" for i in range(settings.predators - 1)]
        prey = [f"prey_{i}" for i in range(settings.prey)]
    else:
        predators = [f"predator_{i}" for i in range(settings.predators)]
        prey = [f"other_prey_{i}" for i in range(settings.prey - 1)]
    obstacles = [f"obstacle_{i}" for i in range(settings.obstacles)]
    velocities = [f"{name}_velocity" for name in prey]
    entries = ["velocity", "position", *obstacles, *predators, *prey, *velocities]
    return tuple(f"{entry}_{axis}" for entry in entries for axis in "xy")


class ParticlesEnvironment:
    """One world of predators and prey (see :class:`~.base.Environment`); nobody ever dies."""

    def __init__(self, settings: ParticlesSettings) -> None:
        self.settings = settings
        predators, agents = settings.predators, settings.predators + settings.prey
        self._members = (slice(0, predators), slice(predators, agents))
        self._ids = np.arange(agents, dtype=np.int32)
        self._no_view = np.zeros((agents, 0, 0, 0), np.float32)
        self._previous_actions = np.full(agents, NO_ACTION, np.int32)
        self._steps = 0
        self._state = start(settings, [0])
        roles: tuple[tuple[str, Role], ...] = (("predators", "predator"), ("prey", "prey"))
        self.teams = tuple(
            TeamSpecification(
                name=name,
                view_shape=(0, 0),
                channels=(),
                features=feature_names(settings, role),
                actions=ACTIONS,
                view_radius=inf,
                role=role,
            )
            for name, role in roles
        )

    def reset(self, seed: int) -> tuple[TeamObservation, ...]:
        """Everything at random places, everyone at rest."""
        self._state = start(self.settings, [seed])
        self._previous_actions = np.full(len(self._ids), NO_ACTION, np.int32)
        self._steps = 0
        return self._observe()

    def step(self, actions: Sequence[IntArray]) -> Step:
        """Push, collide, move, and pay for who touches whom then."""
        require_running(over=self._steps >= self.settings.max_steps)
        sizes = tuple(len(taken) for taken in actions)
        if sizes != (self.settings.predators, self.settings.prey):
            raise ValueError(
                f"{self.settings.predators} predators and {self.settings.prey} prey live, "
                f"{sizes} actions were given"
            )
        self._previous_actions = np.concatenate(list(actions)).astype(np.int32)
        self._state = step_physics(
            self._state,
            self._previous_actions[None],
            self.settings.predators,
            (self.settings.predator_speed, self.settings.prey_speed),
        )
        self._steps += 1
        predators, prey = rewards(self._state, self.settings)
        return Step(
            observations=self._observe(),
            rewards=(predators[0], prey[0]),
            alive=tuple(np.ones(size, np.bool_) for size in sizes),
            terminated=False,
            truncated=self._steps >= self.settings.max_steps,
        )

    def close(self) -> None:
        """Nothing is held that must be given back."""

    def scenery(self) -> Scenery:
        """The obstacles of the episode; agents may well leave the bounds."""
        places = self._state.obstacles[0].astype(np.float32)
        radii = np.full((len(places), 1), OBSTACLE_RADIUS, np.float32)
        return Scenery(
            bounds=(-DRAWN_WITHIN, -DRAWN_WITHIN, DRAWN_WITHIN, DRAWN_WITHIN),
            walls=np.zeros((0, 2), np.int32),
            obstacles=np.concatenate([places, radii], axis=1),
            bodies=(Body("circle", 2 * PREDATOR_RADIUS), Body("circle", 2 * PREY_RADIUS)),
        )

    def _observe(self) -> tuple[TeamObservation, ...]:
        features = observe(self._state, self.settings.predators)
        positions = self._state.positions[0].astype(np.float32)
        return tuple(
            TeamObservation(
                view=self._no_view[team],
                features=seen[0],
                ids=self._ids[team],
                positions=positions[team],
                previous_actions=self._previous_actions[team],
            )
            for team, seen in zip(self._members, features, strict=True)
        )
