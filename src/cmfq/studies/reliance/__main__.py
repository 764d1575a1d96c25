"""The command: every run, its rows, and the report."""

import math
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import tyro
from torch import Tensor

from cmfq.environments.registry import kind_of
from cmfq.errors import UserError, require_range
from cmfq.evaluation.entrants import Entrant, find_entrants
from cmfq.evaluation.players import game_of
from cmfq.storage import versions
from cmfq.studies.reliance.exchange import exchanges
from cmfq.studies.reliance.games import Averaging, Looking, watch, win_rate
from cmfq.studies.reliance.report import write_report
from cmfq.studies.reliance.rows import (
    UNANIMOUS,
    ExchangeRow,
    StudySettings,
    WeightRow,
    write_rows,
    write_settings,
)
from cmfq.training.checkpoint import load, load_checkpoint


@dataclass(frozen=True)
class RelianceStudy:
    """Exchange the merged actions of trained policies."""

    runs: tyro.conf.Positional[tuple[str, ...]]
    """Run folders, as for `cmfq tournament`; the last checkpoint of each plays."""
    out: Path
    """Folder for rows, tables and figure."""
    watched: int = 3
    """Games of each policy against itself in which every decision is looked at."""
    games: int = 20
    """Of each altered policy against itself as it was trained; sides swap."""
    seed: int = 0
    """Of the games."""
    report_only: bool = False
    """Write tables and figure again, from the rows that are in the folder."""

    def __post_init__(self) -> None:
        require_range(self, 1, 10**6, "watched", "games")
        require_range(self, 0, 2**31, "seed")
        if not self.runs and not self.report_only:
            raise UserError("no runs are given: name run folders of `cmfq train`")


def study_run(entrant: Entrant, study: RelianceStudy) -> tuple[WeightRow, list[ExchangeRow]]:
    """What one run's last policy makes of its merged action."""
    (player,) = entrant.players
    policy = load(player.name)
    settings = load_checkpoint(player.name).environment_settings()
    run_seed = 0 if entrant.seed is None else entrant.seed
    averaging = Averaging(len(policy.specification.actions))
    watch(policy, settings, study.watched, (study.seed, run_seed, 0), averaging)
    altered = exchanges(policy, averaging.mean())
    generator = np.random.default_rng((study.seed, run_seed, 1))
    looking = Looking(policy, list(altered.values()), generator)
    watch(policy, settings, study.watched, (study.seed, run_seed, 2), looking)
    seen = looking.all_seen()
    heeding = len(seen.neighbours) / looking.decisions
    rates = {
        name: win_rate(other, policy, settings, study.games, (study.seed, run_seed, 3))
        for name, other in altered.items()
        if heeding and (other.rule or other.algorithm != policy.algorithm)
    }
    about = (entrant.group, run_seed)
    weights = WeightRow(
        *about,
        episode=player.episode,
        beta=policy.beta,
        decisions=looking.decisions,
        heeding=heeding,
        neighbours=_mean(seen.neighbours),
        distance=_mean(seen.distance),
        effective=_mean(seen.effective),
        greedy=_mean(seen.greedy),
    )
    rows = [
        ExchangeRow(*about, name, _mean(changed), _mean(variation), rates.get(name, math.nan))
        for name, changed, variation in zip(
            (*altered, UNANIMOUS), seen.changed, seen.variation, strict=True
        )
    ]
    return weights, rows


def _mean(column: Tensor) -> float:
    return float(column.float().mean())


def study_runs(study: RelianceStudy) -> None:
    """Look at every run, seed by seed, so that a study cut short is one of fewer seeds."""
    entrants = find_entrants(study.runs, kind_of(game_of(study.runs)), checkpoints=1)
    study.out.mkdir(parents=True, exist_ok=True)
    write_settings(
        study.out,
        StudySettings(study.runs, study.watched, study.games, study.seed, versions()),
    )
    weights: list[WeightRow] = []
    exchanged: list[ExchangeRow] = []
    for entrant in sorted(entrants, key=lambda one: one.seed or 0):
        weight_row, exchange_rows = study_run(entrant, study)
        weights.append(weight_row)
        exchanged += exchange_rows
        write_rows(study.out, weights, exchanged)
        print(f"{entrant.name}: {weight_row.decisions} decisions", flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Run the study and report it."""
    torch.set_num_threads(1)
    try:
        study = tyro.cli(RelianceStudy, args=arguments)
        if not study.report_only:
            study_runs(study)
        write_report(study.out)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
