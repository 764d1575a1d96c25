"""Does causal weighing help, when, by how much and why? One page, from the stored results alone.

Every figure on the page is worked out from what other pages store; where a result is missing the
page says so.

    python -m studies.answer --results docs/results --out docs/results/answer
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro

from cmfq.experiments.paper.claims import CLAIMS
from cmfq.experiments.paper.page import summary, verdict_table
from cmfq.experiments.paper.plan import Effort
from cmfq.experiments.paper.verdicts import check_claims
from cmfq.play.entrants import groups_of
from cmfq.play.game_log import Tournament
from cmfq.play.outcomes import estimate
from cmfq.play.reading import finished_tournament
from cmfq.play.standings import standings
from cmfq.results.page import Code, Finding, Page, Part, Section
from cmfq.results.table import Table, conclusion, listing, margin_text, rate_text
from cmfq.results.writing import write_folder
from cmfq.statistics.replication import Estimate
from studies import ensembles, populations, signal_report
from studies.kept_rows import read_rows
from studies.populations import mean_and_range, together
from studies.reliance.report import estimate_of, values_of
from studies.reliance.rows import read_all

OTHERS = ("iql", "mfq", "attention-mfq", "random-weights")
"""What CMFQ is compared with."""
WORTHS = {
    "mean": "weights by causal effect (replaced by equal weights)",
    "another's": "the agent's own neighbours (replaced by another agent's merged action)",
    "usual": "all information in the merged action (replaced by its mean)",
}
"""Exchanges of the study of reliance, by what each takes away."""


DUELS = {
    "paper": "paper/4b/tournament.json.gz",
    "strong": "strong-battle/tournament.json.gz",
}
"""Tournaments of all algorithms at 64 a side, by the preset that trained them."""
ROLES = ("7", "I")
"""Figure and table of the paper that compare rewards role by role."""
CROWDS = {size: f"sizes/tournament-{size}.json.gz" for size in (100, 400)}


def page_of(results: Path, out: Path) -> Page:
    """The page, from the results in this folder."""
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
            Section("Open questions", (OPEN,)),
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
    "result: preset `original` exists, but no full set of seeds has been trained with it. Nor has "
    "a variant of CMFQ been found, or a planned dozen been tried, that beats all others. What the "
    "missing figures of the paper take is on [its page](../paper/README.md#not-measured-yet). "
    "Differences smaller than the intervals above are not known either: `cmfq power` calculates "
    "how many seeds they need."
)


def battle_parts(results: Path) -> list[Part]:
    """CMFQ against the others at 64 a side, with each preset."""
    files = {preset: results / file for preset, file in DUELS.items()}
    return [
        *_tournaments("preset", files, "With preset {}"),
        "The fair game, 64 a side. All pairs: [preset paper](../paper/4b/README.md), "
        "[preset strong](../strong-battle/README.md).",
    ]


def crowd_parts(results: Path) -> list[Part]:
    """The same policies at other sizes."""
    files = {str(size): results / file for size, file in CROWDS.items()}
    return [
        *_tournaments("agents a side", files, "At {} a side, trained at 64"),
        "[All pairs](../sizes/README.md).",
    ]


def _tournaments(what: str, files: Mapping[str, Path], where: str) -> list[Part]:
    """A sentence on each tournament, and all of CMFQ's win rates in one table.

    Args:
        what: heading of the first column.
        files: stored tournaments by what stands there.
        where: beginning of each sentence, with a place for that.
    """
    rows, parts = [], []
    for name, file in files.items():
        played = finished_tournament(file)
        found = _against(played, OTHERS)
        parts.append(Finding(f"{where.format(name)}: {_told(found)}"))
        rows += [
            (name, other, _seeds(played, other), rate_text(one)) for other, one in found.items()
        ]
    return [*parts, Table((what, "CMFQ against", "seeds", "win rate of CMFQ"), rows)]


def _against(played: Tournament, others: Sequence[str]) -> dict[str, Estimate]:
    found, groups = standings(played), groups_of(played.entrants)
    return {one: found.between("cmfq", one).win_rate for one in others if one in groups}


def _told(found: Mapping[str, Estimate]) -> str:
    return conclusion({("cmfq", other): one for other, one in found.items()})


def _seeds(played: Tournament, other: str) -> str:
    groups = groups_of(played.entrants)
    return f"{len(groups['cmfq'])} and {len(groups[other])}"


def role_parts(results: Path) -> list[Part]:
    """The paper's claims about rewards of predators and prey."""
    claims = [one for one in CLAIMS if one.measured.figure in ROLES]
    checked = check_claims(claims, Effort(), results / "paper")
    return [
        Finding(summary(checked)),
        verdict_table(checked),
        "Reward per agent and step of the first less that of the second, against all algorithms in "
        "the other role; runs of the same seed are paired. Preset `paper`. "
        "[Pursuit](../paper/7/README.md), [particles](../paper/I/README.md).",
    ]


def signal_parts(results: Path) -> list[Part]:
    """CMFQ compared with MFQ in the environment in which it is known which neighbour matters."""
    read = signal_report.read_rows(results / "signal")
    reward = {
        (row.variant, row.babblers, row.seed): row.reward for row in read if row.setting == "action"
    }
    seeds = sorted({seed for _, _, seed in reward})
    rows, signs = [], {}
    for babblers in sorted({number for _, number, _ in reward}):
        ours, theirs = (
            np.array([reward[name, babblers, seed] for seed in seeds]) for name in ("cmfq", "mfq")
        )
        one = estimate((ours - theirs).reshape(-1, 1), share=False)
        signs[babblers] = int(np.sign(one.value)) if one.leaves_out(0) else 0
        means = (f"{ours.mean():.2f}", f"{theirs.mean():.2f}")
        rows.append((str(babblers), *means, margin_text(one, digits=2)))
    parts = [
        f"{verb} with {listing(map(str, numbers))}"
        for verb, sign in (("earns more", 1), ("earns less", -1), ("cannot be told apart", 0))
        if (numbers := [number for number, found in signs.items() if found == sign])
    ]
    why = (
        "The effect of a neighbour is how far the policy *moves*. Among many neighbours the mean "
        "action hides the one that matters: replacing the mean by its action moves the policy "
        "far, so it gets the weight. Among few neighbours the mean action already contains its "
        "information: replacing the mean by its action changes nothing, while replacing it by the "
        "action of an uninformative neighbour changes much."
    )
    columns = ("uninformative neighbours", "reward of CMFQ", "of MFQ", "difference")
    return [
        Finding(
            f"CMFQ compared with MFQ, by number of uninformative neighbours: {'; '.join(parts)}."
        ),
        Table(columns, rows),
        f"{len(seeds)} seeds, paired; 1 is the optimum. CMFQ here is the paper's, which learns "
        f"from the merged actions that were stored. {why} [Full study](../signal/README.md).",
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
    found = "The effect of CMFQ's causal weights on its play cannot be told apart from zero."
    if equal.leaves_out(0):
        verb = "better" if equal.low > 0 else "worse"
        found = f"CMFQ plays {verb} if its causal weights are replaced by equal weights."
    return [
        Finding(found),
        Table(("removed", "margin of MFQ", "of CMFQ"), rows),
        "Policies of preset `paper`. Survivors of the altered policy minus those of the policy as "
        "trained, in games between the two: below 0, the removed information was useful, above 0 "
        "it did harm. The intervals are not corrected for multiple comparisons. "
        "[Full study](../reliance/README.md).",
    ]


def practice_parts(results: Path) -> list[Part]:
    """Win rates of CMFQ with preset strong against swarm, by training and how many runs play."""
    found = populations_of_cmfq(read_rows(results / "populations", populations.Row))
    own = [
        row.win_rate.value
        for row in read_rows(results / "ensembles", ensembles.Row)
        if (row.opponent, row.size, row.way) == ("swarm", 64, "own")
    ]
    columns = ("CMFQ plays with", "swarm, 64 a side", "swarm, 400 a side")
    tables: list[Part] = []
    for training, by_members in found.items():
        rows = [
            (together(members), *(mean_and_range(at.get(size, ())) for size in (64, 400)))
            for members, at in by_members.items()
        ]
        tables += [f"Training: {training}.", Table(columns, rows)]
    alone = ("five checkpoints of one run", mean_and_range(own), mean_and_range())
    tables += ["Five other runs of preset strong, each by itself:", Table(columns, [alone])]
    most = max(found, key=lambda one: sum(len(at.get(64, ())) for at in found[one].values()))
    several = [
        f"{together(members)} {mean_and_range(at[64])}"
        for members, at in found[most].items()
        if len(at.get(64, ())) > 1
    ]
    return [
        Finding(
            "Use preset strong and several runs together. Win rates against swarm at 64 a side, "
            f"mean and range, of the training with most policies ({most}): {'; '.join(several)}."
        ),
        "Mean win rates, their range, and the number of policies. Ranges are those of the runs "
        "that were trained: others may win more or less. Policies of one row share no run. "
        "[Populations](../populations/README.md), [ensembles](../ensembles/README.md).",
        *tables,
        "None of these results is a reason to prefer CMFQ to MFQ in battle; preset `strong` and "
        "several networks do make teams stronger. If one neighbour among many matters and the "
        "mean hides it, use CMFQ with recomputed merged actions (`--merged-action recomputed`); "
        "in small neighbourhoods use MFQ, or the do-operation `leave-one-out`. "
        "[Presets](../../how-it-works.md#presets).",
    ]


def populations_of_cmfq(
    rows: Sequence[populations.Row],
) -> dict[str, dict[int, dict[int, list[float]]]]:
    """Win rates of CMFQ against swarm: by training, number of runs and agents a side.

    Of whole runs, whose last episode has been trained.
    """
    ours = [
        row
        for row in rows
        if (row.opponent, row.until) == ("swarm", 0) and "algorithm" not in row.training
    ]
    found: dict[str, dict[int, dict[int, list[float]]]] = {}
    for row in sorted(ours, key=lambda row: (row.training, len(row.runs))):
        at = found.setdefault(row.training, {}).setdefault(len(row.runs), {})
        at.setdefault(row.size, []).append(row.win_rate.value)
    return found


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
