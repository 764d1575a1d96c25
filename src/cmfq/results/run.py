"""One HTML file about a trained run: curves, results, a game to watch. It needs nothing else.

The game is the whole replay page, in a frame: so it stops, steps and explains, works without a
server, and stays in the one file that people send each other.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from cmfq.environments.appearance import shown_title
from cmfq.environments.base import Body
from cmfq.environments.keeping import opened
from cmfq.environments.sides import Seats, name_of, seats
from cmfq.play.games import Game, play_between
from cmfq.play.matches import MatchResult, mean_rewards
from cmfq.play.players import load_player
from cmfq.play.progress import ProgressRow
from cmfq.replays.page import NamedReplay, page_text
from cmfq.replays.record import Recorder
from cmfq.results.figures import learning_curves, win_rate_over_training
from cmfq.results.style import Metrics, svg_text
from cmfq.results.table import interval_text
from cmfq.results.verdict import verdict
from cmfq.storage import write_bytes
from cmfq.training.evaluations import Evaluation
from cmfq.training.settings import RunSettings
from cmfq.workers import one_thread

COLOUR_NAMES = ("red", "blue", "yellow", "green", "violet", "brown")
"""Of teams, as they are drawn."""


def write_report(
    path: Path,
    *,
    settings: RunSettings,
    versions: dict[str, str],
    metrics: Metrics,
    evaluations: Sequence[Evaluation],
    matches: Sequence[MatchResult],
) -> None:
    """Write the report.

    Args:
        path: HTML file to write.
        settings: settings of the run.
        versions: versions of what it ran on.
        metrics: rows of its metrics file.
        evaluations: that it made while it trained, if any.
        matches: of the trained policy (A) against opponents (B), all of one kind; a typical game
            of the last one is shown: of those in which A has the first seats, the one of median
            length.
    """
    templates = Environment(
        loader=PackageLoader("cmfq.results", "."), autoescape=True, undefined=StrictUndefined
    )
    html = templates.get_template("run.html").render(
        settings=settings,
        versions=versions,
        progress=Markup(_win_rates(settings, evaluations)),
        curves=Markup(svg_text(learning_curves({settings.algorithm: [metrics]}))),
        summary=_summary(metrics),
        matches=matches,
        decided_by=settings.environment.decided_by,
        rewards=[mean_rewards(match) for match in matches],
        fight=_record_typical_game(matches[-1]),
        verdict=verdict(matches),
        ends=interval_text,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, html.encode())


def _win_rates(settings: RunSettings, evaluations: Sequence[Evaluation]) -> str:
    """The figure, or nothing."""
    rows = [
        ProgressRow("", settings.algorithm, settings.seed, one.episode, one.opponent, one.win_rate)
        for one in evaluations
    ]
    return svg_text(win_rate_over_training(rows)) if rows else ""


class _Fight(NamedTuple):
    """A game to watch."""

    page: str
    """The replay page with the game in it."""
    caption: str
    legend: str
    """What bars and arrows mean, where there are any."""


def _record_typical_game(match: MatchResult) -> _Fight:
    by_length = sorted(
        (game for game in match.games if game.a_side == 0), key=lambda game: game.steps
    )
    typical = by_length[len(by_length) // 2].game
    kind = match.settings.kind
    names = (Path(match.a).name, Path(match.b).name)
    with opened(match.settings) as environment, one_thread():
        teams = environment.teams
        a, b = (load_player(name, kind, teams) for name in (match.a, match.b))
        sides = seats(teams, typical)
        of_team = {
            team: (name, player)
            for name, player, side in zip(names, (a, b), sides, strict=True)
            for team in side
        }
        players = [of_team[team] for team in range(len(teams))]
        recorder = Recorder(
            environment,
            [player[team.role] for (_, player), team in zip(players, teams, strict=True)],
            name=kind,
            players=[name for name, _ in players],
            seed=match.seed,
            title=shown_title(environment, match.settings),
            origin=f"seed {match.seed}, game {typical}",
        )
        with recorder:
            game = play_between(
                environment, a, b, typical, entropy=(match.seed, typical), observers=(recorder,)
            )
        bodies = environment.scenery().bodies
    who = [
        f"{name} ({_colours(side) if match.symmetric else name_of(side, teams)})"
        for name, side in zip(names, sides, strict=True)
        if side
    ]
    came = (
        f"{game.a_survivors} to {game.b_survivors} survive after {game.steps} steps"
        if match.settings.decided_by == "survivors"
        else f"rewards {' to '.join(_rewards(game, sides))} after {game.steps} steps"
    )
    caption = f"{' against '.join(who)}, a game of median length: {came}"
    title = " against ".join(name for name, side in zip(names, sides, strict=True) if side)
    page = page_text([NamedReplay(title, recorder.content)])
    return _Fight(page, caption, _legend(bodies))


def _colours(side: Sequence[int]) -> str:
    return " and ".join(COLOUR_NAMES[team % len(COLOUR_NAMES)] for team in side)


def _rewards(game: Game, sides: Seats) -> list[str]:
    """Of A, which has the first seats, and of B if it has any."""
    rewards = (game.a_reward, game.b_reward)
    return [f"{one:,.1f}" for one, side in zip(rewards, sides, strict=True) if side]


def _legend(bodies: Sequence[Body]) -> str:
    parts = []
    if any(body.full_health for body in bodies):
        parts.append("the bar in each body is its hit points")
    if any(body.attacks for body in bodies):
        parts.append("arrows are attacks")
    return "; ".join(parts)


def _summary(metrics: Metrics) -> dict[str, Any]:
    seconds = sum(row["playing_seconds"] + row["learning_seconds"] for row in metrics)
    agent_steps = sum(row["agent_steps"] for row in metrics)
    return {
        "episodes": len(metrics),
        "agent_steps": agent_steps,
        "minutes": seconds / 60,
        "rate": agent_steps / seconds,
        "updates": metrics[-1]["updates"],
    }
