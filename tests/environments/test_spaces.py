"""Each kind of observation, by hand."""

import re

import numpy as np
import pytest
from gymnasium import spaces

from cmfq.environments.spaces import ObservationReader, read_masks
from cmfq.environments.stacking import Unreadable
from cmfq.errors import UserError


def box(low: float, high: float, shape: tuple[int, ...], dtype: type = np.float32) -> spaces.Box:
    return spaces.Box(low, high, shape, dtype)


def test_a_vector_is_features_as_it_is() -> None:
    reader = ObservationReader(box(-np.inf, np.inf, (3,)))
    view, features = reader.read([np.array([1.0, -2.0, 3.5]), [4, 5, 6]])
    assert view.shape == (2, 0, 0, 0)
    assert features.tolist() == [[1, -2, 3.5], [4, 5, 6]]
    assert features.dtype == np.float32
    assert (reader.view_shape, reader.channels) == ((0, 0), ())
    assert reader.features == ("feature_0", "feature_1", "feature_2")


def test_numbers_beyond_half_precision_are_cut() -> None:
    reader = ObservationReader(box(-np.inf, np.inf, (2,)))
    _, features = reader.read([np.array([1e9, -1e9])])
    assert np.isfinite(features.astype(np.float16)).all()
    assert features.tolist() == [[65504, -65504]]


def test_the_greatest_numbers_are_no_bounds() -> None:
    greatest = np.finfo(np.float64).max
    with np.errstate(all="raise"):
        reader = ObservationReader(spaces.Box(-greatest, greatest, (2,), np.float64))
    _, features = reader.read([np.array([2.0, -3.0])])
    assert features.tolist() == [[2, -3]]


def test_wide_bounds_are_scaled_and_narrow_ones_are_not() -> None:
    low, high = np.array([-1, 0, -10, -np.inf, 3]), np.array([1, 0.5, 30, np.inf, 3])
    reader = ObservationReader(spaces.Box(low, high, dtype=np.float64))
    _, features = reader.read([np.array([-1, 0.5, 20, 7, 3])])
    np.testing.assert_allclose(features, [[-1, 0.5, 0.75, 7, 3]])


def test_an_image_is_the_view_in_0_to_1() -> None:
    reader = ObservationReader(box(0, 255, (6, 7, 3), np.uint8))
    images = np.random.default_rng(0).integers(0, 256, (4, 6, 7, 3)).astype(np.uint8)
    view, features = reader.read(list(images))
    np.testing.assert_allclose(view, images / 255, rtol=1e-6)
    assert features.shape == (4, 0)
    assert (reader.view_shape, reader.channels) == (
        (6, 7),
        ("channel_0", "channel_1", "channel_2"),
    )


def test_channels_may_come_first() -> None:
    images = np.random.default_rng(0).random((2, 3, 11, 11)).astype(np.float32)
    reader = ObservationReader(box(0, 1, (3, 11, 11)))
    view, _ = reader.read(list(images))
    np.testing.assert_array_equal(view, images.transpose(0, 2, 3, 1))


def test_square_planes_are_seen_and_tables_are_not() -> None:
    plane, table = ObservationReader(box(0, 1, (7, 7))), ObservationReader(box(0, 1, (27, 5)))
    assert (plane.view_shape, len(plane.channels)) == ((7, 7), 1)
    image = np.arange(49).reshape(7, 7) / 49
    np.testing.assert_allclose(plane.read([image])[0][0, :, :, 0], image, rtol=1e-6)
    assert (table.view_shape, len(table.features)) == ((0, 0), 135)
    small = ObservationReader(box(0, 1, (3, 3, 4)))
    assert (small.channels, len(small.features)) == ((), 36)


def test_large_images_are_averaged_down() -> None:
    reader = ObservationReader(box(0, 255, (70, 100, 2), np.uint8))
    image = np.random.default_rng(0).integers(0, 256, (70, 100, 2)).astype(np.uint8)
    view, _ = reader.read([image, image // 2])
    assert view.shape == (2, *reader.view_shape, 2) == (2, 18, 25, 2)
    for row, column in ((0, 0), (3, 7), (16, 24)):
        square = image[4 * row : 4 * row + 4, 4 * column : 4 * column + 4] / 255
        np.testing.assert_allclose(view[0, row, column], square.mean(axis=(0, 1)), rtol=1e-5)
    edge = image[68:70, 0:4] / 255  # the last cell holds fewer pixels
    np.testing.assert_allclose(view[0, 17, 0], edge.mean(axis=(0, 1)), rtol=1e-5)


def test_categories_become_one_hot() -> None:
    reader = ObservationReader(spaces.Discrete(3, start=5))
    assert reader.read([7, 5])[1].tolist() == [[0, 0, 1], [1, 0, 0]]
    assert reader.features == ("feature_is_5", "feature_is_6", "feature_is_7")
    several = ObservationReader(spaces.MultiDiscrete([2, 3]))
    assert several.read([np.array([1, 0])])[1].tolist() == [[0, 1, 1, 0, 0]]
    assert several.features[1:3] == ("feature_0_is_1", "feature_1_is_0")
    with pytest.raises(UserError, match="outside of its space"):
        several.read([np.array([2, 0])])


def test_a_dictionary_is_taken_apart() -> None:
    space = spaces.Dict(
        {
            "observation": spaces.Dict(
                {
                    "map": box(0, 1, (5, 5, 2)),
                    "far": box(0, 1, (6, 6, 1)),
                    "speed": box(-1, 1, ()),
                    "keys": spaces.MultiBinary(2),
                    "turn": spaces.Discrete(2),
                    "pair": spaces.Tuple([box(-1, 1, (1,)), spaces.Discrete(2)]),
                }
            ),
            "action_mask": spaces.MultiBinary(4),
        }
    )
    reader = ObservationReader(space)
    assert reader.has_action_mask
    assert reader.channels == ("far_0",)  # Gymnasium sorts keys; the first image is seen
    assert len(reader.features) == 2 + 50 + 1 + 2 + 1 + 2
    assert "map_49" in reader.features
    space.seed(0)
    observations = [space.sample() for _ in range(3)]
    view, features = reader.read(observations)
    column = {name: number for number, name in enumerate(reader.features)}
    for row, one in enumerate(observations):
        seen = one["observation"]
        np.testing.assert_array_equal(view[row], seen["far"])
        assert features[row, column["speed"]] == seen["speed"]
        assert features[row, column["keys_1"]] == seen["keys"][1]
        assert features[row, column[f"turn_is_{seen['turn']}"]] == 1
        assert features[row, column["pair_0_0"]] == seen["pair"][0]
        assert features[row, column["map_7"]] == seen["map"].ravel()[7]


def test_nobody_observes_nothing() -> None:
    for space in (box(0, 1, (5, 5, 2)), box(0, 1, (4,)), spaces.Discrete(3)):
        reader = ObservationReader(space)
        view, features = reader.read([])
        assert view.shape == (0, *reader.view_shape, len(reader.channels))
        assert features.shape == (0, len(reader.features))
    assert [array.shape for array in read_masks([], 4)] == [(0, 4), (0,)]


@pytest.mark.parametrize(
    ("space", "message"),
    [
        (spaces.Text(5), "an observation is Text, .* supported are Box"),
        (spaces.Dict({"a": spaces.Sequence(spaces.Discrete(2))}), "an observation is Sequence"),
        (box(0, 1, (300, 400)), "120000 features, but at most 65536"),
        (spaces.Discrete(10**10), "10000000000 features, but at most 65536"),
        (spaces.MultiDiscrete([2, 2**40]), "1099511627778 features, but at most 65536"),
        (spaces.Dict({"action_mask": spaces.MultiBinary(3)}), "an observation is empty"),
    ],
)
def test_what_cannot_be_read_is_said(space: spaces.Space, message: str) -> None:
    with pytest.raises(UserError, match=message):
        ObservationReader(space)


def test_a_mask_that_forbids_everything_leaves_the_first_action() -> None:
    masks = [np.array([1, 0, 1], np.int8), np.zeros(3, np.int8), np.array([False, True, False])]
    read, waits = read_masks(masks, 3)
    assert read.tolist() == [[True, False, True], [True, False, False], [False, True, False]]
    assert waits.tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (np.ones(2, np.int8), r"action_mask has shape \(2,\), and its actions need \(3,\)"),
        (np.ones((3, 1), np.int8), r"action_mask has shape \(3, 1\)"),
        (None, "action_mask is None"),
        (np.array([0, -np.inf, 0]), "action_mask_1 is -inf: give 0 or 1"),
        (np.array([1, 0, np.nan]), "action_mask_2 is nan: give 0 or 1"),
        (np.array([2, 1, 0]), "action_mask_0 is 2: give 0 or 1"),
    ],
)
def test_a_mask_of_another_kind_is_refused(mask: np.ndarray, message: str) -> None:
    with pytest.raises(Unreadable, match=message) as refused:
        read_masks([np.ones(3, np.int8), mask], 3)
    assert refused.value.row == 1


SHAPES = {
    "features": (box(-1, 1, (4,)), (4,), (6,)),
    "as many numbers": (box(-1, 1, (2, 3)), (2, 3), (3, 2)),
    "more dimensions": (box(-1, 1, (4,)), (4,), (1, 4)),
    "image": (box(0, 1, (6, 7, 2)), (6, 7, 2), (7, 6, 2)),
    "channels first": (box(0, 1, (2, 6, 7)), (2, 6, 7), (6, 7, 2)),
    "number": (box(-1, 1, ()), (), (2,)),
    "bits": (spaces.MultiBinary(3), (3,), (2,)),
    "categories": (spaces.MultiDiscrete([2, 2]), (2,), (3,)),
}


@pytest.mark.parametrize(("space", "promised", "found"), SHAPES.values(), ids=SHAPES)
def test_other_shapes_are_refused(space: spaces.Space, promised: tuple, found: tuple) -> None:
    """Not read as numbers of the agents beside it, though there may be as many."""
    reader, good = ObservationReader(space), np.zeros(promised)
    reader.read([good, good])
    for row in (0, 1):
        given = [good, good]
        given[row] = np.zeros(found)
        with pytest.raises(Unreadable) as refused:
            reader.read(given)
        assert refused.value.row == row
        assert f"shape {found}, and its space promises {promised}" in str(refused.value)
    # Two that are wrong and hold as many numbers together as two should.
    if len(promised) == 1:
        halves = [np.zeros(promised[0] - 1), np.zeros(promised[0] + 1)]
        with pytest.raises(Unreadable, match="and its space promises"):
            reader.read(halves)


def test_one_number_may_come_in_any_shape() -> None:
    for shape in ((), (1,), (1, 1)):
        reader = ObservationReader(box(-1, 1, shape))
        for given in (0.5, [0.5], np.array([[0.5]]), np.float32(0.5)):
            assert reader.read([given, np.full(shape, 0.25)])[1].tolist() == [[0.5], [0.25]]
    categories = ObservationReader(spaces.Discrete(3))
    assert categories.read([np.array([2]), 1])[1].tolist() == [[0, 0, 1], [0, 1, 0]]


DICT = spaces.Dict({"x": box(-1, 1, (2,)), "y": spaces.Discrete(3)})


@pytest.mark.parametrize(
    ("space", "given", "message"),
    [
        (box(-1, 1, (2,)), np.array([0, np.nan]), "feature_1 is nan, not a finite number"),
        (box(-np.inf, np.inf, (2,)), np.array([-np.inf, 0]), "feature_0 is -inf, not a finite"),
        (box(0, 255, (5, 5, 1)), np.full((5, 5, 1), np.nan), r"observation\[0, 0, 0\] is nan"),
        (box(-1, 1, ()), float("inf"), "feature is inf"),
        (box(-1, 1, (2,)), None, r"feature is None: give numbers of shape \(2,\)"),
        (box(-1, 1, (2,)), "ab", "feature is 'ab': give numbers"),
        (box(-1, 1, (2,)), np.array([1e39, 0]), r"feature_0 is 1e\+39, too large for 32 bits"),
        (box(-1, 1, (2,)), np.array([0, None], object), "feature_1 is nan, not a finite number"),
        (spaces.MultiBinary(2), np.array([0, np.nan]), "feature_1 is nan"),
        (spaces.Discrete(3, start=5), 8, "feature is 8, outside of its space: integers 5 to 7"),
        (spaces.Discrete(3), 0.5, "feature is 0.5, outside of its space: integers 0 to 2"),
        (spaces.Discrete(3), np.nan, "feature is nan, outside"),
        (spaces.MultiDiscrete([2, 3]), np.array([1, -1]), "feature_1 is -1, outside .* 0 to 2"),
        (DICT, {"x": np.array([0, np.nan]), "y": 1}, "x_1 is nan"),
        (DICT, {"x": np.zeros(2), "y": 3}, "y is 3, outside"),
        (DICT, {"x": np.zeros(2)}, "the observation has no 'y', as its space promises: it holds"),
        (DICT, np.zeros(2), "the observation has no 'x', as its space promises"),
    ],
)
def test_what_is_no_observation_is_named(space: spaces.Space, given: object, message: str) -> None:
    space.seed(0)
    with pytest.raises(Unreadable, match=message) as refused:
        ObservationReader(space).read([space.sample(), space.sample(), given])
    assert refused.value.row == 2


@pytest.mark.parametrize(
    ("space", "given", "kept", "told"),
    [
        (box(-1, 1, (2,)), [0, 1e5], [0, 3], "feature_1 is 100000, outside of its space"),
        (box(-1, 1, (2,)), [-1.5, 0], [-1.5, 0], "feature_0 is -1.5, outside of its space"),
        (box(0, 10, (2,)), [-1, 5], [-0.1, 0.5], "feature_0 is -1, outside"),  # a sign for nothing
        (box(0, 10, (2,)), [-1e9, 5], [-1, 0.5], "feature_0 is -1e\\+09, outside"),
        (box(0, np.inf, (2,)), [-1, 1e9], [-1, 65504], "feature_0 is -1, outside"),
        (box(-1, 1, (2,)), [0, 1.0001], [0, 1.0001], None),  # rounding
        (box(0, np.inf, (2,)), [0, 1e9], [0, 65504], None),
        (box(-1e9, 1e9, (2,)), [-1e8, 1e8], [-65504, 65504], None),
        (spaces.MultiBinary(2), [0, 7], [0, 2], "feature_1 is 7, outside"),
        (box(3, 3, (2,)), [0, 4], [0, 4], None),  # no bounds at all
    ],
)
def test_numbers_outside_of_their_space_are_told_and_cut(
    space: spaces.Space, given: list, kept: list, told: str | None
) -> None:
    notices: list[tuple[int, str]] = []
    inside = np.full(2, 1.0)
    _, features = ObservationReader(space).read(
        [inside, np.array(given, float)], lambda row, what: notices.append((row, what))
    )
    np.testing.assert_allclose(features[1], kept, rtol=1e-6)
    assert len(notices) == (told is not None)
    if told:
        row, what = notices[0]
        assert row == 1
        assert re.match(told, what)


def test_bounds_may_differ_from_number_to_number() -> None:
    notices: list[tuple[int, str]] = []
    space = spaces.Box(np.array([-1, 0, -np.inf]), np.array([1, 100, 5]), dtype=np.float64)
    reader = ObservationReader(space)
    inside = np.array([-1.0, 100.0, -7e4])
    _, features = reader.read([inside], lambda row, what: notices.append((row, what)))
    np.testing.assert_allclose(features, [[-1, 1, -65504]])
    assert not notices
    reader.read([inside, np.array([0, 101, 4])], lambda row, what: notices.append((row, what)))
    assert notices == [(1, "feature_1 is 101, outside of its space")]
