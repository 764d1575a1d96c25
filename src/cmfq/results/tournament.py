"""What a tournament leaves behind: a folder of results, or one HTML page; both by code.

::

    results/
      README.md             tables, orderings, figures, and the command that does it again
      tournament.json.gz    every game, every entrant with its settings (`cmfq power` reads it)
      comparisons.csv       every two groups
      yardsticks.csv        every group against every other one: damage, attacks, by side, ...;
                            where the sides are alike
      metrics.json.gz       of training, where the runs were there
      *.svg, *.png          figures
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from shlex import quote
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.figure import Figure

from cmfq.hints import command
from cmfq.imports import own_names
from cmfq.play.by_role import by_role
from cmfq.play.entrants import groups_of
from cmfq.play.game_log import Tournament, tournament_text
from cmfq.play.layouts import Layouts, interval_unit, layouts_of, results_by_side
from cmfq.play.standings import Standings, all_results, standings
from cmfq.results.by_role import HOW_TO_READ_ROLES, role_table
from cmfq.results.curves import CURVES_CAPTION, MetricsOf, by_group, find_metrics, write_metrics
from cmfq.results.details import (
    HOW_TO_READ_SIDES,
    HOW_TO_READ_YARDSTICKS,
    details_csv,
    side_sentences,
    side_table,
    yardstick_table,
)
from cmfq.results.returns import HOW_TO_READ_RETURNS, difference_table, returns_table
from cmfq.results.style import learning_curves, save_figure, svg_text
from cmfq.results.tournament_figures import game_margins, rating_ladder, win_rate_matrix
from cmfq.results.tournament_tables import (
    COLUMNS,
    HOW_TO_READ,
    HOW_TO_READ_ORDERINGS,
    about,
    comparison_table,
    cycle_sentences,
    fit_sentence,
    matrix_table,
    ordering_table,
    rating_table,
    run_table,
)
from cmfq.storage import make_folder, write_bytes, write_gzip
from cmfq.text import code_line, csv_text, inline_code, markdown_text

HEADING = "Tournament: "
"""With which the page begins; the game follows."""
CAPTIONS = {
    "matrix": "Win rate of each row against each column with its 95 % interval {unit}; bold "
    "where it leaves out 1/2.",
    "ladder": "Ratings with 95 % intervals {unit}; each tick is one run.",
    "margins": "How games end: what decides them, less the opponent's, in all games of a group.",
    "curves": CURVES_CAPTION,
}


def write_results(folder: Path, tournament: Tournament) -> None:
    """Write the results folder of a finished tournament; it is made if it is not there."""
    make_folder(folder)
    metrics = find_metrics(tournament.entrants, folder)
    found = standings(tournament)
    for name, figure in _figures(tournament, found, metrics).items():
        save_figure(figure, folder, name)
    write_gzip(folder / "tournament.json.gz", tournament_text(tournament).encode())
    if metrics:
        write_metrics(folder, metrics)
    layouts = layouts_of(tournament)
    write_bytes(folder / "comparisons.csv", _comparisons_csv(found).encode())
    if layouts:
        write_bytes(folder / "yardsticks.csv", details_csv(layouts).encode())
    page = _readme(tournament, found, layouts, metrics, folder)
    write_bytes(folder / "README.md", page.encode())


def write_page(path: Path, tournament: Tournament) -> None:
    """Write one HTML file that needs nothing else."""
    found = standings(tournament)
    metrics = find_metrics(tournament.entrants)
    layouts = layouts_of(tournament)
    sides = results_by_side(layouts, _order(found))
    templates = Environment(
        loader=PackageLoader("cmfq.results", "."),
        autoescape=True,
        undefined=StrictUndefined,
    )
    html = templates.get_template("tournament.html").render(
        tournament=tournament,
        about=about(tournament),
        how_to_read=HOW_TO_READ,
        columns=COLUMNS.replace("*", ""),
        figures={
            name: Markup(svg_text(figure))
            for name, figure in _figures(tournament, found, metrics).items()
        },
        captions=_captions(tournament),
        sides=side_table(sides),
        side_sentences=side_sentences(sides),
        how_to_read_sides=HOW_TO_READ_SIDES.replace("*", ""),
        yardsticks=yardstick_table(layouts, _order(found)),
        how_to_read_yardsticks=HOW_TO_READ_YARDSTICKS.replace("*", ""),
        comparisons=comparison_table(found),
        orderings=ordering_table(found),
        ratings=rating_table(found),
        runs=run_table(tournament, _order(found)),
        gap=found.largest_gap,
        cycles=[] if tournament.alone else cycle_sentences(found),
        returns=[returns_table(tournament), difference_table(found)] if tournament.alone else [],
        how_to_read_returns=HOW_TO_READ_RETURNS.replace("*", ""),
        by_role=role_table(by_role(tournament)),
        how_to_read_roles=HOW_TO_READ_ROLES,
        groups={
            group: next((one.run for one in entrants if one.run), None)
            for group, entrants in groups_of(tournament.entrants).items()
        },
    )
    make_folder(path.parent)
    write_bytes(path, html.encode())


def _captions(tournament: Tournament) -> dict[str, str]:
    unit = interval_unit(tournament)
    return {name: caption.replace("{unit}", unit) for name, caption in CAPTIONS.items()}


def _order(found: Standings) -> list[str]:
    return [one.group for one in found.ratings]


def _figures(tournament: Tournament, found: Standings, metrics: MetricsOf) -> dict[str, Figure]:
    figures = {
        "matrix": win_rate_matrix(found),
        **({} if tournament.alone else {"ladder": rating_ladder(found.ratings)}),
        "margins": game_margins(
            _order(found), all_results(tournament), tournament.world.decided_by
        ),
    }
    curves = by_group(tournament.entrants, metrics)
    if curves:
        figures["curves"] = learning_curves(curves)
    return figures


def _comparisons_csv(found: Standings) -> str:
    names = ("win_rate", "better", "margin")
    columns = ["a", "b", "seeds_a", "seeds_b", "wins", "draws", "losses", "confidence"]
    columns += [f"{name}{end}" for name in names for end in ("", "_low", "_high")]
    rows: list[list[Any]] = [columns]
    for one in found.comparisons:
        row: list[Any] = [one.a, one.b, *one.seeds, one.wins, one.draws, one.losses]
        row.append(f"{one.confidence:.4f}")
        for name in names:
            estimate = getattr(one, name) or ("", "", "")
            row += [f"{value:.4f}" if value != "" else "" for value in estimate]
        rows.append(row)
    return csv_text(rows)


def _readme(
    tournament: Tournament,
    found: Standings,
    layouts: Layouts,
    metrics: MetricsOf,
    folder: Path,
) -> str:
    captions = _captions(tournament)
    orderings = ordering_table(found)
    stored, again = folder / "tournament.json.gz", f"runs/{folder.name}-again"
    options = ["--runs", again, "--log", f"{again}.json", "--out", f"{again}-results"]
    own = [name for one in tournament.entrants if one.run for name in _own_functions(one.run)]
    own += own_names(*(one.name for one in tournament.entrants if not one.run))
    reproduce = command("reproduce", stored, *options, own_functions=own)
    parts = [
        f"# {HEADING}{markdown_text(tournament.settings.environment.title)}\n",
        f"{markdown_text(about(tournament))} {HOW_TO_READ} More in `docs/statistics.md`.\n",
        f"![{captions['matrix']}](matrix.svg)\n",
    ]
    if orderings:
        parts += [
            "## The paper's orderings (Fig 4b)\n",
            orderings.markdown(),
            f"{HOW_TO_READ_ORDERINGS}\n",
        ]
    if tournament.alone:
        parts += [
            "## Returns\n",
            returns_table(tournament).markdown(),
            difference_table(found).markdown(),
            f"{HOW_TO_READ_RETURNS}\n",
        ]
    parts += [
        "## Win rates\n",
        matrix_table(found).markdown(),
        comparison_table(found).markdown(),
        f"{COLUMNS}\n",
        *_details(layouts, _order(found)),
        *_roles(tournament),
        *([] if tournament.alone else _ratings(found, captions["ladder"])),
        "## How far seeds differ\n",
        run_table(tournament, _order(found)).markdown(),
        f"![{captions['margins']}](margins.svg)\n",
    ]
    if metrics:
        parts += [
            "## Training\n",
            f"![{captions['curves']}](curves.svg)\n",
            _training_table(tournament, metrics),
        ]
    parts += [
        "## To get it again\n",
        code_line(reproduce),
        "trains every run with the settings that are stored with the games, plays, and writes such "
        "a page. From runs that are there, it was written by\n",
        code_line(f"{tournament.command} --out {quote(str(folder))}"),
        "and from the stored games alone, "
        f"{inline_code(command('tournament', '--log', stored, '--out', folder))}.\n",
    ]
    return "\n".join(parts)


def _ratings(found: Standings, caption: str) -> list[str]:
    return [
        *(f"{markdown_text(sentence)}\n" for sentence in cycle_sentences(found)),
        "## Ratings\n",
        f"![{caption}](ladder.svg)\n",
        rating_table(found).markdown(),
        f"{fit_sentence(found)}\n",
    ]


def _roles(tournament: Tournament) -> list[str]:
    earned = by_role(tournament)
    if not earned:
        return []
    return ["## By role\n", role_table(earned).markdown(), f"{HOW_TO_READ_ROLES}\n"]


def _details(layouts: Layouts, order: Sequence[str]) -> list[str]:
    """Sections by side and beside wins, where there are such results."""
    sides, parts = results_by_side(layouts, order), []
    if sides:
        parts += [
            "## By side\n",
            *(f"{markdown_text(sentence)}\n" for sentence in side_sentences(sides)),
            side_table(sides).markdown(),
            f"{HOW_TO_READ_SIDES}\n",
        ]
    if layouts:
        parts += [
            "## Beside wins\n",
            yardstick_table(layouts, order).markdown(),
            f"{HOW_TO_READ_YARDSTICKS}\n",
        ]
    return parts


def _own_functions(run: Mapping[str, Any]) -> list[str]:
    """Names of functions outside the package in what is stored of a run, as module:function."""
    settings = run["settings"]
    algorithms = (settings["algorithm"], *settings.get("algorithms", {}).values())
    parts = (settings.get("environment", {}), settings.get("mean_field", {}))
    keys = ("make_env", "positions", "intervention", "effect")
    named = [part.get(key) or "" for part in parts for key in keys]
    return own_names(*algorithms, *named)


def _training_table(tournament: Tournament, metrics: MetricsOf) -> str:
    lines = ["| group | seeds | episodes | minutes of each |", "| --- | ---: | ---: | --- |"]
    for group, entrants in groups_of(tournament.entrants).items():
        known = [metrics[one.name] for one in entrants if one.name in metrics]
        if known:
            minutes = ", ".join(
                f"{sum(row['playing_seconds'] + row['learning_seconds'] for row in rows) / 60:.0f}"
                for rows in known
            )
            episodes = ", ".join(sorted({str(len(rows)) for rows in known}))
            lines.append(f"| {group} | {len(known)} | {episodes} | {minutes} |")
    return "\n".join(lines) + "\n"
