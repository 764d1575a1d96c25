"""Rewards of players in each role, in worlds whose sides have other roles."""

from collections.abc import Mapping

from cmfq.play.entrants import groups_of
from cmfq.play.game_log import Tournament
from cmfq.play.outcomes import estimate, layout_values
from cmfq.statistics.replication import Estimate

Earned = Mapping[tuple[str, str], Mapping[str, Estimate]]
"""Reward of a group in a role, against each other group or, in progress, each opponent."""
Rewards = dict[str, dict[tuple[str, str], list[float]]]
"""Rewards of a player against another, a value a game, by role."""


def by_role(played: Tournament) -> Earned:
    """Reward of a group's agents together, per game, with 95 % intervals over seeds.

    Intervals are over games where both groups have one entrant only. In the file of ``cmfq
    progress``, the last checkpoint of every run against each opponent, by the opponent's title.

    Args:
        played: games of a world whose sides have other roles; other worlds give nothing.
    """
    groups = groups_of(played.entrants)
    others = {group: [one.name for one in members] for group, members in groups.items()}
    others = {one.title: [one.title] for one in played.opponents} or others
    found: dict[tuple[str, str], dict[str, Estimate]] = {}
    rewards = _rewards(played)
    for group, ours in groups.items():
        for role, earned in rewards.items():
            for other, theirs in others.items():
                cells = [[earned.get((one.name, name), []) for name in theirs] for one in ours]
                itself = other == group and not played.opponents
                values = None if itself else layout_values(cells, lambda one: one)
                if values is not None:
                    found.setdefault((group, role), {})[other] = estimate(values, share=False)
    return found


def _rewards(played: Tournament) -> Rewards:
    """Rewards by role of every entrant against every other one, or against every opponent.

    In a game of ``cmfq progress`` A is a checkpoint of an entrant and B an opponent; one checkpoint
    may be both.
    """
    ours = theirs = played.owners()
    if played.opponents:
        ours = {one.players[-1].id: one.name for one in played.entrants}
        theirs = {one.players[-1].id: one.title for one in played.opponents}
    rewards: Rewards = {}
    for game in played.games if played.places else ():
        if game.a not in ours or game.b not in theirs:
            continue
        a, b = ours[game.a], theirs[game.b]
        places = played.places[game.game // 2 % len(played.places)]
        first = game.game % 2
        rewards.setdefault(places[first], {}).setdefault((a, b), []).append(game.a_reward)
        of_b = rewards.setdefault(places[1 - first], {})
        if not played.opponents:
            of_b.setdefault((b, a), []).append(game.b_reward)
    return rewards
