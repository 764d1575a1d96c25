"""How strong is a policy made of several training runs, and is every one of them strong?

Runs that differ in their seed are divided into populations that share no run: the first so many,
the next so many, and so on. A population plays by the mean Q-values of the last checkpoints of its
runs, as ``cmfq export RUN RUN RUN --method ensemble --checkpoints last:3`` joins them. Beside it
every run plays alone, by its last checkpoint. Finished games are kept in ``rows.json``: the same
command continues, and plays only what is missing.

    python -m studies.populations RUN RUN RUN ... --out docs/results/populations
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import tyro

from cmfq.environments.battle import BattleSettings
from cmfq.environments.registry import default_settings
from cmfq.errors import UserError
from cmfq.experiments.sweep.plan import level_text
from cmfq.experiments.training import differences
from cmfq.play.by_side import BySide
from cmfq.play.matches import play_match
from cmfq.play.outcomes import YARDSTICKS
from cmfq.play.progress import progress_rows
from cmfq.play.reading import finished_progress
from cmfq.results.details import yardstick_text
from cmfq.results.page import Code, Finding, Page, Section
from cmfq.results.table import Table, rate_text
from cmfq.results.writing import write_folder
from cmfq.statistics.replication import Estimate
from cmfq.storage import make_folder
from cmfq.text import counted
from cmfq.training.export import export_policy
from cmfq.training.presets import preset_training
from cmfq.training.run import Run
from studies.kept_rows import keep, read_rows
from studies.scores import earlier_self, win_rate_and_damage

PAPER = Path("docs/results/progress/progress.json.gz")
"""Games of the last checkpoints of preset paper, at this size."""
SIZE = 64
GOAL = 0.9
"""Share of games against swarm and skirmish that a strong policy wins, with every seed."""
KEPT = ("margin", "steps", "truncated")
"""Yardsticks that rows keep beside the damage: survivors less the opponent's, steps of a game, and
the share of games that the step limit ended."""


@dataclass(frozen=True)
class Row:
    """Games of a policy against a scripted player."""

    runs: tuple[str, ...]
    """Runs that it is made of: one, or a population."""
    checkpoints: int
    """Last checkpoints of each run that play together."""
    training: str
    """Preset of the runs, and what they change of it."""
    opponent: str
    size: int
    games: int
    win_rate: Estimate
    damage: Estimate
    """Logarithm of damage dealt over damage taken."""
    until: int = 0
    """Episodes after which the runs played so; 0: after all."""
    sides: BySide | None = None
    """Results by the side that the policy played; None: not kept, as in older rows, or without
    games on one of the sides."""
    yardsticks: Mapping[str, Estimate] = field(default_factory=dict)
    """Means over games of those in :data:`KEPT`; empty: not kept, as in older rows."""

    @property
    def case(self) -> tuple[object, ...]:
        """What tells it from others."""
        return self.runs, self.checkpoints, self.opponent, self.size, self.games, self.until


def populations(runs: Sequence[Path], members: int) -> list[tuple[Path, ...]]:
    """The runs in their order, so many at a time.

    Raises:
        UserError: some would be left over.
    """
    if len(runs) % members:
        raise UserError(f"{len(runs)} runs make no populations of {members}: give a multiple of it")
    return [tuple(runs[start : start + members]) for start in range(0, len(runs), members)]


def training_of(run: Path) -> str:
    """Preset of a run, and the settings that differ from it, but for the seed.

    Of a run that started from another one: what that one had, then its own.
    """
    settings = Run.open(run).description().settings
    usual = preset_training(settings.preset, default_settings(settings.environment.kind))
    usual = replace(usual, seed=settings.seed, start_from=settings.start_from)
    changed = differences(usual, settings)
    words = [
        f"{path.rpartition('.')[2]} {level_text(value)}"
        for path, value in changed.items()
        if path != "checkpoint_period"
    ]
    own = ", ".join((f"preset {settings.preset}", *words))
    if settings.start_from is None:
        return own
    before = training_of(Path(settings.start_from))
    return f"{before}; then {own.removeprefix(f'preset {settings.preset}, ')}"


def play(
    runs: Sequence[Path],
    checkpoints: int,
    opponent: str,
    size: int,
    games: int,
    workers: int,
    until: int = 0,
) -> Row:
    """Games of one policy against a script or its earlier self, with intervals over games."""
    with TemporaryDirectory() as folder:
        file, earlier = Path(folder) / "policy.safetensors", Path(folder) / "earlier.safetensors"
        export_policy(runs, file, "ensemble", checkpoints, until or None)
        before = earlier_self(opponent)
        if before is not None:
            export_policy(runs, earlier, "ensemble", checkpoints, before)
        match = play_match(
            str(file),
            opponent if before is None else str(earlier),
            BattleSettings(size=size),
            episodes=games,
            seed=0,
            workers=workers,
        )
    return Row(
        tuple(run.name for run in runs),
        checkpoints,
        training_of(runs[0]),
        opponent,
        size,
        games,
        *win_rate_and_damage(match),
        until,
        match.sides,
        {name: match.yardsticks[name] for name in KEPT},
    )


def spreads(progress: Path) -> dict[str, str]:
    """:func:`spread_of_runs` in words."""
    return {
        opponent: f"{spread:.2f} over {runs} runs"
        for opponent, (spread, runs) in spread_of_runs(progress).items()
    }


def spread_of_runs(progress: Path) -> dict[str, tuple[float, int]]:
    """How far the log damage ratios of runs of CMFQ spread, and of how many, by the opponent.

    Args:
        progress: file of ``cmfq progress``; the last checkpoints count.

    Returns:
        Standard deviations, with the number of runs.
    """
    rows = [row for row in progress_rows(finished_progress(progress)) if row.group == "cmfq"]
    last = [row for row in rows if row.episode == max(one.episode for one in rows)]
    found = {}
    for opponent in dict.fromkeys(row.opponent for row in last):
        ours = [row for row in last if row.opponent == opponent]
        ratios = [row.yardsticks["log_damage_ratio"] for row in ours]
        found[opponent] = (float(np.std(ratios, ddof=1)), len(ours))
    return found


def together(runs: int) -> str:
    """How runs play, in words."""
    return f"{runs} runs together" if runs > 1 else "single runs"


def mean_and_range(rates: Sequence[float] = ()) -> str:
    """Mean, range and number of the win rates of some policies."""
    if not rates:
        return "not played"
    ends = f"{min(rates):.0%} to {max(rates):.0%}, " if len(rates) > 1 else ""
    return f"{np.mean(rates):.0%} ({ends}{counted(len(rates), 'policy', 'policies')})"


def _finding(rows: Sequence[Row], beside: Mapping[str, str]) -> Finding:
    """One sentence about the policies of one kind against one opponent."""
    rates = [row.win_rate.value for row in rows]
    first, strong = rows[0], sum(rate >= GOAL for rate in rates)
    many = len(first.runs)
    where = f"Against {first.opponent} at {first.size} a side"
    if len(rows) == 1:
        one = f"the population of {many} runs" if many > 1 else "the run"
        return Finding(f"{where}, {one} wins {rates[0]:.0%} of its games.")
    what = f"populations of {many} runs" if many > 1 else "single runs"
    spread = np.std([row.damage.value for row in rows], ddof=1)
    paper = beside.get(first.opponent) if first.size == SIZE else None
    return Finding(
        f"{where}, {len(rows)} {what} win {np.mean(rates):.0%} of their games, {min(rates):.0%} "
        f"to {max(rates):.0%}; {strong} of {len(rows)} win at least {GOAL:.0%}. Standard deviation "
        f"of the log damage ratio over them: {spread:.3f}"
        + (f" ({paper} of preset paper)." if paper else ".")
    )


def _table(rows: Sequence[Row]) -> Table:
    opponents = list(dict.fromkeys((row.opponent, row.size, row.games) for row in rows))
    found = {(row.runs, row.opponent, row.size, row.games): row for row in rows}
    lines = []
    for runs in dict.fromkeys(row.runs for row in rows):
        ours = [found.get((runs, *one)) for one in opponents]
        lines.append(
            (names_of(runs), *(rate_text(row.win_rate) if row else "not played" for row in ours))
        )
    return Table(
        ("policy", *(f"{name}, {size} a side" for name, size, _ in opponents)),
        lines,
        "Share of games won, with 95 % intervals over games; "
        + ", ".join(f"{games} against {name} at {size}" for name, size, games in opponents),
    )


def _details(rows: Sequence[Row]) -> list[Table]:
    """Table of results by side, margin and length of the games, if a row keeps them."""
    lines = [
        (
            names_of(row.runs),
            f"{row.opponent}, {row.size} a side",
            *(
                (rate_text(row.sides.first.win_rate), rate_text(row.sides.second.win_rate))
                if row.sides
                else ("–", "–")
            ),
            *(yardstick_text(name, row.yardsticks[name]) for name in KEPT),
        )
        for row in rows
        if row.yardsticks
    ]
    columns = "policy", "opponent", "win rate as first", "win rate as second"
    labels = (YARDSTICKS[name].label for name in KEPT)
    return [Table((*columns, *labels), lines, "By side, and other measures")] if lines else []


def names_of(runs: Sequence[str]) -> str:
    """Names of runs; of seeds that follow each other, the first and the last."""
    first, last = runs[0], runs[-1]
    name, dash, seed = first.rpartition("-")
    if len(runs) > 2 and seed.isdecimal():
        following = [f"{name}{dash}{int(seed) + number}" for number in range(len(runs))]
        if list(runs) == following:
            return f"{first} to {last}"
    return ", ".join(runs)


def _kind(row: Row) -> tuple[str, int, int, int]:
    """What policies of one section have in common."""
    return row.training, len(row.runs), row.checkpoints, row.until


def page_of(rows: Sequence[Row], commands: Sequence[str], beside: Mapping[str, str]) -> Page:
    """Describe the results, beside the spread of other runs (see :func:`spreads`)."""
    sections = []
    kinds = set(map(_kind, rows))  # in the order of CMFQ first, then of training and size
    for kind in sorted(
        kinds, key=lambda kind: ("algorithm" in kind[0], kind[0], kind[3], -kind[1])
    ):
        ours = [row for row in rows if _kind(row) == kind]
        cases = dict.fromkeys((row.opponent, row.size, row.games) for row in ours)
        found = [
            _finding([row for row in ours if (row.opponent, row.size, row.games) == case], beside)
            for case in cases
        ]
        training, members, checkpoints, until = kind
        who = f"Populations of {members} runs" if members > 1 else "Single runs"
        title = f"{who}: {training}" + (f", after {until} of them" if until else "")
        last = "checkpoint" if checkpoints == 1 else f"{checkpoints} checkpoints"
        words = (
            f"{members} runs each, the last {last} of every one: {members * checkpoints} networks."
            if members > 1
            else "Each run by its last checkpoint."
        )
        if until:
            words += (
                f" The runs as they were after {until} episodes; their learning rate was still "
                "that of a longer run."
            )
        sections.append(Section(title, (words, *found, _table(ours), *_details(ours))))
    what = (
        "Runs of one algorithm that differ only in their seed play alone and in populations that "
        "share no run. A population plays by the mean Q-values of its networks. *itself@150*: the "
        "same policy when its runs had played 150 episodes, a quarter of 600; their learning rate "
        "was not yet low."
    )
    kept = [bool(row.yardsticks) for row in rows]
    if any(kept) and not all(kept):
        what += (
            " A second table shows win rates by side, margins and lengths of games of policies for "
            "which they were kept; the rows of older games lack them."
        )
    return Page(
        "Populations: is every policy made of several runs strong?",
        (Section("", (what,)), *sections),
        (
            Code("\n".join(commands)),
            "play the games that are missing; without `rows.json` they play all games.",
        ),
    )


def commands_of(rows: Sequence[Row], out: Path) -> list[str]:
    """Commands that play these games."""
    cases: dict[tuple[str, int, int, int, int, int], list[Row]] = {}
    for row in rows:
        cases.setdefault((*_kind(row), row.size, row.games), []).append(row)
    lines = []
    for (_, members, checkpoints, until, size, games), ours in cases.items():
        runs = dict.fromkeys(f"runs/{run}" for row in ours for run in row.runs)
        against = dict.fromkeys(row.opponent for row in ours)
        lines.append(
            f"python -m studies.populations {' '.join(runs)} --members {members} --checkpoints "
            f"{checkpoints} {f'--until {until} ' if until else ''}--against {' '.join(against)} "
            f"--size {size} --games {games} --out {out}"
        )
    return lines


@dataclass(frozen=True)
class PopulationsStudy:
    """The study's options."""

    runs: tyro.conf.Positional[tuple[Path, ...]]
    """Run folders that differ in their seed."""
    out: Path
    """Folder to write."""
    members: int = 3
    """Runs of a population; 1 lets every run play alone."""
    checkpoints: int = 3
    """Last checkpoints of each run."""
    until: int = 0
    """Episodes after which the runs play so, as if they had ended there; 0: after all."""
    against: tuple[str, ...] = ("swarm", "skirmish")
    """Scripted opponents; itself@150 is the same policy when its runs had 150 episodes."""
    size: int = 64
    """Agents a side."""
    games: int = 100
    """Games against each opponent."""
    workers: int = 1
    """Processes."""


def main(arguments: list[str] | None = None) -> int:
    """Play what is missing and write the page."""
    study = tyro.cli(PopulationsStudy, args=arguments)
    make_folder(study.out)
    rows = read_rows(study.out, Row)
    for opponent in study.against:
        for runs in populations(study.runs, study.members):
            names = tuple(run.name for run in runs)
            how = study.checkpoints, opponent, study.size, study.games
            if any(row.case == (names, *how, study.until) for row in rows):
                continue
            keep(study.out, rows, play(runs, *how, study.workers, study.until))
    beside = spreads(PAPER) if PAPER.is_file() else {}
    write_folder(study.out, page_of(rows, commands_of(rows, study.out), beside))
    return 0


if __name__ == "__main__":
    sys.exit(main())
