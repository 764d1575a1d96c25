"""What an agent learns to maximise: whose rewards count, and what follows its death."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from cmfq.environments.base import FloatArray
from cmfq.errors import require_range


@dataclass(frozen=True)
class ObjectiveSettings:
    """What an agent learns to maximise; the paper: its own reward until it dies."""

    death: Literal["end", "left-out", "posthumous"] = "end"
    """What follows an agent's death: nothing, ``y = r``; no update at all, as in the original MFQ
    code, which leaves out each agent's last step too; or the value that a random living team-mate
    expects in the next step, ``y = r + γ max Q(s'_mate)`` (compare MA-POCA, Cohen et al. 2021)."""
    team_share: float = 0.0
    """Share ``λ`` of the team in an agent's reward: ``(1 - λ) r_i + λ (R_own - ρ R_others)``, with
    ``R`` the mean reward of a team's agents in the step."""
    rivalry: float = 0.0
    """Weight ``ρ`` of what the other teams earn, in the team's share."""

    def __post_init__(self) -> None:
        require_range(self, 0, 1, "team_share")
        require_range(self, 0, 1e3, "rivalry")


def shared_rewards(
    rewards: Sequence[FloatArray], team: int, objective: ObjectiveSettings
) -> FloatArray:
    """``(1 - λ) r_i + λ (R_own - ρ R_others)`` of each agent of a team, ``(agents,)``.

    Args:
        rewards: of every team, ``(agents,)`` each.
        team: index of the team.
        objective: has ``λ`` and ``ρ``.
    """
    own, share = rewards[team], objective.team_share
    if share == 0 or len(own) == 0:
        return own
    others = [reward for index, reward in enumerate(rewards) if index != team and len(reward)]
    rivals = float(np.concatenate(others).mean()) if others else 0.0
    common = float(own.mean()) - objective.rivalry * rivals
    return ((1 - share) * own + share * common).astype(np.float32)
