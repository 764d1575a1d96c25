"""Results of a tournament: a folder, or one HTML page.

::

    results/
      README.md, index.html   tables, orderings, figures, and the command that does it again
      tournament.json.gz      every game, every entrant with its settings (`cmfq power` reads it)
      comparisons.csv         every two groups
      yardsticks.csv          every group against every other one: damage, attacks, by side, ...;
                              where the sides are alike
      metrics.json.gz         of training, where the runs were there
      *.svg, *.png            figures
"""

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import combinations
from pathlib import Path
from pprint import pformat
from typing import Any

from cmfq.hints import command
from cmfq.imports import own_names
from cmfq.play.entrants import groups_of
from cmfq.play.game_log import Tournament, tournament_text
from cmfq.play.layouts import interval_unit, layouts_of, results_by_side
from cmfq.play.standings import Standings, all_results, standings
from cmfq.results.curves import CURVES_CAPTION, MetricsOf, by_group, find_metrics, write_metrics
from cmfq.results.details import (
    details_csv,
    how_to_read_yardsticks,
    returns_section,
    returns_table,
    role_section,
    side_section,
    yardstick_sentence,
    yardstick_table,
)
from cmfq.results.figures import game_margins, rating_ladder, win_rate_matrix
from cmfq.results.learning import learning_curves
from cmfq.results.origin import writing_command
from cmfq.results.page import Code, Finding, Page, Part, Picture, Section
from cmfq.results.style import Metrics
from cmfq.results.table import Table, conclusion, signed
from cmfq.results.tournament_tables import (
    COLUMNS,
    HOW_TO_READ,
    HOW_TO_READ_ORDERINGS,
    about,
    comparison_table,
    cycle_sentences,
    fit_sentence,
    matrix_table,
    ordering_sentence,
    ordering_table,
    rating_table,
    run_table,
    spread_sentence,
)
from cmfq.results.writing import write_folder, write_page
from cmfq.storage import make_folder, write_bytes, write_gzip
from cmfq.text import csv_text, inline_code, markdown_text

HEADING = "Tournament: "
"""Beginning of the page's title; the game follows."""


def tournament_file(folder: Path, size: int = 0) -> Path:
    """File of a results folder that holds the games.

    Args:
        folder: results folder.
        size: agents a side, in a folder of several sizes; 0 in a folder of one.
    """
    return folder / (f"tournament-{size}.json.gz" if size else "tournament.json.gz")


def write_results(folder: Path, tournament: Tournament) -> None:
    """Write the results folder of a finished tournament; it is made if it is not there."""
    metrics = find_metrics(tournament.entrants, folder)
    make_folder(folder)
    write_gzip(tournament_file(folder), tournament_text(tournament).encode())
    if metrics:
        write_metrics(folder, metrics)
    comparisons = _comparisons_csv(standings(tournament))
    write_bytes(folder / "comparisons.csv", comparisons.encode())
    layouts = layouts_of(tournament)
    if layouts:
        write_bytes(folder / "yardsticks.csv", details_csv(layouts).encode())
    write_folder(folder, tournament_page(tournament, metrics, _again(tournament, folder)))


def write_html(path: Path, tournament: Tournament) -> None:
    """Write one HTML file that needs nothing else, settings of the runs included."""
    settings = [
        Code(pformat(run), summary=f"Settings and versions of {group}")
        for group, entrants in groups_of(tournament.entrants).items()
        if (run := next((one.run for one in entrants if one.run), None))
    ]
    again = (Code(tournament.command), *settings)
    write_page(path, tournament_page(tournament, find_metrics(tournament.entrants), again))


def tournament_page(
    tournament: Tournament, metrics: MetricsOf | None = None, again: tuple[Part, ...] = ()
) -> Page:
    """Page of a finished tournament.

    Args:
        tournament: with all its games.
        metrics: metrics of the runs in it, as far as they are there.
        again: how to get the page again.
    """
    found, unit = standings(tournament), interval_unit(tournament)
    order = [one.group for one in found.ratings]
    layouts, game = layouts_of(tournament), tournament.settings.environment.title
    if len(order) == 1:
        return Page(f"{HEADING}{game}", [_one_group(tournament, found)], again)
    matrix = Picture(
        "matrix",
        partial(win_rate_matrix, found),
        f"Win rate of each row against each column with its 95 % interval {unit}; bold where the "
        "interval leaves out 1/2.",
        tabled=True,
    )
    margins = Picture(
        "margins",
        lambda: game_margins(order, all_results(tournament), tournament.world.decided_by),
        "Margins of all games of a group: the measure that decides a game, minus the opponent's.",
    )
    table = yardstick_table(layouts, order, f"Other measures, 95 % intervals {unit}")
    beside: tuple[Part, ...] = (
        *map(Finding, filter(None, [yardstick_sentence(layouts, order)])),
        table,
        how_to_read_yardsticks(table),
    )
    seeds: tuple[Part, ...] = (
        Finding(spread_sentence(tournament)),
        run_table(tournament, order),
        margins,
    )
    sections = (
        Section(
            "",
            (
                f"{markdown_text(about(tournament))} {HOW_TO_READ} More in `docs/statistics.md`.",
                matrix,
            ),
        ),
        returns_section(tournament, found, unit),
        _win_rates(tournament, found, unit),
        _orderings(found) if tournament.world.kind == "battle" else Section("", ()),
        side_section(results_by_side(layouts, order), unit),
        Section("Other measures", beside if layouts else ()),
        role_section(tournament, "Reward by role, 95 % intervals"),
        Section("Ratings", () if tournament.alone else _ratings(found, unit)),
        Section("Differences between seeds", seeds),
        _training(tournament, metrics or {}),
    )
    return Page(f"{HEADING}{game}", sections, again)


def _one_group(tournament: Tournament, found: Standings) -> Section:
    """Entrants of one group that played each other: nothing is compared but they."""
    (group,) = found.ratings
    ratings = sorted(group.entrants.items(), key=lambda one: -one[1])
    rows = [(name, signed(rating)) for name, rating in ratings]
    table = Table(("entrant", "rating, in Elo points"), rows, f"Entrants of {group.group}")
    if tournament.alone:
        table = returns_table(tournament, "Returns, 95 % intervals")
    said = Finding(f"All entrants are of one group, {group.group}: no groups are compared.")
    return Section("", (markdown_text(about(tournament)), said, table))


def _win_rates(tournament: Tournament, found: Standings, unit: str) -> Section:
    pairs = combinations([one.group for one in found.ratings], 2)
    verb = "earns more in most episodes than" if tournament.alone else "beats"
    said = conclusion({(a, b): found.between(a, b).win_rate for a, b in pairs}, better=verb)
    table = comparison_table(found, f"Win rates, 95 % intervals {unit}")
    return Section("Win rates", (Finding(said), matrix_table(found), table, COLUMNS))


def _orderings(found: Standings) -> Section:
    table = ordering_table(found, "The paper's orderings")
    parts = (Finding(ordering_sentence(table)), table, HOW_TO_READ_ORDERINGS) if table else ()
    return Section("The paper's orderings (Fig 4b)", parts)


def _ratings(found: Standings, unit: str) -> tuple[Part, ...]:
    title = (
        f"Ratings, 95 % intervals {unit}; expected win rates differ from the measured ones by up "
        f"to {found.largest_gap:.0%}"
    )
    return (
        *map(Finding, cycle_sentences(found)),
        Picture(
            "ladder",
            partial(rating_ladder, found.ratings),
            f"Ratings with 95 % intervals {unit}; each tick is one run.",
        ),
        rating_table(found, title),
        fit_sentence(found),
    )


def reproducing(tournament: Tournament, stored: Path, runs: str) -> str:
    """Command that trains the runs of a stored tournament again, and plays its games.

    Args:
        tournament: its entrants.
        stored: file that holds it.
        runs: folder for the new runs; games and results go beside it.
    """
    options = ["--runs", runs, "--log", f"{runs}.json", "--out", f"{runs}-results"]
    own = [name for one in tournament.entrants if one.run for name in _own_functions(one.run)]
    own += own_names(*(one.name for one in tournament.entrants if not one.run))
    return command("reproduce", stored, *options, own_functions=own)


def _again(tournament: Tournament, folder: Path) -> tuple[Part, ...]:
    stored = tournament_file(folder)
    played = Code(writing_command(tournament.command, folder))
    reported = inline_code(command("tournament", "--log", stored, "--out", folder))
    if not any(one.run for one in tournament.entrants):
        return played, (
            f"plays the games again. To write the page from the stored games: {reported}."
        )
    return (
        Code(reproducing(tournament, stored, f"runs/{folder.name}-again")),
        "trains every run with the settings stored with the games, plays the games and writes the "
        "page. If the runs exist already, use",
        played,
        f"To write the page from the stored games: {reported}.",
    )


def _comparisons_csv(found: Standings) -> str:
    names = ("win_rate", "better", "margin")
    columns = ["a", "b", "seeds_a", "seeds_b", "wins", "draws", "losses", "confidence"]
    columns += [f"{name}{end}" for name in names for end in ("", "_low", "_high")]
    rows: list[list[object]] = [[*columns]]
    for one in found.comparisons:
        row: list[object] = [one.a, one.b, *one.seeds, one.wins, one.draws, one.losses]
        row.append(f"{one.confidence:.4f}")
        for name in names:
            estimate = getattr(one, name) or ("", "", "")
            row += [f"{value:.4f}" if value != "" else "" for value in estimate]
        rows.append(row)
    return csv_text(rows)


def _own_functions(run: Mapping[str, Any]) -> list[str]:
    """Names of functions outside the package in what is stored of a run, as module:function."""
    settings = run["settings"]
    algorithms = (settings["algorithm"], *settings.get("algorithms", {}).values())
    parts = (settings.get("environment", {}), settings.get("mean_field", {}))
    keys = ("make_env", "positions", "intervention", "effect")
    named = [part.get(key) or "" for part in parts for key in keys]
    players = (entry.rpartition("=")[0] or entry for entry in settings.get("opponents", ()))
    return own_names(*algorithms, *named, *players, *settings.get("evaluate_against", ()))


def _training(tournament: Tournament, metrics: MetricsOf) -> Section:
    """Curves and minutes of the runs whose metrics are there."""
    if not metrics:
        return Section("Training", ())
    curves, rows = by_group(tournament.entrants, metrics), []
    minutes = {group: [_minutes(run) for run in runs] for group, runs in curves.items()}
    for group, runs in curves.items():
        episodes = ", ".join(sorted({str(len(run)) for run in runs}))
        each = ", ".join(f"{one:.0f}" for one in minutes[group])
        rows.append((group, str(len(runs)), episodes, each))
    picture = Picture("curves", partial(learning_curves, curves, tournament.world), CURVES_CAPTION)
    table = Table(("group", "seeds", "episodes", "minutes per run"), rows)
    return Section("Training", (picture, Finding(minutes_sentence(minutes)), table))


def _minutes(run: Metrics) -> float:
    return float(sum(row["playing_seconds"] + row["learning_seconds"] for row in run)) / 60


def minutes_sentence(minutes: Mapping[str, Sequence[float]]) -> str:
    """Sentence: the quickest and the slowest run.

    Args:
        minutes: time of each run of each group.
    """
    every = sorted((one, group) for group, runs in minutes.items() for one in runs)
    if len(every) == 1:
        return f"Training took {every[0][0]:.0f} minutes."
    (least, quick), (most, slow) = every[0], every[-1]
    return (
        f"The fastest run took {least:.0f} minutes ({quick}), the slowest {most:.0f} ({slow}); "
        "times depend on the machine and on the other programs that ran on it."
    )
