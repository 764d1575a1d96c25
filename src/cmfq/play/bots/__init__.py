"""Scripted opponents. They use what an agent observes, and nothing else."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cmfq.decision import Decision
from cmfq.environments.base import TeamObservation
from cmfq.errors import unknown_name
from cmfq.play.bots import pursuit
from cmfq.play.bots.battle import BOTS
from cmfq.play.bots.senses import Script

__all__ = ["BOTS", "SCRIPTS", "Bot", "Script", "bot"]

SCRIPTS: Mapping[str, Mapping[str, Mapping[str, Script]]] = {
    "battle": {name: {"agent": script} for name, script in BOTS.items()},
    "pursuit": pursuit.BOTS,
}
"""Scripted players of each kind of environment by name: the script of each role."""


@dataclass(frozen=True)
class Bot:
    """A script as a policy (see :class:`cmfq.policies.Policy`)."""

    script: Script

    def decide(
        self,
        observations: Sequence[TeamObservation],
        generator: np.random.Generator,
        others: Sequence[TeamObservation] = (),
        worlds: Sequence[int] | None = None,
    ) -> list[Decision]:
        """Let the script decide for each team."""
        return [Decision(self.script(observation, generator)) for observation in observations]


def bot(name: str) -> Bot:
    """Look a scripted opponent for battle up by name.

    Raises:
        UserError: there is none of that name.
    """
    if name not in BOTS:
        raise unknown_name("scripted opponent", name, BOTS)
    return Bot(BOTS[name])
