"""Does longer training make teams weaker? Parts of the page of :mod:`studies.strength`."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from cmfq.play.entrants import script_group
from cmfq.play.progress import ProgressRow, progress_rows
from cmfq.play.reading import finished_progress, finished_tournament
from cmfq.play.standings import all_results, standings
from cmfq.results.page import Finding, Items, Part
from cmfq.results.table import Table, listing, margin_text, rate_text
from cmfq.statistics.replication import Estimate
from studies.yardsticks import Difference
from studies.yardsticks import differences as changes

MIDDLE = 400
"""Episode in the middle of the long runs of preset strong."""


def longer_parts(results: Path) -> list[Part]:
    """Shorter against longer runs, checkpoints of long runs, and the runs of preset paper."""
    return [
        *_duel_parts(results),
        *_strong_parts(results),
        *paper_parts(results / "progress" / "progress.json.gz"),
        Items(REASONS),
    ]


def _duel_parts(results: Path) -> list[Part]:
    """Runs of preset strong of two lengths against each other and against scripts."""
    played = finished_tournament(results / "strong-length" / "tournament.json.gz")
    duel = standings(played)
    lost = all_results(played)["150", "600"].points.mean((0, 2))  # by seeds of the longer runs
    lengths = [
        (f"{longer} against {other}", rate_text(duel.between(longer, other).win_rate))
        for longer, other in (("600", "150"), *_against_scripts("150"), *_against_scripts("600"))
    ]
    return [
        Finding(
            f"After four times the training, teams win {lengths[0][1]} of their games against the "
            f"shorter runs, each run at least {1 - lost.max():.0%}."
        ),
        "Five runs of 600 episodes and five of 150, preset `strong`, each with a learning rate "
        "that falls to its end, single, by their last checkpoints, with 95 % intervals over seeds "
        "([all games](../strong-length/README.md)):",
        Table(("episodes", "win rate"), lengths),
    ]


def _against_scripts(episodes: str) -> list[tuple[str, str]]:
    return [(episodes, script_group(name)) for name in ("swarm", "skirmish")]


def _strong_parts(results: Path) -> list[Part]:
    """Changes between checkpoints of five long runs of preset strong, paired by seed."""
    played = finished_progress(results / "strong64" / "progress.json.gz")
    rows = [row for row in progress_rows(played) if row.group == "cmfq"]
    last = max(row.episode for row in rows)
    found = _by_opponent(changes(rows, MIDDLE, last))
    lines = []
    for opponent, by in found.items():
        damage = by["log_damage_ratio"]
        weaker = sum(one < 0 for one in damage.differences)
        lines.append(
            (
                opponent,
                margin_text(_points(by["win_rate"].mean), 0),
                margin_text(damage.mean, 2),
                f"{weaker} of {len(damage.differences)}",
            )
        )
    columns = ("against", "win rate, points", "log damage ratio", "seeds with a lower ratio")
    return [
        f"Five other runs of preset `strong`, after {last} episodes compared with after {MIDDLE}, "
        "with 95 % intervals over seeds ([every checkpoint](../strong64/README.md)):",
        Table(columns, lines),
    ]


def paper_parts(file: Path) -> list[Part]:
    """Changes between checkpoints of the runs of preset paper, paired by seed."""
    rows = progress_rows(finished_progress(file))
    episodes = sorted({row.episode for row in rows})
    first, last = episodes[0], episodes[-1]
    ours = [row for row in rows if row.group == "cmfq"]
    lines = [
        (
            opponent,
            " → ".join(f"{_mean(ours, opponent, episode):.0%}" for episode in (first, last)),
            margin_text(by["log_damage_ratio"].mean, 2),
            margin_text(_points(by["attacks_hurt"].mean), 0),
        )
        for opponent, by in _by_opponent(changes(ours, first, last)).items()
    ]
    columns = ("against", "win rate", "log damage ratio", "attacks of the hurt, points")
    seeds = len({row.run for row in ours})
    return [
        f"Preset `paper`: {seeds} runs of CMFQ after {last} episodes compared with after {first}; "
        "changes with 95 % intervals over seeds ([every checkpoint](../progress/README.md); "
        "*attacks of the hurt*: share of attacks among the decisions of agents with less than half "
        "of their hit points and an enemy in reach):",
        Table(columns, lines),
        f"{_told(rows, first, last)} {_told(rows, _middle(episodes), last)} The intervals are not "
        "corrected for the number of comparisons.",
    ]


def _mean(rows: Sequence[ProgressRow], opponent: str, episode: int) -> float:
    """Mean win rate over seeds."""
    wanted = opponent, episode
    return float(np.mean([row.win_rate for row in rows if (row.opponent, row.episode) == wanted]))


def _middle(episodes: Sequence[int]) -> int:
    """The checkpoint at half of the training."""
    return min(episodes, key=lambda one: abs(2 * one - episodes[-1]))


def _told(rows: Sequence[ProgressRow], earlier: int, later: int) -> str:
    """How many log damage ratios of all algorithms change beyond chance, and which ones fall."""
    found = {
        (group, one.opponent): one.mean
        for group in dict.fromkeys(row.group for row in rows)
        for one in changes([row for row in rows if row.group == group], earlier, later)
        if one.yardstick == "log_damage_ratio"
    }
    told = {pair: one for pair, one in found.items() if one.leaves_out(0)}
    falls = [f"{group} against {name}" for (group, name), one in told.items() if one.value < 0]
    return (
        f"Log damage ratios of all algorithms that change beyond chance from episode {earlier} to "
        f"{later}: {len(told)} of {len(found)}" + (f" (lower: {listing(falls)})." if falls else ".")
    )


def _by_opponent(found: Sequence[Difference]) -> Mapping[str, dict[str, Difference]]:
    """Differences by opponent and yardstick."""
    by: dict[str, dict[str, Difference]] = {}
    for one in found:
        by.setdefault(one.opponent, {})[one.yardstick] = one
    return by


def _points(share: Estimate) -> Estimate:
    return Estimate(*(100 * part for part in share))


REASONS = (
    "In the earlier, unfair game the longest runs of preset `paper` lost most of their games "
    "against shorter ones, with three seeds: beyond chance with CMFQ, not with MFQ ([earlier "
    "experiments](../README.md#what-earlier-experiments-said)). Runs as long as those have not "
    "been trained with preset `paper` in the fair game.",
    "Why is not known. A hypothesis: an agent that learns its own reward well learns to flee when "
    "hurt, and leaves the others outnumbered. With preset `paper` hurt agents do attack less often "
    "after more training, but no fall of the damage ratio is seen with it.",
    "With preset `strong` teams may adapt to themselves, their only opponents. Several checkpoints "
    "of one run together won most of their games against their earlier selves "
    "([ensembles](../ensembles/README.md)).",
    "A battle of 400 a side is decided at a front with most agents waiting behind it, which never "
    "happens at 64: training at that size helps.",
)
