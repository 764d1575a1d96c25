from pathlib import Path

import numpy as np
import pytest
from games import Walk, make_policy, record, record_pond, record_signal

from cmfq.algorithms import ALGORITHMS
from cmfq.environments.battle import BattleEnvironment, BattleSettings
from cmfq.errors import UserError
from cmfq.recordings import read
from cmfq.recordings.draw import TEAM_COLOURS, WEIGHT_COLOUR, mix
from cmfq.recordings.neighbours import find_agent, neighbours, previous_actions
from cmfq.recordings.render import parse_steps, render
from cmfq.rollout import decide

STEP = 6


@pytest.mark.parametrize("algorithm", sorted(set(ALGORITHMS) - {"random-weights"}))
def test_neighbours_are_those_that_the_policy_explains(tmp_path: Path, algorithm: str) -> None:
    policy = make_policy(algorithm)
    replay = read(record(tmp_path / "game.replay", (policy, policy)))
    environment = BattleEnvironment(BattleSettings(size=12, max_steps=8))
    generator = np.random.default_rng(5)
    observations = environment.reset(3)
    for _ in range(STEP):
        decisions = decide([(policy, policy)], [observations], generator)[0]
        observations = environment.step([one.actions for one in decisions]).observations
    for observation in observations:
        for agent in observation.ids.tolist():
            why = {one.id: one for one in policy.explain(observation, agent).neighbours}
            recorded = neighbours(replay, STEP, agent)
            assert {one.id for one in recorded} == set(why)
            for one in recorded:
                assert one.weight == pytest.approx(why[one.id].weight, abs=5e-4)
                assert one.effect == pytest.approx(why[one.id].effect, rel=1e-3, abs=1e-4)
                assert policy.specification.actions[one.action] == why[one.id].action


@pytest.mark.parametrize("algorithm", ["cmfq", "attention-mfq"])
def test_so_are_neighbours_that_count_as_doing_something_else(
    tmp_path: Path, algorithm: str
) -> None:
    policy, observation = record_signal(tmp_path / "game.replay", algorithm)
    replay = read(tmp_path / "game.replay")
    previous = previous_actions(replay, 1, 0)
    np.testing.assert_array_equal(previous, observation.previous_actions)
    for agent in observation.ids.tolist():
        why = policy.explain(observation, agent).neighbours
        found = {one.id: one.weight for one in neighbours(replay, 1, agent)}
        assert len(found) == 3 - (previous[agent] >= 0)  # of three talkers in its cluster
        assert found == pytest.approx({one.id: one.weight for one in why}, abs=5e-4)


def test_the_weightiest_neighbour_shines(tmp_path: Path) -> None:
    policy = make_policy("cmfq")
    replay = read(record(tmp_path / "game.replay", (policy, policy)))
    heeded = neighbours(replay, STEP, 4)
    (picture,) = render(replay, range(STEP, STEP + 1), cell=20, agent=4)
    top = len(picture) - 20 * 20

    def colour(team: int, row: int) -> str:
        x, y = replay.steps[STEP][team].positions[row] + 0.7
        return "#" + bytes(picture[int(top + 20 * y), int(20 * x)]).hex()

    least, most = heeded[-1], heeded[0]
    assert least.weight < most.weight
    assert colour(*most.place) == WEIGHT_COLOUR
    share = least.weight / most.weight
    assert colour(*least.place) == mix(TEAM_COLOURS[0], WEIGHT_COLOUR, share)
    assert colour(*find_agent(replay, STEP, 4)) == TEAM_COLOURS[0]


def test_a_scripted_agent_heeds_nobody(fight: Path) -> None:
    replay = read(fight)
    agent = int(replay.steps[STEP][1].ids[0])
    assert neighbours(replay, STEP, agent) == []
    with pytest.raises(UserError, match="agent 77 is not alive in step 6"):
        neighbours(replay, STEP, 77)


def test_steps_are_named_as_slices(fight: Path) -> None:
    replay = read(fight)
    length = len(replay.steps)
    for text, steps in {
        "": range(length),
        "7": range(7, 8),
        "3:9": range(3, 9),
        "5:": range(5, length),
        ":5": range(5),
    }.items():
        assert parse_steps(text, replay) == steps
    for text in ("-1", str(length), "4:2", ":999999", "x", "1:2:3"):
        with pytest.raises(UserError, match="steps is"):
            parse_steps(text, replay)


@pytest.mark.parametrize("crop", [False, True])
@pytest.mark.parametrize(
    ("start", "stride"), [(0.0, 1.0), (5e6, 1.0), (0.0, 4e3), (0.0, 1e5), (48.1, 5e-4), (1e9, 0.0)]
)
def test_a_picture_shows_who_leaves_the_field(
    tmp_path: Path, start: float, stride: float, crop: bool
) -> None:
    replay = read(record_pond(tmp_path / "walk.replay", Walk(start, stride)))
    assert len(replay.steps) == 3
    red = [int(TEAM_COLOURS[0][i : i + 2], 16) for i in (1, 3, 5)]
    for picture in render(replay, range(3), crop=crop):
        assert max(picture.shape) < 700
        assert (picture == red).all(-1).any(), "the frog is in the picture"


def test_a_cropped_picture_holds_everybody_and_little_more(tmp_path: Path) -> None:
    replay = read(record(tmp_path / "game.replay", (make_policy("mfq"), make_policy("mfq"))))
    places = np.concatenate([team.positions for team in replay.steps[STEP]])
    low, high = places.min(0) - 1, places.max(0) + 2
    step = range(STEP, STEP + 1)
    (whole,), (cropped,) = (
        list(render(replay, step, cell=10, crop=crop)) for crop in (False, True)
    )
    width, height = ((high - low) * 10).tolist()
    assert cropped.shape[1] == width
    caption = whole.shape[0] - 10 * int(replay.header.bounds[3])
    assert cropped.shape[0] == height + caption
    left, top = (low * 10).tolist()
    np.testing.assert_array_equal(
        cropped[caption + 2 : -2, 2:-2],
        whole[caption + top + 2 : caption + top + height - 2, left + 2 : left + width - 2],
    )
