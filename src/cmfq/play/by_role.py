"""Rewards of players in each role, in worlds whose sides have other roles."""

from collections.abc import Mapping

from cmfq.play.entrants import groups_of
from cmfq.play.game_log import Tournament
from cmfq.play.outcomes import estimate, layout_values
from cmfq.statistics.replication import Estimate

Earned = Mapping[tuple[str, str], Mapping[str, Estimate]]
"""Reward of a group in a role, against each other group."""


def by_role(played: Tournament) -> Earned:
    """Reward of a group's agents together, per game, with 95 % intervals over seeds.

    Intervals are over games where both groups have one entrant only. In the file of ``cmfq
    progress``, the last checkpoint of every run against each opponent.

    Args:
        played: games of a world whose sides have other roles; other worlds give nothing.
    """
    entrants = (*played.entrants, *played.opponents)
    counted = [one.players[-1:] if played.opponents else one.players for one in entrants]
    owner = {
        player.id: one.name
        for one, players in zip(entrants, counted, strict=True)
        for player in players
    }
    rewards: dict[str, dict[tuple[str, str], list[float]]] = {}
    for game in played.games if played.places else ():
        if not {game.a, game.b} <= owner.keys():
            continue
        a, b = owner[game.a], owner[game.b]
        places = played.places[game.game // 2 % len(played.places)]
        first = game.game % 2
        rewards.setdefault(places[first], {}).setdefault((a, b), []).append(game.a_reward)
        rewards.setdefault(places[1 - first], {}).setdefault((b, a), []).append(game.b_reward)
    groups, others = groups_of(played.entrants), groups_of(entrants)
    found: dict[tuple[str, str], dict[str, Estimate]] = {}
    for group, ours in groups.items():
        for role, earned in rewards.items():
            for other, theirs in others.items():
                cells = [[earned.get((a.name, b.name), []) for b in theirs] for a in ours]
                values = None if other == group else layout_values(cells, lambda one: one)
                if values is not None:
                    found.setdefault((group, role), {})[other] = estimate(values, share=False)
    return found
