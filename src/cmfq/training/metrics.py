"""One row of a run's metrics: what an episode brought."""

from dataclasses import dataclass


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
