"""Each kind of observation, by hand."""

import numpy as np
import pytest
from gymnasium import spaces

from cmfq.environments.spaces import ObservationReader, read_masks
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
    assert read_masks([], 4).shape == (0, 4)


@pytest.mark.parametrize(
    ("space", "message"),
    [
        (spaces.Text(5), "an observation is Text, .* supported are Box"),
        (spaces.Dict({"a": spaces.Sequence(spaces.Discrete(2))}), "an observation is Sequence"),
        (box(0, 1, (300, 400)), "120000 features, and at most 65536"),
        (spaces.Dict({"action_mask": spaces.MultiBinary(3)}), "holds nothing"),
    ],
)
def test_what_cannot_be_read_is_said(space: spaces.Space, message: str) -> None:
    with pytest.raises(UserError, match=message):
        ObservationReader(space)


def test_a_mask_that_forbids_everything_is_refused() -> None:
    masks = [np.array([1, 0, 1], np.int8), np.array([0, 1, 0], np.int8)]
    assert read_masks(masks, 3).tolist() == [[True, False, True], [False, True, False]]
    with pytest.raises(UserError, match="forbids everything"):
        read_masks([*masks, np.zeros(3, np.int8)], 3)
