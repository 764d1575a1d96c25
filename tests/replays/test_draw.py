from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cmfq.environments.battle import ATTACKS, MOVES, BattleSettings
from cmfq.errors import UserError
from cmfq.evaluation.matches import play_game
from cmfq.replays.draw import TEAM_COLOURS, draw_fight, draw_frame, save_animation
from cmfq.replays.fight import FightRecorder, TeamFrame


def team(position: tuple[int, int], health: float, action: int) -> TeamFrame:
    return TeamFrame(
        np.array([position], np.int32),
        np.array([health], np.float32),
        np.array([action], np.int32),
        np.ones(1, bool),
    )


def colour(name: str) -> list[int]:
    return [int(name[i : i + 2], 16) for i in (1, 3, 5)]


def test_agents_stand_where_they_are_and_bars_show_their_hit_points() -> None:
    stay = MOVES.index((0, 0))
    frame = (team((3, 5), 10, stay), team((7, 2), 5, stay))
    cell = 20
    picture = draw_frame(frame, map_size=10, cell=cell)
    top = picture.shape[0] - 10 * cell
    assert picture.shape == (10 * cell + top, 10 * cell, 3)

    def at(x: float, y: float) -> list[int]:
        return picture[int(top + y * cell), int(x * cell)].tolist()

    assert at(3.6, 5.5) == colour(TEAM_COLOURS[0])
    assert at(7.6, 2.5) == colour(TEAM_COLOURS[1])
    full, half_top, half_bottom = at(3.15, 5.3), at(7.15, 2.3), at(7.15, 2.8)
    assert full == half_bottom
    assert half_top == [255, 255, 255]


def test_an_attack_is_an_arrow_towards_its_target() -> None:
    stay, right = MOVES.index((0, 0)), len(MOVES) + ATTACKS.index((1, 0))
    calm = draw_frame((team((3, 5), 10, stay), team((8, 8), 10, stay)), map_size=10, cell=20)
    fight = draw_frame((team((3, 5), 10, right), team((8, 8), 10, stay)), map_size=10, cell=20)
    rows, columns = np.nonzero((calm != fight).any(-1))
    top = calm.shape[0] - 200
    assert columns.min() >= 3.4 * 20
    assert 4.4 * 20 <= columns.max() <= 4.6 * 20
    assert abs(rows.mean() - (top + 5.5 * 20)) < 2


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png"])
def test_a_real_fight_becomes_an_animation(tmp_path: Path, suffix: str) -> None:
    recorder = FightRecorder()
    game = play_game("rush", "random", BattleSettings(size=12), seed=0, observers=(recorder,))
    assert len(recorder.frames) == game.steps
    assert len(recorder.frames[-1][1].positions) == (~recorder.frames[-1][1].alive).sum()
    pictures = draw_fight(recorder.frames, ("rush", "random"), map_size=20, cell=6)
    save_animation(pictures, tmp_path / f"fight{suffix}")
    with Image.open(tmp_path / f"fight{suffix}") as image:
        assert image.n_frames == game.steps
        assert image.size == pictures[0].shape[1::-1]


def test_an_unknown_format_is_one_sentence(tmp_path: Path) -> None:
    picture = np.zeros((4, 4, 3), np.uint8)
    with pytest.raises(UserError, match="cannot write an image to"):
        save_animation([picture], tmp_path / "fight.xyz")
