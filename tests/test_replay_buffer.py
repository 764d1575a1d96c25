"""The ring, filled with counters, against an oracle that forgets nothing."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cmfq.decision import Decision
from cmfq.environments.base import Step, TeamObservation, TeamSpecification
from cmfq.environments.battle import BattleEnvironment, BattleSettings
from cmfq.errors import UserError
from cmfq.replay_buffer import ReplayBuffer
from cmfq.replay_writer import ReplayWriter

SPECIFICATION = TeamSpecification("t", (3, 3), ("a",), ("id", "time"), ("x", "y"), 1)
DISCOUNT = 0.9


def ring(rows: int, writers: int = 2) -> ReplayBuffer:
    replay = ReplayBuffer(SPECIFICATION, DISCOUNT, 2**20, writers)
    assert replay.capacity > rows
    replay.capacity = rows
    return replay


def observe(ids: np.ndarray, time: int) -> TeamObservation:
    n = len(ids)
    features = np.stack([ids, np.full(n, time)], 1).astype(np.float32)
    view = np.broadcast_to(features[:, :1, None, None], (n, 3, 3, 1)).astype(np.float32)
    positions = np.stack([ids, ids * 2], 1).astype(np.int32)
    return TeamObservation(view, features, ids, positions, (ids % 2).astype(np.int32))


def decide(ids: np.ndarray, time: int) -> Decision:
    counts = np.stack([ids, np.full(len(ids), time)], 1).astype(np.float32)
    return Decision((ids % 2).astype(np.int32), counts, counts / 100)


def play(
    replay: ReplayBuffer, rng: np.random.Generator, episode: int, size: int, steps: int
) -> None:
    """An episode in which agents die at random; rewards say who earned them, and when."""
    ids = np.arange(size, dtype=np.int32)
    writer = ReplayWriter(replay, [0])
    for t in range(steps):
        time = 100 * episode + t
        alive = rng.random(len(ids)) < 0.9
        terminated = not alive.any()
        truncated = t == steps - 1 and not terminated
        rewards = (ids + time / 1000).astype(np.float32)
        survivors = ids[alive]
        following = observe(survivors, time + 1)
        step = Step((following,), (rewards,), (alive,), terminated, truncated)
        writer.on_step((observe(ids, time),), (decide(ids, time),), step)
        ids = survivors
        if terminated:
            return
    writer.on_truncation((observe(ids, 100 * episode + steps),), (decide(ids, time + 1),))


@settings(max_examples=40)
@given(
    seed=st.integers(0, 1000),
    capacity=st.integers(60, 400),
    episodes=st.integers(1, 9),
    size=st.integers(1, 12),
)
def test_every_sampled_transition_is_one_that_happened(
    seed: int, capacity: int, episodes: int, size: int
) -> None:
    rng = np.random.default_rng(seed)
    replay = ring(capacity)
    for episode in range(episodes):
        play(replay, rng, episode, size, steps=8)
    batch = replay.sample(200, rng)
    ids, times = batch.features.T
    assert torch.equal(batch.view, ids[:, None, None, None].expand(-1, 3, 3, 1))
    assert torch.equal(batch.actions, (ids % 2).long())
    torch.testing.assert_close(batch.rewards, ids + times / 1000)
    assert torch.equal(batch.counts, torch.stack([ids, times], 1))
    torch.testing.assert_close(batch.merged_actions, batch.counts / 100)
    lives = batch.discounts > 0
    assert torch.equal(batch.discounts[lives], torch.full((int(lives.sum()),), DISCOUNT))
    assert torch.equal(batch.next_features[lives, 0], ids[lives])
    assert torch.equal(batch.next_features[lives, 1], times[lives] + 1)
    assert torch.equal(batch.next_counts[lives, 1], times[lives] + 1)
    torch.testing.assert_close(batch.next_merged_actions[lives], batch.next_counts[lives] / 100)


def test_everything_that_fits_can_be_sampled_and_deaths_have_no_future() -> None:
    rng = np.random.default_rng(0)
    replay = ring(500)
    for episode in range(4):
        play(replay, rng, episode, 8, steps=6)
    batch = replay.sample(5000, rng)
    seen = {tuple(row) for row in batch.features.int().tolist()}
    columns = replay.state()
    taken = columns["actions"] >= 0
    assert seen == {tuple(row) for row in columns["features"][taken].int().tolist()}
    assert 0 < (batch.discounts == 0).float().mean() < 0.5


def test_sampled_steps_are_whole() -> None:
    rng = np.random.default_rng(0)
    replay = ring(500)
    for episode in range(4):
        play(replay, rng, episode, 8, steps=6)
    stored = replay.state()
    batch = replay.sample_steps(60, rng)
    assert len(batch.actions) >= 60
    assert batch.groups is not None
    for group in range(int(batch.groups.max()) + 1):
        rows = batch.groups == group
        time = batch.features[rows, 1]
        assert (time == time[0]).all()
        ids = batch.features[rows, 0]
        taken = (stored["features"][:, 1] == time[0]) & (stored["actions"] >= 0)
        assert ids.tolist() == stored["features"][taken, 0].tolist()
        assert torch.equal(batch.positions[rows], torch.stack([ids, ids * 2], 1))
        assert torch.equal(batch.previous_actions[rows], (ids % 2).long())


def test_old_steps_go_whole() -> None:
    replay = ring(100)
    rng = np.random.default_rng(0)
    for episode in range(30):
        play(replay, rng, episode, 10, steps=5)
        assert len(replay) <= 100
    oldest = replay.sample(2000, rng).features[:, 1].min()
    assert oldest >= 100 * 26


def test_steps_in_which_nobody_is_there_leave_no_trace() -> None:
    replay = ring(40)
    rng = np.random.default_rng(0)
    nobody = np.zeros(0, np.int32)
    for time in range(60):
        for ids in (nobody, np.arange(time % 10, dtype=np.int32), nobody):
            rows = replay.append(observe(ids, time), decide(ids, time))
            lives, rewards = np.zeros(len(ids), bool), np.zeros(len(ids), np.float32)
            replay.complete(rows, (ids % 2).astype(np.int32), rewards, lives, None)
        assert len(replay) <= 40
    batch = replay.sample_steps(200, rng)
    assert batch.groups is not None
    sizes = torch.bincount(batch.groups)
    assert torch.equal(sizes[batch.groups], (batch.features[:, 1] % 10).long())


def test_restoring_gives_the_same_ring() -> None:
    rng = np.random.default_rng(0)
    replay, copy = ring(150), ring(150)
    for episode in range(9):
        play(replay, rng, episode, 10, steps=5)
    copy.restore({name: tensor.clone() for name, tensor in replay.state().items()})
    for ring_ in (replay, copy):
        play(ring_, np.random.default_rng(1), 9, 10, steps=5)
    first = replay.sample(300, np.random.default_rng(2))
    second = copy.sample(300, np.random.default_rng(2))
    for one, other in zip(first, second, strict=True):
        assert one is other is None or torch.equal(one, other)


def test_the_size_in_bytes_is_kept() -> None:
    specification = BattleEnvironment(BattleSettings(size=12)).teams[0]
    replay = ReplayBuffer(specification, DISCOUNT, 16 * 2**20)
    stored = sum(column.nbytes for column in replay._columns.values())
    assert 0.99 * 16 * 2**20 < stored <= 16 * 2**20
    row_bytes = stored / replay.capacity
    assert row_bytes < 2 * (13 * 13 * 7 + 39) + 160  # half precision, and little beside it


def test_a_ring_too_small_says_so() -> None:
    with pytest.raises(UserError, match=r"replay_bytes is 100: an agent-step takes \d+ bytes"):
        ReplayBuffer(SPECIFICATION, DISCOUNT, 100)
    with pytest.raises(UserError, match=r"too few for 2 team\(s\) of 30"):
        ring(100).append(observe(np.arange(30, dtype=np.int32), 0), decide(np.arange(30), 0))


def test_a_step_stays_until_the_next_one_of_its_team_however_many_teams_write() -> None:
    """Six teams of 150 do not fit into 1,000 rows; one of 300 does."""
    some, many = np.arange(150, dtype=np.int32), np.arange(300, dtype=np.int32)
    with pytest.raises(UserError, match=r"too few for 6 team\(s\) of 150"):
        ring(1000, writers=6).append(observe(some, 0), decide(some, 0))
    ring(1000, writers=1).append(observe(many, 0), decide(many, 0))


def test_an_empty_ring_cannot_be_sampled() -> None:
    for draw in (ring(100).sample, ring(100).sample_steps):
        with pytest.raises(ValueError, match="no completed step"):
            draw(1, np.random.default_rng(0))


def test_battle_observations_survive_half_precision() -> None:
    environment = BattleEnvironment(BattleSettings(size=64))
    view = environment.reset(0)[0].view
    stored = torch.from_numpy(view).half().float().numpy()
    np.testing.assert_allclose(stored, view, rtol=5e-4)
