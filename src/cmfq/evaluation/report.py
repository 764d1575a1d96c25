"""One HTML file about a trained run: curves, win rates, a fight to watch. It needs nothing else."""

import base64
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from cmfq.environments.registry import make_environment
from cmfq.evaluation.figures.progress import win_rate_over_training
from cmfq.evaluation.figures.style import Metrics, learning_curves, svg_text
from cmfq.evaluation.matches import MatchResult, play_game
from cmfq.evaluation.tournament.progress import ProgressRow
from cmfq.replays.draw import draw_fight
from cmfq.replays.fight import FightRecorder
from cmfq.replays.images import save_animation
from cmfq.storage import write_bytes
from cmfq.training.evaluations import Evaluation
from cmfq.training.settings import TrainSettings


def write_report(
    path: Path,
    *,
    settings: TrainSettings[Any],
    versions: dict[str, str],
    metrics: Metrics,
    evaluations: Sequence[Evaluation],
    matches: Sequence[MatchResult],
) -> None:
    """Write the report.

    Args:
        path: HTML file to write.
        settings: of the run.
        versions: of what it ran on.
        metrics: rows of its metrics file.
        evaluations: that it made while it trained, if any.
        matches: of the trained policy (A) against opponents (B); a typical game of the last
            one is shown: of those in which A plays left, the one of median length.
    """
    templates = Environment(
        loader=PackageLoader("cmfq.evaluation", "."), autoescape=True, undefined=StrictUndefined
    )
    fight, caption = _animate_typical_game(matches[-1])
    html = templates.get_template("report.html").render(
        settings=settings,
        versions=versions,
        progress=Markup(_win_rates(settings, evaluations)),
        curves=Markup(svg_text(learning_curves({settings.algorithm: [metrics]}))),
        summary=_summary(metrics),
        matches=matches,
        fight=base64.b64encode(fight).decode("ascii"),
        fight_caption=caption,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, html.encode())


def _win_rates(settings: TrainSettings[Any], evaluations: Sequence[Evaluation]) -> str:
    """The figure, or nothing."""
    rows = [
        ProgressRow("", settings.algorithm, settings.seed, one.episode, one.opponent, one.win_rate)
        for one in evaluations
    ]
    return svg_text(win_rate_over_training(rows)) if rows else ""


def _animate_typical_game(match: MatchResult) -> tuple[bytes, str]:
    recorder = FightRecorder()
    settings = match.settings
    by_length = sorted(match.games[::2], key=lambda game: game.steps)
    typical = by_length[len(by_length) // 2].game
    game = play_game(
        match.a, match.b, settings, seed=match.seed, game=typical, observers=(recorder,)
    )
    names = (Path(match.a).stem, Path(match.b).stem)
    environment = make_environment(settings)
    environment.reset(0)
    pictures = draw_fight(recorder.frames, names, environment.scenery(), cell=12)
    with TemporaryDirectory() as folder:
        file = Path(folder) / "fight.webp"
        save_animation(pictures, file)
        caption = (
            f"{names[0]} (red) against {names[1]} (blue), a game of median length: "
            f"{game.a_survivors} to {game.b_survivors} survive after {game.steps} steps"
        )
        return file.read_bytes(), caption


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
