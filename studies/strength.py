"""What makes teams stronger, and what of that is reached? One page, from the stored results alone.

Every figure on the page, but for the time that training takes, is worked out from what other pages
store.

    python -m studies.strength --results docs/results --out docs/results/strength
"""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro

from cmfq.experiments.sweep.plan import read_plan
from cmfq.experiments.sweep.play import responses
from cmfq.experiments.sweep.report import effects_of
from cmfq.play.entrants import script_group
from cmfq.play.progress import progress_rows
from cmfq.play.reading import finished_progress, finished_tournament
from cmfq.play.standings import standings
from cmfq.results.against_random import differences
from cmfq.results.crossing import read_games
from cmfq.results.page import Code, Finding, Items, Page, Part, Section
from cmfq.results.table import Table, conclusion, listing, margin_text
from cmfq.results.writing import write_folder
from cmfq.statistics.replication import Estimate
from cmfq.text import counted
from studies.kept_rows import read_rows
from studies.populations import SIZE, Row, mean_and_range, spread_of_runs, together
from studies.yardsticks import differences as changes

SMALL = "preset strong, episodes 600"
"""Training at 64 a side."""
LARGE = f"{SMALL}; then episodes 100, sizes 64 64 64 64 400, learning_rate 0.0001, beta_start 10.0"
"""The same, and then at 64 and 400."""
TOGETHER = 5
"""Runs of the policies that are judged: their training takes less than an hour on two cores."""
REACHED, MISSED, OPEN = "reached", "not reached", "cannot be told"
FEW = "reached by all, of fewer than five"
LEAST = 5
"""Policies by which a goal counts as reached."""


@dataclass(frozen=True)
class Goal:
    """A share of games that every policy of a kind is to win."""

    training: str
    runs: int
    """Number of runs that play together."""
    until: int
    """Episodes after which they play so; 0: after all."""
    opponent: str
    size: int
    share: float


GOALS = (
    *(Goal(LARGE, TOGETHER, 0, opponent, SIZE, 0.9) for opponent in ("swarm", "skirmish")),
    *(Goal(LARGE, TOGETHER, 0, "swarm", size, 0.8) for size in (100, 400)),
    Goal(SMALL, TOGETHER, 0, "itself@150", SIZE, 0.5),
    Goal(SMALL, 2, 300, "swarm", SIZE, 0.5),
    *(Goal(SMALL, 2, 300, opponent, SIZE, 0.98) for opponent in ("rush", "focus")),
)


def page_of(results: Path, out: Path) -> Page:
    """The page, from the results in this folder."""
    rows = read_rows(results / "populations", Row)
    return Page(
        "What makes teams stronger?",
        (
            Section("", (INTRODUCTION,)),
            Section("What is reached in battle", battle_parts(rows, results)),
            Section("What is reached in pursuit", pursuit_parts(results)),
            Section("Does longer training make teams weaker?", longer_parts(results)),
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
    "that were set before: a goal is reached if *every* policy of its kind reaches it, with seeds "
    "that nobody tuned on. The times that training takes were measured on two cores, and are the "
    "only figures here that do not come from stored results: five runs, trained at 64 a side and "
    "then at 64 and 400, take about forty minutes."
)
HEADINGS = ("goal", "found", "verdict", "policies")


def battle_parts(rows: Sequence[Row], results: Path) -> list[Part]:
    """Goals in battle, each with the lowest and the highest of its policies."""
    lines = [_goal_line(goal, rows) for goal in GOALS]
    lines.append(_spread_line(rows, results))
    missed = [f"{what} ({kind})" for what, _, verdict, kind in lines if verdict == MISSED]
    verdicts = [verdict for _, _, verdict, _ in lines]
    said = f"{verdicts.count(REACHED)} of {len(lines)} goals are reached"
    said += (
        f", {verdicts.count(FEW)} by all of fewer than five policies." if FEW in verdicts else "."
    )
    if missed:
        said += f" Not reached: {'; '.join(missed)}."
    return [
        Finding(said),
        Table(HEADINGS, lines),
        "Shares of games won; policies of a line share no run. *After half of the training*: what "
        "two cores train in about five minutes, where the learning rate is not yet low. *itself "
        "after 150 episodes*: the same runs after a quarter of the training. *Spread*: standard "
        "deviation over single runs of the log damage ratio against swarm.",
    ]


def _goal_line(goal: Goal, rows: Sequence[Row]) -> tuple[str, ...]:
    """Row of the table of goals."""
    name, _, episode = goal.opponent.partition("@")
    opponent = f"{name} after {episode} episodes" if episode else name
    what = f"at least {goal.share:.0%} against {opponent} at {goal.size} a side"
    kind = f"{counted(goal.runs, 'run')} of {'two sizes' if goal.training == LARGE else 'one size'}"
    kind += ", after half of the training" if goal.until else ""
    rates = [
        row.win_rate.value
        for row in rows
        if (row.training, len(row.runs), row.until) == (goal.training, goal.runs, goal.until)
        and (row.opponent, row.size) == (goal.opponent, goal.size)
    ]
    if not rates:
        return what, "not played", "not played", kind
    strong = sum(rate >= goal.share for rate in rates)
    found = f"{strong} of {len(rates)}: {min(rates):.0%} to {max(rates):.0%}"
    reached = REACHED if len(rates) >= LEAST else FEW
    return what, found, reached if strong == len(rates) else MISSED, kind


def _spread_line(rows: Sequence[Row], results: Path) -> tuple[str, ...]:
    """Row on the spread between seeds, which is to be half of that of preset paper."""
    before, runs = spread_of_runs(results / "progress" / "progress.json.gz")["swarm"]
    ratios = [
        row.damage.value
        for row in rows
        if (row.training, row.runs[1:], row.until) == (SMALL, (), 0)
        and (row.opponent, row.size) == ("swarm", SIZE)
    ]
    now = float(np.std(ratios, ddof=1))
    return (
        "at most half the spread of preset paper",
        f"{now:.3f} instead of {before:.3f}",
        REACHED if now <= before / 2 else MISSED,
        f"{len(ratios)} single runs of one size; {runs} of preset paper",
    )


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
    return [
        f"Five runs of CMFQ with preset strong: after {last} episodes compared with after "
        f"{middle}, with 95 % intervals over seeds. [Every checkpoint](../strong64/README.md).",
        Table(columns, lines),
        Items(WHY),
    ]


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
