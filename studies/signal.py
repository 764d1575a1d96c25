"""Do the weights find the neighbours that matter, where it is known which ones do?

``python -m studies.signal --out docs/results/signal`` trains the algorithms in the
world of :mod:`cmfq.environments.signal`, over numbers of babblers and seeds, and writes the raw
rows, and from these the tables and the figure.
"""

import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import torch
import tyro

from cmfq.algorithms import MeanFieldSettings
from cmfq.decision import Decision
from cmfq.environments.base import Step, TeamObservation
from cmfq.environments.signal import Setting, SignalEnvironment, SignalSettings
from cmfq.errors import UserError
from cmfq.learner import Learner, LearnerSettings
from cmfq.merge import interaction_weights
from cmfq.networks import NetworkSettings
from cmfq.new_network import new_network
from cmfq.policies import QPolicy
from cmfq.replay_buffer import ReplayBuffer
from cmfq.replay_writer import ReplayWriter
from cmfq.rollout import play_episode
from cmfq.storage import versions, write_json
from cmfq.training.settings import ExplorationSettings
from studies.signal_report import SignalRow, write_report, write_rows


@dataclass(frozen=True)
class SignalTraining:
    """Training and measurement of each policy of the study."""

    episodes: int = 40
    """Number of training episodes."""
    updates: int = 6
    """Number of updates after each episode."""
    listener_steps: int = 64
    """Mean number of listeners in a minibatch, which sets the batch size: talkers come on top, or
    the more of them there are the less would be learned of listeners."""
    test_episodes: int = 8
    """Number of fresh episodes to measure in."""
    network: NetworkSettings = field(
        default_factory=lambda: NetworkSettings("additive", (1, 1), 1, 8, 32, 8)
    )
    learner: LearnerSettings = field(
        default_factory=lambda: LearnerSettings(
            learning_rate=5e-3,
            final_learning_rate=2e-3,
            discount=0.0,  # what a listener chooses changes nothing that comes after
            replay_bytes=32 * 2**20,
            target_merged_action="stored",  # the target is the reward, whatever comes next
        )
    )
    exploration: ExplorationSettings = field(
        default_factory=lambda: ExplorationSettings(beta_episodes=20)
    )


@dataclass(frozen=True)
class Variant:
    """One of those compared."""

    algorithm: str
    mean_field: MeanFieldSettings = field(default_factory=MeanFieldSettings)
    merged_action: Literal["stored", "recomputed"] = "stored"
    """In the update, as in :class:`~cmfq.learner.LearnerSettings`."""


VARIANTS = {
    "mfq": Variant("mfq"),
    "cmfq": Variant("cmfq"),
    "cmfq, recomputed": Variant("cmfq", merged_action="recomputed"),
    "cmfq, leave-one-out": Variant("cmfq", MeanFieldSettings(intervention="leave-one-out")),
    "attention-mfq": Variant("attention-mfq"),
    "random-weights": Variant("random-weights"),
}
"""The algorithms with their defaults, and two other ways that CMFQ leaves open."""


def train(world: SignalSettings, variant: str, seed: int, training: SignalTraining) -> QPolicy:
    """Train one policy; the same arguments give the same policy."""
    algorithm, mean_field = VARIANTS[variant].algorithm, VARIANTS[variant].mean_field
    network_seed, episode_seed, acting_seed, learning_seed = np.random.SeedSequence(seed).spawn(4)
    episodes, acting, learning = map(
        np.random.default_rng, (episode_seed, acting_seed, learning_seed)
    )
    environment = SignalEnvironment(world)
    specification = environment.teams[0]
    with torch.random.fork_rng():
        torch.manual_seed(int(network_seed.generate_state(1)[0]))
        network = new_network(specification, training.network, algorithm)
    beta = training.exploration.beta(0)
    policy = QPolicy(specification, network, algorithm, mean_field, beta)
    batch_size = training.listener_steps * world.cluster_size // world.listeners
    settings = replace(
        training.learner, batch_size=batch_size, merged_action=VARIANTS[variant].merged_action
    )
    learner = Learner(policy, settings, learning)
    replay = ReplayBuffer(specification, settings.discount, settings.replay_bytes)
    for episode in range(training.episodes):
        policy.beta = training.exploration.beta(episode)
        learner.set_learning_rate(episode / training.episodes)
        play_episode(
            environment,
            [policy],
            seed=int(episodes.integers(2**31)),
            generator=acting,
            observers=[ReplayWriter(replay, (0,))],
        )
        for _ in range(training.updates):
            learner.update(learner.sample(replay))
    policy.beta = training.exploration.beta(training.episodes)
    return policy


@dataclass(frozen=True)
class Measured:
    """Means over the listeners and steps of some episodes."""

    weight_share: float
    """Share of the neighbours that matter in the merged action, together."""
    ranks_first: float
    """Share of decisions in which one of them weighs most; among equal weights, by lot."""
    reward: float
    """Per listener and step; the optimum is 1."""


class Listening:
    """Watches an episode, and what every listener's neighbours weigh in it."""

    def __init__(self, environment: SignalEnvironment, policy: QPolicy) -> None:
        self._environment = environment
        self._policy = policy
        self._steps: list[tuple[float, float, float]] = []

    def on_step(
        self,
        observations: tuple[TeamObservation, ...],
        decisions: tuple[Decision, ...],
        step: Step,
    ) -> None:
        """Measure a step."""
        listens, signals = self._environment.listens, self._environment.signals
        weights = neighbour_weights(self._policy, observations[0], decisions[0])[listens]
        greatest = weights.max(axis=1, keepdims=True)
        first = weights > greatest * (1 - 1e-4)  # alike but for rounding
        self._steps.append(
            (
                float(weights[:, signals].sum(1).mean()),
                float((first[:, signals].sum(1) / first.sum(1)).mean()),
                float(step.rewards[0][listens].mean()),
            )
        )

    def on_truncation(
        self, observations: tuple[TeamObservation, ...], decisions: tuple[Decision, ...]
    ) -> None:
        """Nothing is earned there."""

    def result(self) -> Measured:
        """Means over all the steps watched."""
        return Measured(*np.mean(self._steps, axis=0).tolist())


def neighbour_weights(
    policy: QPolicy, observation: TeamObservation, decision: Decision
) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """``(agents, agents)``: what each column weighs for each row, 0 where it is no neighbour."""
    agents = len(observation.ids)
    trace = decision.trace
    assert trace is not None, "learned policies have a trace"
    found = trace.neighbourhood.interactions or policy.interactions(observation)
    table = np.zeros((agents, agents))
    weights = interaction_weights(trace.merged, trace.neighbourhood.counts, found)
    table[found.agent, found.neighbour] = weights.numpy()
    return table


def measure(world: SignalSettings, policy: QPolicy, seed: int, episodes: int) -> Measured:
    """Play fresh episodes, and weigh every listener's neighbours in them."""
    environment = SignalEnvironment(world)
    acting, _, starts = map(np.random.default_rng, np.random.SeedSequence(seed).spawn(3))
    listening = Listening(environment, policy)
    for _ in range(episodes):
        play_episode(
            environment,
            [policy],
            seed=int(starts.integers(2**31)),
            generator=acting,
            observers=[listening],
        )
    return listening.result()


@dataclass(frozen=True)
class SignalStudy:
    """Train every variant in a world where it is known which neighbours matter."""

    out: Path
    """Folder for the raw rows, the tables and the figure."""
    seeds: int = 10
    """Runs of each variant in each world."""
    babblers: tuple[int, ...] = (1, 4, 16, 32)
    """Beside the one signaller that each listener hears."""
    report_only: bool = False
    """Write tables and figure again, from the rows that are in the folder."""
    training: SignalTraining = field(default_factory=SignalTraining)

    def __post_init__(self) -> None:
        if self.seeds < 1 or not self.babblers:
            raise UserError("give at least one seed and one number of babblers")


def study(settings: SignalStudy) -> Iterator[SignalRow]:
    """Seed by seed, so that a study cut short is one of fewer seeds."""
    for seed in range(settings.seeds):
        for setting in get_args(Setting):
            for babblers in settings.babblers:
                world = SignalSettings(setting=setting, babblers=babblers)
                for variant in VARIANTS:
                    policy = train(world, variant, seed, settings.training)
                    # Another stream of seeds than training's: fresh episodes.
                    found = measure(world, policy, 2**31 + seed, settings.training.test_episodes)
                    yield SignalRow(setting, babblers, variant, seed, **asdict(found))


def main(arguments: list[str] | None = None) -> int:
    """Run the study and report it."""
    torch.set_num_threads(1)
    try:
        settings = tyro.cli(SignalStudy, args=arguments)
        if not settings.report_only:
            settings.out.mkdir(parents=True, exist_ok=True)
            write_json(
                settings.out / "settings.json",
                {
                    "babblers": settings.babblers,
                    "seeds": settings.seeds,
                    "world": SignalSettings(),
                    "training": settings.training,
                    "variants": VARIANTS,
                    "versions": versions(),
                },
            )
            write_rows(settings.out, study(settings))
        write_report(settings.out)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
