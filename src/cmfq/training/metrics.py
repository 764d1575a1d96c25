"""One row of a run's metrics: what an episode brought."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cmfq.environments.base import TeamSpecification
from cmfq.environments.sides import enemies_of
from cmfq.rollout import Episode


@dataclass(frozen=True)
class EpisodeMetrics:
    """One row of a run's metrics. Lists hold one entry per team."""

    episode: int
    """Counted from 1."""
    steps: int
    agent_steps: int
    rewards: list[float]
    kills: list[int]
    """Agents of the other side that died."""
    deaths: list[int]
    """Agents of the team that died."""
    survivors: list[int]
    truncated: bool
    """The step limit ended it."""
    damage: list[float] | None
    """Hit points that agents of the other side lost; none where agents have no hit points."""
    attacks_unhurt: list[float | None] | None
    """Share of attacks among the actions of agents with full hit points and an enemy in reach."""
    attacks_hurt: list[float | None] | None
    """The same of agents with less than half of their hit points."""
    attacks_by_health: list[dict[str, float | None]] | None
    """The same by quarters of the full hit points in per cent: ``0-25`` up to ``75-100``."""
    effective_neighbours: list[float | None]
    """Effective number of neighbours ``1 / Σ w²`` of the merging weights ``w``: the number of
    neighbours if all weigh the same, 1 if one has all the weight. Mean over the decisions in every
    tenth step that weigh a neighbour; none if there was none."""
    weight_entropy: list[float | None]
    """Entropy ``-Σ w log w`` of the merging weights, in nats, over the same decisions."""
    changed_by_weights: list[float | None]
    """Share of the same decisions whose best action is another than with the mean action."""
    effect_by_action: list[dict[str, float] | None]
    """Mean effect of a neighbour by the action that it took; none for rules without effects."""
    weight_by_action: list[dict[str, float] | None]
    """Mean weight of a neighbour by its action, times the number of neighbours: 1 is the weight
    that all would have alike. None for rules with effects, and for those that weigh all alike."""
    loss: float | None
    """Mean squared TD error of the updates after it, over all roles; none if there was none."""
    role_losses: list[float | None]
    """The same for each role."""
    updates: int
    """Updates of the networks since the run began."""
    beta: float
    playing_seconds: float
    learning_seconds: float
    opponent: str
    """``self``, ``gated``, ``past EPISODE``, or the opponent's name."""
    side: int | None
    """Side that the learners played, 0 or 1; none: both."""
    win_rates: dict[str, float]
    """Win rates of the learners in their last games by opponent (see ``result_games``)."""
    win_rate: float | None
    """The same over all opponents but ``self`` together; none before the first such game."""
    gate_openings: int | None
    """Replacements of the gated self since the run began; ``None`` without a gate."""


def measures_of(played: Episode, teams: Sequence[TeamSpecification]) -> dict[str, Any]:
    """Fields of :class:`EpisodeMetrics` that say how a game went."""
    combat, enemies = played.combat, enemies_of(teams)
    return {
        "steps": played.steps,
        "agent_steps": played.agent_steps,
        "rewards": list(played.rewards),
        "kills": [sum(played.deaths[team] for team in others) for others in enemies],
        "deaths": list(played.deaths),
        "survivors": list(played.survivors),
        "truncated": played.truncated,
        "damage": [sum(combat[team].damage_taken for team in others) for others in enemies]
        if combat
        else None,
        "attacks_unhurt": [one.share_unhurt for one in combat] if combat else None,
        "attacks_hurt": [one.share_hurt for one in combat] if combat else None,
        "attacks_by_health": list(played.attacks_by_health) if played.attacks_by_health else None,
    }
