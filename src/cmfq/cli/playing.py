"""Commands that play games with what was trained."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import tyro
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from cmfq.errors import UserError
from cmfq.evaluation.matches import MatchResult, play_match
from cmfq.evaluation.report import write_report
from cmfq.storage import write_json
from cmfq.training.run import Run

WORKERS = os.cpu_count() or 1


def evaluate_in(settings_type: type[Any], default: Any) -> Callable[..., None]:
    """``cmfq evaluate`` with the options of one kind of environment."""

    def evaluate(
        a: tyro.conf.Positional[str],
        b: tyro.conf.Positional[str],
        settings: tyro.conf.OmitArgPrefixes[settings_type] = default,  # type: ignore[valid-type]
        episodes: int = 100,
        seed: int = 0,
        workers: int = WORKERS,
        json: Path | None = None,
    ) -> None:
        """Let two players play each other; the sides swap every episode.

        Args:
            a: a run folder, a checkpoint file, or a scripted player such as random or rush.
            b: the other player.
            settings: of the game; those that A was trained with where not given.
            episodes: games to play.
            seed: of the games.
            workers: processes to play in; the result does not depend on it.
            json: file to write the result and every game to.
        """
        if json and not json.absolute().parent.is_dir():
            raise UserError(f"cannot write {json}: there is no folder {json.parent}")
        screen = Console(stderr=True)
        with Progress(console=screen, transient=True, disable=not screen.is_terminal) as progress:
            task = progress.add_task("games", total=episodes)
            result = play_match(
                a,
                b,
                settings,
                episodes=episodes,
                seed=seed,
                workers=workers,
                on_game=lambda game: progress.advance(task),
            )
        if json:
            write_json(json, result)
        _print_matches([result])

    return evaluate


def report(
    run: tyro.conf.Positional[Path],
    against: tuple[str, ...] = ("random", "rush", "focus"),
    games: int = 40,
    seed: int = 0,
    workers: int = WORKERS,
    out: Path | None = None,
) -> None:
    """Play a trained run against opponents; write curves, win rates and a fight as one HTML file.

    Args:
        run: its folder.
        against: opponents, as in `cmfq evaluate`; a fight against the last one is shown.
        games: against each.
        seed: of the games.
        workers: processes to play in.
        out: HTML file to write; report.html in the run's folder if not given.
    """
    if not against:
        raise UserError("against is empty: name at least one opponent")
    folder = Run.open(run)
    description = folder.description()
    settings = description.settings.environment
    matches = []
    for opponent in against:
        print(f"playing {games} games against {opponent}", flush=True)
        matches.append(
            play_match(str(run), opponent, settings, episodes=games, seed=seed, workers=workers)
        )
    path = out or run / "report.html"
    write_report(
        path,
        settings=description.settings,
        versions=description.versions,
        metrics=folder.metrics(),
        evaluations=folder.evaluations(),
        matches=matches,
    )
    _print_matches(matches)
    print(f"report: {path.resolve()}")


def _print_matches(results: Sequence[MatchResult]) -> None:
    """One row per match; where roles differ, one for each player in each role.

    Rewards are those of all agents of the role together, over a game.
    """
    table = Table(title=f"{results[0].episodes} games of {results[0].settings.title}")
    if results[0].symmetric:
        _add_wins(table, results)
    else:
        _add_rewards(table, results)
    Console().print(table)


def _add_wins(table: Table, results: Sequence[MatchResult]) -> None:
    table.add_column("A", overflow="fold")
    table.add_column("B", overflow="fold")
    for column in ("wins-draws-losses", "win rate", "95 % interval", "survivors"):
        table.add_column(column, justify="right", no_wrap=True)
    for result in results:
        assert result.interval is not None
        low, high = result.interval
        table.add_row(
            result.a,
            result.b,
            f"{result.wins}-{result.draws}-{result.losses}",
            f"{result.win_rate:.1%}",
            f"{100 * low:.1f} to {100 * high:.1f} %",
            f"{result.survivors[0]:.1f} : {result.survivors[1]:.1f}",
        )


def _add_rewards(table: Table, results: Sequence[MatchResult]) -> None:
    for column in ("player", "as", "against"):
        table.add_column(column, overflow="fold")
    for column in ("reward", "95 % interval"):
        table.add_column(column, justify="right", no_wrap=True)
    for result in results:
        for row in result.rewards:
            low, high = row.interval
            table.add_row(
                row.player,
                row.role,
                result.b if row.player == result.a else result.a,
                f"{row.mean:,.1f}",
                f"{low:,.1f} to {high:,.1f}",
            )
