"""An opponent whose steps the learner learns from."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cmfq.decision import Decision
from cmfq.environments.base import TeamObservation
from cmfq.policies import Policy, QPolicy


@dataclass(frozen=True)
class Demonstrator:
    """Acts as another player does; all else that a decision says is the learner's.

    The replay needs the neighbours' actions and ``ǎ`` of every step, as the learner sees them.
    """

    player: Policy
    """Chooses the actions."""
    learner: QPolicy
    """Policy of the same role."""

    def decide(
        self,
        observations: Sequence[TeamObservation],
        generator: np.random.Generator,
        others: Sequence[TeamObservation] = (),
        worlds: Sequence[int] | None = None,
    ) -> list[Decision]:
        """See :class:`~cmfq.policies.Policy`."""
        shown = self.player.decide(observations, generator, others, worlds)
        seen = self.learner.decide(observations, generator, others, worlds)
        return [
            decision._replace(actions=demonstrated.actions)
            for decision, demonstrated in zip(seen, shown, strict=True)
        ]
