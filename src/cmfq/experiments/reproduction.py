"""A stored tournament done again, from the settings of its runs and of its games."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path

from cmfq.environments.keeping import teams_of
from cmfq.errors import UserError
from cmfq.experiments.training import has_started, stored_settings
from cmfq.imports import own_names
from cmfq.play.engine import validate_log, validate_players
from cmfq.play.entrants import Entrant, enter
from cmfq.play.game_log import Tournament
from cmfq.play.layouts import interval_unit
from cmfq.play.standings import standings
from cmfq.play.tournament import play_tournament, validate_game_count
from cmfq.results.table import Table, rate_text
from cmfq.storage import versions
from cmfq.training.checkpoint import validate_own_functions
from cmfq.training.settings import RunSettings
from cmfq.training.start import start_folder, start_path
from cmfq.workers import Workers


def runs_of(stored: Tournament) -> dict[str, RunSettings]:
    """Settings of the runs of a tournament, by the name of their new folders.

    Raises:
        UserError: it has no runs, two of the same name, or one whose settings cannot be used.
    """
    trained = [one for one in stored.entrants if one.run]
    if not trained:
        raise UserError("there is nothing to train: no entrant of the tournament is a run")
    twice = [name for name, number in Counter(map(_folder, trained)).items() if number > 1]
    if twice:
        raise UserError(
            f"two runs are called {twice[0]}, and new folders are named by the old ones"
        )
    runs = {_folder(one): stored_settings(one) for one in trained}
    for origin, functions in _own_functions(stored, runs).items():
        validate_own_functions(functions, origin)
    return runs


def started_again(
    stored: Tournament, runs: Mapping[str, RunSettings], folder: Path
) -> dict[str, RunSettings]:
    """Settings of the same runs, which start from new ones of their folder instead of the old ones.

    Args:
        stored: the tournament.
        runs: settings of its runs by the name of their new folders.
        folder: folder of these.

    Raises:
        UserError: a run that has not begun starts from something else, which is not there.
    """
    again = {
        start_folder(one.name): folder.absolute() / _folder(one)
        for one in stored.entrants
        if one.run
    }
    settings = dict(runs)
    for name, one in runs.items():
        if one.start_from is None:
            continue
        path, run = start_path(one.start_from), start_folder(one.start_from)
        if run in again:
            settings[name] = replace(one, start_from=str(again[run] / path.relative_to(run)))
        elif not path.exists() and not has_started(folder / name):
            raise UserError(
                f"its run {name} starts from {one.start_from}, which is not there and no entrant: "
                "put it there"
            )
    return settings


def functions_called(stored: Tournament, runs: Mapping[str, RunSettings]) -> list[str]:
    """Names of the functions of one's own that a tournament's runs and games call."""
    return [name for functions in _own_functions(stored, runs).values() for name in functions]


def _own_functions(stored: Tournament, runs: Mapping[str, RunSettings]) -> dict[str, Sequence[str]]:
    """Names of a tournament's own functions, by what names them."""
    players = [one.name for one in stored.entrants if not one.run]
    return {
        "its game": stored.world.own_functions,
        "the tournament": own_names(*players),
        **{f"its run {name}": settings.own_functions for name, settings in runs.items()},
    }


def validate_reproduction(stored: Tournament, path: Path, workers: Workers) -> None:
    """Refuse, before anything is trained, what would be refused when the games begin.

    Raises:
        UserError: not all have played each other, an entrant is there no more, or the file is of
            other games.
    """
    standings(stored)
    there = [(one.group, one.name) for one in stored.entrants if not one.run]
    entrants = [replace(one, players=()) for one in stored.entrants if one.run]
    entrants += enter(there, stored.world.kind, 1)
    again = replace(stored, versions=versions(), entrants=tuple(entrants))
    validate_game_count(stored.settings.episodes, teams_of(stored.world))
    validate_players(again, workers)
    validate_log(path, again)


def play_again(
    stored: Tournament,
    folder: Path,
    path: Path,
    *,
    command: str,
    workers: Workers,
    device: str,
    on_progress: Callable[[int, int], None],
) -> Tournament:
    """Play a tournament as it was played, by the runs in ``folder`` instead of its own.

    Args:
        stored: the tournament.
        folder: folder of the runs that were trained by :func:`runs_of`.
        path: path of the new file; games that are there are kept.
        command: that was called.
        workers: where games are played (see :func:`cmfq.workers.as_finished`).
        device: device of trained players (see :func:`cmfq.devices.find_device`).
        on_progress: as in :func:`~cmfq.play.tournament.play_tournament`.
    """
    named = [
        (one.group, str(folder / _folder(one)) if one.run else one.name) for one in stored.entrants
    ]
    entrants = enter(named, stored.world.kind, max(len(one.players) for one in stored.entrants))
    return play_tournament(
        entrants,
        stored.settings,
        path,
        command=command,
        workers=workers,
        device=device,
        on_progress=on_progress,
    )


def change_table(stored: Tournament, again: Tournament) -> Table:
    """Win rates as they were and as they are, of every two groups."""
    before, now = standings(stored), standings(again)
    rows = []
    for a, b in combinations([one.group for one in before.ratings], 2):
        old, new = (found.between(a, b).win_rate for found in (before, now))
        within = "yes" if old.low <= new.value <= old.high else "no"
        rows.append((f"{a} v {b}", rate_text(old), rate_text(new), within))
    columns = ("A v B", "stored", "again", "within the stored interval")
    return Table(columns, rows, f"Win rates, 95 % intervals {interval_unit(stored)}")


def change_sentence(table: Table) -> str:
    """Sentence: number of win rates that lie within the stored intervals."""
    within = sum(row[-1] == "yes" for row in table.rows)
    return f"{within} of {len(table.rows)} win rates are within the stored intervals."


def _folder(entrant: Entrant) -> str:
    """Name of the new run: that of the old one's folder.

    Raises:
        UserError: that is no name, as ``.`` is none.
    """
    name = Path(entrant.name).name
    if name in ("", ".."):
        raise UserError(f"the stored run {entrant.name!r} has no name for a new folder")
    return name
