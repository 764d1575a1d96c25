"""What matches of one trained run say of it, in sentences: good, bad and open."""

from collections.abc import Sequence

from cmfq.play.matches import MatchResult
from cmfq.results.page import Finding
from cmfq.results.table import listing, rate_text
from cmfq.statistics.replication import Estimate


def who_wins(match: MatchResult) -> str:
    """Sentence on a match: whether its win rate's interval leaves out one half."""
    assert match.win_rate is not None
    assert match.interval is not None
    low, high = match.interval
    won = f"{match.a} wins {rate_text(Estimate(match.win_rate, low, high))}"
    if low > 0.5:
        return f"{match.a} beats {match.b}: {won} of {match.episodes} games."
    if high < 0.5:
        return f"{match.b} beats {match.a}: {won} of {match.episodes} games."
    games = "1 game does" if match.episodes == 1 else f"{match.episodes} games do"
    return f"{games} not decide which of the two is better: {won}."


def verdict(matches: Sequence[MatchResult]) -> list[Finding]:
    """What matches of one policy (A) against opponents (B) say.

    A win rate counts as good or bad where its 95 % interval leaves out one half.
    """
    other_seeds = (
        "This is one run: another training seed gives another policy, which may be better or worse."
    )
    if matches[0].difference:  # one team
        return [*_earnings(matches), Finding(other_seeds, "unknown")]
    if not matches[0].symmetric:
        return [Finding(f"The table shows the reward of each player. {other_seeds}", "unknown")]
    better, worse, unclear = [], [], []
    for match in matches:
        assert match.win_rate is not None
        assert match.interval is not None
        low, high = match.interval
        said = f"{match.b} ({match.win_rate:.0%})"
        if low > 0.5:
            better.append(said)
        elif high < 0.5:
            worse.append(said)
        else:
            unclear.append(f"{match.b} ({100 * low:.0f} to {100 * high:.0f} %)")
    number = matches[0].episodes
    games = f"{number} games" if number > 1 else "1 game"
    known = (
        ""
        if not unclear
        else f"Against {listing(unclear)}, {games} {'do' if number > 1 else 'does'} not decide "
        "which is better. "
    )
    each = " each" if len(matches) > 1 else ""
    found = []
    if better:
        found.append(Finding(f"It wins against {listing(better)} in {games}{each}.", "good"))
    if worse:
        found.append(Finding(f"It loses against {listing(worse)} in {games}{each}.", "bad"))
    open_ = f"{known}{other_seeds} The games do not apply to other opponents or settings."
    return [*found, Finding(open_, "unknown")]


def _earnings(matches: Sequence[MatchResult]) -> list[Finding]:
    """What matches of one team say: no player meets another there."""
    more: list[str] = []
    less: list[str] = []
    unclear: list[str] = []
    for match in matches:
        if match.difference is None:
            continue
        low, high = match.difference.low, match.difference.high
        (more if low > 0 else less if high < 0 else unclear).append(match.b)
    same = f"in the same {matches[0].episodes} episodes"
    found = []
    if more:
        found.append(Finding(f"It earns more than {listing(more)} {same}.", "good"))
    if less:
        found.append(Finding(f"It earns less than {listing(less)} {same}.", "bad"))
    if unclear:
        found.append(
            Finding(
                f"{same.capitalize()} it cannot be told apart from {listing(unclear)}.", "unknown"
            )
        )
    return found
