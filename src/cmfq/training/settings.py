"""Settings of a training run, in one frozen value."""

from dataclasses import dataclass, field, replace
from typing import Generic, Literal, Self, TypeVar

from cmfq.algorithms import MeanFieldSettings, check_algorithm
from cmfq.devices import Arithmetic, check_name
from cmfq.environments.settings import EnvironmentSettings
from cmfq.errors import UserError, require_range, require_types
from cmfq.imports import own_names
from cmfq.learner import LearnerSettings
from cmfq.networks import NetworkSettings
from cmfq.objective import ObjectiveSettings
from cmfq.training.opponent_settings import SELF, OpponentSettings, parse_mix

LEAST_BETA = 1e-9


@dataclass(frozen=True)
class ExplorationSettings:
    """Exploration: the inverse temperature ``β`` of the Boltzmann policy over training."""

    beta_start: float = 3.0
    """Inverse temperature ``β`` in the first episode; actions are drawn from ``π ∝ exp(β Q)``
    (Eq 3, 10)."""
    beta_end: float = 30.0
    """Inverse temperature ``β`` after ``beta_episodes`` episodes and from then on."""
    beta_episodes: int = 20
    """Number of episodes over which ``β`` changes linearly from ``beta_start`` to ``beta_end``."""
    play_beta: float = 0.0
    """Inverse temperature ``β`` of checkpoints and exported policies when they play; 0 keeps the
    value of the last episode. Training needs varied actions, play does not."""

    def __post_init__(self) -> None:
        require_types(self)
        require_range(self, 0, 1e6, "beta_start", "beta_end", "play_beta")
        require_range(self, 0, 1e9, "beta_episodes")

    def beta(self, episode: int) -> float:
        """``β`` in an episode, counted from 0; above 0, or forbidden actions would be as good."""
        share = min(1.0, episode / self.beta_episodes) if self.beta_episodes > 0 else 1.0
        return max(LEAST_BETA, self.beta_start + (self.beta_end - self.beta_start) * share)


Settings = TypeVar("Settings", bound=EnvironmentSettings, covariant=True)


@dataclass(frozen=True)
class TrainSettings(Generic[Settings]):
    """Settings of a training run."""

    environment: Settings
    """Settings of the environment."""
    preset: str = "paper"
    """Preset that sets the other options unless they are given: paper, original or strong."""
    algorithm: str = "cmfq"
    """Algorithm of every role: iql, mfq, attention-mfq, cmfq, random-weights or
    module:rule."""
    algorithms: dict[str, str] = field(default_factory=dict)
    """Algorithms of single roles, if they differ: predator cmfq prey mfq."""
    episodes: int = 400
    """Number of training episodes."""
    sizes: tuple[int, ...] = ()
    """Sizes of the environment; each episode draws one of them: 16 36 64. A size given twice is
    drawn twice as often (default: always the size of the environment)"""
    sizes_join: Literal["at-once", "in-turn"] = "at-once"
    """Start of the sizes: at-once, all from the first episode on; or in-turn, the first size at the
    start and each of the others after an equal share of the episodes."""
    environments: int = 1
    """Number of episodes played side by side, with one network call a step, before each round of
    updates."""
    seed: int = 0
    """Random seed of the run."""
    start_from: str | None = None
    """Trained policy whose weights training starts from: a run folder (its last checkpoint),
    checkpoint file or zoo policy with the same network and inputs. An ensemble gives the weights of
    its last network. Everything else starts anew (default: random weights)"""
    opponents: tuple[str, ...] = (SELF,)
    """Opponents and their shares of the games: self=0.5 past=0.3 swarm=0.2. self is the current
    policy on both sides, gated a copy that is replaced once beaten, past a copy from an earlier
    episode; others are scripted players, checkpoint files, run folders or module:name."""
    checkpoint_period: int = 50
    """Number of episodes between checkpoints."""
    ensemble: int = 1
    """Number of networks whose mean Q-values a checkpoint uses in play (Anschel et al. 2017): its
    own and those of earlier checkpoints, evenly spread over the last half of the run so far. More
    than one network requires the pairwise head. The time of acting in play grows in proportion;
    training stays the same."""
    record_period: int = 0
    """Number of episodes between those recorded into the run folder; 0 records none."""
    evaluate_period: int = 0
    """Number of episodes between evaluations, each with a checkpoint, and one at the end of the
    run; 0 makes none."""
    evaluate_against: tuple[str, ...] = ("random",)
    """Opponents of the evaluations: scripted players, checkpoint files, run folders (their last
    checkpoint) or module:name."""
    evaluate_games: int = 20
    """Number of games of an evaluation against each opponent; sides swap after every game."""
    device: str = "auto"
    """Device of the networks and the replay buffer: cpu, cuda, cuda:1 for the second GPU, or auto,
    the first GPU if there is one. Different devices give different, equally good runs."""
    arithmetic: Arithmetic = "float32"
    """Arithmetic of the networks' trunks in training: float32, or bfloat16, which is faster on
    processors and GPUs with instructions for it, and gives different, equally good runs. Policies
    play in float32."""
    threads: int = 1
    """Number of threads for the network, and for stepping environments side by side. A different
    number gives a different, equally good run."""
    learning_rate_episodes: int = 0
    """Number of episodes over which the learning rate falls; 0 takes all episodes of the run. With
    another number, a longer run begins like a shorter one."""
    mean_field: MeanFieldSettings = field(default_factory=MeanFieldSettings)
    network: NetworkSettings = field(default_factory=NetworkSettings)
    learner: LearnerSettings = field(default_factory=LearnerSettings)
    objective: ObjectiveSettings = field(default_factory=ObjectiveSettings)
    exploration: ExplorationSettings = field(default_factory=ExplorationSettings)
    opponent_pool: OpponentSettings = field(default_factory=OpponentSettings)

    def __post_init__(self) -> None:
        self._check_names()
        check_name(self.device)
        require_types(self)
        for algorithm in (self.algorithm, *self.algorithms.values()):
            check_algorithm(algorithm)
        require_range(self, 1, 1024, "environments")
        require_range(self, 1, 1e9, "episodes", "checkpoint_period")
        require_range(self, 1, 100, "ensemble")
        parse_mix(self.opponents)
        for size in self.sizes:  # refuse one that has no map before anything is made
            self.environment.resized(size)
        require_range(self, 0, 1e9, "record_period", "evaluate_period", "learning_rate_episodes")
        require_range(self, 1, 1e6, "evaluate_games")
        if self.evaluate_period and not self.evaluate_against:
            raise UserError("evaluate_against is empty: name at least one opponent")
        if self.learner.symmetries and self.network.place:
            raise UserError(
                "symmetries and place are both on: the place on the map changes when the field is "
                "turned; turn place off"
            )
        require_range(self, 1, 1024, "threads")
        require_range(self, 0, 2**63, "seed")

    def _check_names(self) -> None:
        """Refuse names of players that are no strings, and a start that is known to be none."""
        start = () if self.start_from is None else (self.start_from,)
        for what, names in (
            ("start_from", start),
            ("opponents", self.opponents),
            ("evaluate_against", self.evaluate_against),
        ):
            for name in names:
                if not isinstance(name, str):
                    raise UserError(f"{what} has {name!r}, which is no string: give {str(name)!r}")
        if own_names(*start):
            raise UserError(
                f"start_from is {self.start_from}, a player of your own, which has no weights: "
                "give a run folder, a checkpoint file or a policy of the zoo"
            )

    def computed(self, device: str | None, arithmetic: Arithmetic | None) -> Self:
        """The same settings on another device or in another arithmetic; ``None`` keeps it."""
        return replace(
            self,
            device=self.device if device is None else device,
            arithmetic=self.arithmetic if arithmetic is None else arithmetic,
        )

    def sizes_at(self, episode: int) -> tuple[int, ...]:
        """Sizes that the episode after this many may draw."""
        if self.sizes_join == "at-once":
            return self.sizes
        return self.sizes[: 1 + episode * len(self.sizes) // self.episodes]

    def has_checkpoint(self, episode: int) -> bool:
        """Whether a run that nothing stops has a checkpoint after this many episodes."""
        periods = (self.checkpoint_period, self.evaluate_period)
        if episode == self.episodes:
            return True
        played = 0 < episode < self.episodes and episode % self.environments == 0
        return played and any(self.is_due(episode, one) for one in periods)

    def is_due(self, episode: int, period: int) -> bool:
        """Whether one of the episodes played last, side by side, ended a period; 0: none does."""
        before = max(0, episode - self.environments)
        return period > 0 and before // period < episode // period

    def starts_period(self, episode: int, period: int) -> bool:
        """Whether one of the episodes played next, side by side, begins a period; 0: none does."""
        last = min(episode + self.environments, self.episodes) - 1
        return period > 0 and (episode - 1) // period < last // period

    @property
    def own_functions(self) -> list[str]:
        """Names of functions outside the package that the run calls."""
        return [
            *own_names(self.algorithm, *self.algorithms.values()),
            *self.mean_field.own_functions,
            *self.environment.own_functions,
            *own_names(*parse_mix(self.opponents), *self.evaluate_against),
        ]


RunSettings = TrainSettings[EnvironmentSettings]
"""Settings of a run in whatever environment."""
