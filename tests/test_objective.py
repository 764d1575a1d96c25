"""Objectives: by hand, in the replay, and in worlds where a sacrifice pays for the team."""

import numpy as np
import pytest
import torch

from cmfq.algorithms import MeanFieldSettings
from cmfq.batch import LEFT_OUT
from cmfq.decision import Decision
from cmfq.environments.base import Step, TeamObservation, TeamSpecification
from cmfq.errors import UserError
from cmfq.learner import Learner, LearnerSettings
from cmfq.networks import NetworkSettings, QNetwork
from cmfq.new_network import new_network
from cmfq.objective import ObjectiveSettings, shared_rewards
from cmfq.policies import QPolicy
from cmfq.replay_buffer import ReplayBuffer
from cmfq.replay_writer import ReplayWriter

TEAM = TeamSpecification("t", (0, 0), (), ("stage", "one", "first"), ("stay", "give"), np.inf)
GAMMA = 0.9


def seen(stage: int, agents: int) -> TeamObservation:
    features = np.zeros((agents, 3), np.float32)
    features[:, 0], features[:, 1] = stage, 1
    features[:1, 2] = agents == 2
    none = np.zeros(agents, np.int32)
    view = np.zeros((agents, 0, 0, 0), np.float32)
    return TeamObservation(view, features, none, np.zeros((agents, 2), np.int32), none)


def decided(actions: list[int]) -> Decision:
    zero = np.zeros((len(actions), 2), np.float32)
    return Decision(np.array(actions, np.int32), zero, zero)


def step(
    rewards: list[float], alive: list[bool], left: int, over: bool = False, rival: float = 0
) -> Step:
    """What a step brings the team, and the only agent of another team, which always lives."""
    of_teams = (np.array(rewards, np.float32), np.array([rival], np.float32))
    return Step((seen(1, left),), of_teams, (np.array(alive), np.array([True])), over, False)


def test_shared_rewards_by_hand() -> None:
    rewards = (np.array([4, 0], np.float32), np.array([3], np.float32), np.zeros(0, np.float32))
    assert shared_rewards(rewards, 0, ObjectiveSettings()).tolist() == [4, 0]
    half = ObjectiveSettings(team_share=0.5, rivalry=1.0)
    # 0.5 r + 0.5 (2 - 3)
    assert shared_rewards(rewards, 0, half).tolist() == [1.5, -0.5]
    assert shared_rewards(rewards, 1, half).tolist() == pytest.approx([0.5 * 3 + 0.5 * (3 - 2)])
    assert shared_rewards(rewards, 2, half).tolist() == []
    with pytest.raises(UserError, match=r"team_share is 1.5: give a number from 0 to 1"):
        ObjectiveSettings(team_share=1.5)


def test_a_clipped_reward_is_clipped_before_it_is_shared() -> None:
    rewards = (np.array([5, -0.1], np.float32), np.array([-3], np.float32))
    alone = shared_rewards(rewards, 0, ObjectiveSettings(reward_clip=0.5))
    np.testing.assert_allclose(alone, [0.5, -0.1])
    shared = shared_rewards(rewards, 0, ObjectiveSettings("end", 0.5, 1, reward_clip=0.5))
    common = (0.5 - 0.1) / 2 + 0.5
    np.testing.assert_allclose(shared, [0.25 + common / 2, -0.05 + common / 2], rtol=1e-6)


def written(
    objective: ObjectiveSettings, n_steps: int = 1, over: bool = True, seed: int = 0
) -> ReplayBuffer:
    """Three agents; the second dies at once, the third in the next step; then the game ends."""
    replay = ReplayBuffer(TEAM, GAMMA, 2**18, n_steps=n_steps)
    writer = ReplayWriter(replay, [0], objective, np.random.default_rng(seed))
    writer.on_step((seen(0, 3),), (decided([0, 1, 0]),), step([1, 2, 3], [True, False, True], 2))
    writer.on_step((seen(1, 2),), (decided([0, 1]),), step([10, 20], [True, False], 1))
    writer.on_step((seen(2, 1),), (decided([0]),), step([200], [True], 1, over=over))
    if not over:
        writer.on_truncation((seen(3, 1),), (decided([0]),))
    return replay


def rows(replay: ReplayBuffer) -> dict[float, tuple[float, float]]:
    """``{sum of rewards: (discount, stage of the next state)}`` of what can be sampled."""
    batch = replay.sample(500, np.random.default_rng(0))
    return {
        round(reward, 3): (round(discount, 3), stage)
        for reward, discount, stage in zip(
            batch.rewards.tolist(),
            batch.discounts.tolist(),
            batch.next_features[:, 0].tolist(),
            strict=True,
        )
    }


def test_death_ends_an_agents_future_or_is_left_out_or_is_followed_by_a_team_mates() -> None:
    ends = rows(written(ObjectiveSettings()))
    assert {reward: discount for reward, (discount, _) in ends.items()} == {
        1: 0.9, 2: 0, 3: 0.9, 10: 0.9, 20: 0, 200: 0,
    }  # fmt: skip
    left_out = rows(written(ObjectiveSettings(death="left-out")))
    assert left_out == {1: (0.9, 1), 3: (0.9, 1), 10: (0.9, 2)}
    cut_off = rows(written(ObjectiveSettings(death="left-out"), over=False))
    assert cut_off == left_out
    posthumous = rows(written(ObjectiveSettings(death="posthumous")))
    assert posthumous[2] == (0.9, 1)
    assert posthumous[20] == (0.9, 2)
    assert posthumous[200][0] == 0  # the game is over: nobody is left to earn anything


def test_rows_that_are_left_out_are_neighbours_and_nothing_else() -> None:
    """Whatever they were paid, the loss of Attention-MFQ stays the same."""
    batch = written(ObjectiveSettings(death="left-out")).sample_steps(60, np.random.default_rng(0))
    left_out = batch.actions == LEFT_OUT
    assert left_out.any()
    losses = []
    for paid in (0.0, 1e6):
        policy = QPolicy(TEAM, _network("attention-mfq"), "attention-mfq", MeanFieldSettings(), 1.0)
        learner = Learner(policy, LearnerSettings(), np.random.default_rng(0))
        losses.append(
            learner.update(batch._replace(rewards=batch.rewards + paid * left_out)).item()
        )
    assert losses[0] == losses[1]


def test_rewards_are_summed_over_n_steps_up_to_a_death_or_the_end() -> None:
    two = rows(written(ObjectiveSettings(), n_steps=2))
    assert two[round(1 + 0.9 * 10, 3)] == (0.81, 2)  # the first lives on
    assert two[2][0] == 0  # the second died
    assert two[round(3 + 0.9 * 20, 3)][0] == 0  # the third dies in the second step
    assert two[round(10 + 0.9 * 200, 3)][0] == 0
    cut_off = rows(written(ObjectiveSettings(), n_steps=3, over=False))
    assert cut_off[round(1 + 0.9 * 10 + 0.81 * 200, 3)] == (0.729, 3)
    assert cut_off[round(10 + 0.9 * 200, 3)] == (0.81, 3)  # bootstraps where it was cut off
    assert cut_off[200] == (0.9, 3)


def test_a_posthumous_sum_goes_on_with_the_rewards_of_the_heir() -> None:
    """``r + 0.9 r_heir`` for who died, then ``0.81 v`` of the heir, or of the heir's own heir."""
    of_the_second = set()
    for seed in range(8):  # its heir is the first, which then earns 10, or the third: 20
        two = rows(written(ObjectiveSettings(death="posthumous"), n_steps=2, seed=seed))
        assert two.pop(1 + 0.9 * 10) == (0.81, 2)
        assert two.pop(3 + 0.9 * 20) == (0.81, 2)  # the third dies in the second step
        assert two.pop(10 + 0.9 * 200)[0] == 0  # the game is over
        assert two.pop(20 + 0.9 * 200)[0] == 0  # dies, and is followed by the first
        of_the_second |= two.items()
    assert of_the_second == {(2 + 0.9 * 10, (0.81, 2)), (2 + 0.9 * 20, (0.81, 2))}


def _network(algorithm: str) -> QNetwork:
    torch.manual_seed(0)
    return new_network(TEAM, NetworkSettings(view_units=16, hidden_units=32), algorithm)


def values_learned(replay: ReplayBuffer, rng: np.random.Generator, updates: int) -> list[float]:
    """``Q(stay)`` and ``Q(give)`` of the first of two agents at the start of a game, learned."""
    policy = QPolicy(TEAM, _network("iql"), "iql", MeanFieldSettings(), 1.0)
    settings = LearnerSettings(learning_rate=3e-3, discount=GAMMA, target_period=20, batch_size=64)
    learner = Learner(policy, settings, rng)
    for _ in range(updates):
        learner.update(learner.sample(replay))
    values = policy.decide([seen(0, 2)], rng)[0].q_values
    assert values is not None
    stay, give = values[0].tolist()
    return [stay, give]


def gain_of_giving(objective: ObjectiveSettings) -> float:
    """``Q(give) - Q(stay)`` of the first of two agents, learned.

    If it stays it earns 1, and nothing more happens. If it gives it dies and earns nothing, but its
    team-mate then earns 4 in each of two steps: 0.9 * 4 + 0.81 * 4 = 6.84 seen from now. The only
    agent of another team earns 4 in the first step if it stays, and never anything if it gives.
    """
    replay = ReplayBuffer(TEAM, GAMMA, 2**20)
    rng = np.random.default_rng(0)
    for gives in (True, False) * 60:
        writer = ReplayWriter(replay, [0], objective, rng)
        first = (seen(0, 2),), (decided([int(gives), 0]),)
        if gives:
            writer.on_step(*first, step([0, 0], [False, True], 1))
            for stage in (1, 2):  # whatever it does
                either = decided([int(rng.integers(2))])
                writer.on_step((seen(stage, 1),), (either,), step([4], [True], 1, stage == 2))
        else:
            writer.on_step(*first, step([1, 0], [True, True], 2, over=True, rival=4))
    stay, give = values_learned(replay, rng, updates=1500)
    return give - stay


@pytest.mark.parametrize(
    ("objective", "gain"),
    [
        (ObjectiveSettings(), -1.0),
        (ObjectiveSettings(death="posthumous"), 6.84 - 1),
        (ObjectiveSettings(team_share=0.5), -0.75),  # the team's reward counts until one's death
        (ObjectiveSettings(death="posthumous", team_share=0.5), 6.84 - 0.75),
        # staying: 0.5 * 1 + 0.5 * (0.5 - 1 * 4); giving: 0
        (ObjectiveSettings(team_share=0.5, rivalry=1.0), 1.25),
    ],
)
def test_a_sacrifice_is_learned_where_the_objective_makes_it_pay(
    objective: ObjectiveSettings, gain: float
) -> None:
    assert gain_of_giving(objective) == pytest.approx(gain, abs=0.5)


def values_where_death_pays(paid: float, objective: ObjectiveSettings) -> list[float]:
    """``Q(stay)`` and ``Q(give)`` of the first of two agents, learned.

    If it stays it earns 1 and lives on; if it gives it is paid and dies. Later every living agent
    earns 0.1 in each step, whatever it does, until the game is cut off: 0.1 / (1 - 0.9) = 1.
    """
    replay = ReplayBuffer(TEAM, GAMMA, 2**20)
    rng = np.random.default_rng(0)
    for gives in (True, False) * 60:
        writer, left = ReplayWriter(replay, [0], objective, rng), 1 if gives else 2
        now = step([paid if gives else 1, 0.1], [not gives, True], left)
        writer.on_step((seen(0, 2),), (decided([int(gives), 0]),), now)
        for _ in range(3):
            either = decided(rng.integers(2, size=left).tolist())
            writer.on_step((seen(1, left),), (either,), step([0.1] * left, [True] * left, left))
        writer.on_truncation((seen(1, left),), (decided([0] * left),))
    return values_learned(replay, rng, updates=1000)


def test_nothing_is_learned_from_the_row_of_a_death_that_is_left_out() -> None:
    """The value of living on is ``1 + 0.9 * 1`` however death is paid, bit for bit the same."""
    left_out = ObjectiveSettings(death="left-out")
    learned = values_where_death_pays(5, left_out)
    assert learned[0] == pytest.approx(1.9, abs=0.2)
    assert values_where_death_pays(-5, left_out) == learned
    assert values_where_death_pays(5, ObjectiveSettings()) == pytest.approx([1.9, 5], abs=0.2)
