"""A table of what groups earn in each role."""

from cmfq.play.by_role import Earned
from cmfq.results.table import Table, margin_text

HOW_TO_READ_ROLES = (
    "Reward of all agents of the role together, per game, against each other group; 95 % intervals "
    "over seeds, over games where both have one entrant only."
)


def role_table(earned: Earned) -> Table:
    """A row for every group in every role, a column for every other group."""
    others = list(dict.fromkeys(other for found in earned.values() for other in found))
    return Table(
        ("group", "as", *(f"v {other}" for other in others)),
        [
            (group, role, *(margin_text(of[one]) if one in of else "–" for one in others))
            for (group, role), of in earned.items()
        ],
    )
