"""Commands that record games and show them."""

import signal
import webbrowser
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Annotated

import tyro
from rich.progress import Progress

from cmfq.cli.options import Device, EnvironmentName
from cmfq.cli.screen import new_console
from cmfq.environments.settings import EnvironmentSettings
from cmfq.errors import UserError
from cmfq.hints import command
from cmfq.interrupts import interrupt
from cmfq.outputs import IMAGE, PAGE, validate_output
from cmfq.play.recording import RecordedGame
from cmfq.play.recording import record as record_game
from cmfq.recordings import read
from cmfq.recordings.images import require_format, save_animation
from cmfq.recordings.page import NamedRecording, documents, write_page
from cmfq.recordings.render import parse_steps
from cmfq.recordings.render import render as draw_steps
from cmfq.recordings.server import Documents, doorway, make_server, url_of
from cmfq.text import counted, say


def file_size(file: Path) -> str:
    """Size of a file, with one digit that is not zero."""
    size = file.stat().st_size
    return f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{size / 1e3:.1f} KB"


def _ending(game: RecordedGame) -> str:
    """What became of each team, by what decides a game."""
    survival = game.decided_by == "survivors"
    counts = [str(count) for count in game.survivors]
    numbers = counts if survival else [f"{reward:.1f}" for reward in game.rewards]
    each = zip(game.players, game.teams, numbers, strict=True)
    told = ", ".join(f"{player} ({team}) {number}" for player, team, number in each)
    return f"{told} {'left after' if survival else 'earned in'} {counted(game.steps, 'step')}"


def record_in(
    settings_type: type[EnvironmentSettings], default: EnvironmentSettings
) -> Callable[..., None]:
    """``cmfq record`` with the options of one kind of environment."""

    def record(
        a: tyro.conf.Positional[str],
        b: tyro.conf.Positional[str] = "",
        *,
        out: Path,
        settings: tyro.conf.OmitArgPrefixes[settings_type] = default,  # type: ignore[valid-type]
        environment: EnvironmentName | None = None,
        seed: int = 0,
        game: int = 0,
        device: Device = "cpu",
    ) -> None:
        """Record a game.

        The file holds positions, actions, and the effects and weights of every neighbour; watch it
        with `cmfq view`. Settings of the game that are not given are those that A was trained with.

        Args:
            a: Player: a run folder, a checkpoint file, a scripted player such as rush, zoo:NAME or
                module:name.
            b: The other player; not needed in environments with one team.
            out: Recording file to write; a recording that is there is replaced.
            settings: Settings of the game.
            environment: Environment, or a run trained in it (default: that of the players)
            seed: Random seed of the games.
            game: Number of the game among those of the seed. A plays the first team in even games.
                With three or more roles, A plays the first role in game 0, all others in game 1,
                the second in game 2, and so on.
            device: Device of trained players: cpu, cuda, cuda:1 or auto.
        """
        recorded = record_game(a, b, settings, file=out, seed=seed, game=game, device=device)
        say(f"{_ending(recorded)}: {out}, {file_size(out)}, watch it with `{command('view', out)}`")

    return record


def render(
    replay: tyro.conf.Positional[Path],
    out: Path,
    steps: Annotated[str, "STEPS"] = "",
    agent: int | None = None,
    cell: int | None = None,
    crop: bool = False,
    ranges: bool = False,
    speed: float = 8,
) -> None:
    """Draw a recorded game as a film, animation or picture.

    Args:
        replay: File made by `cmfq record`.
        out: File to write; its ending decides: .gif, .webp, .png or .mp4.
        steps: Steps to draw: 12, or 10:30 for 10 to 29 (default: all steps)
        agent: Id of an agent whose neighbours are highlighted by their weights.
        cell: Number of pixels of a cell's side, or of a unit of length.
        crop: Draw no more of the field than where agents are in these steps.
        ranges: Draw a circle about each agent, as far as it strikes.
        speed: Number of steps a second.
    """
    if not 0.1 <= speed <= 100:
        raise UserError(f"speed is {speed}: give 0.1 to 100 steps a second")
    if cell is not None and cell < 1:
        raise UserError(f"cell is {cell}: give at least 1 pixel")
    require_format(out)
    validate_output(out, IMAGE)
    game = read(replay)
    if game.ending is None:
        say(f"{replay} is cut short: it has {len(game.steps)} whole steps")
    chosen = parse_steps(steps, game)
    pictures = draw_steps(game, chosen, cell=cell, agent=agent, crop=crop, ranges=ranges)
    screen = new_console(stderr=True)
    progress = Progress(console=screen, transient=True, disable=not screen.is_terminal)
    with progress:
        drawn = progress.track(pictures, total=len(chosen), description="steps")
        save_animation(drawn, out, milliseconds=1000 / speed)
    say(f"steps {chosen[0]} to {chosen[-1]}: {out}, {file_size(out)}")


def view(
    replays: tyro.conf.Positional[tuple[Path, ...]],
    html: Path | None = None,
    port: int = 0,
    browser: bool = True,
) -> None:
    """Watch recorded games in the browser.

    Args:
        replays: Files made by `cmfq record`; several are shown side by side.
        html: HTML file to write instead of starting a server; it works offline.
        port: Port of the local server; 0 takes a free one.
        browser: Open the page in a browser.
    """
    if not replays:
        raise UserError("there is no replay to show: give a file made by `cmfq record`")
    if html is not None:
        validate_output(html, PAGE)
        if port:
            raise UserError(f"port is {port}, but {html} is a file: leave port or html out")
    for path in replays:
        read(path)  # refuse a bad file before there is a page
    named = [NamedRecording(path.name, path.read_bytes()) for path in replays]
    if html is not None:
        write_page(named, html)
        say(f"page: {html.resolve()}")
        return
    serve(documents(named), "watch at", port, browser)


def serve(pages: Documents, words: str, port: int, browser: bool) -> None:
    """Serve pages until Ctrl-C or SIGTERM.

    Args:
        pages: what is served.
        words: what is said before the address.
        port: port of the server; 0 takes a free one.
        browser: whether to open a browser.
    """
    server = make_server(pages, port)
    signal.signal(signal.SIGTERM, interrupt)
    say(f"{words} {url_of(server)} (Ctrl-C ends)", flush=True)
    with suppress(KeyboardInterrupt), server, ExitStack() as until_the_end:
        if browser:
            webbrowser.open(until_the_end.enter_context(doorway(server)))
        server.serve_forever()
