"""Which weights should a policy play by: the last, their average, or those of several networks?

Every run plays by its last checkpoint, which holds averaged weights; by the weights after its last
update, not averaged; by an ensemble of its own checkpoints, spread over its last half; and by an
ensemble of all *other* runs. Finished games are kept in ``rows.json``: the same command continues,
and plays only what is missing.

    python -m studies.ensembles RUN RUN RUN ... --out docs/results/ensembles
    python -m studies.ensembles RUN ... --against itself@200 --ways last own --out ...
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import tyro

from cmfq.environments.battle import BattleSettings
from cmfq.play.matches import play_match
from cmfq.play.players import load_player
from cmfq.policies import QPolicy
from cmfq.results.page import Code, Finding, Items, Page, Section
from cmfq.results.table import Table, rate_text
from cmfq.results.writing import write_folder
from cmfq.statistics.replication import Estimate
from cmfq.storage import make_folder, read_tensors
from cmfq.training.checkpoint import list_checkpoints, load, save_policies
from cmfq.training.ensemble import joined, members_at
from cmfq.training.run import STATE_FILE, Run
from cmfq.training.self_play import SelfPlay
from studies.kept_rows import keep, read_rows
from studies.scores import earlier_self, win_rate_and_damage

WAYS = {
    "last": "its last checkpoint, whose weights are averaged over the last updates;",
    "unaveraged": "the weights after its last update alone;",
    "own": "five of its checkpoints together, spread over the second half of training;",
    "others": "the last checkpoints of all other runs together. Any two of these policies have "
    "all but one of their runs in common, so their range says nothing on how far ensembles of "
    "other runs would be apart: [populations](../populations/README.md) that share no run do.",
}

SHARING = ("others",)
"""Ways whose policies share runs, so that their spread is not that of policies of other runs."""


@dataclass(frozen=True)
class Row:
    """Games of a policy against an opponent."""

    run: str
    """Run that it is of; of the ensemble of the others, the one that is left out."""
    way: str
    """How it plays, as in :data:`WAYS`."""
    networks: int
    opponent: str
    size: int
    games: int
    win_rate: Estimate
    damage: Estimate
    """Logarithm of damage dealt over damage taken."""

    @property
    def key(self) -> tuple[object, ...]:
        """What tells it from others."""
        return self.run, self.way, self.opponent, self.size, self.games


def policy_of(way: str, run: Path, runs: Sequence[Path], networks: int = 5) -> QPolicy:
    """The policy of a run that plays in one of the ways."""
    if way == "last":
        return load(run)
    if way == "unaveraged":
        self_play = SelfPlay(Run.open(run).description().settings, load_player)
        self_play.restore(*read_tensors(run / STATE_FILE))
        (averaged,), (side,) = self_play.averaged_policies().values(), self_play.sides.values()
        return replace(averaged, network=side.policy.network)
    if way == "others":
        return joined([load(one) for one in runs if one != run])
    files = {int(file.stem): file for file in list_checkpoints(run)}
    last = max(files)
    members = members_at(last, [one for one in files if one < last], networks)
    return joined([load(files[one]) for one in (*members, last)])


def opponent_of(name: str, run: Path) -> str:
    """The player that an opponent's name stands for: ``itself@200`` is the run at episode 200."""
    episode = earlier_self(name)
    return name if episode is None else str(Run.open(run).checkpoint(episode))


def play(
    policy: QPolicy, run: Path, opponent: str, size: int, games: int, workers: int
) -> tuple[Estimate, Estimate]:
    """Win rate and log damage ratio of a policy, with intervals over games."""
    settings = Run.open(run).description().settings
    with TemporaryDirectory() as folder:
        file = Path(folder) / "policy.safetensors"
        environment, network = settings.environment, settings.network
        save_policies(
            file, {"agent": policy}, network, environment=environment, episode=settings.episodes
        )
        match = play_match(
            str(file),
            opponent_of(opponent, run),
            BattleSettings(size=size),
            episodes=games,
            seed=0,
            workers=workers,
        )
    return win_rate_and_damage(match)


def commands_of(rows: Sequence[Row], out: Path) -> list[str]:
    """Commands that play these games, one for each opponent, size and number of games."""
    cases: dict[tuple[str, int, int], list[Row]] = {}
    for row in rows:
        cases.setdefault((row.opponent, row.size, row.games), []).append(row)
    names = " ".join(f"runs/{run}" for run in dict.fromkeys(row.run for row in rows))
    return [
        f"python -m studies.ensembles {names} --against {opponent} --size {size} --games {games} "
        f"--ways {' '.join(dict.fromkeys(row.way for row in ours))} --out {out}"
        for (opponent, size, games), ours in cases.items()
    ]


def page_of(rows: Sequence[Row], out: Path) -> Page:
    """Describe the results."""
    what = (
        "Runs of one algorithm that differ only in their seed. A policy trained by self-play "
        "adapts to itself, and the result depends on the seed: errors of single networks cancel "
        "in the mean of their Q-values. *Damage*: the logarithm of damage dealt over damage "
        "taken. *itself@200*: the same run after 200 episodes. The players of each run are:"
    )
    ways = Items([f"*{way}*: {words}" for way, words in WAYS.items()])
    cases = dict.fromkeys((row.opponent, row.size) for row in rows)
    tables: list[str | Finding | Table] = []
    for opponent, size in cases:
        ours = [row for row in rows if (row.opponent, row.size) == (opponent, size)]
        tables += [Finding(_sentence(ours, opponent, size)), _table(ours, opponent, size)]
    return Page(
        "Ensembles: how much stronger is the mean of several networks?",
        (Section("", (what, ways)), Section("Win rates", tables)),
        (
            Code("\n".join(commands_of(rows, out))),
            "play the games that are missing; without `rows.json` they play all games.",
        ),
    )


def _sentence(rows: Sequence[Row], opponent: str, size: int) -> str:
    parts = []
    for way in WAYS:
        ours = [row for row in rows if row.way == way]
        rates = [row.win_rate.value for row in ours]
        if len(rates) > 1:
            spread = ""
            if way not in SHARING:
                points = 100 * np.std(rates, ddof=1)
                damage = np.std([row.damage.value for row in ours], ddof=1)
                spread = f" (standard deviation {points:.0f} points, of the log damage ratio "
                spread += f"{damage:.3f})"
            ends = f"{min(rates):.0%} to {max(rates):.0%}"
            parts.append(f"{way} {np.mean(rates):.0%}, {ends}{spread}")
    return f"Against {opponent} at {size} a side, mean and range: {'; '.join(parts)}."


def _table(rows: Sequence[Row], opponent: str, size: int) -> Table:
    runs = dict.fromkeys(row.run for row in rows)
    ways = [way for way in WAYS if any(row.way == way for row in rows)]
    found = {(row.run, row.way): row for row in rows}
    games = ", ".join(sorted({str(row.games) for row in rows}))
    lines = []
    for run in runs:
        ours = [found.get((run, way)) for way in ways]
        rates = [rate_text(row.win_rate) if row else "not played" for row in ours]
        damages = [f"{row.damage.value:+.3f}" if row else "not played" for row in ours]
        lines.append((run, *rates, *damages))
    return Table(
        ("run", *ways, *(f"damage, {way}" for way in ways)),
        lines,
        f"Win rates against {opponent} at {size} a side, {games} games each, with intervals over "
        "games; logarithms of damage dealt over damage taken. Others: without that run",
    )


@dataclass(frozen=True)
class EnsemblesStudy:
    """The study's options."""

    runs: tyro.conf.Positional[tuple[Path, ...]]
    """Run folders that differ in their seed."""
    out: Path
    """Folder to write."""
    against: tuple[str, ...] = ("swarm", "skirmish")
    """Opponents; itself@200 is the same run's checkpoint of episode 200."""
    ways: tuple[str, ...] = tuple(WAYS)
    """Ways to play: last, unaveraged, own, others."""
    size: int = 64
    """Agents a side."""
    games: int = 100
    """Games of each pair."""
    workers: int = 1
    """Processes."""


def main(arguments: list[str] | None = None) -> int:
    """Play what is missing and write the page."""
    study = tyro.cli(EnsemblesStudy, args=arguments)
    make_folder(study.out)
    rows = read_rows(study.out, Row)
    for opponent in study.against:
        for way in study.ways:
            for run in study.runs:
                key = run.name, way, opponent, study.size, study.games
                if any(row.key == key for row in rows):
                    continue
                policy = policy_of(way, run, study.runs)
                found = play(policy, run, opponent, study.size, study.games, study.workers)
                networks = 1 + len(policy.network.members)
                row = Row(run.name, way, networks, opponent, study.size, study.games, *found)
                keep(study.out, rows, row)
    write_folder(study.out, page_of(rows, study.out))
    return 0


if __name__ == "__main__":
    sys.exit(main())
