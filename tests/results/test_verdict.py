"""The first lines of a run's report."""

from typing import cast

import numpy as np
import pytest

from cmfq.play.matches import MatchResult
from cmfq.results.details import earns
from cmfq.results.table import interval_text
from cmfq.results.verdict import verdict
from cmfq.statistics.intervals import mean_interval, wilson_interval
from cmfq.statistics.replication import Estimate


class Match:
    """What the sentences need of a match."""

    def __init__(
        self,
        b: str,
        wins: int,
        games: int,
        symmetric: bool = True,
        difference: Estimate | None = None,
        ahead: Estimate | None = None,
    ) -> None:
        self.ahead = ahead
        self.b, self.episodes, self.symmetric, self.difference = b, games, symmetric, difference
        self.win_rate = wins / games
        self.interval = wilson_interval(wins, games)


def said(*matches: Match) -> tuple[str, str, str]:
    """What is good, bad and unknown; empty where nothing is said."""
    found = {one.verdict: one.text for one in verdict(cast(list[MatchResult], list(matches)))}
    return found.get("good", ""), found.get("bad", ""), found["unknown"]


def test_what_is_good_bad_and_open_is_told_apart() -> None:
    good, bad, unknown = said(
        Match("random", 40, 40),
        Match("rush", 38, 40),
        Match("focus", 21, 40),
        Match("swarm", 3, 40),
    )
    assert good == "The policy wins against random (100%) and rush (95%) in 40 games each."
    assert bad == "The policy loses against swarm (8%) in 40 games each."
    assert unknown.startswith(
        "Against focus (37 to 67 %), 40 games do not decide which is better. This"
    )
    assert "another training seed" in unknown


@pytest.mark.parametrize(
    ("wins", "good", "bad"), [(0, False, True), (2, False, False), (4, True, False)]
)
def test_few_games_say_little(wins: int, good: bool, bad: bool) -> None:
    lines = said(Match("rush", wins, 4))
    assert (bool(lines[0]), bool(lines[1])) == (good, bad)
    assert ("do not decide" in lines[2]) == (wins == 2)


def test_over_both_roles_a_player_is_ahead_or_behind() -> None:
    ahead, behind, open_, one_game = (
        Match(name, 1, 4, symmetric=False, ahead=ends and Estimate(*ends))
        for name, ends in (
            ("low", (3, 1, 5)), ("high", (-3, -5, -1)), ("same", (0, -1, 1)), ("once", None),
        )
    )  # fmt: skip
    told = [one.text for one in verdict(cast(list[MatchResult], [ahead, behind, open_, one_game]))]
    where = "in 4 games, over both roles together."
    assert told[0] == f"The policy is ahead of low {where}"
    assert told[1] == f"The policy is behind high {where}"
    assert told[2] == f"The policy cannot be told apart from same {where}"
    assert "This is one run" in told[3]


def test_where_there_is_one_team_nobody_wins_or_loses() -> None:
    more, less, open_ = (
        Match(name, 1, 2, symmetric=False, difference=Estimate(*ends))
        for name, ends in (("low", (3, 1, 5)), ("high", (-3, -5, -1)), ("same", (0, -1, 1)))
    )
    assert said(more)[0] == "The policy earns more than low in the same 2 episodes."
    assert said(less)[1] == "The policy earns less than high in the same 2 episodes."
    told = verdict(cast(list[MatchResult], [more, less, open_]))
    assert told[2].text == "The policy cannot be told apart from same in the same 2 episodes."
    assert "This is one run" in told[3].text


def test_an_interval_without_ends_is_said_in_words() -> None:
    assert interval_text(*mean_interval(np.array([3.0]))) == "too few to tell"
    assert interval_text(*mean_interval(np.array([1000.0, 1000.0, 1000.0]))) == "1,000.0 to 1,000.0"


def test_values_that_are_all_equal_decide_nothing() -> None:
    equal = Estimate(64.0, 64.0, 64.0)
    for match in (Match("rush", 0, 2, difference=equal), Match("rush", 0, 2, False, ahead=equal)):
        good, bad, unknown = said(match)
        assert (good, bad) == ("", "")
        assert "another training seed" in unknown
    assert earns(equal) == "cannot be told apart"
    assert earns(Estimate(-2.0, -3.0, -1.0)) == "A earns less"
