"""Draw recorded games, as the page shows them but without a browser."""

from collections.abc import Iterator

from cmfq.errors import UserError
from cmfq.replays.draw import Highlight, Picture, draw_frame
from cmfq.replays.neighbours import find_agent, neighbours
from cmfq.replays.reading import Replay


def parse_steps(text: str, replay: Replay) -> range:
    """Steps named as ``12``, ``10:30`` (30 not included), ``10:`` or ``:30``; ``""`` is all.

    Raises:
        UserError: it is none of these, or names no step of the game.
    """
    length = len(replay.steps)
    first, colon, end = text.partition(":")
    try:
        start = int(first) if first else 0
        stop = (int(end) if end else length) if colon or not first else start + 1
    except ValueError as error:
        raise UserError(f"steps is {text!r}: give one, as 12, or several, as 10:30") from error
    if not 0 <= start < stop <= length:
        raise UserError(f"steps is {text!r}: the replay has steps 0 to {length - 1}")
    return range(start, stop)


def render(
    replay: Replay, steps: range, *, cell: int | None = None, agent: int | None = None
) -> Iterator[Picture]:
    """Draw steps of a game, one by one.

    Args:
        replay: the game.
        steps: to draw.
        cell: pixels per unit of length; readable if not given.
        agent: light up whom the agent of this id heeds, in steps in which it lives.

    Raises:
        UserError: the agent lives in none of the steps.
    """
    if agent is not None and not any(
        agent in team.ids for step in steps for team in replay.steps[step]
    ):
        raise UserError(f"agent {agent} lives in none of these steps: give another")
    scenery = replay.header.scenery()
    names = [team.player for team in replay.header.teams]
    for step in steps:
        frame = tuple(team.frame() for team in replay.steps[step])
        highlight = None if agent is None else _highlight(replay, step, agent)
        yield draw_frame(
            frame, scenery, cell=cell, names=names, remark=f"step {step}", highlight=highlight
        )


def _highlight(replay: Replay, step: int, agent: int) -> Highlight | None:
    if not any(agent in team.ids for team in replay.steps[step]):
        return None
    place = find_agent(replay, step, agent)
    heeded = neighbours(replay, step, agent)
    return Highlight(
        place,
        replay.header.teams[place.team].view_radius,
        {neighbour.place: neighbour.weight for neighbour in heeded},
    )
