"""Last checkpoint, average of weights, or vote: which is steadier from one export to the next?

Every run is exported three times in its training, by each method; the exports play the same
opponents. Writes the rows and the table.

    python benchmarks/export.py runs/battle64/* --against rush zoo:mfq64 --out docs/results/export
"""

import csv
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import numpy as np
import torch
import tyro

from cmfq.decision import Decision
from cmfq.environments.base import IntArray, TeamObservation
from cmfq.environments.keeping import kept_environment
from cmfq.mean_field.policy import boltzmann, sample
from cmfq.play.games import play_between
from cmfq.play.players import load_player
from cmfq.policies import Policy, QPolicy
from cmfq.training.export import average, last_checkpoints
from cmfq.training.run import Run

METHODS = ("last", "average", "vote")


@dataclass(frozen=True)
class Vote:
    """Acts by the mean of several Boltzmann policies (see :class:`cmfq.policies.Policy`)."""

    policies: tuple[QPolicy, ...]

    def decide(
        self,
        observations: Sequence[TeamObservation],
        generator: np.random.Generator,
        others: Sequence[TeamObservation] = (),
        worlds: Sequence[int] | None = None,
    ) -> list[Decision]:
        """Let all decide, and draw from the mean of their policies."""
        ballots = [one.decide(observations, generator, others, worlds) for one in self.policies]
        return [Decision(self._draw(team, generator)) for team in zip(*ballots, strict=True)]

    def _draw(self, ballots: Sequence[Decision], generator: np.random.Generator) -> IntArray:
        shares = [
            boltzmann(torch.from_numpy(ballot.q_values), policy.beta)
            for ballot, policy in zip(ballots, self.policies, strict=True)
        ]
        uniform = torch.from_numpy(generator.random(len(shares[0]), dtype=np.float32))
        return sample(torch.stack(shares).mean(0), uniform).numpy().astype(np.int32)


def combine(policies: Sequence[QPolicy], method: str) -> Policy:
    """One policy out of several of one role."""
    if method == "last":
        return policies[-1]
    return average(policies) if method == "average" else Vote(tuple(policies))


@dataclass(frozen=True)
class Row:
    """One export against one opponent."""

    run: str
    method: str
    episode: int
    opponent: str
    games: int
    win_rate: float


def measure(
    runs: tuple[Path, ...], against: tuple[str, ...], ends: tuple[int, ...], number: int, games: int
) -> list[Row]:
    rows = []
    for run in runs:
        settings = Run.open(run).description().settings.environment
        environment, kind = kept_environment(settings), settings.kind
        opponents = {name: load_player(name, kind, environment.teams) for name in against}
        for end in ends:
            checkpoints = last_checkpoints(run, number, until=end)
            for method in METHODS:
                player = {
                    role: combine([one.policies[role] for one in checkpoints], method)
                    for role in checkpoints[-1].policies
                }
                for name, opponent in opponents.items():
                    points = 0.0
                    for game in range(games):
                        result = play_between(
                            environment, player, opponent, game, entropy=(end, game)
                        )
                        margin = result.a_survivors - result.b_survivors
                        points += (np.sign(margin) + 1) / 2
                    rows.append(Row(run.name, method, end, name, games, float(points / games)))
                    print(rows[-1], flush=True)
    return rows


def describe(rows: Sequence[Row], checkpoints: int, again: str) -> str:
    """The page, in Markdown."""
    ends = sorted({row.episode for row in rows})
    runs = {row.run for row in rows}
    opponents = dict.fromkeys(row.opponent for row in rows)
    means, spreads = {}, {}
    for method in METHODS:
        mine = [row for row in rows if row.method == method]
        means[method] = [
            float(np.mean([row.win_rate for row in mine if row.episode == end])) for end in ends
        ]
        steps = [
            after.win_rate - before.win_rate
            for before in mine
            for after in mine
            if (before.run, before.opponent) == (after.run, after.opponent)
            and ends.index(after.episode) == ends.index(before.episode) + 1
        ]
        spreads[method] = float(np.sqrt(np.mean(np.square(steps))))
    steadiest = min(METHODS, key=spreads.__getitem__)
    strongest = max(METHODS, key=lambda method: means[method][-1])
    lines = [
        "# One policy out of a run's last checkpoints",
        "",
        f"Each of {len(runs)} runs was exported at episodes {', '.join(map(str, ends))}: its last "
        f"checkpoint, the average of the weights of its last {checkpoints}, or their vote (the "
        f"mean of their policies). Every export played {rows[0].games} games against each of "
        f"{', '.join(opponents)}. The spread is the root mean square of the change in win rate "
        "from one export of a run to its next one, against the same opponent; what was learned in "
        "between is part of it.",
        "",
        "| method | " + " | ".join(f"win rate at {end}" for end in ends) + " | spread, in points |",
        "| --- |" + " ---: |" * (len(ends) + 1),
        *(
            f"| {method} | {' | '.join(f'{mean:.1%}' for mean in means[method])} | "
            f"{100 * spreads[method]:.1f} |"
            for method in METHODS
        ),
        "",
        f"Steadiest: {steadiest}. Strongest at the end: {strongest}.",
        "",
        "To reproduce this page:",
        "",
        f"    {again}",
        "",
    ]
    return "\n".join(lines)


def main(
    runs: tyro.conf.Positional[tuple[Path, ...]],
    out: Path,
    against: tuple[str, ...] = ("rush", "zoo:mfq64"),
    ends: tuple[int, ...] = (200, 300, 400),
    checkpoints: int = 3,
    games: int = 16,
) -> None:
    """Play and write.

    Args:
        runs: finished run folders.
        out: folder to write to.
        against: opponents.
        ends: episodes of training at which to export.
        checkpoints: that are averaged, or vote.
        games: of each export against each opponent.
    """
    rows = measure(runs, against, ends, checkpoints, games)
    out.mkdir(parents=True, exist_ok=True)
    with (out / "rows.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([field.name for field in fields(Row)])
        writer.writerows(astuple(row) for row in rows)
    again = f"python benchmarks/export.py {' '.join(map(str, runs))} --out {out}"
    again += f" --against {' '.join(against)} --ends {' '.join(map(str, ends))}"
    again += f" --checkpoints {checkpoints} --games {games}"
    (out / "README.md").write_text(describe(rows, checkpoints, again), encoding="utf-8")


if __name__ == "__main__":
    tyro.cli(main)
