"""The command line: one command per verb."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import tyro
from rich.console import Console
from rich.table import Table

from cmfq.environments.battle import BattleSettings
from cmfq.errors import UserError, unknown_name
from cmfq.evaluation.matches import MatchResult, play_match
from cmfq.storage import write_json
from cmfq.training.progress import TrainingProgress
from cmfq.training.run import Run
from cmfq.training.run import train as train_run
from cmfq.training.self_play import SelfPlay
from cmfq.training.settings import TrainSettings

Positional = tyro.conf.Positional


def train(
    environment: Positional[str],
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
    with Run.create(run, settings) as folder:
        _continue(folder, SelfPlay(settings))


def resume(run: Positional[Path]) -> None:
    """Go on with a run that was interrupted; it ends as if it had not been.

    Args:
        run: its folder.
    """
    with Run.open(run) as folder:
        self_play = SelfPlay(folder.settings())
        folder.restore(self_play)
        _continue(folder, self_play)


def evaluate(
    a: Positional[str],
    b: Positional[str],
    size: int = 64,
    episodes: int = 100,
    seed: int = 0,
    max_steps: int = BattleSettings.max_steps,
    workers: int = os.cpu_count() or 1,
    json: Path | None = None,
) -> None:
    """Let two players play each other; the sides swap every episode.

    Args:
        a: a run folder, a checkpoint file, or a scripted opponent: random, rush, focus.
        b: the other player.
        size: agents a side; a policy plays at any size.
        episodes: games to play.
        seed: of the games.
        max_steps: a game is cut off after this many steps.
        workers: processes to play in; the result does not depend on it.
        json: file to write the result and every game to.
    """
    for name, value in (("episodes", episodes), ("workers", workers)):
        if value < 1:
            raise UserError(f"{name} is {value}: give at least 1")
    result = play_match(
        a,
        b,
        BattleSettings(size=size, max_steps=max_steps),
        episodes=episodes,
        seed=seed,
        workers=workers,
    )
    if json:
        write_json(json, result)
    _print_match(result)


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


class StopSignal:
    """Turns the first Ctrl-C or SIGTERM into a wish to stop, the second into an interrupt."""

    def __init__(self) -> None:
        self.on_first: Callable[[], None] = lambda: None
        self._asked = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._handle)

    def __call__(self) -> bool:
        return self._asked

    def _handle(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        if self._asked:
            raise KeyboardInterrupt
        self._asked = True
        self.on_first()


def _print_match(result: MatchResult) -> None:
    table = Table(title=f"{result.episodes} games at {result.size} a side")
    for column in ("A", "B", "wins", "draws", "losses", "win rate", "95 % interval", "survivors"):
        table.add_column(column, justify="left" if column in "AB" else "right")
    low, high = result.interval
    table.add_row(
        result.a,
        result.b,
        str(result.wins),
        str(result.draws),
        str(result.losses),
        f"{result.win_rate:.1%}",
        f"{low:.1%} to {high:.1%}",
        f"{result.survivors[0]:.1f} : {result.survivors[1]:.1f}",
    )
    Console().print(table)


def main(arguments: list[str] | None = None) -> int:
    """Run a command; a user's mistake is one sentence and exit code 2."""
    commands = {"train": train, "resume": resume, "evaluate": evaluate}
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
