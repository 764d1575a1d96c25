"""Detection of deaths in a game's episodes: where agents do not die, nobody counts the dead."""

from collections.abc import Mapping, Sequence
from typing import Any


def somebody_died(row: Mapping[str, Any]) -> bool:
    """Whether an agent died while others went on, from a row of a run's metrics.

    Agents whose game ended for all at once did not die, though an environment may call it so.
    """
    kills: Sequence[int] = row["kills"]
    if "agent_steps" not in row:  # what result pages keep of a row
        return any(kills)
    left = sum(row["survivors"])
    if "deaths" in row:
        started = left + sum(row["deaths"])
    elif len(kills) > 1:  # in older rows each death is a kill of every other team
        started = left + sum(kills) / (len(kills) - 1)
    else:  # of one team nothing says how many died: all or nobody, if all acted in every step
        started = left or row["agent_steps"] // row["steps"]
    return bool(row["agent_steps"] != row["steps"] * started)
