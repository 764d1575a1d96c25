"""Draw recorded games, as the page shows them but without a browser."""

from collections.abc import Iterator

import numpy as np

from cmfq.errors import UserError
from cmfq.recordings.draw import Highlight, Picture, draw_frame
from cmfq.recordings.neighbours import find_agent, neighbours
from cmfq.recordings.reading import Recording

Bounds = tuple[float, float, float, float]
"""Least x and y, greatest x and y."""


def parse_steps(text: str, game: Recording) -> range:
    """Steps named as ``12``, ``10:30`` (30 not included), ``10:`` or ``:30``; ``""`` is all.

    Raises:
        UserError: it is none of these, or names no step of the game.
    """
    length = len(game.steps)
    first, colon, end = text.partition(":")
    try:
        start = int(first) if first else 0
        stop = (int(end) if end else length) if colon or not first else start + 1
    except ValueError as error:
        raise UserError(f"steps is {text!r}: give one, as 12, or several, as 10:30") from error
    if stop <= start:
        raise UserError(
            f"steps is {text!r}: give a first step and a greater one, before which to end"
        )
    if not 0 <= start < stop <= length:
        raise UserError(f"steps is {text!r}: the replay has steps 0 to {length - 1}")
    return range(start, stop)


def render(
    game: Recording,
    steps: range,
    *,
    cell: int | None = None,
    agent: int | None = None,
    crop: bool = False,
    ranges: bool = False,
) -> Iterator[Picture]:
    """Draw steps of a game, one by one.

    Args:
        game: the game.
        steps: to draw.
        cell: pixels per unit of length; readable if not given.
        crop: draw no more of the field than where agents are in these steps.
        agent: id of an agent whose neighbours are highlighted while it lives.
        ranges: draw a circle about each agent, as far as it strikes.

    Raises:
        UserError: the agent lives in none of the steps.
    """
    if agent is not None and not any(
        agent in team.ids for step in steps for team in game.steps[step]
    ):
        raise UserError(f"agent {agent} is not alive in any of these steps: give another agent")
    field = _field_of(game)
    bounds = _crop(field, game, steps) if crop else field
    scenery = game.header.scenery()._replace(bounds=bounds)
    names = [team.player for team in game.header.teams]
    for step in steps:
        frame = tuple(team.frame() for team in game.steps[step])
        highlight = None if agent is None else _highlight(game, step, agent)
        yield draw_frame(
            frame,
            scenery,
            cell=cell,
            names=names,
            remark=f"step {step}",
            highlight=highlight,
            items=game.items[step] if game.items else None,
            ranges=ranges,
        )


def _field_of(game: Recording) -> Bounds:
    """Bounds of the field, wider where bodies are beyond them in any step of the game."""
    left, top, right, bottom = game.header.bounds
    for index, team in enumerate(game.header.teams):
        size = team.body.size
        before, after = (0.0, size) if team.body.shape == "square" else (size / 2, size / 2)
        for step in game.steps:
            if len(places := step[index].positions):
                (x, y), (to_x, to_y) = places.min(0).tolist(), places.max(0).tolist()
                left, top = min(left, x - before), min(top, y - before)
                right, bottom = max(right, to_x + after), max(bottom, to_y + after)
    return left, top, right, bottom


def _crop(field: Bounds, game: Recording, steps: range) -> Bounds:
    """Whole units around everybody in these steps, with the air of a body and its arrow."""
    teams = zip(*(game.steps[step] for step in steps), strict=True)
    sizes = [team.body.size for team in game.header.teams]
    places = np.concatenate(
        [
            corner
            for team, size in zip(teams, sizes, strict=True)
            for step in team
            for corner in (
                step.positions.astype(np.float64) - size,
                step.positions.astype(np.float64) + 2 * size,
            )
        ]
    )
    if not len(places):
        return field
    left, top, right, bottom = field
    low, high = np.floor(places.min(0)), np.ceil(places.max(0))
    return (
        max(left, float(low[0])),
        max(top, float(low[1])),
        min(right, float(high[0])),
        min(bottom, float(high[1])),
    )


def _highlight(game: Recording, step: int, agent: int) -> Highlight | None:
    if not any(agent in team.ids for team in game.steps[step]):
        return None
    place = find_agent(game, step, agent)
    found = neighbours(game, step, agent)
    return Highlight(
        place,
        game.header.teams[place.team].view_radius,
        {neighbour.place: neighbour.weight for neighbour in found},
    )
