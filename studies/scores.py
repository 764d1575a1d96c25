"""What studies keep of a match of battle."""

from cmfq.play.matches import MatchResult
from cmfq.statistics.replication import Estimate


def earlier_self(opponent: str) -> int | None:
    """Episode of ``itself@200``, the policy as it was then; ``None`` for any other opponent."""
    itself, _, episode = opponent.partition("@")
    return int(episode) if itself == "itself" and episode else None


def win_rate_and_damage(match: MatchResult) -> tuple[Estimate, Estimate]:
    """Win rate and logarithm of damage dealt over damage taken, with intervals over games."""
    assert match.win_rate is not None and match.interval is not None, "battle's sides are alike"
    return Estimate(match.win_rate, *match.interval), match.yardsticks["log_damage_ratio"]
