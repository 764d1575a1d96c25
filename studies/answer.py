"""Does causal weighing help, when, by how much and why? One page, from the stored results alone.

Every figure on the page is worked out from what other pages store; where a result is missing the
page says so.

    python -m studies.answer --results docs/results --out docs/results/answer
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

from cmfq.experiments.paper.claims import CLAIMS
from cmfq.experiments.paper.measuring import Stored
from cmfq.experiments.paper.page import found_text, summary, verdict_table
from cmfq.experiments.paper.plan import Effort
from cmfq.experiments.paper.verdicts import check_claim, check_claims
from cmfq.experiments.sweep.plan import read_plan
from cmfq.play.game_log import Tournament
from cmfq.play.reading import finished_tournament
from cmfq.play.standings import Comparison, standings
from cmfq.results.page import Code, Finding, Page, Part, Section
from cmfq.results.table import Table, margin_text, rate_text
from cmfq.results.tournament import tournament_file
from cmfq.results.writing import write_folder
from cmfq.statistics.replication import Estimate
from cmfq.text import counted
from studies.known_neighbour import signal_parts
from studies.practice import practice_parts
from studies.recipe import LOOKS, habits_text, told_apart
from studies.reliance.report import estimate_of, values_of
from studies.reliance.rows import EXCHANGES, read_all

OTHERS = ("iql", "mfq", "attention-mfq", "random-weights")
"""What CMFQ is compared with."""
WORTHS = {
    "mean": "weights by causal effect (replaced by equal weights)",
    "another's": "the agent's own neighbours (replaced by another agent's merged action)",
    "usual": "all information in the merged action (replaced by its mean)",
    "random weights": "weights that are not random (replaced by random ones)",
    "zero": "any value of the merged action (replaced by zero)",
}
"""Exchanges of the study of reliance, by what each takes away."""


DUELS = ("paper/4b", "strong-battle")
"""Tournaments of all algorithms at 64 a side, one for each preset that trained them."""
ROLES = ("7", "I")
"""Figure and table of the paper that compare rewards role by role."""
CROWDS = {size: f"sizes/tournament-{size}.json.gz" for size in (100, 400)}


def page_of(results: Path, out: Path) -> Page:
    """The page, from the results in this folder."""
    plan = read_plan(results / "study64" / "plan.toml")
    return Page(
        "Does causal weighing help?",
        (
            Section("", (INTRODUCTION,)),
            Section("Does it win battles?", battle_parts(results)),
            Section("Does it win battles larger than those of its training?", crowd_parts(results)),
            Section("Does it earn more in pursuit and in particles?", role_parts(results)),
            Section("Where it is known which neighbour matters", signal_parts(results)),
            Section("Which information does a trained team use?", worth_parts(results)),
            Section("What to use in practice", practice_parts(results)),
            Section("Open questions", (OPEN.format(habits=habits_text(plan)),)),
        ),
        (Code(f"python -m studies.answer --results {results} --out {out}"),),
    )


INTRODUCTION = (
    "CMFQ weighs a neighbour by how far an agent's policy would move if all neighbours acted like "
    "that one (Eq 7, 10, 11); MFQ gives all neighbours the same weight. This page summarises the "
    "stored results. Intervals are 95 % intervals over training seeds unless a table says "
    "otherwise; where an interval leaves a question open, the page says so."
)
OPEN = (
    "It is not known which details of the original MFQ code are responsible for the paper's "
    "result: preset `original` exists, but no full set of seeds has been trained with it. {habits} "
    "Nor has a variant of CMFQ been found that beats all others. What the missing figures of the "
    "paper take is on [its page](../paper/README.md#not-measured-yet). Differences smaller than "
    "the intervals above are not known either: `cmfq power` calculates how many seeds they need."
)


def battle_parts(results: Path) -> list[Part]:
    """CMFQ against the others at 64 a side, with each preset."""
    folders = [results / name for name in DUELS]
    played = [finished_tournament(tournament_file(folder)) for folder in folders]
    found = {training_of(one): one for one in played}
    return [
        *_tournaments("preset", found, "With preset {}"),
        "The fair game, 64 a side. Margins are survivors of CMFQ minus those of the other. "
        f"{LOOKS} All pairs: [preset paper](../paper/4b/README.md), "
        "[preset strong](../strong-battle/README.md).",
        *duel_claims(dict(zip(found, folders, strict=True))),
    ]


def duel_claims(folders: Mapping[str, Path]) -> list[Part]:
    """The paper's claims about battles of 64 a side, a column for each training.

    Args:
        folders: folders of tournaments by how their players were trained.
    """
    claims = [one for one in CLAIMS if one.measured.figure in ("4a", "4b")]
    stored = Stored.readers()
    checked = {
        training: [check_claim(claim, Effort(), folder, stored) for claim in claims]
        for training, folder in folders.items()
    }
    rows = [
        (claim.says, *(f"{one.verdict}: {found_text(one)}" for one in of_each))
        for claim, *of_each in zip(claims, *checked.values(), strict=True)
    ]
    return [
        *(
            Finding(f"The paper's claims about these battles, preset {name}. {summary(ours)}")
            for name, ours in checked.items()
        ),
        Table(("claim", *(f"preset {name}" for name in checked)), rows),
        "Win rates of the first against the second, and by which share of its range the reward of "
        "training still moves in its last half ([how claims are judged](../paper/README.md)). The "
        "runs of preset `strong` are longer than those of the paper.",
    ]


def crowd_parts(results: Path) -> list[Part]:
    """The same policies at other sizes."""
    found = {size: finished_tournament(results / file) for size, file in CROWDS.items()}
    trained = " or ".join(dict.fromkeys(map(training_of, found.values())))
    return [
        *_tournaments(
            "agents a side", found, f"At {{}} a side, trained at 64 with preset {trained}"
        ),
        "[All pairs](../sizes/README.md).",
    ]


def training_of(played: Tournament) -> str:
    """Preset and episodes of the runs in a tournament, as these were stored."""
    settings = [one.run["settings"] for one in played.entrants if one.run]
    names = {f"{one['preset']}, {one['episodes']} episodes" for one in settings}
    return " or ".join(sorted(names))


def _tournaments(what: str, played: Mapping[Any, Tournament], where: str) -> list[Part]:
    """A sentence on each tournament, and all comparisons of CMFQ in one table.

    Args:
        what: heading of the first column.
        played: tournaments by what stands there.
        where: beginning of each sentence, with a place for that.
    """
    rows, parts = [], []
    for name, one in played.items():
        comparisons = standings(one).comparisons
        parts.append(Finding(f"{where.format(name)}: {told_apart(comparisons)}"))
        rows += [(str(name), *cells) for cells in _rows(comparisons)]
    columns = (what, "CMFQ against", "seeds", "win rate of CMFQ", "margin")
    return [*parts, Table(columns, rows)]


def _rows(comparisons: Sequence[Comparison]) -> list[tuple[str, ...]]:
    """Comparisons of CMFQ with the others, from its view."""
    ours = {one.b: one for pair in comparisons for one in (pair, pair.swapped()) if one.a == "cmfq"}
    return [
        (
            other,
            f"{ours[other].seeds[0]} and {ours[other].seeds[1]}",
            rate_text(ours[other].win_rate),
            margin_text(ours[other].margin),
        )
        for other in OTHERS
        if other in ours
    ]


def role_parts(results: Path) -> list[Part]:
    """The paper's claims about rewards of predators and prey."""
    claims = [one for one in CLAIMS if one.measured.figure in ROLES]
    checked = check_claims(claims, Effort(), results / "paper")
    return [
        Finding(summary(checked)),
        verdict_table(checked),
        "Reward per agent and step of the first less that of the second, against all algorithms in "
        "the other role unless the claim names another opponent; runs of the same seed are paired. "
        "Preset `paper`. [Pursuit](../paper/7/README.md), [particles](../paper/I/README.md).",
    ]


def worth_parts(results: Path) -> list[Part]:
    """Margins of trained policies whose merged action is exchanged, against themselves."""
    read = read_all(results / "reliance")

    def margin(group: str, exchange: str) -> Estimate:
        return estimate_of("margin", values_of(read, group, exchange, "margin"))

    rows = []
    for exchange, what in WORTHS.items():  # MFQ goes by the mean anyway
        mfq = "–" if exchange == "mean" else margin_text(margin("mfq", exchange))
        rows.append((what, mfq, margin_text(margin("cmfq", exchange))))
    equal = margin("cmfq", "mean")
    found = "the effect of CMFQ's causal weights on its play cannot be told apart from zero"
    if equal.leaves_out(0):
        verb = "better" if equal.low > 0 else "worse"
        found = f"CMFQ plays {verb} if its causal weights are replaced by equal weights"
    seeds = len(values_of(read, "cmfq", "mean", "margin"))
    largest = max(WORTHS, key=lambda exchange: abs(margin("cmfq", exchange).value))
    return [
        Finding(f"With preset paper, {counted(seeds, 'seed')}: {found}."),
        Table(("removed", "margin of MFQ", "of CMFQ"), rows),
        "Survivors of the altered policy minus those of the policy as trained, in games between "
        "the two: below 0, the removed information was useful, above 0 it did harm. The intervals "
        "are not corrected for multiple comparisons. The largest effect on CMFQ: "
        f"{EXCHANGES[largest]} in place of the merged action, "
        f"{margin_text(margin('cmfq', largest))} survivors. The network "
        "knows zero only from agents without neighbours, so what zero does is no measure of "
        "information. [Full study](../reliance/README.md).",
    ]


@dataclass(frozen=True)
class AnswerStudy:
    """The study's options."""

    results: Path = Path("docs/results")
    """Folder of the stored results."""
    out: Path = Path("docs/results/answer")
    """Folder to write."""


def main(arguments: list[str] | None = None) -> int:
    """Write the page."""
    study = tyro.cli(AnswerStudy, args=arguments)
    write_folder(study.out, page_of(study.results, study.out))
    return 0


if __name__ == "__main__":
    sys.exit(main())
