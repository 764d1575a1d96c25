"""Commands that play games with what was trained."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import tyro

from cmfq.cli.command_line import changes, repeating
from cmfq.cli.options import WORKERS, Device, EnvironmentName, Players, Workers
from cmfq.cli.screen import GamesScreen, ScreenTable, new_console, print_page, print_table
from cmfq.environments.keeping import teams_of
from cmfq.environments.settings import EnvironmentSettings
from cmfq.errors import UserError
from cmfq.outputs import MATCH, PAGE, games_beside, validate_log, validate_output
from cmfq.play.matches import MatchResult, mean_rewards, play_match
from cmfq.play.players import load_player, usual_opponents
from cmfq.play.schedule import validate_games
from cmfq.results.details import (
    reward_table,
    side_sentences,
    side_table,
    yardstick_rows,
)
from cmfq.results.run import run_page
from cmfq.results.verdict import who_earns_more, who_is_ahead, who_wins
from cmfq.results.writing import write_page
from cmfq.storage import remove, write_json
from cmfq.text import counted, say
from cmfq.training.run import Run
from cmfq.zoo import is_shipped, locate

OPPONENTS = ("random", "rush", "focus")
"""Opponents of ``cmfq report``, where they are scripted players of the game."""


def evaluate_in(
    settings_type: type[EnvironmentSettings], default: EnvironmentSettings
) -> Callable[..., None]:
    """``cmfq evaluate`` with the options of one kind of environment."""

    def evaluate(
        a: tyro.conf.Positional[str],
        b: tyro.conf.Positional[str],
        settings: tyro.conf.OmitArgPrefixes[settings_type] = default,  # type: ignore[valid-type]
        environment: EnvironmentName | None = None,
        games: int = 100,
        seed: int = 0,
        workers: Workers = WORKERS,
        device: Device = "cpu",
        log: Path | None = None,
        json: Path | None = None,
    ) -> None:
        """Play games between two players.

        The sides swap after every game. Settings of the game that are not given are those that A
        was trained with. If interrupted, the same command with --log or --json continues.

        Args:
            a: Player: a run folder, a checkpoint file, a scripted player such as rush, zoo:NAME or
                module:name.
            b: The other player.
            settings: Settings of the game.
            environment: Environment, or a run trained in it (default: that of the players)
            games: Number of games.
            seed: Random seed of the games.
            workers: Number of processes, ray, ray:ADDRESS or slurm:PARTITION; results are the same.
            device: Device of trained players: cpu, cuda, cuda:1 or auto.
            log: Game log: file that keeps each game as soon as it is over (default: none; while
                they are played, a file beside that of --json)
            json: JSON file to write with the result and every game.
        """
        kept = _log_of_match(log, json)
        outputs: dict[str, object] = {"log": log, "json": json, "environment": environment}
        options = outputs | changes(default, settings) | {"games": games, "seed": seed}
        with GamesScreen(kept) as screen:
            result = play_match(
                a,
                b,
                settings,
                episodes=games,
                seed=seed,
                workers=workers,
                device=device,
                path=kept,
                command=repeating("evaluate", [a, b], options, settings),
                on_progress=screen.report,
            )
        if json:
            write_json(json, result)
        if kept and kept != log:
            remove(kept)
        _print_match(result)

    return evaluate


def _log_of_match(log: Path | None, json: Path | None) -> Path | None:
    """File that keeps the games while they are played, if any does.

    Raises:
        UserError: one of the files cannot be written.
    """
    if json is not None:
        validate_output(json, MATCH)
    if log is not None:
        validate_log(log, json=json)
    return log or (json and games_beside(json))


def report(
    run: tyro.conf.Positional[Path],
    against: Players | None = None,
    games: int = 40,
    seed: int = 0,
    workers: Workers = WORKERS,
    device: Device = "cpu",
    out: Path | None = None,
) -> None:
    """Play a run against opponents; write an HTML report.

    The report has the training curves, the results and a game against the last opponent. If
    interrupted, the same command continues.

    Args:
        run: Run folder.
        against: Opponents: run folders, checkpoint files, scripted players, zoo:NAME or
            module:name (default: random, rush and focus in battle, all scripted players elsewhere)
        games: Number of games against each opponent.
        seed: Random seed of the games.
        workers: Number of processes, ray, ray:ADDRESS or slurm:PARTITION; results are the same.
        device: Device of trained players: cpu, cuda, cuda:1 or auto.
        out: HTML file to write (default: report.html in the run folder)
    """
    if out is None and is_shipped(run):
        raise UserError(f"{run} comes with the package: name the file to write, with --out")
    path = run / "report.html" if out is None else out
    folder = Run.open(locate(run))
    validate_output(path, PAGE)
    description, evaluations = folder.description(), folder.evaluations()
    metrics = _metrics_of(folder)
    settings = description.settings.environment
    if against is None:
        against = usual_opponents(settings.kind, OPPONENTS)
    _validate_opponents(against, games, settings, device)
    options = {"against": against, "games": games, "seed": seed}
    again = repeating("report", [str(run)], options, settings, against)
    logs = {opponent: games_beside(path, str(number)) for number, opponent in enumerate(against, 1)}
    play = partial(
        play_match, episodes=games, seed=seed, workers=workers, device=device, command=again
    )
    matches = []
    for opponent, log in logs.items():
        say(f"playing {counted(games, 'game')} against {opponent}", flush=True)
        with GamesScreen(log) as screen:
            match = play(str(run), opponent, settings, path=log, on_progress=screen.report)
        matches.append(match)
    page = run_page(
        settings=description.settings,
        versions=description.versions,
        metrics=metrics,
        evaluations=evaluations,
        matches=matches,
        again=again,
    )
    write_page(path, page)
    for log in logs.values():
        remove(log)
    print_page(page, html=path)
    say(f"report: {path.resolve()}")


def _validate_opponents(
    against: Sequence[str], games: int, settings: EnvironmentSettings, device: str
) -> None:
    """Check opponents before the first game is played.

    Raises:
        UserError: there are none or no games, or one of them is not there or cannot play.
    """
    if not against:
        raise UserError("against is empty: name at least one opponent")
    validate_games(games)
    teams = teams_of(settings)
    for opponent in against:
        load_player(opponent, settings.kind, teams, device)


def _metrics_of(run: Run) -> list[dict[str, Any]]:
    """Rows of the metrics file.

    Raises:
        UserError: there are none, or the file is damaged.
    """
    metrics = run.metrics()
    if not metrics:
        raise UserError(
            f"{run.path} has no episodes in its metrics.jsonl, and a report shows them: "
            "`cmfq evaluate` plays without"
        )
    return metrics


def _print_match(result: MatchResult) -> None:
    """Tables of a match, and last what they say."""
    alone = " for each player, alone" if result.difference else ""
    unit = "episode" if alone else "game"
    title = f"{counted(result.episodes, unit)} of {result.settings.title}{alone}"
    if result.symmetric:
        _print_wins(result, title)
        _print_details(result)
        say(who_wins(result))
    else:
        print_table(reward_table([result], title))
        say(result.compared)
        if result.difference:
            say(who_earns_more(result, result.difference))
        elif result.ahead:
            say(who_is_ahead(result, result.ahead))


def _print_details(result: MatchResult) -> None:
    """Results by side, and what is measured beside wins."""
    sides = {(result.a, result.b): result.sides} if result.sides else {}
    if sides:
        print_table(side_table(sides, "By side, 95 % intervals over games").transposed())
    found = {f"{result.a} v {result.b}": result.yardsticks}
    title = "Other measures: means of a game, 95 % intervals over games"
    print_table(yardstick_rows(found, title).transposed())
    for sentence in side_sentences(sides):
        say(sentence)


def _print_wins(result: MatchResult, title: str) -> None:
    """Wins of A, whose name may be long and stands on a line of its own."""
    say(f"A: {result.a}")
    table = ScreenTable(title=title)
    table.add_column("A against", overflow="fold")
    measure = result.settings.decided_by
    for column in ("wins, draws, losses", "win rate", "95 % interval", measure):
        table.add_column(column, justify="right", no_wrap=True)
    assert result.interval is not None
    low, high = result.interval
    counts = result.survivors if measure == "survivors" else mean_rewards(result)
    table.add_row(
        result.b,
        f"{result.wins}-{result.draws}-{result.losses}",
        f"{result.win_rate:.1%}",
        f"{100 * low:.1f} to {100 * high:.1f} %",
        f"{counts[0]:,.1f} : {counts[1]:,.1f}",
    )
    new_console().print(table)
