"""Neighbours of a recorded agent, with their weights."""

from typing import NamedTuple

import numpy as np

from cmfq.environments.base import NO_ACTION, IntArray
from cmfq.errors import UserError
from cmfq.mean_field.neighbourhood import find_interactions
from cmfq.recordings.reading import Recording


class AgentPlace(NamedTuple):
    """Team and row of an agent in a step."""

    team: int
    row: int


class RecordedNeighbour(NamedTuple):
    """A neighbour of an agent in one step."""

    id: int
    place: AgentPlace
    action: int
    """What it did in the step before."""
    effect: float
    """Effect by the merging rule; that of Eq 7 with CMFQ and with rules that have none."""
    weight: float
    """Its share in the merged action."""


def find_agent(game: Recording, step: int, agent: int) -> AgentPlace:
    """Team and row of the agent with this id.

    Raises:
        UserError: it does not live in this step.
    """
    for team, one in enumerate(game.steps[step]):
        rows = np.flatnonzero(one.ids == agent)
        if rows.size:
            return AgentPlace(team, int(rows[0]))
    raise UserError(f"agent {agent} is not alive in step {step}: give another step or agent")


def previous_actions(game: Recording, step: int, team: int) -> IntArray:
    """``(agents,)``: what each did in the step before, ``NO_ACTION`` for nothing yet."""
    now = game.steps[step][team]
    if now.previous_actions is not None:
        return now.previous_actions
    before = game.steps[step - 1][team] if step else None
    acted = np.zeros(0, np.int32) if before is None else before.actions[before.alive]
    return follow(acted, len(now.ids))


def follow(acted: IntArray, agents: int) -> IntArray:
    """``(agents,)``: previous actions of those that lived on, then ``NO_ACTION`` of who joined.

    Args:
        acted: action of each agent that lives on, in order.
        agents: agents that there are now.
    """
    previous = np.full(agents, NO_ACTION, np.int32)
    previous[: len(acted)] = acted
    return previous


def neighbours(game: Recording, step: int, agent: int) -> list[RecordedNeighbour]:
    """An agent's neighbours, the weightiest first.

    None if its player weighs nobody, or its trace is not kept for this step.

    Raises:
        UserError: it does not live in this step.
    """
    place = find_agent(game, step, agent)
    reasoning = game.header.teams[place.team].reasoning
    trace = game.traces(step)[place.team]
    if reasoning is None or trace is None:
        return []
    everyone = reasoning.neighbours == "everyone"
    teams = range(len(game.steps[step])) if everyone else [place.team]
    steps = [game.steps[step][team] for team in teams]
    places = [
        AgentPlace(team, row)
        for team, one in zip(teams, steps, strict=True)
        for row in range(len(one.ids))
    ]
    own = places.index(place)
    found = find_interactions(
        np.concatenate([one.positions for one in steps]),
        np.zeros(len(places), int),
        np.concatenate([previous_actions(game, step, team) for team in teams]),
        np.inf if reasoning.radius is None else reasoning.radius,
        reasoning.body_side,
    )
    if trace.weights is not None:  # they are in this order
        order = np.lexsort((found.neighbour, found.agent))
        others = found.agent[order]
        if len(others) != len(trace.weights):
            raise UserError(f"the replay is damaged at step {step}: record it again")
        weights = trace.weights[others == own]
    else:
        order = np.arange(len(found.agent))
        taken = found.action[found.agent == own]
        counts = np.maximum(trace.counts[place.row, taken], np.float32(1))
        weights = trace.merged_actions[place.row, taken] / counts
    mine = found.agent[order] == own
    ids = np.concatenate([one.ids for one in steps])
    listed = [
        RecordedNeighbour(
            int(ids[k]), places[k], action, float(trace.effects[place.row, action]), weight
        )
        for k, action, weight in zip(
            found.neighbour[order][mine].tolist(),
            found.action[order][mine].tolist(),
            weights.tolist(),
            strict=True,
        )
    ]
    return sorted(listed, key=lambda neighbour: -neighbour.weight)
