import numpy as np
import pytest

from cmfq.environments.base import Body, Scenery
from cmfq.environments.battle import BattleEnvironment, BattleSettings
from cmfq.errors import UserError
from cmfq.recordings.draw import (
    CAPTION,
    DEATH_COLOUR,
    FIELD_COLOUR,
    HEALTH_COLOUR,
    LOST_HEALTH_COLOUR,
    SOLID_COLOUR,
    TEAM_COLOURS,
    Highlight,
    Picture,
    draw_frame,
    readable_cell,
)
from cmfq.recordings.frames import TeamFrame
from fights import watched_game

CELL = 20
FIGHTER = Body("square", 1.0, 10.0, (None, (1.0, 0.0)))
STAY, HIT_RIGHT = 0, 1


def field(*bodies: Body, obstacles: tuple[tuple[float, float, float], ...] = ()) -> Scenery:
    walls = np.array([(0, 0), (9, 0)], np.int32)
    circles = np.array(obstacles, np.float32).reshape(-1, 3)
    return Scenery((0, 0, 10, 10), walls, circles, bodies)


def team(
    x: float, y: float, health: float = 10, action: int = STAY, *, alive: bool = True
) -> TeamFrame:
    return TeamFrame(
        np.array([(x, y)], np.float32),
        np.array([health], np.float32),
        np.array([action], np.int32),
        np.array([alive]),
    )


def colour_at(picture: Picture, x: float, y: float) -> str:
    """Of a place on the field."""
    top = len(picture) - 10 * CELL
    return "#" + bytes(picture[int(top + y * CELL), int(x * CELL)]).hex()


def test_agents_stand_where_they_are_and_bars_show_their_hit_points() -> None:
    picture = draw_frame((team(3, 5), team(7, 2, 5)), field(FIGHTER, FIGHTER), cell=CELL)
    assert picture.shape[1:] == (10 * CELL, 3)
    assert colour_at(picture, 3.6, 5.5) == TEAM_COLOURS[0]
    assert colour_at(picture, 7.6, 2.5) == TEAM_COLOURS[1]
    assert colour_at(picture, 3.15, 5.3) == colour_at(picture, 7.15, 2.8) == HEALTH_COLOUR
    assert colour_at(picture, 7.15, 2.3) == LOST_HEALTH_COLOUR


def test_walls_obstacles_large_bodies_and_circles() -> None:
    predator, disc = Body("square", 2.0), Body("circle", 1.0)
    scenery = field(predator, disc, obstacles=((5.0, 8.0, 1.0),))
    picture = draw_frame((team(2, 2), team(7, 7)), scenery, cell=CELL)
    assert colour_at(picture, 0.5, 0.5) == colour_at(picture, 9.5, 0.5) == SOLID_COLOUR
    assert colour_at(picture, 1.5, 0.5) == FIELD_COLOUR
    assert colour_at(picture, 5.9, 8.0) == colour_at(picture, 5.0, 7.1) == SOLID_COLOUR
    assert colour_at(picture, 5.8, 8.8) == FIELD_COLOUR, "an obstacle is round"
    for x, y in ((2.2, 2.2), (3.8, 3.8), (3.0, 3.0)):
        assert colour_at(picture, x, y) == TEAM_COLOURS[0]
    assert colour_at(picture, 4.2, 3.0) == FIELD_COLOUR
    assert colour_at(picture, 7.0, 6.6) == colour_at(picture, 7.4, 7.0) == TEAM_COLOURS[1]
    assert colour_at(picture, 7.4, 7.4) == FIELD_COLOUR, "a circle's position is its centre"


def test_an_attack_is_an_arrow_from_the_bodys_middle_to_its_target() -> None:
    scenery = field(FIGHTER)
    calm = draw_frame((team(3, 5),), scenery, cell=CELL)
    fight = draw_frame((team(3, 5, action=HIT_RIGHT),), scenery, cell=CELL)
    rows, columns = np.nonzero((calm != fight).any(-1))
    top = len(calm) - 10 * CELL
    assert 3.4 * CELL <= columns.min() <= 3.6 * CELL
    assert 4.4 * CELL <= columns.max() <= 4.6 * CELL
    assert abs(rows.mean() - (top + 5.5 * CELL)) < 2


def test_who_dies_in_the_step_is_crossed_out() -> None:
    picture = draw_frame((team(3, 5, alive=False),), field(FIGHTER), cell=CELL)
    assert colour_at(picture, 3.5, 5.5) == DEATH_COLOUR
    assert colour_at(picture, 3.7, 5.5) == TEAM_COLOURS[0]


def test_a_field_of_any_unit_has_a_readable_scale() -> None:
    tiny = field(Body("circle", 0.1))._replace(bounds=(-1.5, -1.0, 1.5, 1.0))
    height, width, _ = draw_frame((team(0, 0),), tiny).shape
    assert width == pytest.approx(640, abs=3)
    assert height == pytest.approx(640 * 2 / 3, abs=40)
    assert readable_cell(field()._replace(bounds=(0, 0, 400, 400))) == 4
    for side in (0.0015, 3000.0, 1e7):
        height, width, _ = draw_frame((), field()._replace(bounds=(0, 0, side, side / 2))).shape
        assert (width, height) == pytest.approx((640, 320 + CAPTION), abs=2)


def test_a_small_body_in_a_large_field_has_hit_points_too() -> None:
    body = Body("circle", 0.05, 10.0)
    picture = draw_frame((team(50, 50),), field(body)._replace(bounds=(0, 0, 1000.0, 1000.0)))
    assert (picture[CAPTION + 4 :, 4:-4] != picture[-5, 5]).any()


def test_old_files_with_odd_obstacles_and_fields_without_height_are_drawn() -> None:
    odd = field()._replace(bounds=(0, 0, 100, 1e-3), obstacles=np.array([[1, 1, -1]], np.float32))
    assert draw_frame((), odd).shape == (CAPTION + 1, 600, 3)
    assert draw_frame((), odd, cell=1, remark="a word").shape == (CAPTION + 1, 100, 3)
    wide = field()._replace(bounds=(0, 0, 1e5, 1e5), walls=np.array([[1, 1]], np.int32))
    assert draw_frame((), wide, remark="a word").shape == (CAPTION + 640, 640, 3)


def test_the_caption_fits_a_narrow_field() -> None:
    widths = []
    for cell in (40, 10):
        picture = draw_frame((), field(), cell=cell, remark="step 12 of a long fight")
        dark = (picture[:CAPTION] < 128).all(-1).any(0).nonzero()[0]
        assert dark[0] > 2
        assert dark[-1] < 10 * cell - 2, "nothing runs out of the picture"
        widths.append(dark[-1] - dark[0])
    assert widths[0] > 1.3 * widths[1], "it is smaller where it must be"


def test_an_absurd_scale_is_one_sentence() -> None:
    with pytest.raises(UserError, match="cell is 900: give 1 to 800 pixels for this field"):
        draw_frame((team(1, 1),), field(FIGHTER), cell=900)
    with pytest.raises(UserError, match="cell is 1: leave it out in this field"):
        draw_frame((team(1, 1),), field(FIGHTER)._replace(bounds=(0, 0, 9000, 1)), cell=1)


def test_a_real_fight_is_drawn_step_by_step() -> None:
    settings = BattleSettings(size=12)
    game, recorder = watched_game("rush", "random", settings, seed=0)
    assert len(recorder.frames) == game.steps
    assert len(recorder.frames[-1][1].positions) == (~recorder.frames[-1][1].alive).sum()
    environment = BattleEnvironment(settings)
    environment.reset(0)
    scenery = environment.scenery()
    pictures = [
        draw_frame(frame, scenery, cell=6, names=("rush", "random"), remark=f"step {step}")
        for step, frame in enumerate(recorder.frames)
    ]
    assert len(pictures) == game.steps
    assert {picture.shape[1:] for picture in pictures} == {(120, 3)}
    assert len({picture.tobytes() for picture in pictures}) == game.steps


def test_a_circle_shows_how_far_an_agent_strikes() -> None:
    """One cell to the right of its middle, so 1 in every direction."""
    scenery = field(FIGHTER)
    usual, shown = (
        draw_frame((team(3, 5),), scenery, cell=CELL, ranges=ranges) for ranges in (False, True)
    )
    changed = np.argwhere((usual != shown).any(-1)) - (len(usual) - 10 * CELL, 0)
    distance = np.hypot(*(changed / CELL - (5.5, 3.5)).T)
    assert distance.min() > 0.85 and distance.max() < 1.15


def test_weights_are_written_on_neighbours_where_they_can_be_read() -> None:
    pair = TeamFrame(
        np.array([(3, 5), (6, 5)], np.float32), None, np.full(2, STAY, np.int32), np.ones(2, bool)
    )
    scenery = field(FIGHTER)
    for cell, written in ((CELL, True), (8, False)):
        light, heavy = (
            draw_frame((pair,), scenery, cell=cell, highlight=Highlight((0, 0), 2.0, {(0, 1): one}))
            for one in (0.12, 0.34)  # the same colour: each is the weightiest
        )
        rows, columns = np.nonzero((light != heavy).any(-1))
        assert bool(rows.size) == written
        if written:
            assert 6 * cell <= columns.min() and columns.max() <= 7 * cell
