"""How strong is a policy made of several training runs, and is every one of them strong?

Runs that differ in their seed are divided into populations that share no run: the first so many,
the next so many, and so on. A population plays by the mean Q-values of the last checkpoints of its
runs, as ``cmfq export RUN RUN RUN --method ensemble --checkpoints last:3`` joins them. Beside it
every run plays alone, by its last checkpoint. Finished games are kept in ``rows.json``: the same
command continues, and plays only what is missing.

    python -m studies.populations RUN RUN RUN ... --out docs/results/populations
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import tyro

from cmfq.environments.battle import BattleSettings
from cmfq.environments.registry import default_settings
from cmfq.errors import UserError
from cmfq.experiments.sweep.plan import level_text
from cmfq.experiments.training import differences
from cmfq.play.matches import play_match
from cmfq.results.writing import write_folder
from cmfq.storage import make_folder
from cmfq.training.export import export_policy
from cmfq.training.presets import preset_training
from cmfq.training.retreat import attacks_of_hurt
from cmfq.training.run import Run
from studies.kept_rows import keep, read_rows
from studies.population_rows import KEPT, Row
from studies.populations_page import commands_of, page_of, spreads
from studies.scores import earlier_self, win_rate_and_damage

PAPER = Path("docs/results/progress/progress.json.gz")
"""Games of the last checkpoints of preset paper, at 64 a side."""


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


def _left_out(runs: Sequence[Path], until: int, least_attacks_hurt: float | None) -> list[Path]:
    """Runs whose hurt agents attack in less than this share of cases; none if none is given.

    Raises:
        UserError: the share of a run is not known, or no run would be left.
    """
    if least_attacks_hurt is None:
        return []
    left_out = []
    for run in runs:
        share = attacks_of_hurt(run, until or None)
        if share is None:
            raise UserError(f"how often hurt agents attacked is not known of {run}: leave it out")
        if share < least_attacks_hurt:
            left_out.append(run)
    if len(left_out) == len(runs):
        raise UserError(f"no run reaches {least_attacks_hurt}: give a smaller least_attacks_hurt")
    return left_out


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
    least_attacks_hurt: float | None = None
    """Leave out runs whose hurt agents attack in less than this share of cases."""
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
            least, played = study.least_attacks_hurt, {row.case: row for row in rows}
            if (names, *how, study.until, least) in played:
                continue
            left_out = _left_out(runs, study.until, least)
            row = None if left_out else played.get((names, *how, study.until, None))
            if row is None:  # this policy has not played
                used = [run for run in runs if run not in left_out]
                row = play(used, *how, study.workers, study.until)
            names_left_out = tuple(run.name for run in left_out)
            row = replace(row, runs=names, least_attacks_hurt=least, left_out=names_left_out)
            keep(study.out, rows, row)
    beside = spreads(PAPER) if PAPER.is_file() else {}
    write_folder(study.out, page_of(rows, commands_of(rows, study.out), beside))
    return 0


if __name__ == "__main__":
    sys.exit(main())
