"""Averaged weights against the last ones of the same runs, both against scripted opponents.

Reads the state of finished runs, which holds both, and writes the table.

    python benchmarks/averaging.py runs/battle64/* --out docs/results/averaging
"""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import tyro

from cmfq.play.matches import MatchResult, play_match
from cmfq.storage import read_tensors
from cmfq.training.checkpoint import save_policies
from cmfq.training.run import STATE_FILE, Run
from cmfq.training.self_play import SelfPlay

OPPONENTS = ("rush", "focus", "swarm")


def play_both(run: Path, games: int) -> dict[str, list[MatchResult]]:
    """Matches of the last and of the averaged weights against each opponent."""
    self_play = SelfPlay(Run.open(run).description().settings)
    self_play.restore(*read_tensors(run / STATE_FILE))
    (side,) = self_play.sides.values()
    averaged = side.learner.averaged_policy()
    both = {"last": replace(averaged, network=side.policy.network), "averaged": averaged}
    settings = self_play.settings.environment
    role = side.policy.specification.role
    results = {}
    with TemporaryDirectory() as folder:
        for name, policy in both.items():
            file = Path(folder) / f"{name}.safetensors"
            save_policies(
                file,
                {role: policy},
                self_play.settings.network,
                environment=settings,
                episode=self_play.episode,
            )
            results[name] = [
                play_match(str(file), opponent, settings, episodes=games, seed=0)
                for opponent in OPPONENTS
            ]
    return results


def main(runs: tyro.conf.Positional[tuple[Path, ...]], out: Path, games: int = 100) -> None:
    """Play and write the table.

    Args:
        runs: finished run folders that still have their state.
        out: folder to write README.md to.
        games: against each opponent.
    """
    lines = [
        "# Averaged weights against the last ones",
        "",
        f"Win rate of the same run's last and averaged weights in {games} games against each "
        "scripted opponent; the better of the two in bold.",
        "",
        "| run | weights | " + " | ".join(OPPONENTS) + " |",
        "| --- " * (2 + len(OPPONENTS)) + "|",
    ]
    for run in runs:
        results = play_both(run, games)
        best = [
            max(pair, key=lambda match: match.win_rate)
            for pair in zip(*results.values(), strict=True)
        ]
        for name, matches in results.items():
            cells = []
            for match, winner in zip(matches, best, strict=True):
                text = f"{match.win_rate:.0%}"
                cells.append(f"**{text}**" if match.win_rate == winner.win_rate else text)
            lines.append(f"| {run.name} | {name} | " + " | ".join(cells) + " |")
            print(lines[-1], flush=True)
    out.mkdir(parents=True, exist_ok=True)
    again = f"python benchmarks/averaging.py {' '.join(map(str, runs))} --games {games} --out {out}"
    lines += ["", "To reproduce this page from the runs of `../battle64`:", "", f"    {again}", ""]
    (out / "README.md").write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    tyro.cli(main)
