"""What makes teams stronger, and what of that is reached? One page, from the stored results alone.

Every figure on the page, but for the time that training takes, is worked out from what other pages
store.

    python -m studies.strength --results docs/results --out docs/results/strength
"""

import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro
from scipy import special

from cmfq.experiments.sweep.plan import read_plan
from cmfq.experiments.sweep.play import responses
from cmfq.experiments.sweep.report import effects_of
from cmfq.play.entrants import script_group
from cmfq.play.progress import progress_rows
from cmfq.play.reading import finished_progress, finished_tournament
from cmfq.play.standings import all_results, standings
from cmfq.results.against_random import differences
from cmfq.results.crossing import read_games
from cmfq.results.page import Code, Finding, Items, Page, Part, Section
from cmfq.results.table import Table, conclusion, listing, margin_text, rate_text
from cmfq.results.writing import write_folder
from cmfq.statistics.replication import Estimate
from cmfq.text import counted
from studies.kept_rows import read_rows
from studies.populations import SIZE, Row, mean_and_range, spread_of_runs, together
from studies.weak_runs import WeakRow, correlation
from studies.yardsticks import differences as changes

SMALL = "preset strong, episodes 600"
"""Training at 64 a side."""
LARGE = f"{SMALL}; then episodes 100, sizes 64 64 64 64 400, learning_rate 0.0001, beta_start 10.0"
"""The same, and then at 64 and 400."""
HALF = 300
"""Episodes of :data:`SMALL` that take about five minutes, of two runs at once on two cores."""
REACHED, MISSED, OPEN = "reached", "not reached", "cannot be told"
LEAST = 5
"""Policies by which a goal counts as reached."""
SHOWN = 3
"""Policies that make a kind worth a column."""


@dataclass(frozen=True)
class Goal:
    """A share of games that every policy of a kind is to win."""

    opponent: str
    size: int
    share: float


HOUR = (
    *(Goal(opponent, SIZE, 0.9) for opponent in ("swarm", "skirmish")),
    *(Goal("swarm", size, 0.8) for size in (100, 400)),
)
"""Goals of an hour of training."""
MINUTES = (Goal("swarm", SIZE, 0.5), *(Goal(one, SIZE, 0.98) for one in ("rush", "focus")))
"""Goals of five minutes of training."""


def page_of(results: Path, out: Path) -> Page:
    """The page, from the results in this folder."""
    rows = read_rows(results / "populations", Row)
    return Page(
        "What makes teams stronger?",
        (
            Section("", (INTRODUCTION,)),
            Section("What is reached in battle in an hour", goal_parts(LARGE, HOUR, rows)),
            Section("And in five minutes", goal_parts(SMALL, MINUTES, rows, HALF)),
            Section("How far do seeds differ?", spread_parts(rows, results)),
            Section("Does longer training make teams weaker?", longer_parts(results)),
            Section("What is reached in pursuit", pursuit_parts(results)),
            Section("Which settings matter?", setting_parts(results)),
            Section("Does the algorithm matter?", algorithm_parts(rows, results)),
        ),
        (Code(f"python -m studies.strength --results {results} --out {out}"),),
    )


INTRODUCTION = (
    "Preset `strong` trains by self-play on turned and mirrored experience, in the fair game; its "
    "policies win most if several runs play together, by the mean of their Q-values "
    "([populations](../populations/README.md)), and hold in large battles if the last episodes "
    "are played at several sizes (`docs/plans/strong.toml`). This page compares that with goals "
    "that were set before, for every single run. A goal is reached by a kind of policy if *all* of "
    f"at least {LEAST} reach it that share no run, with seeds that nobody tuned on. The times that "
    "training takes were measured on two cores, and are the only figures here that do not come "
    "from stored results: a run of 600 episodes at 64 a side and 100 at 64 and 400 takes 14 "
    "minutes of a core, so seven take about fifty minutes."
)


def goal_parts(
    training: str, goals: Sequence[Goal], rows: Sequence[Row], until: int = 0
) -> list[Part]:
    """How many policies of each kind reach each goal, and how far they are apart.

    Args:
        training: of their runs.
        goals: to reach.
        rows: games of all policies.
        until: episodes after which the runs play; 0: after all.
    """
    ours = [row for row in rows if (row.training, row.until) == (training, until)]
    played = Counter((len(row.runs), row.opponent, row.size) for row in ours)
    kinds = sorted({runs for (runs, *_), number in played.items() if number >= SHOWN})
    lines, reached = [], Counter[int]()
    for goal in goals:
        cells = []
        for runs in kinds:
            found = _games(ours, training, runs, goal.opponent, goal.size)
            rates = [row.win_rate.value for row in found]
            strong = sum(rate >= goal.share for rate in rates)
            reached[runs] += strong == len(rates) >= LEAST
            cells.append(
                f"{strong} of {len(rates)}: {min(rates):.0%} to {max(rates):.0%}"
                if rates
                else "not played"
            )
        lines.append(
            (f"at least {goal.share:.0%} against {goal.opponent} at {goal.size} a side", *cells)
        )
    stage = f"; the runs as they were after {until}, with a high learning rate" if until else ""
    enough = {runs for (runs, *_), number in played.items() if number >= LEAST}
    said = [f"{together(runs)} reach {reached[runs]}" for runs in kinds if runs in enough]
    return [
        Finding(f"Of {len(goals)} goals {listing(said)}."),
        Table(("goal", *map(together, kinds)), lines),
        "Policies that reach the goal, of those that played, and the lowest and highest share of "
        f"games won. Training: {training}{stage}.",
    ]


def _games(rows: Sequence[Row], training: str, runs: int, opponent: str, size: int) -> list[Row]:
    """Games of policies of so many runs of one training, against one opponent."""
    wanted = training, runs, opponent, size
    return [row for row in rows if (row.training, len(row.runs), row.opponent, row.size) == wanted]


def spread_parts(rows: Sequence[Row], results: Path) -> list[Part]:
    """Spread between seeds as a share of that of preset paper: the goal is a half."""
    before, number = spread_of_runs(results / "progress" / "progress.json.gz")["swarm"]
    lines = []
    for training, runs in ((SMALL, 1), (LARGE, 1), (LARGE, 5), (LARGE, 7)):
        found = _games([row for row in rows if not row.until], training, runs, "swarm", SIZE)
        ratios = [row.damage.value for row in found]
        if len(ratios) < LEAST:
            continue
        spread = float(np.std(ratios, ddof=1))
        share = ratio_of_spreads(spread, len(ratios), before, number)
        verdict = REACHED if share.high <= 0.5 else MISSED if share.low > 0.5 else OPEN
        lines.append(
            (
                f"{together(runs)}, {'two sizes' if training == LARGE else 'one size'}",
                f"{spread:.3f} of {len(ratios)}",
                f"{share.value:.2f} ({share.low:.2f} to {share.high:.2f})",
                verdict,
            )
        )
    weak = read_rows(results / "weak-runs", WeakRow)
    hurt = correlation([row.measures["hurt"] for row in weak], [row.damage for row in weak])
    return [
        Finding(
            "In weak runs hurt agents retreat: how often they attack at the end of training goes "
            f"with the log damage ratio of {counted(len(weak), 'run')}, by a correlation of "
            f"{margin_text(hurt, 2)}."
        ),
        "Their own games show it, without any opponent ([weak runs](../weak-runs/README.md)).",
        Table(("policies", "spread", "share of preset paper's", "at most half of it"), lines),
        "Standard deviation of the log damage ratio against swarm at 64 a side, over policies that "
        f"share no run; {before:.3f} of {number} single runs of preset paper, which played only "
        "four games each. Intervals are those of a ratio of standard deviations of normal values.",
    ]


def ratio_of_spreads(spread: float, number: int, other: float, others: int) -> Estimate:
    """A standard deviation by another one, with its 95 % interval by the F distribution."""
    ratio = spread / other
    upper, lower = special.fdtri(number - 1, others - 1, [0.975, 0.025])
    return Estimate(ratio, float(ratio / np.sqrt(upper)), float(ratio / np.sqrt(lower)))


def pursuit_parts(results: Path) -> list[Part]:
    """What trained predators and prey earn more than the script in their place."""
    games = read_games(results / "pursuit")
    rows, verdicts = [], []
    for role, name in enumerate(("predators", "prey")):
        for size in dict.fromkeys(one.size for one in games):
            (found,) = differences(games, size, role, script_group("greedy")).values()
            verdicts.append(_verdict(found))
            more = listing(margin_text(one, 2) for one in found)
            rows.append((f"{name} at {size} predators", more, verdicts[-1]))
    counts = [f"{verdicts.count(one)} {one}" for one in (REACHED, OPEN, MISSED) if one in verdicts]
    return [
        Finding(f"To earn at least what the script earns in its place: {', '.join(counts)}."),
        Table(("trained", "more than the script, against each other side", "verdict"), rows),
        "Reward per agent and step less that of `greedy` in the same role, against the other role "
        "of the same runs and against that of `greedy`, with 95 % intervals over five training "
        f"seeds. *{REACHED}*: no interval lies below 0, and one above; *{MISSED}*: one lies below. "
        "[Pursuit](../pursuit/README.md). Teams learn from the script's games too: alone, prey "
        "learn to escape before predators learn to catch.",
    ]


def _verdict(found: Iterable[Estimate]) -> str:
    told = [one for one in found if one.leaves_out(0)]
    if any(one.value < 0 for one in told):
        return MISSED
    return REACHED if told else OPEN


def longer_parts(results: Path) -> list[Part]:
    """Changes between checkpoints of five long runs, paired by seed."""
    played = finished_progress(results / "strong64" / "progress.json.gz")
    rows = [row for row in progress_rows(played) if row.group == "cmfq"]
    middle, last = 400, max(row.episode for row in rows)
    found = {(one.opponent, one.yardstick): one for one in changes(rows, middle, last)}
    lines = []
    for opponent in dict.fromkeys(row.opponent for row in rows):
        won, damage = (found[opponent, name] for name in ("win_rate", "log_damage_ratio"))
        weaker = sum(one < 0 for one in damage.differences)
        lines.append(
            (
                opponent,
                margin_text(_points(won.mean), 0),
                margin_text(damage.mean, 2),
                f"{weaker} of {len(damage.differences)}",
            )
        )
    columns = ("against", "win rate, points", "log damage ratio", "seeds with a lower ratio")
    played_out = finished_tournament(results / "strong-length" / "tournament.json.gz")
    duel = standings(played_out)
    lost = all_results(played_out)["150", "600"].points.mean((0, 2))  # by seeds of the longer runs
    lengths = [
        (f"{longer} against {other}", rate_text(duel.between(longer, other).win_rate))
        for longer, other in (("600", "150"), *_against_scripts("150"), *_against_scripts("600"))
    ]
    return [
        Finding(
            f"After four times the training, teams win {lengths[0][1]} of their games against the "
            f"shorter runs, each run at least {1 - lost.max():.0%}."
        ),
        "Five runs of 600 episodes and five of 150, each with a learning rate that falls to its "
        "end, single, by their last checkpoints, with 95 % intervals over seeds "
        "([all games](../strong-length/README.md)):",
        Table(("episodes", "win rate"), lengths),
        f"But not without limit: five other runs after {last} episodes compared with after "
        f"{middle}, with 95 % intervals over seeds ([every checkpoint](../strong64/README.md)):",
        Table(columns, lines),
        Items(WHY),
    ]


def _against_scripts(episodes: str) -> list[tuple[str, str]]:
    return [(episodes, script_group(name)) for name in ("swarm", "skirmish")]


def _points(share: Estimate) -> Estimate:
    return Estimate(*(100 * part for part in share))


WHY = (
    "With preset `paper` longer training made teams weaker: agents that learn their own reward "
    "well learn to flee when hurt, and such a team loses "
    "([earlier experiments](../README.md#what-earlier-experiments-said)).",
    "With preset `strong` teams adapt to themselves, their only opponents. Errors of single "
    "networks differ from seed to seed, and the mean of several networks takes them out "
    "([ensembles](../ensembles/README.md)): these are no weaker than their earlier selves.",
    "A battle of 400 a side is decided at a front with most agents waiting behind it, which never "
    "happens at 64: it takes training at that size.",
)


def setting_parts(results: Path) -> list[Part]:
    """How many effects of the planned experiment leave out no change."""
    folder = results / "study64"
    plan = read_plan(folder / "plan.toml")
    effects = effects_of(plan, responses(plan, finished_tournament(folder / "games.json.gz")))
    changes = [change for one in effects.values() for change in one.changes]
    told = sum(change.leaves_out(0) for change in changes)
    names = listing(factor.title for factor in plan.factors)
    return [
        Finding(
            f"Of {len(changes)} effects on win rates {told} can be told from no change; chance "
            f"alone gives {0.05 * len(changes):.1f} on average."
        ),
        f"{len(plan.design)} cells of a planned experiment, a run of each algorithm in each: "
        f"{names}. Which of the settings of `strong` matter is therefore not known "
        "([study64](../study64/README.md)).",
    ]


def algorithm_parts(rows: Sequence[Row], results: Path) -> list[Part]:
    """The same recipe with every algorithm."""
    found: dict[tuple[str, int], dict[tuple[str, int], list[float]]] = {}
    for row in rows:
        training, algorithm = _algorithm(row.training)
        if training == SMALL and not row.until:
            at = found.setdefault((algorithm, len(row.runs)), {})
            at.setdefault((row.opponent, row.size), []).append(row.win_rate.value)
    cases = (("swarm", SIZE), ("skirmish", SIZE), ("swarm", 400))
    lines = [
        (algorithm, together(runs), *(mean_and_range(at.get(case, ())) for case in cases))
        for (algorithm, runs), at in sorted(found.items())
    ]
    duel = standings(finished_tournament(results / "strong-battle" / "tournament.json.gz"))
    told = conclusion({(one.a, one.b): one.win_rate for one in duel.comparisons})
    return [
        Finding(f"Algorithms against each other, single runs, at 64 a side: {told}"),
        "[All five](../strong-battle/README.md). Against scripts the same recipe makes every "
        "algorithm strong, even IQL, which merges nothing:",
        Table(
            ("algorithm", "plays", *(f"{opponent}, {size} a side" for opponent, size in cases)),
            lines,
        ),
        "Mean share of games won, its range, and the number of policies; all trained with preset "
        "`strong` for 600 episodes at 64 a side.",
    ]


def _algorithm(training: str) -> tuple[str, str]:
    """Training without the algorithm, and the algorithm."""
    before, named, rest = training.partition(", algorithm ")
    algorithm, comma, after = rest.partition(",")
    return (f"{before}{comma}{after}", algorithm) if named else (training, "cmfq")


@dataclass(frozen=True)
class StrengthStudy:
    """The study's options."""

    results: Path = Path("docs/results")
    """Folder of the stored results."""
    out: Path = Path("docs/results/strength")
    """Folder to write."""


def main(arguments: list[str] | None = None) -> int:
    """Write the page."""
    study = tyro.cli(StrengthStudy, args=arguments)
    write_folder(study.out, page_of(study.results, study.out))
    return 0


if __name__ == "__main__":
    sys.exit(main())
