"""One game, remembered step by step, for tests that draw or count its frames."""

from dataclasses import dataclass, field

from cmfq.decision import Decision
from cmfq.environments.base import Step, TeamObservation
from cmfq.environments.keeping import opened
from cmfq.environments.settings import EnvironmentSettings
from cmfq.play.games import Game, play_between
from cmfq.play.players import load_player
from cmfq.recordings.frames import TeamFrame


@dataclass
class FightRecorder:
    """Watches a game (see :class:`cmfq.rollout.Observer`)."""

    frames: list[tuple[TeamFrame, ...]] = field(default_factory=list)

    def on_step(
        self,
        observations: tuple[TeamObservation, ...],
        decisions: tuple[Decision, ...],
        step: Step,
    ) -> None:
        """Remember what a drawing needs, and not the observations."""
        self.frames.append(
            tuple(
                TeamFrame(
                    observation.positions,
                    observation.health,
                    decision.actions,
                    alive,
                )
                for observation, decision, alive in zip(
                    observations, decisions, step.alive, strict=True
                )
            )
        )

    def on_truncation(
        self, observations: tuple[TeamObservation, ...], decisions: tuple[Decision, ...]
    ) -> None:
        """Nothing to draw."""


def watched_game(
    a: str, b: str, settings: EnvironmentSettings, *, seed: int, game: int = 0
) -> tuple[Game, FightRecorder]:
    """One game of a match again, watched (see :func:`cmfq.play.matches.play_match`)."""
    recorder = FightRecorder()
    with opened(settings) as environment:
        one, other = (load_player(name, settings.kind, environment.teams) for name in (a, b))
        played = play_between(
            environment, one, other, game, entropy=(seed, game), observers=(recorder,)
        )
    return played, recorder
