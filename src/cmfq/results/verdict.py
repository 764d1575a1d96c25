"""What matches of one trained run say of it, in sentences: good, bad and open."""

from collections.abc import Mapping, Sequence

from cmfq.play.matches import MatchResult
from cmfq.results.page import Finding
from cmfq.results.table import listing, margin_text, rate_text
from cmfq.statistics.replication import Estimate
from cmfq.text import counted


def who_wins(match: MatchResult) -> str:
    """Sentence on a match: whether its win rate's interval leaves out one half."""
    assert match.win_rate is not None
    assert match.interval is not None
    low, high = match.interval
    won = f"{match.a} wins {rate_text(Estimate(match.win_rate, low, high))}"
    if low > 0.5:
        return f"{match.a} beats {match.b}: {won} of {counted(match.episodes, 'game')}."
    if high < 0.5:
        return f"{match.b} beats {match.a}: {won} of {counted(match.episodes, 'game')}."
    verb = "does" if match.episodes == 1 else "do"
    return f"{counted(match.episodes, 'game')} {verb} not decide which of the two is better: {won}."


def who_is_ahead(match: MatchResult, ahead: Estimate) -> str:
    """Sentence on a match of unlike roles: who has more over two games in which they swap them."""
    measure = match.settings.decided_by.removesuffix("rewards") or "reward"
    both = f"over two games with swapped roles, in which it has {margin_text(ahead)} more {measure}"
    if not ahead.leaves_out(0):
        return f"{match.a} cannot be told apart from {match.b} {both}."
    return f"{match.a} is {'ahead of' if ahead.low > 0 else 'behind'} {match.b} {both}."


def who_earns_more(match: MatchResult, difference: Estimate) -> str:
    """Sentence on a match of one team: who earns more in the same episodes."""
    same = f"in the same {counted(match.episodes, 'episode')}"
    if not difference.leaves_out(0):
        return (
            f"{match.a} and {match.b} cannot be told apart: what {match.a} earns, minus what "
            f"{match.b} earns {same}, is {margin_text(difference)}."
        )
    a, b = match.a, match.b
    if difference.value < 0:
        a, b, difference = b, a, difference.swapped()
    return f"{a} earns {margin_text(difference)} more than {b} {same}."


def verdict(matches: Sequence[MatchResult]) -> list[Finding]:
    """What matches of one policy (A) against opponents (B) say.

    A win rate counts as good or bad where its 95 % interval leaves out one half.
    """
    other_seeds = (
        "This is one run: another training seed gives another policy, which may be better or worse."
    )
    number = matches[0].episodes
    if matches[0].difference:  # one team
        differences = {match.b: match.difference for match in matches if match.difference}
        words = "earns more than", "earns less than", f"in the same {counted(number, 'episode')}"
        return [*_differences(differences, *words), Finding(other_seeds, "unknown")]
    if not matches[0].symmetric:
        ahead = {match.b: match.ahead for match in matches if match.ahead}
        where = f"in {counted(number, 'game')}, over both roles together"
        words = "is ahead of", "is behind", where
        return [*_differences(ahead, *words), Finding(other_seeds, "unknown")]
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
    games = counted(number, "game")
    known = (
        ""
        if not unclear
        else f"Against {listing(unclear)}, {games} {'do' if number > 1 else 'does'} not decide "
        "which is better. "
    )
    each = " each" if len(matches) > 1 else ""
    found = []
    if better:
        found.append(
            Finding(f"The policy wins against {listing(better)} in {games}{each}.", "good")
        )
    if worse:
        found.append(Finding(f"The policy loses against {listing(worse)} in {games}{each}.", "bad"))
    open_ = f"{known}{other_seeds} The games do not apply to other opponents or settings."
    return [*found, Finding(open_, "unknown")]


def _differences(
    found: Mapping[str, Estimate], better: str, worse: str, where: str
) -> list[Finding]:
    """What differences from opponents say, by their names."""
    told = {name: one.value for name, one in found.items() if one.leaves_out(0)}
    more = [name for name, value in told.items() if value > 0]
    less = [name for name, value in told.items() if value < 0]
    unclear = [name for name in found if name not in (*more, *less)]
    findings = []
    if more:
        findings.append(Finding(f"The policy {better} {listing(more)} {where}.", "good"))
    if less:
        findings.append(Finding(f"The policy {worse} {listing(less)} {where}.", "bad"))
    if unclear:
        said = f"The policy cannot be told apart from {listing(unclear)} {where}."
        findings.append(Finding(said, "unknown"))
    return findings
