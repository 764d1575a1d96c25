"""Games of a sweep: the two algorithms of each cell, and every run against common opponents."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from cmfq.environments.base import TeamSpecification
from cmfq.environments.keeping import teams_of
from cmfq.environments.sides import arrangements, games_of_a_round
from cmfq.errors import UserError
from cmfq.experiments.sweep.plan import Plan, run_name
from cmfq.experiments.training import differences, stored_settings
from cmfq.play.by_role import by_role
from cmfq.play.engine import play_planned, validate_log, validate_players
from cmfq.play.entrants import Entrant, enter, find_entrants, split_group
from cmfq.play.game_log import Tournament, TournamentSettings
from cmfq.play.layouts import outcomes_by_pair
from cmfq.play.outcomes import YARDSTICKS, layout_values
from cmfq.play.schedule import ScheduledGame, episodes_alone, games_between, validate_games
from cmfq.play.standings import games_by_pair, returns_of
from cmfq.storage import versions
from cmfq.workers import Workers

FloatArray = npt.NDArray[np.float64]


class Episodes(NamedTuple):
    """Measures of every cell in the episodes that all play, with one team."""

    contrast: FloatArray
    """``(cells, episodes)``: 1 where the first algorithm earned more, 1/2 where as much."""
    strength: FloatArray
    """``(2, cells, episodes)``: the same against the common opponents, the mean over them."""
    returns: FloatArray
    """``(2, cells, episodes)``: returns of each algorithm."""


@dataclass(frozen=True)
class Responses:
    """Measures of every cell; shares of games won, a draw counting half."""

    contrast: FloatArray
    """``(cells,)``: of the first algorithm against the second one of the cell."""
    strength: FloatArray
    """``(2, cells)``: of each algorithm against the common opponents, each counting the same."""
    episodes: Episodes | None = None
    """The same in each episode, and returns; only with one team."""
    damage: FloatArray | None = None
    """``(2, cells)``: mean log damage ratio of each algorithm against the common opponents, each
    counting the same (see :data:`~cmfq.play.outcomes.YARDSTICKS`); only where agents have hit
    points."""
    roles: Mapping[str, FloatArray] = field(default_factory=dict)
    """``(2, cells)`` for each role, where sides have other roles: mean reward of each algorithm's
    agents in it, per game against the common opponents, each counting the same; against the other
    algorithm of the cell if there are none."""


def validate_sweep(
    plan: Plan,
    folder: Path,
    opponents: Sequence[str],
    path: Path,
    *,
    games: int,
    seed: int,
    workers: Workers,
) -> None:
    """Refuse, before anything is trained, what would be refused when the games begin.

    Args: as of :func:`play_sweep`.

    Raises:
        UserError: opponents cannot play, there are too few games, or the file is of others.
    """
    runs = tuple(Entrant(str(folder / name), name, None, (), None) for name in plan.names)
    folders = {Path(run.name).resolve() for run in runs}
    others = find_entrants(opponents, plan.game.kind, 1)
    for one in others:
        if one.group in plan.names or Path(one.name).resolve() in folders:
            raise UserError(
                f"the opponent {one.name} is, or is called as, a run of the sweep: give another "
                "opponent, or another group"
            )
    each = games_of_a_round(teams_of(plan.game))
    least = each * max(1, len(others))
    if games < least:
        roles = " in each role" if each > 1 else ""
        met = " against each opponent" if others else ""
        raise UserError(f"games is {games}: give at least {least}, one{roles}{met}")
    validate_games(games, len(plan.names))
    settings = TournamentSettings(plan.game, games, seed)
    tournament = Tournament(settings, versions(), "", (*runs, *others), (), ())
    validate_players(tournament, workers)
    validate_log(path, tournament)


def play_sweep(
    plan: Plan,
    folder: Path,
    opponents: Sequence[str],
    path: Path,
    *,
    games: int,
    checkpoints: int,
    seed: int,
    command: str,
    workers: Workers,
    device: str,
    on_progress: Callable[[int, int], None],
) -> Tournament:
    """Play all games of a sweep that are not in the file yet.

    All play the same game, whatever a factor changed in training: rewards, say.

    Args:
        plan: whose runs are finished.
        folder: folder of the runs.
        opponents: run folders, checkpoint files or scripted players.
        path: path of the file, as of a tournament.
        games: games between the two algorithms of a cell; and of each run against all opponents
            together. Where sides have other roles, as many whole rounds in all roles as fit in.
        checkpoints: how many of the last ones of each run play.
        seed: random seed of the games.
        command: that was called.
        workers: where games are played (see :func:`cmfq.workers.as_finished`);
            the result does not depend on it.
        device: device of trained players (see :func:`cmfq.devices.find_device`).
        on_progress: as in :func:`~cmfq.play.engine.play_planned`.
    """
    named = [(name, str(folder / name)) for name in plan.names]
    named += [split_group(name) for name in opponents]
    entrants = enter(named, plan.game.kind, checkpoints)
    ours = {one.group: one for one in entrants if one.group in plan.names}
    others = [one for one in entrants if one.group not in plan.names]
    settings = TournamentSettings(plan.game, games, seed)
    teams = teams_of(plan.game)
    planned = _planned(plan, ours, others, games, teams)
    if len(teams) == 1:
        planned = [game for one in entrants for game in episodes_alone(one, games)]
    return play_planned(
        Tournament(settings, versions(), command, entrants, (), ()),
        planned,
        path,
        workers=workers,
        device=device,
        on_progress=on_progress,
    )


def whole_rounds(games: int, of_a_round: int) -> int:
    """Greatest number of games, at most ``games``, that makes whole rounds."""
    return games // of_a_round * of_a_round


def _planned(
    plan: Plan,
    ours: dict[str, Entrant],
    others: Sequence[Entrant],
    games: int,
    teams: Sequence[TeamSpecification],
) -> list[ScheduledGame]:
    """Games of a plan, in whole rounds (see :func:`cmfq.environments.sides.games_of_a_round`)."""
    planned: list[ScheduledGame] = []
    of_a_round, ways = games_of_a_round(teams), len(arrangements(teams))
    for cell in range(len(plan.design)):
        a, b = (ours[run_name(cell, algorithm)] for algorithm in plan.algorithms)
        planned += games_between(a, b, whole_rounds(games, of_a_round), ways)
    for run in ours.values():
        for other in others:
            each = whole_rounds(games // len(others), of_a_round)
            planned += games_between(run, other, each, ways)
    return planned


def responses(plan: Plan, tournament: Tournament) -> Responses:
    """Measures of each cell, from the games of a finished sweep.

    Raises:
        UserError: the games are of another plan.
    """
    runs = plan.runs()
    folders = {one.group: one.name for one in tournament.entrants if one.group in runs}
    others = [one.name for one in tournament.entrants if one.group not in runs]
    missing = sorted(runs.keys() - folders.keys())
    if missing:
        raise UserError(
            f"the games belong to another plan, without the run {missing[0]}: give the plan for "
            "which they were played"
        )
    for one in tournament.entrants:
        changed = (
            one.run and one.group in runs and differences(runs[one.group], stored_settings(one))
        )
        if changed:
            key, value = next(iter(changed.items()))
            raise UserError(
                f"the games belong to another plan, whose run {one.group} has {key} {value}: give "
                "the plan for which they were played"
            )
    points = {pair: (np.sign(one) + 1) / 2 for pair, one in games_by_pair(tournament).items()}
    rates = {pair: float(one.mean()) for pair, one in points.items()}
    cells = range(len(plan.design))
    sides = [
        [folders[run_name(cell, algorithm)] for cell in cells] for algorithm in plan.algorithms
    ]
    rivals = list(zip(*sides, strict=True))
    ratios = _damage_ratios(tournament)
    episodes = None
    if tournament.alone:
        earned = returns_of(tournament)
        episodes = Episodes(
            np.array([points[pair] for pair in rivals]),
            _against(others, sides, points),
            np.array([[earned[one] for one in side] for side in sides]),
        )
    return Responses(
        np.array([rates[pair] for pair in rivals]),
        _against(others, sides, rates),
        episodes,
        _against(others, sides, ratios) if ratios and others else None,
        _role_rewards(plan, tournament),
    )


def _against(
    others: Sequence[str],
    sides: Sequence[Sequence[str]],
    of: Mapping[tuple[str, str], float | FloatArray],
) -> FloatArray:
    """Mean over the common opponents, ``(2, cells, ...)``; nan if there are none."""
    if not others:
        return np.full((2, len(sides[0])), np.nan)
    rates = np.array([[[of[run, one] for run in side] for side in sides] for one in others])
    return np.asarray(rates.mean(0), np.float64)


def _damage_ratios(tournament: Tournament) -> dict[tuple[str, str], float]:
    """Mean log damage ratio of every two entrants' games, by their names, from the first's view.

    None where games have none, or only in part.
    """
    measure, found = YARDSTICKS["log_damage_ratio"].measure, {}
    for pair, games in outcomes_by_pair(tournament).items():
        values = layout_values([[games]], measure)
        if values is None:
            return {}
        found[pair] = float(values.mean())
    return found


def _role_rewards(plan: Plan, tournament: Tournament) -> dict[str, FloatArray]:
    """``(2, cells)`` for each role (see :class:`Responses`)."""
    found = by_role(tournament)
    roles = dict.fromkeys(role for _, role in found)
    common = [one.group for one in tournament.entrants if one.group not in plan.names]
    cells = [[run_name(cell, one) for cell in range(len(plan.design))] for one in plan.algorithms]

    def reward(run: str, role: str, rival: str) -> float:
        earned = found[run, role]
        return float(np.mean([earned[other].value for other in common or [rival]]))

    return {
        role: np.array(
            [
                [reward(run, role, rival) for run, rival in zip(own, other, strict=True)]
                for own, other in (cells, cells[::-1])
            ]
        )
        for role in roles
    }
