"""Tables of worlds of one team: what groups earn, and how much more than others."""

from itertools import combinations

import numpy as np

from cmfq.play.entrants import groups_of
from cmfq.play.game_log import Tournament
from cmfq.play.outcomes import estimate
from cmfq.play.standings import Standings, returns_of
from cmfq.results.table import Table, margin_text

HOW_TO_READ_RETURNS = (
    "*Return*: what all agents earn together in an episode. Episodes are the same for all; "
    "differences are taken episode by episode. 95 % intervals are over training seeds; over "
    "episodes where a group, or each of two, has one entrant only."
)


def returns_table(played: Tournament) -> Table:
    """What each group earns, the most first."""
    earned, found = returns_of(played), {}
    for group, members in groups_of(played.entrants).items():
        values = np.array([earned[one.name] for one in members])
        scores = values.mean(1) if len(values) > 1 else values[0]
        found[group] = (len(members), estimate(scores.reshape(-1, 1), share=False))
    ordered = sorted(found.items(), key=lambda item: -item[1][1].value)
    rows = [(group, str(seeds), margin_text(value)) for group, (seeds, value) in ordered]
    return Table(("group", "seeds", "return"), rows)


def difference_table(found: Standings) -> Table:
    """Every two groups, the one that earns more in more episodes as A."""
    rows = []
    for a, b in combinations([one.group for one in found.ratings], 2):
        one = found.between(a, b)
        rows.append((f"{a} v {b}", margin_text(one.margin), earns(one.margin.low, one.margin.high)))
    return Table(("A v B", "return of A less B's", "A earns"), rows)


def earns(low: float, high: float) -> str:
    """What the interval of a difference says."""
    return "more" if low > 0 else "less" if high < 0 else "cannot be told apart"
