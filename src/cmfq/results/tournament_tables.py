"""Tables of a tournament, as rows of text: the page in Markdown and the one in HTML share them."""

import math
from collections.abc import Sequence
from itertools import combinations

import numpy as np

from cmfq.play.entrants import groups_of
from cmfq.play.game_log import Tournament
from cmfq.play.standings import Comparison, Standings, all_results
from cmfq.results.table import Table, listing, margin_text, rate_text
from cmfq.text import counted

PAPER_ORDERINGS = (
    ("iql", "mfq"),
    ("mfq", "attention-mfq"),
    ("attention-mfq", "cmfq"),
    ("iql", "attention-mfq"),
    ("iql", "cmfq"),
    ("mfq", "cmfq"),
    ("random-weights", "mfq"),
)
"""Fig 4b: IQL < MFQ < Attention-MFQ < CMFQ, and random weights < MFQ; the weaker one first."""


ONE_SEED = "unknown: one seed"
LARGE_GAP = 0.2
"""Difference of an expected win rate from a measured one above which ratings mislead."""


def verdict(comparison: Comparison) -> str:
    """Verdict on "A beats B", from the interval of its win rate."""
    if not comparison.win_rate.leaves_out(0.5):
        return "cannot be told apart"
    return "holds" if comparison.win_rate.low > 0.5 else "does not hold"


def matrix_table(standings: Standings) -> Table:
    """Win rate of the row against the column, best group first."""
    groups = [one.group for one in standings.ratings]
    rows = [
        (a, *("–" if a == b else rate_text(standings.between(a, b).win_rate) for b in groups))
        for a in groups
    ]
    return Table(("win rate against", *groups), rows)


def comparison_table(standings: Standings, title: str = "") -> Table:
    """Every two groups, the one with the better rating as A."""
    rows = []
    for a, b in combinations([one.group for one in standings.ratings], 2):
        one = standings.between(a, b)
        rows.append(
            (
                f"{a} v {b}",
                f"{one.seeds[0]} v {one.seeds[1]}",
                f"{one.wins}-{one.draws}-{one.losses}",
                rate_text(one.win_rate),
                f"{one.confidence:.1%}",
                rate_text(one.better) if one.better else "–",
                margin_text(one.margin),
            )
        )
    columns = (
        "A v B",
        "seeds",
        "wins, draws, losses",
        "win rate of A",
        "confidence",
        "better seed",
        "margin",
    )
    return Table(columns, rows, title)


def rating_table(standings: Standings, title: str = "") -> Table:
    """The ladder."""
    rows = [
        (one.group, str(len(one.entrants)), margin_text(one.rating, digits=0))
        for one in standings.ratings
    ]
    return Table(("group", "seeds", "rating, in Elo points"), rows, title)


def ordering_table(standings: Standings, title: str = "") -> Table | None:
    """The paper's orderings, as far as their algorithms are here."""
    groups = {one.group for one in standings.ratings}
    rows = []
    for weaker, stronger in PAPER_ORDERINGS:
        if {weaker, stronger} <= groups:
            one = standings.between(stronger, weaker)
            told = verdict(one) if min(one.seeds) > 1 else ONE_SEED
            rows.append((f"{weaker} < {stronger}", rate_text(one.win_rate), told))
    columns = ("ordering in the paper", "win rate of the stronger", "here")
    return Table(columns, rows, title) if rows else None


def ordering_sentence(table: Table) -> str:
    """Sentence: how many of the paper's orderings hold."""
    found = [row[-1] for row in table.rows]
    holds, opposite = found.count("holds"), found.count("does not hold")
    single = found.count(ONE_SEED)
    if single == len(found):
        return "Whether the paper's orderings hold is unknown: other seeds may differ."
    return (
        f"Orderings of the paper that hold here beyond chance: {holds}; reversed: {opposite}; "
        f"cannot be told apart: {len(found) - holds - opposite - single}"
        + (f"; unknown, with one seed: {single}." if single else ".")
    )


def run_table(tournament: Tournament, order: Sequence[str]) -> Table:
    """Every entrant against every group: how far seeds differ."""
    groups = groups_of(tournament.entrants)
    results = all_results(tournament)
    rows = []
    for group in order:
        for number, one in enumerate(groups[group]):
            cells = []
            for other in order:
                if (group, other) in results:
                    share = results[group, other].points[number].mean()
                elif (other, group) in results:
                    share = 1 - results[other, group].points[:, number].mean()
                else:
                    share = math.nan
                cells.append(f"{share:.0%}" if np.isfinite(share) else "–")
            seed = "–" if one.seed is None else str(one.seed)
            episodes = ", ".join(str(player.episode) for player in one.players if player.episode)
            rows.append((group, seed, episodes or "–", *cells))
    return Table(("group", "seed", "checkpoints", *(f"v {group}" for group in order)), rows)


def spread_sentence(tournament: Tournament) -> str:
    """Sentence: from where to where the win rates of each group's seeds go."""
    results = all_results(tournament)
    parts = []
    for group, entrants in groups_of(tournament.entrants).items():
        ours = [one.points.mean((1, 2)) for (a, _), one in results.items() if a == group]
        theirs = [1 - one.points.mean((0, 2)) for (_, b), one in results.items() if b == group]
        if len(entrants) > 1 and (found := [*ours, *theirs]):
            rates = np.mean(found, 0)
            parts.append(f"{group} from {rates.min():.0%} to {rates.max():.0%}")
    if not parts:
        return "Each group has one run, so differences between training seeds are not known."
    return f"Win rates of single seeds against all other groups: {'; '.join(parts)}."


def cycle_sentences(standings: Standings) -> list[str]:
    """One for each cycle, or one that says there is none."""
    if not standings.cycles:
        return [
            (
                "There is no cycle: no three groups of which each beats the next and the last "
                "beats the first."
            )
        ]
    return [
        f"{' beats '.join((*one.groups, one.groups[0]))}: "
        + ("all three intervals leave out 1/2." if one.settled else
           "in point estimates only; other seeds may show no such cycle.")
        for one in standings.cycles
    ]  # fmt: skip


def fit_sentence(standings: Standings) -> str:
    """Sentence on how well the ratings describe the games."""
    gap = standings.largest_gap
    warning = (
        ": one number for each group does not describe these games, so use the table of win rates"
        if gap > LARGE_GAP
        else ""
    )
    return (
        "The win rates expected from these ratings differ by at most "
        f"{counted(round(100 * gap), 'point')} from the measured ones{warning}."
    )


def about(tournament: Tournament) -> str:
    """Paragraph about the games."""
    settings = tournament.settings
    pairs = "pair of entrants" + ("" if settings.within_groups else " from different groups")
    what = "episode" if tournament.alone else "game"
    share = "for each entrant" if tournament.alone else f"for each {pairs}"
    seeds = listing(
        f"{len(entrants)} of {group}" if len(entrants) > 1 else group
        for group, entrants in groups_of(tournament.entrants).items()
    )
    most = max(len(one.players) for one in tournament.entrants)
    spread = f", spread over the last {most} checkpoints of each" if most > 1 else ""
    return (
        f"{counted(len(tournament.games), 'game')} ({settings.environment.title}) between {seeds}: "
        f"{counted(settings.episodes, what)} {share}{spread}; "
        f"{how_decided(tournament)}, and a draw counts half."
    )


def how_decided(tournament: Tournament) -> str:
    """Rule by which a player wins: a part of a sentence."""
    if tournament.alone:
        return (
            "each entrant plays the same episodes alone; the one with the higher return wins an "
            "episode"
        )
    if tournament.paired:
        return (
            "the players swap roles after every game; two such games count as one, and the player "
            f"with more {tournament.world.decided_by} in both together wins"
        )
    return (
        "the players swap sides after every game; the player with more "
        f"{tournament.world.decided_by} wins"
    )


HOW_TO_READ = (
    "95 % intervals over training seeds are in brackets: they apply to other seeds of the same "
    "algorithms, not only to these policies. A group with one entrant is treated as fixed; "
    "between two such groups the interval is over games. The intervals are not corrected for "
    "multiple comparisons: of twenty pairs that are equally strong, about one will seem not to be."
)
HOW_TO_READ_ORDERINGS = (
    "The interval leaves out 1/2 on the paper's side: *holds*; on the other side: *does not "
    "hold*. *Cannot be told apart* does not mean that two are equal: the difference may be as "
    "large as the interval allows, and `cmfq power` calculates how many seeds would show it. All "
    "statements are about these settings and this length of training."
)
COLUMNS = (
    "*Confidence*: confidence that the mean win rate is above 1/2. *Better seed*: probability "
    "that a random seed of A wins more than half its games against a random seed of B. *Margin*: "
    "difference that decides a game, of A minus B."
)
