"""Results of ``cmfq sweep``: effects of settings on win rates.

::

    results/
      README.md, index.html   effects of every factor, with intervals
      plan.toml           as it was read
      games.json.gz       every game; settings and versions of every run
      cells.csv           levels and responses of each cell
      effects.svg, .png   the figure
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from cmfq.experiments.sweep.cells import cells_sentence, cells_table, responses_csv
from cmfq.experiments.sweep.effects import Effects, FloatArray, fit_effects
from cmfq.experiments.sweep.figure import effects_figure
from cmfq.experiments.sweep.plan import Plan
from cmfq.experiments.sweep.play import Responses, responses, whole_rounds
from cmfq.hints import command
from cmfq.play.game_log import Tournament, tournament_text
from cmfq.results.origin import writing_command
from cmfq.results.page import Code, Finding, Items, Page, Part, Picture, Section
from cmfq.results.table import Table, margin_text, rate_text
from cmfq.results.writing import write_folder
from cmfq.statistics.replication import Estimate
from cmfq.storage import make_folder, write_bytes, write_gzip
from cmfq.text import Strong, counted, inline_code, markdown_text

TITLE = "What settings do to"
CAPTION = (
    "Change of a win rate when a setting goes from its first level to its second, with 95 % "
    "intervals over training seeds."
)


def effects_of(plan: Plan, found: Responses) -> dict[str, Effects]:
    """Effects on every response, by its title."""
    a, b = plan.algorithms
    played = found.episodes
    effects = {
        f"{a} v {b}": fit_effects(plan.design, found.contrast, episodes=played and played.contrast)
    }
    if not np.isfinite(found.strength).all():
        return effects
    names = (f"strength of {a}", f"strength of {b}", _difference(plan))
    return effects | _on_both(plan, names, found.strength, played and played.strength)


def _on_both(
    plan: Plan, names: Sequence[str], values: FloatArray, episodes: FloatArray | None = None
) -> dict[str, Effects]:
    """Effects on a measure of the first algorithm, of the second, and on their difference.

    Args:
        plan: the plan that was played.
        names: titles of the three.
        values: ``(2, cells)``.
        episodes: ``(2, cells, episodes)`` where all cells play the same ones.
    """
    each = (None,) * 3 if episodes is None else _with_difference(episodes)
    return {
        name: fit_effects(plan.design, one, episodes=luck)
        for name, one, luck in zip(names, _with_difference(values), each, strict=True)
    }


def _with_difference(values: FloatArray) -> FloatArray:
    return np.stack([*values, values[0] - values[1]])


def _difference(plan: Plan) -> str:
    """Title of the difference of strengths, which is not a rate."""
    a, b = plan.algorithms
    return f"strength of {a} minus {b}"


def effects_table(plan: Plan, effects: dict[str, Effects], title: str = "") -> Table:
    """A row for the mean and one for each factor, a column for each response."""
    means = [
        change_text(one.mean) if name == _difference(plan) else rate_text(_share(one.mean))
        for name, one in effects.items()
    ]
    return _table(plan, effects, means, change_text, title)


def _share(mean: Estimate) -> Estimate:
    """The part of an interval that shares can have."""
    return Estimate(*map(float, np.clip(mean, 0.0, 1.0)))


def effects_on(
    plan: Plan, name: str, values: FloatArray, episodes: FloatArray | None = None
) -> dict[str, Effects]:
    """Effects on a measure of each algorithm and on their difference, by title.

    Args:
        plan: the plan that was played.
        name: name of the measure.
        values: ``(2, cells)``, as in :class:`~cmfq.experiments.sweep.play.Responses`.
        episodes: ``(2, cells, episodes)`` where all cells play the same ones.
    """
    a, b = plan.algorithms
    return _on_both(plan, (f"{name} of {a}", f"{name} of {b}", f"{a} minus {b}"), values, episodes)


def measure_table(plan: Plan, effects: dict[str, Effects], digits: int, title: str = "") -> Table:
    """Table like :func:`effects_table`, for a measure that is no share.

    Args:
        plan: the plan that was played.
        effects: effects on the measure, see :func:`effects_on`.
        digits: digits after the decimal point.
        title: title of the table on terminals.
    """
    means = [margin_text(one.mean, digits) for one in effects.values()]
    return _table(plan, effects, means, lambda one: _bold(margin_text(one, digits), one), title)


def _table(
    plan: Plan,
    effects: dict[str, Effects],
    means: Sequence[str],
    text_of: Callable[[Estimate], str],
    title: str,
) -> Table:
    rows = [("mean of all cells", *means)]
    for number, factor in enumerate(plan.factors):
        changes = [one.changes[number] for one in effects.values()]
        rows.append((factor.title, *map(text_of, changes)))
    return Table(("setting", *effects), rows, title)


def change_text(change: Estimate) -> str:
    """A change of a share in points, bold where its interval leaves out 0."""
    return _bold(margin_text(Estimate(*(100 * part for part in change)), digits=0), change)


def _bold(text: str, change: Estimate) -> str:
    return Strong(text) if change.leaves_out(0) else text


def settled(
    plan: Plan, effects: dict[str, Effects], text_of: Callable[[Estimate], str]
) -> list[str]:
    """A sentence for each effect whose interval leaves out 0, with the change as text."""
    return [
        f"{factor.title}: {title} changes by {text_of(one.changes[number])}."
        for title, one in effects.items()
        for number, factor in enumerate(plan.factors)
        if one.changes[number].leaves_out(0)
    ]


def write_sweep(folder: Path, plan: Plan, plan_text: str, tournament: Tournament) -> None:
    """Write the results folder; it is made if it is not there."""
    make_folder(folder)
    write_gzip(folder / "games.json.gz", tournament_text(tournament).encode())
    write_bytes(folder / "plan.toml", plan_text.encode())
    write_bytes(folder / "cells.csv", responses_csv(plan, responses(plan, tournament)).encode())
    stored = command(
        *("sweep", folder / "plan.toml", "--log", folder / "games.json.gz", "--out", folder),
        own_functions=plan.own_functions,
    )
    again = (
        Code(writing_command(tournament.command, folder)),
        "trains the runs that are missing, plays the games and writes the page. To write the page "
        f"from the stored games: {inline_code(stored)}.",
    )
    write_folder(folder, sweep_page(plan, plan_text, tournament, again))


def sweep_page(
    plan: Plan, plan_text: str, tournament: Tournament, again: tuple[Part, ...] = ()
) -> Page:
    """Effects of every setting, with what gave them."""
    found = responses(plan, tournament)
    effects = effects_of(plan, found)
    tests = plan.design.shape[1] * len(effects)
    how_to_read = (
        "Changes are in points of the win rate; bold where the interval leaves out 0. If no "
        f"setting changed anything, {0.05 * tests:.1f} intervals would leave out 0 on average, "
        "since the intervals are not corrected for multiple comparisons: one or two of many are a "
        "reason to repeat the experiment with other seeds. An effect that cannot be told apart "
        "from 0 may still be as large as its interval allows."
    )
    changes: list[Part] = [
        Picture("effects", partial(effects_figure, plan, effects), CAPTION),
        *_told(
            settled(plan, effects, lambda one: f"{change_text(one)} points"),
            tests,
            effects_table(plan, effects, "Win rates, and their changes in points"),
            how_to_read,
        ),
    ]
    sections = (
        Section("", (_introduction(plan, tournament), *changes, *_controls(plan, effects))),
        Section("Damage", _damage_parts(plan, found)),
        Section("Returns", _return_parts(plan, found)),
        Section("Rewards by role", _role_parts(plan, found)),
        Section(
            "Cells",
            (
                Finding(cells_sentence(plan, found, tournament)),
                cells_table(plan, found),
            ),
        ),
        Section("The plan", (Code(plan_text.strip(), "toml"),)),
    )
    a, b = plan.algorithms
    return Page(f"{TITLE} {a} and {b}: {plan.game.title}", sections, again)


def _return_parts(plan: Plan, found: Responses) -> tuple[Part, ...]:
    if found.episodes is None:
        return ()
    a, b = plan.algorithms
    each = found.episodes.returns
    above = int((each[0].mean(-1) > each[1].mean(-1)).sum())
    return (
        Finding(f"{a} earned more than {b} on average in {above} of {len(plan.design)} cells."),
        measure_table(
            plan,
            effects_on(plan, "return", each.mean(-1), each),
            1,
            "Returns of an episode, and their changes",
        ),
        "Means over episodes; a change is bold where its interval leaves out 0.",
    )


def _role_parts(plan: Plan, found: Responses) -> tuple[Part, ...]:
    parts: list[Part] = []
    for role, rewards in found.roles.items():
        effects = effects_on(plan, f"reward as {role}", rewards)
        parts += _told(
            settled(plan, effects, lambda one: margin_text(one, 1)),
            plan.design.shape[1] * len(effects),
            measure_table(plan, effects, 1, f"Rewards as {role}, and their changes"),
        )
    if parts:
        parts.append(
            "Reward of a game of an algorithm's agents in a role together, against the common "
            "opponents, or the other algorithm of the cell if there are none. A change is bold "
            "where its interval leaves out 0."
        )
    return tuple(parts)


def _damage_parts(plan: Plan, found: Responses) -> tuple[Part, ...]:
    if found.damage is None:
        return ()
    effects = effects_on(plan, "log damage ratio", found.damage)
    return _told(
        settled(plan, effects, lambda one: margin_text(one, 2)),
        plan.design.shape[1] * len(effects),
        measure_table(plan, effects, 2, "Log damage ratios, and their changes"),
        "Log of damage dealt over damage taken, of a game against the common opponents: 0 between "
        "equals, and still telling where every game is won or lost. A change is bold where its "
        "interval leaves out 0; an increase is better.",
    )


def _told(
    sentences: Sequence[str], tests: int, table: Table, how_to_read: str = ""
) -> tuple[Part, ...]:
    """A table of effects, how many of its intervals leave out 0, and a sentence for each."""
    items = (Items([markdown_text(one) for one in sentences]),) if sentences else ()
    count = Finding(f"{len(sentences)} of {tests} intervals leave out 0.")
    return (count, table, *([how_to_read] if how_to_read else []), *items)


def _introduction(plan: Plan, tournament: Tournament) -> str:
    a, b = plan.algorithms
    cells, factors = plan.design.shape
    others = [one.name for one in tournament.entrants if one.group not in plan.names]
    asked, of_a_round = tournament.settings.episodes, 2 * len(tournament.places) or 1
    games, strength = f"{whole_rounds(asked, of_a_round)} between the two runs of each cell", ""
    luck = "and of the games"
    named = markdown_text(", ".join(others))
    if tournament.alone:
        games = (
            f"the same {asked} for each "
            f"run{f' and each common opponent ({named})' if others else ''}, alone; the run with "
            "the higher return wins an episode"
        )
        luck = "and, in means, of the episodes; all cells play the same, for which changes hold"
    elif others:
        each = whole_rounds(asked // len(others), of_a_round)
        games += f", and {each} of each run against each common opponent ({named})"
    if others:
        strength = "*Strength* is the win rate against the common opponents, with equal weights. "
    if tournament.paired:
        strength += (
            "Two games in which the players swap roles count as one, and the player with more "
            f"{plan.game.decided_by} in both together wins it. "
        )
    return (
        f"{cells} cells of a two-level design with its mirror image. Each cell has a run of {a} "
        f"and one of {b} with the same seed. Every setting is at its first level in half of the "
        "cells and at its second in the other half, each time with both levels of every other "
        f"setting equally often. {counted(len(tournament.games), 'game')}: {games}. {strength}"
        "A draw counts half. Intervals (95 %) are Student's, from residuals of the main effects "
        f"({cells - factors - 1} degrees of freedom). They contain the randomness of training, "
        f"since every cell has its own seed, {luck}; interactions of two settings widen them."
    )


NOT_FOR_MFQ = {
    "mean_field.epsilon": "ε",
    "mean_field.intervention": "the do-operation",
    "mean_field.effect": "the measure",
    "mean_field.effect_beta": "its β",
}
"""Settings that only weights by causal effects go by."""


def _controls(plan: Plan, effects: dict[str, Effects]) -> Sequence[str]:
    """Say which changes are known to be chance: they show what the intervals are worth."""
    names = [NOT_FOR_MFQ[one.name] for one in plan.factors if one.name in NOT_FOR_MFQ]
    if "mfq" not in plan.algorithms or "strength of mfq" not in effects or not names:
        return []
    return [
        f"{' and '.join(names)} do not affect MFQ: the changes of its strength are chance by "
        "construction, which checks the intervals."
    ]
