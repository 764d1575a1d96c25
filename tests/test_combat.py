"""Combat of games, against counts by hand and against the rules of battle."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from cmfq.combat import Combat, CombatTally, combat_tally, total_combat
from cmfq.decision import Decision
from cmfq.environments.base import Scenery, Step, TeamObservation
from cmfq.environments.battle import ATTACKS, MOVES, STAY, BattleEnvironment, BattleSettings
from cmfq.environments.pursuit import PursuitEnvironment, PursuitSettings
from cmfq.play.bots import bot
from cmfq.rollout import Episode, play_episode

RIGHT, LEFT = (len(MOVES) + ATTACKS.index(offset) for offset in ((1, 0), (-1, 0)))
DAMAGE, RECOVERY = 2.0, 0.1
"""Of battle, in hit points: of a blow, and of everyone in every step."""


def duel(steps: Sequence[tuple[int, int]]) -> tuple[Combat, ...]:
    """Red stands to the left of blue and does the first action of each step, blue the second."""
    field = (np.array([[5, 5]], np.int32), np.array([[6, 5]], np.int32))
    environment = BattleEnvironment(BattleSettings(size=16, rules="magent"), positions=field)
    observations = environment.reset(0)
    tally = CombatTally(environment)
    for actions in steps:
        taken = [np.array([action], np.int32) for action in actions]
        step = environment.step(taken)
        tally.add(observations, taken, step)
        observations = step.observations
    return tally.totals()


def test_a_blow_costs_its_damage_and_what_recovers_is_not_taken_off() -> None:
    """Blue is struck in the first step and the third; in between it recovers."""
    red, blue = duel([(RIGHT, STAY), (STAY, STAY), (RIGHT, STAY)])
    assert red.damage_taken == 0
    assert blue.damage_taken == pytest.approx(2 * (DAMAGE - RECOVERY), abs=1e-5)


def test_who_dies_loses_all_that_was_left() -> None:
    """Six blows, of which the last kills: ten hit points and what recovered in five steps."""
    _, blue = duel([(RIGHT, STAY)] * 6)
    assert blue.damage_taken == pytest.approx(10, abs=1e-4)


def test_chances_are_decisions_with_an_enemy_in_reach() -> None:
    """After the first step blue is hurt a little, so its chances count as neither kind."""
    red, blue = duel([(RIGHT, LEFT), (STAY, STAY)])
    assert (red.chances_unhurt, red.attacks_unhurt) == (1, 1)
    assert (blue.chances_unhurt, blue.attacks_unhurt) == (1, 1)
    assert red.chances_hurt == blue.chances_hurt == 0
    red, blue = duel([(RIGHT, STAY), (RIGHT, STAY), (RIGHT, STAY), (STAY, LEFT), (STAY, STAY)])
    assert (red.chances_unhurt, red.attacks_unhurt) == (4, 3)
    assert (blue.chances_unhurt, blue.attacks_unhurt) == (1, 0)
    assert (blue.chances_hurt, blue.attacks_hurt) == (2, 1)
    assert (blue.share_unhurt, blue.share_hurt) == (0.0, 0.5)


def test_without_a_chance_there_is_no_share() -> None:
    (red, blue) = duel([(MOVES.index((-2, 0)), STAY), (RIGHT, LEFT)])
    assert red.chances_unhurt == 1  # in the second step blue is two cells farther
    assert red.share_hurt is None
    assert blue.share_unhurt == 0.0


def test_parts_add_up() -> None:
    assert total_combat([Combat(1.5, 1, 2, 3, 4), Combat(2, 10, 20, 30, 40)]) == Combat(
        3.5, 11, 22, 33, 44
    )
    assert total_combat([]) == Combat(0, 0, 0, 0, 0)


class Oracle:
    """Counts agent by agent, from positions and health instead of views."""

    def __init__(self) -> None:
        self.lost = [0.0, 0.0]
        self.counts = np.zeros((2, 2, 2), int)
        """Of each team: unhurt or hurt, chances or attacks."""
        self.quarters = np.zeros((2, 4, 2), int)
        """Of each team and quarter of the hit points: chances, attacks."""

    def on_step(
        self,
        observations: tuple[TeamObservation, ...],
        decisions: tuple[Decision, ...],
        step: Step,
    ) -> None:
        for team, (own, enemy) in enumerate(zip(observations, observations[::-1], strict=True)):
            after = step.observations[team]
            assert own.health is not None
            assert after.health is not None
            left = dict(zip(after.ids.tolist(), after.health.tolist(), strict=True))
            for row, (agent, health) in enumerate(
                zip(own.ids.tolist(), own.health.tolist(), strict=True)
            ):
                self.lost[team] += max(0.0, health - left.get(agent, 0.0))
                offsets = enemy.positions - own.positions[row]
                if (np.abs(offsets).max(1) == 1).any():
                    attacked = int(decisions[team].actions[row]) >= len(MOVES)
                    quarter = sum(health >= bound for bound in (2.5, 5, 7.5))
                    self.quarters[team, quarter] += np.array([1, attacked])
                    for kind, counted in enumerate((health > 9.99, health < 5)):
                        self.counts[team, kind] += np.array([counted, counted and attacked])

    def on_truncation(
        self, observations: tuple[TeamObservation, ...], decisions: tuple[Decision, ...]
    ) -> None:
        pass


def played(environment: BattleEnvironment, names: Sequence[str], oracle: Oracle) -> Episode:
    return play_episode(
        environment,
        [bot(name) for name in names],
        seed=1,
        generator=np.random.default_rng(0),
        observers=[oracle],
    )


@pytest.mark.parametrize("names", [("swarm", "skirmish"), ("focus", "rush")])
def test_whole_games_agree_with_counts_agent_by_agent(names: tuple[str, str]) -> None:
    oracle = Oracle()
    episode = played(BattleEnvironment(BattleSettings(size=16, max_steps=150)), names, oracle)
    assert episode.combat is not None
    for team, one in enumerate(episode.combat):
        assert one.damage_taken == pytest.approx(oracle.lost[team], rel=1e-5)
        found = (one.chances_unhurt, one.attacks_unhurt, one.chances_hurt, one.attacks_hurt)
        assert found == tuple(oracle.counts[team].ravel())
        assert min(one.chances_unhurt, one.chances_hurt) > 0
    assert episode.attacks_by_health is not None
    for shares, quarters in zip(episode.attacks_by_health, oracle.quarters, strict=True):
        assert list(shares) == ["0-25", "25-50", "50-75", "75-100"]
        for share, (chances, attacks) in zip(shares.values(), quarters, strict=True):
            assert chances > 0
            assert share == pytest.approx(attacks / chances)
    for team, deaths in enumerate(episode.deaths):
        assert episode.combat[team].damage_taken > 9.9 * deaths


def test_a_quarter_without_a_chance_has_no_share() -> None:
    world = BattleEnvironment(BattleSettings(size=16, max_steps=1))
    episode = played(world, ("rush",) * 2, Oracle())
    assert episode.attacks_by_health is not None
    assert set(episode.attacks_by_health[0].values()) == {None}


class Bare(BattleEnvironment):
    """A battle that does not say how many hit points its agents start with."""

    def scenery(self) -> Scenery:
        scenery = super().scenery()
        bodies = tuple(replace(body, full_health=0.0) for body in scenery.bodies)
        return scenery._replace(bodies=bodies)


def test_without_full_hit_points_damage_alone_is_counted() -> None:
    settings = BattleSettings(size=16, max_steps=20)
    bare, known = (
        played(kind(settings), ("rush",) * 2, Oracle()) for kind in (Bare, BattleEnvironment)
    )
    assert bare.combat is not None
    assert known.combat is not None
    assert [one.damage_taken for one in bare.combat] == [one.damage_taken for one in known.combat]
    assert bare.combat[0].share_hurt is None


def test_worlds_without_hit_points_have_no_combat() -> None:
    environment = PursuitEnvironment(PursuitSettings())
    assert combat_tally(environment, environment.reset(0)) is None


def test_an_episode_says_whether_the_step_limit_ended_it() -> None:
    short = played(BattleEnvironment(BattleSettings(size=16, max_steps=3)), ("rush",) * 2, Oracle())
    whole = played(BattleEnvironment(BattleSettings(size=16)), ("swarm", "hold"), Oracle())
    assert (short.truncated, whole.truncated) == (True, False)
    assert min(whole.survivors) == 0
