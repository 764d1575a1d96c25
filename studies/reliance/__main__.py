"""The command: every run, its rows, and the report."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import tyro
from torch import Tensor

from cmfq.environments.settings import EnvironmentSettings
from cmfq.errors import UserError, require_range
from cmfq.play.entrants import find_entrants
from cmfq.play.players import game_of
from cmfq.policies import QPolicy
from cmfq.storage import versions
from cmfq.training.checkpoint import load, load_checkpoint
from studies.reliance.exchange import exchanges
from studies.reliance.games import Averaging, Looking, play, watch
from studies.reliance.report import write_report
from studies.reliance.rows import (
    EXCHANGES_FILE,
    PLAYS_FILE,
    UNANIMOUS,
    WEIGHTS_FILE,
    ExchangeRow,
    PlayRow,
    StudySettings,
    WeightRow,
    write_rows,
    write_settings,
)


@dataclass(frozen=True)
class RelianceStudy:
    """Exchange the merged actions of trained policies."""

    runs: tyro.conf.Positional[tuple[str, ...]]
    """Run folders, as for `cmfq tournament`; the last checkpoint of each plays."""
    out: Path
    """Folder for rows, tables and figure."""
    watched: int = 2
    """Games of each policy against itself in which every decision is looked at."""
    games: int = 8
    """Number of games of each altered policy against itself as it was trained; sides swap."""
    seed: int = 0
    """Random seed of the games."""
    report_only: bool = False
    """Write tables and figure again, from the rows that are in the folder."""

    def __post_init__(self) -> None:
        require_range(self, 1, 10**6, "watched", "games")
        require_range(self, 0, 2**31, "seed")
        if not self.runs and not self.report_only:
            raise UserError("no runs are given: name run folders of `cmfq train`")


class Subject(NamedTuple):
    """A run that is looked at."""

    group: str
    run_seed: int
    episode: int
    policy: QPolicy
    settings: EnvironmentSettings
    """Settings of the environment that it was trained in."""


def find_subjects(runs: Sequence[str]) -> list[Subject]:
    """The last checkpoint of each run, seed by seed, so that what is cut short has fewer seeds."""
    entrants = find_entrants(runs, game_of(runs).kind, checkpoints=1)
    subjects = []
    for entrant in sorted(entrants, key=lambda one: one.seed or 0):
        (player,) = entrant.players
        settings = load_checkpoint(player.name).environment_settings()
        policy = load(player.name)
        subjects.append(Subject(entrant.group, entrant.seed or 0, player.episode, policy, settings))
    return subjects


def look_at(
    subject: Subject, study: RelianceStudy
) -> tuple[WeightRow, list[ExchangeRow], dict[str, QPolicy]]:
    """Use of the merged action by a run's policy, and its altered policies."""
    policy, about = subject.policy, (subject.group, subject.run_seed)
    entropy = (study.seed, subject.run_seed)
    averaging = Averaging(len(policy.specification.actions))
    watch(policy, subject.settings, study.watched, (*entropy, 0), averaging)
    altered = exchanges(policy, averaging.mean())
    looking = Looking(policy, list(altered.values()), np.random.default_rng((*entropy, 1)))
    watch(policy, subject.settings, study.watched, (*entropy, 2), looking)
    seen = looking.all_seen()
    weights = WeightRow(
        *about,
        episode=subject.episode,
        beta=policy.beta,
        decisions=looking.decisions,
        heeding=len(seen.neighbours) / looking.decisions,
        neighbours=_mean(seen.neighbours),
        distance=_mean(seen.distance),
        effective=_mean(seen.effective),
        greedy=_mean(seen.greedy),
    )
    rows = [
        ExchangeRow(*about, name, _mean(changed), _mean(variation))
        for name, changed, variation in zip(
            (*altered, UNANIMOUS), seen.changed, seen.variation, strict=True
        )
    ]
    return weights, rows, altered


def _mean(column: Tensor) -> float:
    return float(column.float().mean())


def study_runs(study: RelianceStudy) -> None:
    """Look at every run, then let all of them play; rows are written as they come."""
    subjects = find_subjects(study.runs)
    study.out.mkdir(parents=True, exist_ok=True)
    settings = StudySettings(study.runs, study.watched, study.games, study.seed, versions())
    write_settings(study.out, settings)
    weights: list[WeightRow] = []
    exchanged: list[ExchangeRow] = []
    played: list[PlayRow] = []
    players = []
    for subject in subjects:
        weight_row, exchange_rows, altered = look_at(subject, study)
        weights.append(weight_row)
        exchanged += exchange_rows
        if weight_row.heeding:
            players.append((subject, altered))
        print(f"{subject.group} {subject.run_seed}: {weight_row.decisions} decisions", flush=True)
    write_rows(study.out, WEIGHTS_FILE, weights)
    write_rows(study.out, EXCHANGES_FILE, exchanged)
    for subject, altered in players:
        policy, entropy = subject.policy, (study.seed, subject.run_seed, 3)
        for name, other in altered.items():
            if other.rule is None and other.algorithm == policy.algorithm:
                continue
            games = play(other, policy, subject.settings, study.games, entropy)
            played.append(PlayRow(subject.group, subject.run_seed, name, *games))
        write_rows(study.out, PLAYS_FILE, played)
        print(f"{subject.group} {subject.run_seed}: has played", flush=True)


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
