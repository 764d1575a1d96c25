"""Learning over time: checkpoints against opponents that stay as they are.

In self-play the reward does not say who is better than before, since both sides improve. A fixed
opponent does.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from cmfq.environments.base import Environment
from cmfq.environments.keeping import teams_of
from cmfq.environments.settings import EnvironmentSettings, Measure
from cmfq.environments.sides import are_alike
from cmfq.errors import UserError
from cmfq.margins import margin_between
from cmfq.play.engine import by_number, by_players, play_planned, play_scheduled
from cmfq.play.entrants import (
    Entrant,
    Player,
    find_entrants,
    groups_of,
    player_of,
    validate_distinct,
)
from cmfq.play.game_log import GameRecord, Tournament, TournamentSettings
from cmfq.play.layouts import Layouts
from cmfq.play.outcomes import (
    YARDSTICKS,
    Outcome,
    estimate_over_runs,
    on_side,
    outcome_of,
    points_of,
)
from cmfq.play.players import load_player, scripted_players
from cmfq.play.schedule import ScheduledGame, validate_games
from cmfq.play.standings import margins_of
from cmfq.play.tournament import validate_game_count
from cmfq.policies import Policy
from cmfq.statistics.replication import Estimate
from cmfq.storage import versions
from cmfq.training.evaluations import PlayCheckpoint, Score
from cmfq.training.settings import RunSettings
from cmfq.workers import Workers, one_thread

EVERY_CHECKPOINT = 10**9


@dataclass(frozen=True)
class ProgressRow:
    """One checkpoint against one opponent."""

    run: str
    group: str
    seed: int | None
    episode: int
    """Episode of training."""
    opponent: str
    win_rate: float
    """A draw counts half."""
    yardsticks: Mapping[str, float] = field(default_factory=dict)
    """Means over games, see :class:`~cmfq.training.evaluations.Score`."""
    margin: float = np.nan
    """Mean over games: survivors, elsewhere reward, less the opponent's."""


def play_progress(
    runs: Sequence[str],
    opponents: Sequence[str],
    environment: EnvironmentSettings,
    path: Path | None,
    *,
    games: int,
    seed: int = 0,
    command: str,
    workers: Workers = 1,
    device: str = "cpu",
    on_progress: Callable[[int, int], None] = lambda finished, games: None,
) -> Tournament:
    """Play every checkpoint of every run against every opponent.

    Args:
        runs: folders.
        opponents: run folders (their last checkpoint), checkpoint files or scripted players.
        environment: settings of the game.
        path: log file, as in a tournament: its games are kept, and those that follow are added.
            None: games are kept nowhere.
        games: number of games of each checkpoint against each opponent.
        seed: random seed of the games.
        command: that was called, to be kept in the file.
        workers: where games are played (see :func:`cmfq.workers.as_finished`);
            the file that results does not depend on it.
        device: device of trained players (see :func:`cmfq.devices.find_device`).
        on_progress: told, at first and after every game, how many of how many are over.

    Raises:
        UserError: players cannot play each other; or the file is of other games.
    """
    if not runs or not opponents:
        raise UserError("there is nothing to play: give runs and opponents")
    validate_games(games)
    validate_game_count(games, teams_of(environment))
    kind = environment.kind
    entrants, against = find_entrants(runs, kind, EVERY_CHECKPOINT), _opponents(opponents, kind)
    for one in entrants:
        if one.name in scripted_players(kind):
            raise UserError(
                f"{one.name} is a script and has no checkpoints: give it as an opponent"
            )
    players = [player for run in entrants for player in run.players]
    validate_games(games, len(players) * len(against))
    planned = [game for player in players for one in against for game in _games(player, one, games)]
    if len(teams_of(environment)) == 1:
        players += [one.players[0] for one in against]
        everyone = {one.id: one for one in players}.values()  # once, who is its own opponent
        planned = [ScheduledGame(one, one, game) for one in everyone for game in range(games)]
    settings = TournamentSettings(environment, games, seed)
    tournament = Tournament(settings, versions(), command, entrants, against, ())
    return play_planned(
        tournament, planned, path, workers=workers, device=device, on_progress=on_progress
    )


def progress_rows(played: Tournament) -> list[ProgressRow]:
    """Results of the games of :func:`play_progress`, in their order."""
    games = _games_by_players(played)
    rows = []
    for run in played.entrants:
        for player in run.players:
            for one in played.opponents:
                theirs = one.players[0].id
                if played.alone:
                    score = score_alone(games[player.id, player.id], games[theirs, theirs])
                else:
                    decided_by = played.world.decided_by
                    score = score_of(games[player.id, theirs], decided_by, played.paired)
                row = ProgressRow(run.name, run.group, run.seed, player.episode, one.name,
                                  score.win_rate, score.yardsticks, score.margin)  # fmt: skip
                rows.append(row)
    return rows


def last_layouts(played: Tournament) -> Layouts:
    """Games of the last checkpoint of every run of a group, against each opponent.

    None where the sides of a game are not alike.
    """
    if played.paired or played.alone:
        return {}
    games = _games_by_players(played)
    return {
        (group, one.title): [
            [
                [
                    outcome_of(game, game.game % 2, played.world.decided_by)
                    for game in games[run.players[-1].id, one.players[0].id]
                ]
            ]
            for run in runs
        ]
        for group, runs in groups_of(played.entrants).items()
        for one in played.opponents
    }


def last_differences(played: Tournament) -> dict[tuple[str, str], Estimate]:
    """Return of the last checkpoints of every group less each opponent's, in a world of one team.

    Means with 95 % intervals over seeds and episodes, over episodes for a group of one run;
    players are compared on the same episodes. Empty in a world of two sides.
    """
    if not played.alone:
        return {}
    games = _games_by_players(played)
    found = {}
    for group, runs in groups_of(played.entrants).items():
        for one in played.opponents:
            theirs = one.players[0].id
            last = (run.players[-1].id for run in runs)
            differences = [_ahead(games[ours, ours], games[theirs, theirs]) for ours in last]
            found[group, one.title] = estimate_over_runs(np.array(differences))
    return found


def _games_by_players(played: Tournament) -> dict[tuple[str, str], list[GameRecord]]:
    games: dict[tuple[str, str], list[GameRecord]] = {}
    for game in played.games:
        games.setdefault((game.a, game.b), []).append(game)
    return games


def shared_by_seeds(rows: Sequence[ProgressRow]) -> list[ProgressRow]:
    """Rows of the episodes at which every run of a group has a checkpoint: means are of all seeds.

    All rows of a group that has no such episode.
    """
    runs: dict[str, set[str]] = {}
    there: dict[tuple[str, int], set[str]] = {}
    for row in rows:
        runs.setdefault(row.group, set()).add(row.run)
        there.setdefault((row.group, row.episode), set()).add(row.run)
    shared = {key for key, names in there.items() if names == runs[key[0]]}
    without = runs.keys() - {group for group, _ in shared}
    return [row for row in rows if (row.group, row.episode) in shared or row.group in without]


def training_games(settings: RunSettings, environment: Environment) -> PlayCheckpoint | None:
    """The games by which a run evaluates itself: those of ``cmfq progress`` with the run's seed.

    They are played in this process, with generators of their own. None if the run has no
    evaluations.

    Args:
        settings: settings of the run.
        environment: to play in: the run's own, between two of its episodes.

    Raises:
        UserError: an opponent is not there or cannot play, or there are too few games.
    """
    if not settings.evaluate_period:
        return None
    kind = settings.environment.kind
    try:
        validate_game_count(settings.evaluate_games, environment.teams)
        found = zip(
            settings.evaluate_against, _opponents(settings.evaluate_against, kind), strict=True
        )
        opponents = {
            name: (one, load_player(one.players[0].name, kind, environment.teams))
            for name, one in found
        }
    except UserError as error:
        raise UserError(
            f"cannot evaluate every {settings.evaluate_period} episodes: {error}"
        ) from error

    alone = len(environment.teams) == 1
    rule = by_number if alone else by_players

    def play(
        checkpoint: Path,
        policies: Mapping[str, Policy],
        name: str,
        should_stop: Callable[[], bool],
    ) -> Score | None:
        opponent, theirs = opponents[name]
        player = player_of(checkpoint, settings.own_functions)
        planned = _games(player, opponent, settings.evaluate_games)

        def records(a: Mapping[str, Policy], b: Mapping[str, Policy]) -> Iterator[GameRecord]:
            for game in planned:
                if should_stop():
                    return
                draw = rule(game, settings.seed)
                yield play_scheduled(game, a, b, environment, draw)

        with one_thread():
            ours = list(records(policies, theirs))
            others = list(records(theirs, policies)) if alone else ours
        if len(others) < len(planned):
            return None
        if alone:
            return score_alone(ours, others)
        return score_of(ours, settings.environment.decided_by, not are_alike(environment.teams))

    return play


def score_of(games: Sequence[GameRecord], decided_by: Measure, paired: bool) -> Score:
    """Add games up, from A's point of view (see :func:`~.standings.margins_of`)."""
    outcomes = [] if paired else [outcome_of(game, game.game % 2, decided_by) for game in games]
    return _score(margins_of(games, decided_by, paired), outcomes)


def score_alone(ours: Sequence[GameRecord], theirs: Sequence[GameRecord]) -> Score:
    """Compare what two players earned, each alone, in the same episodes."""
    return _score(_ahead(ours, theirs))


def _ahead(ours: Sequence[GameRecord], theirs: Sequence[GameRecord]) -> list[float]:
    both = zip(ours, theirs, strict=True)
    return [margin_between(one.a_reward, other.a_reward) for one, other in both]


def _score(margins: Sequence[float], outcomes: Sequence[Outcome] = ()) -> Score:
    signs = np.sign(margins)
    wins, draws, losses = (int((signs == sign).sum()) for sign in (1, 0, -1))
    return Score(wins, draws, losses, float(np.mean(margins)), _means(outcomes))


def _means(outcomes: Sequence[Outcome]) -> dict[str, float]:
    """Yardsticks and win rates by side, as far as the games have them."""
    measures = {name: one.measure for name, one in YARDSTICKS.items() if name != "margin"}
    for side, name in enumerate(("win_rate_first", "win_rate_second")):
        measures[name] = on_side(side, points_of)
    means = {}
    for name, measure in measures.items():
        values = [value for one in outcomes if (value := measure(one)) is not None]
        if values:
            means[name] = float(np.mean(values))
    return means


def _opponents(names: Sequence[str], kind: str) -> tuple[Entrant, ...]:
    """Each with one player, in the order given."""
    found = tuple(find_entrants([name], kind, 1)[0] for name in names)
    validate_distinct(found)
    return found


def _games(player: Player, opponent: Entrant, games: int) -> list[ScheduledGame]:
    return [ScheduledGame(player, opponent.players[0], game) for game in range(games)]
