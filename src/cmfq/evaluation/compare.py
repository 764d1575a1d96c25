"""Runs of several algorithms and seeds against fixed opponents: table and curves, by code.

::

    results/
      README.md          the table, the curves and how to get them again
      table.csv          one row per run and opponent
      matches.jsonl.gz   every game
      runs.json          settings and versions of every run
      curves.svg, .png   learning curves, with the spread over seeds
"""

import csv
import gzip
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from cmfq.errors import UserError
from cmfq.evaluation.matches import MatchResult, play_match
from cmfq.evaluation.plots import Metrics, learning_curves, save_svg
from cmfq.storage import write_bytes, write_json
from cmfq.training.run import Run, RunDescription

COLUMNS = ("algorithm", "seed", "opponent", "games", "wins", "draws", "losses", "win_rate",
           "low", "high", "survivors", "opponent_survivors")  # fmt: skip


def compare(
    runs: Sequence[Path],
    opponents: Sequence[str],
    folder: Path,
    *,
    episodes: int,
    seed: int,
    workers: int,
    command: str,
    on_match: Callable[[MatchResult], None] = lambda match: None,
) -> None:
    """Play every run against every opponent and write the results folder.

    Args:
        runs: run folders, of any algorithms and seeds.
        opponents: scripted ones, checkpoints or run folders.
        folder: to write to.
        episodes: games of each pairing.
        seed: of the games.
        workers: processes to play in.
        command: that was called, to be written beside the results.
        on_match: told of every finished pairing.
    """
    if not runs or not opponents:
        raise UserError("there is nothing to compare: give at least one run and one opponent")
    described = [(run, Run.open(run).description(), Run.open(run).metrics()) for run in runs]
    described.sort(key=lambda item: (item[1].settings.algorithm, item[1].settings.seed))
    rows: list[dict[str, Any]] = []
    matches = []
    for run, description, _ in described:
        for opponent in opponents:
            match = play_match(
                str(run),
                opponent,
                description.settings.environment,
                episodes=episodes,
                seed=seed,
                workers=workers,
            )
            on_match(match)
            matches.append(match)
            rows.append(_row(description, opponent, match))
    folder.mkdir(parents=True, exist_ok=True)
    table = io.StringIO()
    writer = csv.DictWriter(table, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_bytes(folder / "table.csv", table.getvalue().encode())
    games = b"".join(json.dumps(msgspec.to_builtins(match)).encode() + b"\n" for match in matches)
    write_bytes(folder / "matches.jsonl.gz", gzip.compress(games, mtime=0))
    write_json(folder / "runs.json", {run.name: description for run, description, _ in described})
    curves: dict[str, list[Metrics]] = {}
    for _, description, metrics in described:
        curves.setdefault(description.settings.algorithm, []).append(metrics)
    figure = learning_curves(curves)
    save_svg(figure, folder / "curves.svg")
    figure.savefig(folder / "curves.png", dpi=120)
    minutes = [
        sum(row["playing_seconds"] + row["learning_seconds"] for row in metrics) / 60
        for _, _, metrics in described
    ]
    write_bytes(folder / "README.md", _readme(rows, described, minutes, command).encode())


def _row(description: RunDescription, opponent: str, match: MatchResult) -> dict[str, Any]:
    if match.interval is None:
        raise UserError(
            f"{match.settings.title} has no winner to compare runs by: `cmfq evaluate` reports "
            "what each role earns"
        )
    low, high = match.interval
    return {
        "algorithm": description.settings.algorithm,
        "seed": description.settings.seed,
        "opponent": opponent,
        "games": match.episodes,
        "wins": match.wins,
        "draws": match.draws,
        "losses": match.losses,
        "win_rate": match.win_rate,
        "low": round(low, 4),
        "high": round(high, 4),
        "survivors": match.survivors[0],
        "opponent_survivors": match.survivors[1],
    }


def _readme(
    rows: Sequence[dict[str, Any]],
    described: Sequence[tuple[Path, RunDescription, Metrics]],
    minutes: Sequence[float],
    command: str,
) -> str:
    opponents = list(dict.fromkeys(row["opponent"] for row in rows))
    cells = {(row["algorithm"], row["seed"], row["opponent"]): row for row in rows}
    lines = [
        "# Against fixed opponents",
        "",
        f"Win rate in {rows[0]['games']} games, sides swapped every game, a draw counting half; in "
        "brackets the 95 % Wilson interval, which is about the one policy of that seed: seeds "
        "differ by more. Minutes are those of its training, whatever else the machine did.",
        "",
        "| algorithm | seed | episodes | minutes | " + " | ".join(opponents) + " |",
        "| --- " * (4 + len(opponents)) + "|",
    ]
    for (_, description, metrics), spent in zip(described, minutes, strict=True):
        settings = description.settings
        parts = [settings.algorithm, str(settings.seed), str(len(metrics)), f"{spent:.1f}"]
        for opponent in opponents:
            row = cells[settings.algorithm, settings.seed, opponent]
            parts.append(f"{row['win_rate']:.1%} ({row['low']:.0%}-{row['high']:.0%})")
        lines.append("| " + " | ".join(parts) + " |")
    lines += [
        "",
        "![Learning curves](curves.svg)",
        "",
        "`runs.json` holds the settings and versions of every run, `matches.jsonl.gz` every game, "
        "`table.csv` the table. To get them again, train the runs with `cmfq train battle` and the "
        "settings in `runs.json`, then",
        "",
        f"    {command}",
        "",
    ]
    return "\n".join(lines)
