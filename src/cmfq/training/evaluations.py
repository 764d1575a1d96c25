"""Evaluations while a run trains: what they come to.

Who the opponents are and how games are played is not training's business: it is handed a function.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cmfq.policies import QPolicy


@dataclass(frozen=True)
class Score:
    """Some games of a player against an opponent."""

    wins: int
    draws: int
    losses: int
    margin: float
    """Mean of what decides a game, less the opponent's."""
    yardsticks: Mapping[str, float] = field(default_factory=dict)
    """Means over games of what is measured beside wins, by name."""

    @property
    def win_rate(self) -> float:
        """A draw counts half."""
        return (self.wins + self.draws / 2) / (self.wins + self.draws + self.losses)


PlayCheckpoint = Callable[[Path, Mapping[str, QPolicy], str, Callable[[], bool]], Score | None]
"""``(checkpoint, its policies, name of an opponent, should_stop) -> score``, from draws of its own;
none if it was asked to stop between two games."""


@dataclass(frozen=True)
class Evaluation:
    """One row of a run's evaluations: a checkpoint against an opponent."""

    episode: int
    opponent: str
    wins: int
    draws: int
    losses: int
    win_rate: float
    """A draw counts half."""
    margin: float
    """Mean of what decides a game, less the opponent's."""
    seconds: float
    """Seconds of the games, and with the first opponent of the checkpoint, if there would have been
    none without the evaluation."""
    yardsticks: dict[str, float] = field(default_factory=dict)
    """Means over games of what is measured beside wins, by name; empty in rows of versions that did
    not measure it."""

    def scalars(self) -> dict[str, float]:
        """Values that TensorBoard shows."""
        return {
            "episode": self.episode,
            f"win_rate/{self.opponent}": self.win_rate,
            f"margin/{self.opponent}": self.margin,
            **{f"{name}/{self.opponent}": value for name, value in self.yardsticks.items()},
        }

    @classmethod
    def of(cls, score: Score, episode: int, opponent: str, seconds: float) -> "Evaluation":
        """The row of a score."""
        return cls(
            episode,
            opponent,
            score.wins,
            score.draws,
            score.losses,
            score.win_rate,
            score.margin,
            seconds,
            dict(score.yardsticks),
        )


@dataclass(frozen=True)
class Evaluator:
    """Evaluation of a run during its training."""

    play: PlayCheckpoint
    report: Callable[[Evaluation], None]
    """Told of every row."""
