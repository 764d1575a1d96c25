import struct
from pathlib import Path

import numpy as np
import pytest
from games import record
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from cmfq.decoding import Damage
from cmfq.environments.base import Body
from cmfq.errors import UserError
from cmfq.play.bots import bot
from cmfq.recordings import format as form
from cmfq.recordings import read


@given(
    st.dictionaries(
        st.text(max_size=8),
        st.sampled_from(form.DTYPES).flatmap(
            lambda dtype: arrays.arrays(f"<{dtype}", arrays.array_shapes(min_dims=0, min_side=0))
        ),
        max_size=5,
    )
)
def test_arrays_round_trip(named: dict[str, np.ndarray]) -> None:
    back = form.decode_arrays(form.encode_arrays(named))
    assert list(back) == list(named)
    for name, array in named.items():
        assert back[name].dtype == array.dtype
        np.testing.assert_array_equal(back[name], array)


@pytest.fixture(scope="module")
def peace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A game in which nobody moves or dies: each of its steps takes as much of the file."""
    path = tmp_path_factory.mktemp("peace") / "peace.replay"
    return record(path, (bot("hold"), bot("hold")), steps=60)


@pytest.mark.parametrize("game", ["fight", "peace"])
def test_a_cut_file_opens_up_to_where_it_is_whole(
    game: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    file: Path = request.getfixturevalue(game)
    content, whole = file.read_bytes(), read(file)
    assert whole.ending is not None
    lengths = [0]
    for share in (0.3, 0.7, 0.99):
        cut = tmp_path / "cut.replay"
        cut.write_bytes(content[: int(share * len(content))])
        replay = read(cut)
        assert replay.ending is None
        lengths.append(len(replay.steps))
        assert lengths[-2] < lengths[-1] <= len(whole.steps)
        if game == "peace":
            assert lengths[-1] / len(whole.steps) == pytest.approx(share, abs=0.2)
        np.testing.assert_array_equal(
            replay.steps[-1][0].positions, whole.steps[len(replay.steps) - 1][0].positions
        )


def test_a_flipped_bit_ends_the_replay_where_it_is(fight: Path, tmp_path: Path) -> None:
    content = bytearray(fight.read_bytes())
    content[len(content) // 2] ^= 1
    damaged = tmp_path / "damaged.replay"
    damaged.write_bytes(bytes(content))
    replay = read(damaged)
    assert replay.ending is None
    assert 0 < len(replay.steps) < len(read(fight).steps)


def test_any_damage_is_a_replay_or_one_sentence(fight: Path, tmp_path: Path) -> None:
    content = fight.read_bytes()[:20_000]
    generator = np.random.default_rng(0)
    file = tmp_path / "damaged.replay"
    for _ in range(60):
        damaged = bytearray(content)
        for place in generator.integers(len(content), size=3):
            damaged[place] = generator.integers(256)
        file.write_bytes(bytes(damaged))
        try:
            replay = read(file)
        except UserError as error:
            assert str(file) in str(error)
        else:
            assert replay.steps


def test_a_chunk_that_lies_about_itself_is_damage() -> None:
    index = b'[["a","f4",[1000000000,1000000000]]]'
    with pytest.raises(Damage):
        form.decode_arrays(struct.pack("<I", len(index)) + index)
    with pytest.raises(Damage, match="is O of"):
        form.decode_arrays(struct.pack("<I", 14) + b'[["a","O",[]]]')


def test_a_body_with_fewer_attacks_than_its_team_has_actions_is_damage() -> None:
    def header(*attacks: tuple[float, float] | None) -> bytes:
        body = Body("square", 1.0, 10.0, attacks)
        team = form.RecordedTeam("red", "rush", ("up", "down"), None, body)
        return form.encode_record(form.Header("1", "battle", 0, (team,), (0, 0, 9, 9), (), ()))

    for sound in ((), (None, (1.0, 0.0))):
        assert form.decode_header(header(*sound)).teams[0].body.attacks == sound
    with pytest.raises(Damage, match="has an action of which it does not say"):
        form.decode_header(header((1.0, 0.0)))


MISTAKES = {
    "nothing": (b"", "is not a replay: give a file made by `cmfq record`"),
    "another file": (b"PNG" * 100, "is not a replay"),
    "a newer version": (
        form.SIGNATURE + struct.pack("<I", form.VERSION + 1),
        "is a replay of format 2, but this cmfq reads formats up to 1: install a newer cmfq",
    ),
    "no step": (form.prefix() + form.pack(form.HEAD, b"{}"), "is cut short before its first step"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_what_is_no_replay_is_one_sentence(mistake: str, tmp_path: Path) -> None:
    content, sentence = MISTAKES[mistake]
    file = tmp_path / "game.replay"
    file.write_bytes(content)
    with pytest.raises(UserError, match=sentence):
        read(file)


def test_a_file_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read: No such file"):
        read(tmp_path / "none.replay")
