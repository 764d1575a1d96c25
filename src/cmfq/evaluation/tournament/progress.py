"""Learning over time: checkpoints against opponents that stay as they are.

In self-play the reward does not say who is better than before, since both sides improve. A fixed
opponent does.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cmfq.environments.registry import kind_of
from cmfq.errors import UserError
from cmfq.evaluation.entrants import Entrant, Player, find_entrants, player_of
from cmfq.evaluation.table import Table
from cmfq.evaluation.tournament.file import GameRecord
from cmfq.evaluation.tournament.play import play_games
from cmfq.evaluation.tournament.schedule import ScheduledGame
from cmfq.evaluation.tournament.standings import margin_of

EVERY_CHECKPOINT = 10**9


@dataclass(frozen=True)
class ProgressRow:
    """One checkpoint against one opponent."""

    run: str
    group: str
    seed: int | None
    episode: int
    """Of training."""
    opponent: str
    wins: int
    draws: int
    losses: int
    margin: float
    """Mean of what decides a game, less the opponent's."""

    @property
    def win_rate(self) -> float:
        """A draw counts half."""
        return (self.wins + self.draws / 2) / (self.wins + self.draws + self.losses)


def play_checkpoint(
    checkpoint: Path, opponents: Sequence[str], environment: Any, *, games: int, seed: int = 0
) -> dict[str, float]:
    """Win rate of a checkpoint against each opponent, played in this process.

    Args:
        checkpoint: file.
        opponents: run folders, checkpoint files or scripted players.
        environment: settings of the game.
        games: against each; sides swap every game.
        seed: of the games.
    """
    against = _opponents(opponents, environment)
    player = player_of(checkpoint)
    planned = [game for one in against for game in _games(player, one.players[0], games)]
    records = list(play_games(planned, environment, seed, workers=1))
    return {
        one.name: _row(Entrant("", "", None, (), None), player, one, records, environment).win_rate
        for one in against
    }


def play_progress(
    runs: Sequence[str],
    opponents: Sequence[str],
    environment: Any,
    *,
    games: int,
    seed: int = 0,
    workers: int = 1,
    on_game: Callable[[int, int], None] = lambda finished, games: None,
) -> list[ProgressRow]:
    """Play every checkpoint of every run against every opponent.

    Args:
        runs: folders.
        opponents: run folders (their last checkpoint), checkpoint files or scripted players.
        environment: settings of the game.
        games: of each checkpoint against each opponent.
        seed: of the games.
        workers: processes; the rows do not depend on it.
        on_game: told, after every game, how many of how many are over.
    """
    if games < 1 or not runs or not opponents:
        raise UserError("there is nothing to play: give runs, opponents and at least one game")
    entrants = find_entrants(runs, kind_of(environment), EVERY_CHECKPOINT)
    against = _opponents(opponents, environment)
    planned = [
        game
        for run in entrants
        for player in run.players
        for one in against
        for game in _games(player, one.players[0], games)
    ]
    records = []
    for record in play_games(planned, environment, seed, workers):
        records.append(record)
        on_game(len(records), len(planned))
    return [
        _row(run, player, one, records, environment)
        for run in entrants
        for player in run.players
        for one in against
    ]


def progress_table(rows: Sequence[ProgressRow]) -> Table:
    """Mean over the seeds of a group at each checkpoint, with the least and the greatest seed."""
    opponents = list(dict.fromkeys(row.opponent for row in rows))
    lines = []
    for group, episode in dict.fromkeys((row.group, row.episode) for row in rows):
        cells = []
        for opponent in opponents:
            rates = [
                row.win_rate
                for row in rows
                if (row.group, row.episode, row.opponent) == (group, episode, opponent)
            ]
            spread = f" ({min(rates):.0%} to {max(rates):.0%})" if len(rates) > 1 else ""
            cells.append(f"{np.mean(rates):.0%}{spread}")
        lines.append((group, str(episode), *cells))
    return Table(("group", "episode", *(f"v {opponent}" for opponent in opponents)), lines)


def _opponents(names: Sequence[str], environment: Any) -> tuple[Entrant, ...]:
    """Each with one player, in the order given."""
    return tuple(find_entrants([name], kind_of(environment), 1)[0] for name in names)


def _games(player: Player, opponent: Player, games: int) -> Iterable[ScheduledGame]:
    return (ScheduledGame(player, opponent, game) for game in range(games))


def _row(
    run: Entrant, player: Player, opponent: Entrant, records: Sequence[GameRecord], environment: Any
) -> ProgressRow:
    kind, pair = kind_of(environment), (player.id, opponent.players[0].id)
    margins = np.array([margin_of(one, kind) for one in records if (one.a, one.b) == pair])
    return ProgressRow(
        run.name,
        run.group,
        run.seed,
        player.episode,
        opponent.name,
        int((margins > 0).sum()),
        int((margins == 0).sum()),
        int((margins < 0).sum()),
        float(margins.mean()),
    )
