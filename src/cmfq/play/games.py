"""One game between two players that are loaded: who has which teams, and what it came to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cmfq.combat import Combat, total_combat
from cmfq.decision import Decision
from cmfq.environments.base import Environment, TeamObservation
from cmfq.environments.keeping import kept_environment
from cmfq.environments.settings import EnvironmentSettings
from cmfq.environments.sides import seated, seats
from cmfq.play.players import Policies
from cmfq.policies import QPolicy
from cmfq.rollout import Observer, decide, play_episode


@dataclass(frozen=True)
class Game:
    """One game of a match, from A's point of view."""

    game: int
    a_side: int
    """0: A had the first of the two :func:`~cmfq.environments.sides.seats`, 1: the second."""
    a_survivors: int
    b_survivors: int
    steps: int
    a_reward: float
    b_reward: float
    truncated: bool
    """The step limit ended the game."""
    a_combat: Combat | None
    """Damage and attacks of A's agents; ``None`` where agents have no hit points."""
    b_combat: Combat | None

    def swapped(self) -> "Game":
        """The same game, with the players called the other way round."""
        return Game(
            self.game, 1 - self.a_side, self.b_survivors, self.a_survivors, self.steps,
            self.b_reward, self.a_reward, self.truncated, self.b_combat, self.a_combat,
        )  # fmt: skip


Deciding = tuple[QPolicy, TeamObservation, Decision]
"""Policy that plays a team, what the team observes, and what was decided."""


def decisions_until(
    policies: Mapping[str, QPolicy],
    settings: EnvironmentSettings,
    seed: int,
    last: int,
    generator: np.random.Generator,
) -> list[list[Deciding]]:
    """Decisions of every team in a game of policies against themselves, step by step.

    Args:
        policies: policy of each role, which fits the game.
        settings: settings of the game.
        seed: seed of the episode.
        last: last step, if the game does not end before; step 0 is the start, in which nobody has
            acted yet.
        generator: generator of every draw that the policies make.
    """
    watched = []
    environment = kept_environment(settings)
    players = [policies[team.role] for team in environment.teams]
    observations = environment.reset(seed)
    for _ in range(last + 1):
        (decisions,) = decide([players], [observations], generator)
        watched.append(list(zip(players, observations, decisions, strict=True)))
        outcome = environment.step([decision.actions for decision in decisions])
        if outcome.terminated or outcome.truncated:
            break
        observations = outcome.observations
    return watched


def play_between(
    environment: Environment,
    a: Policies,
    b: Policies,
    game: int,
    *,
    entropy: Sequence[int],
    observers: Sequence[Observer] = (),
) -> Game:
    """Play one game between players that are loaded already.

    Args:
        environment: to play in.
        a: has the first seats in even games (see :func:`~cmfq.environments.sides.seats`), and in
            all games where there is one team.
        b: plays the other one.
        game: its number.
        entropy: that every draw of the game comes from; integers of at least 0.
        observers: told of every step.
    """
    generator = np.random.default_rng(entropy)
    sides = seats(environment.teams, game)
    a_side = game % 2 if sides.second else 0
    players = seated(environment.teams, a, b, game)
    episode = play_episode(
        environment,
        [player[team.role] for player, team in zip(players, environment.teams, strict=True)],
        seed=int(generator.integers(2**31)),
        generator=generator,
        observers=observers,
    )
    a_teams, b_teams = sides if a_side == 0 else sides[::-1]
    combat = episode.combat
    return Game(
        game,
        a_side,
        sum(episode.survivors[team] for team in a_teams),
        sum(episode.survivors[team] for team in b_teams),
        episode.steps,
        sum((episode.rewards[team] for team in a_teams), 0.0),  # of no team a float too
        sum((episode.rewards[team] for team in b_teams), 0.0),
        episode.truncated,
        total_combat([combat[team] for team in a_teams]) if combat else None,
        total_combat([combat[team] for team in b_teams]) if combat else None,
    )
