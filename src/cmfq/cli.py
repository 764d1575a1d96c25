"""The command line: one command per verb."""

import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import tyro
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from cmfq.algorithms import ALGORITHMS
from cmfq.bench import BenchRow, measure_all
from cmfq.environments.battle import BattleSettings, map_size_for
from cmfq.errors import UserError, unknown_name
from cmfq.evaluation.compare import compare as write_comparison
from cmfq.evaluation.matches import MatchResult, play_game, play_match
from cmfq.evaluation.report import write_report
from cmfq.replays.draw import draw_fight, save_animation
from cmfq.replays.fight import FightRecorder
from cmfq.storage import write_json
from cmfq.training.progress import TrainingProgress
from cmfq.training.run import Run
from cmfq.training.run import train as train_run
from cmfq.training.self_play import SelfPlay
from cmfq.training.settings import TrainSettings
from cmfq.training.stop import StopSignal

WORKERS = os.cpu_count() or 1


def train(
    environment: tyro.conf.Positional[str],
    settings: tyro.conf.OmitArgPrefixes[TrainSettings],
    run: Path,
) -> None:
    """Train a policy by self-play.

    Ctrl-C or SIGTERM ends the run after the episode it is in, with a checkpoint; a second one ends
    it at once.

    Args:
        environment: what to train on: battle.
        settings: of the run.
        run: folder to make for the run; it must not exist.
    """
    if environment != "battle":
        raise unknown_name("environment", environment, ["battle"])
    self_play = SelfPlay(settings)
    with Run.create(run, settings) as folder:
        _continue(folder, self_play)


def resume(run: tyro.conf.Positional[Path]) -> None:
    """Go on with a run that was interrupted; it ends as if it had not been.

    Args:
        run: its folder.
    """
    with Run.open(run) as folder:
        self_play = SelfPlay(folder.description().settings)
        folder.restore(self_play)
        _continue(folder, self_play)


def evaluate(
    a: tyro.conf.Positional[str],
    b: tyro.conf.Positional[str],
    size: int = 64,
    episodes: int = 100,
    seed: int = 0,
    max_steps: int = BattleSettings.max_steps,
    workers: int = WORKERS,
    json: Path | None = None,
) -> None:
    """Let two players play each other; the sides swap every episode.

    Args:
        a: a run folder, a checkpoint file, or a scripted opponent: random, rush, focus, swarm.
        b: the other player.
        size: agents a side; a policy plays at any size.
        episodes: games to play.
        seed: of the games.
        max_steps: a game is cut off after this many steps.
        workers: processes to play in; the result does not depend on it.
        json: file to write the result and every game to.
    """
    settings = BattleSettings(size=size, max_steps=max_steps)
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
    folder = Run.open(run)
    description = folder.description()
    settings = BattleSettings(size=description.settings.environment.size)
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
        matches=matches,
    )
    _print_matches(matches)
    print(f"report: {path.resolve()}")


def compare(
    runs: tyro.conf.Positional[tuple[Path, ...]],
    out: Path,
    against: tuple[str, ...] = ("random", "rush", "focus"),
    episodes: int = 100,
    seed: int = 0,
    workers: int = WORKERS,
) -> None:
    """Play runs of several algorithms and seeds against opponents; write a table and curves.

    Args:
        runs: run folders.
        out: folder to write the results to.
        against: opponents, as in `cmfq evaluate`.
        episodes: games of each pairing.
        seed: of the games.
        workers: processes to play in.
    """
    arguments = [*map(str, runs), "--out", str(out), "--against", *against]
    numbers = ["--episodes", str(episodes), "--seed", str(seed)]
    write_comparison(
        runs,
        against,
        out,
        episodes=episodes,
        seed=seed,
        workers=workers,
        command=shlex.join(["cmfq", "compare", *arguments, *numbers]),
        on_match=lambda match: _print_matches([match]),
    )
    print(f"results: {out / 'README.md'}")


def bench(
    algorithms: tuple[str, ...] = tuple(ALGORITHMS),
    sizes: tuple[int, ...] = (64, 400),
    steps: int = 400,
    threads: int = 1,
    json: Path | None = None,
) -> None:
    """Measure where the time of training goes, in whole episodes with a fresh network.

    Args:
        algorithms: to measure.
        sizes: agents a side.
        steps: of an episode.
        threads: of the network's arithmetic.
        json: file to write the rows to.
    """
    names = [field.name for field in fields(BenchRow)]
    table = Table()
    for name in names:
        table.add_column(name.replace("_", " "), justify="right", overflow="fold")
    rows = []
    for row in measure_all(algorithms, sizes, threads, steps):
        rows.append(row)
        values = [getattr(row, name) for name in names]
        table.add_row(*(f"{v:,.2f}" if isinstance(v, float) else str(v) for v in values))
        print(f"measured {row.algorithm} at {row.agents} a side", file=sys.stderr)
    if json:
        write_json(json, rows)
    Console().print(table)


def draw(
    a: tyro.conf.Positional[str],
    b: tyro.conf.Positional[str],
    out: Path,
    size: int = 64,
    seed: int = 0,
    game: int = 0,
    step: int | None = None,
    cell: int = 12,
) -> None:
    """Draw one game as an animation (.gif, .webp), or one step of it as a picture (.png).

    Args:
        a: a player, as in `cmfq evaluate`.
        b: the other player.
        out: image file to write.
        size: agents a side.
        seed: of the games.
        game: which game of that seed; A plays left in even ones.
        step: draw this step alone.
        cell: pixels a side of a cell of the field.
    """
    recorder = FightRecorder()
    result = play_game(a, b, BattleSettings(size=size), seed=seed, game=game, observers=(recorder,))
    frames = recorder.frames
    if step is not None and not 0 <= step < len(frames):
        raise UserError(f"step is {step}: the game has steps 0 to {len(frames) - 1}")
    players = (Path(a).name, Path(b).name)
    pictures = draw_fight(
        frames if step is None else frames[: step + 1],
        players if result.a_side == 0 else players[::-1],
        map_size_for(size),
        cell=cell,
    )
    save_animation(pictures if step is None else pictures[-1:], out)
    print(
        f"{players[0]} {result.a_survivors} : {result.b_survivors} {players[1]} "
        f"after {result.steps} steps: {out}"
    )


def _continue(run: Run, self_play: SelfPlay) -> None:
    """Train until the last episode or a signal; report to the terminal."""
    stop = StopSignal()
    with TrainingProgress(self_play.settings.episodes, self_play.episode) as progress:
        stop.on_first = lambda: progress.say(
            f"stopping after this episode; once more to stop at once, which loses the episodes "
            f"since the last checkpoint in {run.path}"
        )
        finished = train_run(run, self_play, progress.report, stop)
    if finished:
        print(f"finished: {run.path} holds the run, play it with `cmfq evaluate {run.path} rush`")
    else:
        print(f"stopped after episode {self_play.episode}: `cmfq resume {run.path}` goes on")


def _print_matches(results: Sequence[MatchResult]) -> None:
    """One row per match."""
    table = Table(title=f"{results[0].episodes} games at {results[0].size} a side")
    for column in ("A", "B", "wins", "draws", "losses", "win rate", "95 % interval", "survivors"):
        text = column in "AB"
        table.add_column(
            column, justify="left" if text else "right", overflow="fold", no_wrap=not text
        )
    for result in results:
        low, high = result.interval
        table.add_row(
            result.a,
            result.b,
            str(result.wins),
            str(result.draws),
            str(result.losses),
            f"{result.win_rate:.1%}",
            f"{100 * low:.1f} to {100 * high:.1f} %",
            f"{result.survivors[0]:.1f} : {result.survivors[1]:.1f}",
        )
    Console().print(table)


def main(arguments: list[str] | None = None) -> int:
    """Run a command; a user's mistake is one sentence and exit code 2."""
    commands = {
        command.__name__: command
        for command in (train, resume, evaluate, compare, report, draw, bench)
    }
    try:
        tyro.extras.subcommand_cli_from_dict(
            commands, prog="cmfq", description=__doc__, args=arguments
        )
    except UserError as error:
        print(f"cmfq: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("cmfq: stopped", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
