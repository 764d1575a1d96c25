"""Scripted opponents. They use what an agent observes, and nothing else."""

from collections.abc import Mapping

from cmfq.errors import unknown_name
from cmfq.play.bots import pursuit
from cmfq.play.bots.battle import BOTS
from cmfq.policies import Bot, Script

__all__ = ["BOTS", "SCRIPTS", "Bot", "Script", "bot"]

SCRIPTS: Mapping[str, Mapping[str, Mapping[str, Script]]] = {
    "battle": {name: {"agent": script} for name, script in BOTS.items()},
    "pursuit": pursuit.BOTS,
}
"""Scripted players of each kind of environment by name: the script of each role."""


def bot(name: str) -> Bot:
    """Look a scripted opponent for battle up by name.

    Raises:
        UserError: there is none of that name.
    """
    if name not in BOTS:
        raise unknown_name("scripted opponent", name, BOTS)
    return Bot(BOTS[name])
