"""Figures 5, 8 and 9: moments of recorded games, chosen by a rule and not by hand."""

from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure as Drawing

from cmfq.environments.keeping import opened
from cmfq.environments.settings import EnvironmentSettings
from cmfq.experiments.paper.distances import weights_by_distance
from cmfq.experiments.paper.figures import Figure
from cmfq.experiments.paper.plan import Effort, run_name, size_of, worlds_of
from cmfq.play.players import load_player
from cmfq.recordings.neighbours import neighbours
from cmfq.recordings.reading import Recording, read
from cmfq.recordings.record import record_episode
from cmfq.recordings.render import render
from cmfq.results.page import Code, Page, Part, Picture, Section
from cmfq.results.writing import write_folder
from cmfq.storage import make_folder

PIXELS_PER_INCH = 160
CHOICE = "One game of each pair, with seed 0, between the runs with training seed 0."
LEGENDS = {
    "battle": "the green bar on a body is what is left of its hit points, an arrow is an attack, "
    "and who dies in the step has a cross",
    "pursuit": "an arrow is an attack, and what is dark grey is a wall",
}
"""What pictures of each environment show."""
RANGES = "The circle about an agent is as far as it strikes."
HIGHLIGHT = (
    "The agent in a black frame is the one of the first team with the most neighbours at that step "
    "(the lowest id of several). It sees as far as the larger circle and strikes as far as the "
    "smaller one; the yellower a neighbour, the larger its weight, which stands on it in percent; "
    "all others are pale."
)


def rule_of(figure: Figure) -> str:
    """By which rule the games and steps of a figure were chosen, and what its pictures show."""
    steps = sorted({shot.step for shot in figure.shots})
    chosen = "the step with the most attacks, the first of several"
    moments = " or ".join(chosen if step < 0 else f"step {step}" for step in steps)
    weights = [HIGHLIGHT] if any(shot.weights for shot in figure.shots) else []
    ranges = [RANGES] if any(shot.ranges for shot in figure.shots) else []
    legend = (
        "The first of the two teams is red, the second blue; "
        f"{LEGENDS[figure.groups[0].environment]}. Of the field the picture shows where agents are."
    )
    return " ".join([CHOICE, f"The picture shows {moments}.", *weights, *ranges, legend])


def draw_pictures(folder: Path, figure: Figure, effort: Effort, runs: Path, command: str) -> None:
    """Record the games of a figure, draw their moments and write the page."""
    make_folder(folder)
    (usual,) = worlds_of(figure, effort).values()
    groups = {group.name: group for group in figure.groups}
    parts: list[Part] = []
    weighed: dict[str, Recording] = {}
    for shot in figure.shots:
        size = size_of(shot.size, effort)
        world = usual.resized(size) if size else usual
        players = [str(runs / run_name(groups[name], 0)) for name in (shot.a, shot.b)]
        name = "-".join([shot.a, shot.b, *([str(shot.size)] if shot.size else [])])
        game = record(folder / f"{name}.replay", world, players, (shot.a, shot.b))
        step = moment(game) if shot.step < 0 else min(shot.step, len(game.steps) - 1)
        agent = busiest(game, step) if shot.weights else None
        caption = f"{shot.a} against {shot.b}, {world.title}, step {step}"
        if shot.weights:
            weighed[shot.a] = game
        if agent is not None:
            caption += f": weights of the neighbours of agent {agent}"
        drawn = partial(_picture, game, step, agent, shot.ranges)
        parts.append(Picture(name, drawn, caption))
    sections = [Section("", [rule_of(figure), *parts]), weights_by_distance(weighed)]
    write_folder(folder, Page(f"Fig {figure.name}: {figure.title}", sections, [Code(command)]))


def record(
    path: Path, world: EnvironmentSettings, players: list[str], names: tuple[str, str]
) -> Recording:
    """A game of two players, recorded unless the file is there."""
    if not path.is_file():
        with opened(world) as environment:
            teams = environment.teams
            policies = [
                load_player(player, world.kind, teams)[team.role]
                for player, team in zip(players, teams, strict=True)
            ]
            record_episode(
                path,
                environment,
                policies,
                name=world.kind,
                players=names,
                seed=0,
                generator=np.random.default_rng(0),
            )
    return read(path)


def moment(game: Recording) -> int:
    """The step with the most attacks, the first of several."""
    strikes = [
        np.array([attack is not None for attack in team.body.attacks], bool)
        for team in game.header.teams
    ]
    attacks = [
        sum(
            int(attack[team.actions].sum())
            for team, attack in zip(step, strikes, strict=True)
            if attack.size
        )
        for step in game.steps
    ]
    return int(np.argmax(attacks))


def busiest(game: Recording, step: int) -> int | None:
    """Agent of the first team with the most neighbours, the lowest id of several; None: nobody."""
    first = game.steps[step][0]
    counts = {int(agent): len(neighbours(game, step, int(agent))) for agent in first.ids}
    most = max(counts.values(), default=0)
    return min(agent for agent, count in counts.items() if count == most) if most else None


def _picture(game: Recording, step: int, agent: int | None, ranges: bool) -> Drawing:
    """A step as a figure."""
    (pixels,) = render(game, range(step, step + 1), agent=agent, crop=True, ranges=ranges)
    height, width, _ = pixels.shape
    drawing = Drawing(figsize=(width / PIXELS_PER_INCH, height / PIXELS_PER_INCH))
    axes = drawing.add_axes((0, 0, 1, 1))
    axes.imshow(pixels, interpolation="none")
    axes.set_axis_off()
    return drawing
