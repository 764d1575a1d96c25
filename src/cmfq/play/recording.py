"""A game between two players that is recorded: what ``cmfq record`` and :func:`cmfq.record` do."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from cmfq.devices import find_device
from cmfq.environments.appearance import shown_title
from cmfq.environments.keeping import opened
from cmfq.environments.settings import EnvironmentSettings, Measure
from cmfq.environments.sides import seated
from cmfq.errors import UserError
from cmfq.notices import notify
from cmfq.outputs import REPLAY, validate_output
from cmfq.play.players import game_of, load_player
from cmfq.recordings.record import record_episode


@dataclass(frozen=True)
class RecordedGame:
    """A game in a recording file."""

    path: Path
    """The file (see :func:`cmfq.recordings.read`)."""
    steps: int
    """Length of the game."""
    teams: tuple[str, ...]
    """Names of the teams."""
    players: tuple[str, ...]
    """Player of each team, without its folder."""
    survivors: tuple[int, ...]
    """Number of agents of each team that were alive at the end."""
    rewards: tuple[float, ...]
    """Sum over each team's agents and all steps."""
    decided_by: Measure
    """What decides a game of this environment."""


def record(
    a: str | Path,
    b: str | Path = "",
    settings: EnvironmentSettings | None = None,
    *,
    file: str | Path,
    seed: int = 0,
    game: int = 0,
    device: str = "cpu",
) -> RecordedGame:
    """Record a game with the effects and weights of every neighbour, as ``cmfq record`` does.

    Args:
        a: a run folder, a checkpoint file, ``zoo:NAME``, or a scripted player such as ``"rush"``.
        b: the other player; not needed in environments with one team, which it does not play.
        settings: settings of the environment (default: those that ``a`` was trained with).
        file: recording file to write; ``cmfq view FILE`` shows it.
        seed: random seed of the games.
        game: number of the game among those of the seed; ``a`` plays the first team if it is even.
        device: device of trained players: ``"cpu"``, ``"cuda"``, ``"cuda:1"`` or ``"auto"``.

    Raises:
        UserError: a player does not exist or cannot play this game, the second one is missing,
            or the file exists and is not a recording.
    """
    for name, value in (("seed", seed), ("game", game)):
        if value < 0:
            raise UserError(f"{name} is {value}: give at least 0")
    path, first, second = Path(file), str(a), str(b)
    validate_output(path, REPLAY)
    find_device(device)
    if settings is None:
        settings = game_of([name for name in (first, second) if name])
    torch.set_num_threads(1)
    with opened(settings) as environment:
        teams = environment.teams
        if len(teams) > 1 and not second:
            raise UserError(f"there are {len(teams)} teams: give two players")
        if len(teams) == 1 and second:  # as `cmfq evaluate` takes two, which play alone
            notify(f"left out {second}", f"there is one team, which {first} plays, not {second}")
        names = seated(teams, first, second, game)
        players = {name: load_player(name, settings.kind, teams, device) for name in names}
        shown = tuple(Path(name).name for name in names)
        generator = np.random.default_rng([seed, game])
        episode = record_episode(
            path,
            environment,
            [players[name][team.role] for name, team in zip(names, teams, strict=True)],
            name=settings.kind,
            players=shown,
            seed=int(generator.integers(2**31)),
            generator=generator,
            title=shown_title(environment, settings),
            origin=f"seed {seed}, game {game}",
        )
    of = tuple(team.name for team in teams)
    return RecordedGame(
        path, episode.steps, of, shown, episode.survivors, episode.rewards, settings.decided_by
    )
