"""What makes teams stronger, and what of that is reached? One page, from the stored results alone.

Every figure on the page, but for the time that training takes, is worked out from what other pages
store.

    python -m studies.strength --results docs/results --out docs/results/strength
"""

import re
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro
from scipy import special

from cmfq.environments.battle import BattleSettings
from cmfq.play.entrants import script_group
from cmfq.results.against_random import differences
from cmfq.results.crossing import read_games
from cmfq.results.page import Code, Finding, Page, Part, Section
from cmfq.results.table import Table, listing, margin_text
from cmfq.results.writing import write_folder
from cmfq.statistics.replication import Estimate
from cmfq.text import counted
from cmfq.training.presets import preset_training
from studies.kept_rows import read_rows
from studies.lengths import longer_parts
from studies.population_rows import SIZE, Row, together
from studies.populations_page import spread_of_runs
from studies.recipe import LARGE, SMALL, algorithm_parts, setting_parts
from studies.run_measures import RETREAT, WeakRow, correlation, retreats

USUAL = preset_training("strong", BattleSettings())
"""What a training has that names no other."""
HALF = 300
"""Most episodes that take about five minutes, of two runs at once on two cores."""
Members = tuple[int, bool]
"""How many runs a policy is made of, and whether weak ones of them are left out."""
SPREADS: Sequence[tuple[str, Members]] = (
    (SMALL, (1, False)),
    (LARGE, (1, False)),
    (LARGE, (5, False)),
    (LARGE, (7, False)),
    (LARGE, (7, True)),
)
"""Trainings and policies whose spread is compared with that of preset paper."""
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
            Section("And in five minutes", minute_parts(rows)),
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
    "policies win more if several runs play together, by the mean of their Q-values "
    "([populations](../populations/README.md)), and hold in large battles if the last episodes "
    "are played at several sizes (`docs/plans/strong.toml`). This page compares that with goals "
    "that were set before, for every single run. A goal is reached by a kind of policy if *all* of "
    f"at least {LEAST} reach it that share no run, with seeds that nobody tuned on. The times that "
    "training takes were measured on two cores, and are the only figures here that do not come "
    "from stored results: a run of 600 episodes at 64 a side and 100 at 64 and 400 takes 14 "
    "minutes of a core, so seven take about fifty minutes; 250 or 300 episodes at 64 a side take "
    "five to six, as do 400 with half of the updates."
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
    played = Counter((_members(row), row.opponent, row.size) for row in ours)
    kinds = sorted({members for (members, *_), number in played.items() if number >= SHOWN})
    lines, reached = [], Counter[Members]()
    for goal in goals:
        cells = []
        for members in kinds:
            found = _games(ours, training, members, goal.opponent, goal.size)
            rates = [row.win_rate.value for row in found]
            reached[members] += all(rate >= goal.share for rate in rates) and len(rates) >= LEAST
            cells.append(_reaching(rates, goal))
        lines.append((_title(goal), *cells))
    stage = f"; the runs as they were after {until}, with a high learning rate" if until else ""
    enough = {members for (members, *_), number in played.items() if number >= LEAST}
    said = [
        f"{together(runs)} reach {reached[runs, chosen]}"
        for runs, chosen in kinds
        if (runs, chosen) in enough and not chosen
    ]
    return [
        Finding(f"Of {len(goals)} goals {listing(said)}."),
        Table(("goal", *(together(*one) for one in kinds)), lines),
        "Policies that reach the goal, of those that played, and the lowest and highest share of "
        f"games won. Training: {training}{stage}.{WEAK if any(one for _, one in kinds) else ''}",
    ]


WEAK = (
    " *Without weak ones*: runs whose hurt agents retreat are left out, by a limit that was found "
    "with the runs of some of these sets, so no goal counts as reached by it; sets that were "
    "trained afterwards are [on a page of their own](../weak-runs/README.md"
    "#does-it-help-to-leave-weak-runs-out)."
)


def _title(goal: Goal) -> str:
    return f"at least {goal.share:.0%} against {goal.opponent} at {goal.size} a side"


def _reaching(rates: Sequence[float], goal: Goal) -> str:
    """How many policies reach a goal, and how far they are apart."""
    if not rates:
        return "not played"
    strong = sum(rate >= goal.share for rate in rates)
    return f"{strong} of {len(rates)}: {min(rates):.0%} to {max(rates):.0%}"


def minute_parts(rows: Sequence[Row]) -> list[Part]:
    """Goals of five minutes: whole runs of that length, and longer runs as they were then."""
    short = [
        row
        for row in rows
        if not row.until
        and len(row.runs) > 1
        and updates_of(row.training) <= HALF * USUAL.learner.min_updates
    ]
    kinds = list(dict.fromkeys((row.training, _members(row)) for row in short))
    found = {
        goal: [
            [row.win_rate.value for row in _games(short, *kind, goal.opponent, goal.size)]
            for kind in kinds
        ]
        for goal in MINUTES
    }
    said = []
    for goal, by_kind in found.items():
        rates = [rate for ours in by_kind for rate in ours]
        said.append(f"{_title(goal)}: {sum(one >= goal.share for one in rates)} of {len(rates)}")
    lines = [
        (f"{training}, {together(*one)}", *(_reaching(found[goal][at], goal) for goal in MINUTES))
        for at, (training, one) in enumerate(kinds)
    ]
    half, *table = goal_parts(SMALL, MINUTES, rows, HALF)
    assert isinstance(half, Finding)
    return [
        Finding(f"Policies of whole short runs that win {'; '.join(said)}."),
        Table(("training", *map(_title, MINUTES)), lines),
        "These are the trainings that a user gets in that time: whole runs, whose learning rate "
        f"falls to its end. No kind has {LEAST} policies, so no goal can count as reached.",
        Finding(
            f"Runs of 600 episodes, stopped after {HALF}: {half.text[0].lower()}{half.text[1:]}"
        ),
        *table,
    ]


def updates_of(training: str) -> int:
    """Updates that a training of preset strong makes at least, all its parts together."""

    def named(part: str, setting: str, usual: int) -> int:
        found = re.search(rf"\b{setting} (\d+)", part)
        return int(found[1]) if found else usual

    return sum(
        named(part, "episodes", USUAL.episodes)
        * named(part, "min_updates", USUAL.learner.min_updates)
        for part in training.split("; then ")
    )


def _members(row: Row) -> Members:
    """Of what a policy is made."""
    return len(row.runs), row.without_weak


def _games(
    rows: Sequence[Row], training: str, members: Members, opponent: str, size: int
) -> list[Row]:
    """Games of policies of so many runs of one training, against one opponent."""
    wanted = training, members, opponent, size
    return [row for row in rows if (row.training, _members(row), row.opponent, row.size) == wanted]


def spread_parts(rows: Sequence[Row], results: Path) -> list[Part]:
    """Spread between seeds as a share of that of preset paper: the goal is a half."""
    before, number = spread_of_runs(results / "progress" / "progress.json.gz")["swarm"]
    lines = []
    whole = [row for row in rows if not row.until]
    for training, members in SPREADS:
        found = _games(whole, training, members, "swarm", SIZE)
        ratios = [row.damage.value for row in found]
        if len(ratios) < LEAST:
            continue
        spread = float(np.std(ratios, ddof=1))
        share = ratio_of_spreads(spread, len(ratios), before, number)
        verdict = REACHED if share.high <= 0.5 else MISSED if share.low > 0.5 else OPEN
        lines.append(
            (
                f"{together(*members)}, {'two sizes' if training == LARGE else 'one size'}",
                f"{spread:.3f} of {len(ratios)}",
                f"{share.value:.2f} ({share.low:.2f} to {share.high:.2f})",
                verdict,
            )
        )
    weak = read_rows(results / "weak-runs", WeakRow)
    hurt = correlation([row.measures["hurt"] for row in weak], [row.damage for row in weak])
    return [
        Finding(retreats(weak)),
        "How often hurt agents attack at the end of training goes with the log damage ratio of "
        f"{counted(len(weak), 'run')}, by a correlation of {margin_text(hurt, 2)}. The limit of "
        f"{RETREAT:.0%} was chosen before {sum(row.later for row in weak)} of them were trained. "
        "Their own games show it, without any "
        "opponent ([weak runs](../weak-runs/README.md)).",
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
