"""What of the recipe makes teams strong, its settings or its algorithm? Parts of result pages."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from cmfq.experiments.sweep.plan import Plan, read_plan
from cmfq.experiments.sweep.play import responses
from cmfq.experiments.sweep.report import change_text, effects_of, settled
from cmfq.play.reading import finished_tournament
from cmfq.play.standings import Comparison, standings
from cmfq.results.page import Finding, Items, Part
from cmfq.results.table import Table, listing, margin_text
from cmfq.text import counted
from cmfq.training.presets import ARGMAX_BETA
from studies.population_rows import SIZE, Row, mean_and_range, together

SMALL = "preset strong, episodes 600"
"""Training at 64 a side."""
LARGE = f"{SMALL}; then episodes 100, sizes 64 64 64 64 400, learning_rate 0.0001, beta_start 10.0"
"""The same, and then at 64 and 400: ``docs/plans/strong.toml``."""
HABITS: Mapping[str, tuple[str, object]] = {
    "double targets": ("learner.target_value", "double"),
    "deaths left out of the loss": ("objective.death", "left-out"),
    "the soft update of the target": ("learner.target_rate", 0.005),
    "the opponent that is replaced only when beaten": ("opponents", ["gated"]),
    "the mean action of the whole team": ("mean_field.radius", float("inf")),
    "the embedding head": ("network.head", "embedding"),
    "the most valued action always": ("exploration.beta_start", ARGMAX_BETA),
}
"""Habits of the original MFQ code: the setting that has each, and its value in preset original."""
LOOKS = (
    "The win rate decides who is better. The intervals of margins are not corrected for the number "
    "of pairs, of twenty of which about one leaves out 0 by chance, and the seeds of preset "
    "`strong` were added in several looks ([what is known]"
    "(../README.md#what-is-known-of-training-that-makes-teams-stronger)), which makes that more "
    "likely."
)
"""How far comparisons of the algorithms can be trusted."""
RowsByCase = dict[tuple[str, int], list[float]]
"""Win rates by opponent and size."""


def setting_parts(results: Path) -> list[Part]:
    """How many effects of the planned experiment leave out no change, and what was not tried."""
    folder = results / "study64"
    plan = read_plan(folder / "plan.toml")
    effects = effects_of(plan, responses(plan, finished_tournament(folder / "games.json.gz")))
    number = sum(len(one.changes) for one in effects.values())
    told = settled(plan, effects, lambda one: f"{change_text(one)} points")
    names = listing(factor.title for factor in plan.factors)
    return [
        Finding(
            f"Of {number} effects on win rates {len(told)} can be told from no change; chance "
            f"alone gives {0.05 * number:.1f} on average."
        ),
        Items(told),
        f"{len(plan.design)} cells of a planned experiment, a run of each algorithm in each: "
        f"{names}. Which of the settings of `strong` matter is therefore not known "
        "([study64](../study64/README.md)).",
        habits_text(plan),
    ]


def habits_text(plan: Plan) -> str:
    """Which habits of the original code the plan tries, and which it does not."""
    levels = {factor.name: factor.levels for factor in plan.factors}
    tried = [what for what, (path, value) in HABITS.items() if value in levels.get(path, ())]
    others = [what for what in HABITS if what not in tried]
    return (
        "Of the habits of the original MFQ code (preset `original`) the planned experiment "
        f"([study64](../study64/README.md)) has only {listing(tried)}. What the others do is not "
        f"known: {listing(others)}."
    )


def algorithm_parts(rows: Sequence[Row], results: Path) -> list[Part]:
    """The same recipe with every algorithm."""
    found: dict[tuple[str, int], RowsByCase] = {}
    for row in rows:
        training, algorithm = algorithm_of(row.training)
        if training == SMALL and not row.until:
            at = found.setdefault((algorithm, len(row.runs)), {})
            at.setdefault((row.opponent, row.size), []).append(row.win_rate.value)
    cases = (("swarm", SIZE), ("skirmish", SIZE), ("swarm", 400))
    lines = [
        (algorithm, together(runs), *(mean_and_range(at.get(case, ())) for case in cases))
        for (algorithm, runs), at in sorted(found.items())
    ]
    duel = standings(finished_tournament(results / "strong-battle" / "tournament.json.gz"))
    return [
        Finding(f"Against each other, single runs, 64 a side: {told_apart(duel.comparisons)}"),
        Finding(strong_together(found)),
        f"{LOOKS} [All five](../strong-battle/README.md). Games against scripts:",
        Table(
            ("algorithm", "plays", *(f"{opponent}, {size} a side" for opponent, size in cases)),
            lines,
        ),
        "Mean share of games won, its range, and the number of policies; all trained with preset "
        "`strong` for 600 episodes at 64 a side. Policies of one row share no run, those of two "
        "rows may.",
    ]


def told_apart(comparisons: Sequence[Comparison]) -> str:
    """Which pairs of groups win rates tell apart, and which ones margins do."""
    rates = [one for one in comparisons if one.win_rate.leaves_out(0.5)]
    margins = [one for one in comparisons if one.margin.leaves_out(0)]
    by_rate = [f"{one.a} ahead of {one.b}" for one in _ahead(rates)]
    by_margin = [
        f"{one.a} ahead of {one.b} by {margin_text(one.margin)}" for one in _ahead(margins)
    ]
    return (
        f"by win rate {len(rates)} of {counted(len(comparisons), 'pair')} of algorithms can be "
        f"told apart{_which(by_rate)}; by margin {len(margins)}{_which(by_margin)}."
    )


def _ahead(told: Sequence[Comparison]) -> list[Comparison]:
    """Comparisons from the view of the better one."""
    return [one if one.margin.value > 0 else one.swapped() for one in told]


def _which(said: Sequence[str]) -> str:
    return f" ({listing(said)})" if said else ""


def strong_together(found: Mapping[tuple[str, int], RowsByCase]) -> str:
    """How strong the weakest policy of several runs is, and how far single runs differ.

    Args:
        found: win rates by algorithm and number of runs.
    """
    alone: dict[str, list[float]] = {}
    several: dict[str, list[float]] = {}
    for (algorithm, runs), at in sorted(found.items()):
        rates = several if runs > 1 else alone
        rates.setdefault(algorithm, []).extend(at.get(("swarm", SIZE), ()))
    weakest = min(rate for rates in several.values() for rate in rates)
    number = _each(several, lambda rates: counted(len(rates), "policy", "policies"))
    spread = _each(
        {name: rates for name, rates in alone.items() if len(rates) > 1},
        lambda rates: f"{min(rates):.0%} to {max(rates):.0%}, {len(rates)} runs",
    )
    return (
        f"Against swarm at {SIZE} a side, several runs together win at least {weakest:.0%} of "
        f"their games with every algorithm that was tried: {number}. Single runs: "
        f"{spread}."
    )


def _each(rates: Mapping[str, list[float]], text: Callable[[list[float]], str]) -> str:
    return listing(f"{name} ({text(ours)})" for name, ours in rates.items())


def algorithm_of(training: str) -> tuple[str, str]:
    """Training without the algorithm, and the algorithm."""
    before, named, rest = training.partition(", algorithm ")
    algorithm, comma, after = rest.partition(",")
    return (f"{before}{comma}{after}", algorithm) if named else (training, "cmfq")
