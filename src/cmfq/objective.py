"""Objective of an agent: whose rewards count, and what follows its death."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from cmfq.environments.base import FloatArray
from cmfq.errors import require_range, require_types

Death = Literal["end", "left-out", "posthumous"]


@dataclass(frozen=True)
class ObjectiveSettings:
    """Objective of an agent; in the paper its own reward until it dies."""

    death: Death = "end"
    """Target after an agent's death: end, its last reward alone, ``y = r``; left-out, no update, as
    in the original MFQ code, which leaves out each agent's last step too; posthumous, with the
    value that a random living team-mate expects in the next step, ``y = r + γ max Q(s'_mate)``
    (compare MA-POCA, Cohen et al. 2021). With ``n_steps`` above 1 the sum continues with the
    team-mate's rewards (two steps: ``y = r + γ r_mate + γ² max Q(s''_mate)``), and if the team-mate
    dies, with those of another one."""
    team_share: float = 0.0
    """Weight ``λ`` of the team's reward in an agent's: ``(1 - λ) r_i + λ (R_own - ρ R_others)``,
    where ``R_own`` is the mean reward of the team's agents in the step and ``R_others`` that of all
    other teams' agents (compare the team spirit of Berner et al. 2019)."""
    rivalry: float = 0.0
    """Weight ``ρ`` of the other teams' rewards in the team's reward, ``R_own - ρ R_others``; no
    effect if ``team_share`` is 0."""

    reward_clip: float = 0.0
    """Limit on the size of an agent's reward in a step, before it is shared (Mnih et al. 2015); 0
    sets no limit. With a limit, a kill in battle outweighs fewer hits, and fewer agents attack an
    enemy that is almost dead."""

    def __post_init__(self) -> None:
        require_types(self)
        require_range(self, 0, 1, "team_share")
        require_range(self, 0, 1e3, "rivalry", "reward_clip")


def shared_rewards(
    rewards: Sequence[FloatArray], team: int, objective: ObjectiveSettings
) -> FloatArray:
    """``(1 - λ) r_i + λ (R_own - ρ R_others)`` of each agent of a team, ``(agents,)``.

    Args:
        rewards: rewards of every team, ``(agents,)`` each.
        team: index of the team.
        objective: has ``λ`` and ``ρ``.
    """
    if objective.reward_clip:
        clip = objective.reward_clip
        rewards = [reward.clip(-clip, clip) for reward in rewards]
    own, share = rewards[team], objective.team_share
    if share == 0 or len(own) == 0:
        return own
    others = [reward for index, reward in enumerate(rewards) if index != team and len(reward)]
    rivals = float(np.concatenate(others).mean()) if others else 0.0
    common = float(own.mean()) - objective.rivalry * rivals
    return ((1 - share) * own + share * common).astype(np.float32)
