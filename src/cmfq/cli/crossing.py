"""The command that compares algorithms role by role."""

from collections.abc import Callable, Sequence
from pathlib import Path

import tyro

from cmfq.cli.command_line import changes, refuse_unplayed, repeating
from cmfq.cli.options import WORKERS, Device, EnvironmentName, Folder, Workers
from cmfq.cli.screen import GamesScreen, print_page
from cmfq.environments.settings import EnvironmentSettings
from cmfq.errors import UserError
from cmfq.play.crossing import log_of, play_crossing, roles_of
from cmfq.play.entrants import find_entrants
from cmfq.results.crossing import (
    heading,
    validate_kept,
    write_crossing,
    write_stored_crossing,
)
from cmfq.results.page import Page
from cmfq.storage import remove, validate_results_folder


def cross_in(
    settings_type: type[EnvironmentSettings], default: EnvironmentSettings
) -> Callable[..., None]:
    """``cmfq cross`` with the options of one kind of environment."""

    def cross(
        entrants: tyro.conf.Positional[tuple[str, ...]] = (),
        *,
        out: Folder,
        settings: tyro.conf.OmitArgPrefixes[settings_type] = default,  # type: ignore[valid-type]
        environment: EnvironmentName | None = None,
        sizes: tuple[int, ...] = (),
        games: int = 4,
        seed: int = 0,
        workers: Workers = WORKERS,
        device: Device = "cpu",
    ) -> None:
        """Compare algorithms role by role, such as predators and prey.

        In an environment of two roles, each entrant plays the first role against every entrant in
        the second role; trained entrants meet those with the same training seed. Settings of the
        game that are not given are those that the first entrant was trained with. Without
        entrants, the stored games of the results folder are reported again.

        Args:
            entrants: Run folders, checkpoint files, scripted players, zoo:NAME or module:name;
                group=entrant puts an entrant into its own group.
            out: Folder to write the tables and figures to.
            settings: Settings of the game.
            environment: Environment, or a run trained in it (default: that of the players)
            sizes: Sizes of the first team, the other in proportion (default: that of training)
            games: Number of games of each pair at each size.
            seed: Random seed of the games.
            workers: Number of processes, ray, ray:ADDRESS or slurm:PARTITION; results are the same.
            device: Device of trained players: cpu, cuda, cuda:1 or auto.
        """
        refuse_unplayed(entrants, cross, sizes=sizes, games=games, seed=seed)
        if not entrants:
            print_page(write_stored_crossing(out), out)
            return
        options = {"out": out, "environment": environment, **changes(default, settings)}
        options |= {"games": games, "seed": seed, "sizes": sizes or None}
        _validate(entrants, sizes, settings, out, games=games, seed=seed)
        again = repeating("cross", entrants, options, settings)
        with GamesScreen(out) as screen:
            found, played = play_crossing(
                entrants,
                settings,
                sizes=sizes,
                games=games,
                seed=seed,
                workers=workers,
                device=device,
                folder=out,
                command=again,
                on_progress=screen.report,
            )
        _finish(out, write_crossing(out, found, played, settings, again), sizes)

    return cross


def _validate(
    entrants: Sequence[str],
    sizes: Sequence[int],
    settings: EnvironmentSettings,
    out: Path,
    *,
    games: int,
    seed: int,
) -> None:
    """Check what is asked for before a game is played.

    Raises:
        UserError: a size is below 1, the game has not two roles, or the folder is of other results.
    """
    if min(sizes, default=1) < 1:
        raise UserError(f"sizes has {min(sizes)}: give at least 1 each")
    roles_of(settings)
    validate_results_folder(out, heading(settings))
    entered = find_entrants(entrants, settings.kind, checkpoints=1)
    validate_kept(out, entered, settings, sizes=sizes, games=games, seed=seed)


def _finish(out: Path, page: Page, sizes: Sequence[int]) -> None:
    for size in sizes or (0,):
        remove(log_of(out, size))
    print_page(page, out)
