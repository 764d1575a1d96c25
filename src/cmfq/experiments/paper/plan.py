"""What a figure takes: settings of its runs, the games that they play, and what is done already."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cmfq.environments.registry import default_settings
from cmfq.environments.settings import EnvironmentSettings
from cmfq.errors import require_range, unknown_name
from cmfq.experiments.paper.figures import FIGURES, Figure, Group
from cmfq.experiments.settings import planned_settings
from cmfq.play.crossing import log_of as crossing_log
from cmfq.play.reading import read_tournament
from cmfq.training.presets import preset_training
from cmfq.training.run import METRICS_FILE, Run
from cmfq.training.settings import RunSettings

QUICK_SIZES = {64: 9, 100: 16, 400: 25, 20: 4, 40: 6, 80: 8, 180: 12}
"""Sizes that stand for those of the paper where everything is small."""
QUICK_GAMES = 2
QUICK_SETTINGS: dict[str, dict[str, object]] = {
    "battle": {"environment.max_steps": 12, "environment.formation": "random"},
    "pursuit": {"environment.predators": 4, "environment.prey": 8, "environment.max_steps": 12},
    "particles": {
        "environment.predators": 4,
        "environment.prey": 8,
        "environment.obstacles": 4,
    },
}
QUICK_EPISODES = 4
EPISODE_SECONDS = {
    ("battle", "paper"): 1.8,
    ("battle", "strong"): 1.2,
    ("battle", "original"): 4.3,
    ("pursuit", "paper"): 2.0,
    ("pursuit", "strong"): 5.2,
    ("particles", "paper"): 0.5,
}
"""Seconds of one core that an episode of training takes, by environment and preset, with as many
agents as ``EPISODE_AGENTS`` and about in proportion with others: rough, from the quickest stored
runs. Of ``original`` only the time of an agent-step was measured (2.4 times that of ``paper``).
Runs that are there count with their own."""
EPISODE_AGENTS = {"battle": 128, "pursuit": 60, "particles": 60}
GAME_SECONDS = {"battle": 0.003, "pursuit": 0.03, "particles": 0.002}
"""Seconds of one core that a game takes for each agent, as rough."""


@dataclass(frozen=True)
class Effort:
    """How much is trained and played."""

    preset: str = "paper"
    """Preset of training."""
    seeds: int = 5
    """Number of training seeds of every group."""
    quick: bool = False
    """Everything small, to see that all of it works: such figures show nothing else."""

    def __post_init__(self) -> None:
        require_range(self, 1, 1000, "seeds")


@dataclass(frozen=True)
class Status:
    """How far a figure is."""

    figure: Figure
    runs: int
    """Number of runs that it needs."""
    trained: int
    """Number of those that are trained."""
    games: int
    """Number of games that it needs."""
    played: int
    """Number of those that are played."""
    training_hours: Mapping[str, float]
    """Estimate of the training that is missing of each run, in hours of one core, by its name:
    figures share runs."""
    playing_hours: float
    """Estimate of the games that are missing, in hours of one core."""

    @property
    def core_hours(self) -> float:
        """Estimate of all that is missing, in hours of one core."""
        return sum(self.training_hours.values()) + self.playing_hours


def figures_called(names: Sequence[str], preset: str) -> tuple[Figure, ...]:
    """Figures by name, in the paper's order; ``all`` is all whose world :func:`has_preset`.

    A part of a figure stands for the whole: ``7a`` for 7.

    Raises:
        UserError: there is none of that name.
    """
    wanted = set()
    for name in names:
        whole = name if name in (*FIGURES, "all") else name.rstrip("abc")
        if whole not in (*FIGURES, "all"):
            raise unknown_name("figure", name, ["all", *FIGURES])
        wanted.add(whole)
    return tuple(
        one
        for one in FIGURES.values()
        if one.name in wanted or ("all" in wanted and has_preset(one, preset))
    )


def has_preset(figure: Figure, preset: str) -> bool:
    """Whether the environment has a preset of this name, which sets something.

    original is for battle alone, and strong sets nothing in particles: the runs would be those of
    paper.
    """
    world = default_settings(figure.groups[0].environment)
    if preset == "original" and preset not in world.training.presets:
        return False
    usual = preset_training("paper", world)
    return preset == "paper" or replace(preset_training(preset, world), preset="paper") != usual


def run_name(group: Group, seed: int) -> str:
    """Folder of a run: ``battle-mfq400-3``."""
    return f"{group.environment}-{group.name}-{seed}"


def settings_of(group: Group, effort: Effort) -> RunSettings:
    """Settings of the runs of a group, with seed 0.

    Raises:
        UserError: the preset is not for its environment, or there is none of that name.
    """
    values: dict[str, object] = {"preset": effort.preset, "algorithm": group.algorithm}
    if group.size:
        values["environment.size"] = size_of(group.size, effort)
    if effort.quick:
        values |= QUICK_SETTINGS[group.environment]
        values |= {"episodes": QUICK_EPISODES, "learner.min_updates": 2, "opponents": ["self"]}
    settings = planned_settings(group.environment, values | dict(group.changes))
    episodes = max(1, round(group.share * settings.episodes))
    return replace(
        settings, episodes=episodes, checkpoint_period=min(settings.checkpoint_period, episodes)
    )


def seeds_of(figure: Figure, effort: Effort) -> range:
    """Training seeds of the groups of a figure."""
    return range(min(effort.seeds, figure.most_seeds or effort.seeds))


def size_of(size: int, effort: Effort) -> int:
    """Size that is trained or played at for one of the paper's; 0 stays."""
    return QUICK_SIZES[size] if size and effort.quick else size


def runs_of(figures: Iterable[Figure], effort: Effort) -> dict[str, RunSettings]:
    """Settings of all runs that figures need, by name; seed by seed, so that whole ones come first.

    Raises:
        UserError: as :func:`settings_of`.
    """
    figures = list(figures)
    needed = {
        run_name(group, seed): (group, seed)
        for seed in range(effort.seeds)
        for figure in figures
        if seed in seeds_of(figure, effort)
        for group in figure.groups
    }
    groups = {run_name(group, 0): group for group, _ in needed.values()}
    usual = {name: settings_of(group, effort) for name, group in groups.items()}
    return {
        name: replace(usual[run_name(group, 0)], seed=seed)
        for name, (group, seed) in needed.items()
    }


def games_of(figure: Figure, effort: Effort) -> int:
    """Number of games of every two runs."""
    return min(figure.games, QUICK_GAMES) if effort.quick else figure.games


def worlds_of(figure: Figure, effort: Effort) -> dict[int, EnvironmentSettings]:
    """Settings of the games of a figure, by the paper's sizes; 0 where it is of one size."""
    usual = settings_of(figure.groups[0], effort).environment
    if not figure.sizes:
        return {0: usual}
    return {size: usual.resized(size_of(size, effort)) for size in figure.sizes}


def games_needed(figure: Figure, effort: Effort) -> int:
    """Number of games of a figure at each of its sizes; 0 if it is not made of logged games."""
    groups, seeds, games = (
        len(figure.groups),
        len(seeds_of(figure, effort)),
        games_of(figure, effort),
    )
    match figure.kind:
        case "matrix" | "sizes":
            return math.comb(groups, 2) * seeds**2 * games
        case "crossing":  # groups of one seed in both roles, and random players in each and in both
            return (groups**2 * seeds + 2 * groups * seeds + 1) * games
        case _:
            return 0


def log_of(figure: Figure, size: int, folder: Path) -> Path:
    """Game log of a figure at one size of its worlds; 0 where it has one."""
    games = folder / "games" / figure.name
    return crossing_log(games, size) if figure.kind == "crossing" else games / f"{size}.log"


def status_of(figure: Figure, effort: Effort, folder: Path) -> Status:
    """How far a figure is, by the runs and the games that are there.

    Raises:
        UserError: as :func:`settings_of`, or a log is damaged.
    """
    runs = runs_of([figure], effort)
    rows = {name: _metrics(folder / "runs" / name) for name in runs}
    trained = sum(len(rows[name]) >= settings.episodes for name, settings in runs.items())
    training = {
        name: (settings.episodes - len(rows[name])) * _episode_seconds(settings, rows[name]) / 3600
        for name, settings in runs.items()
    }
    needed, played, seconds = 0, 0, 0.0
    for size, world in worlds_of(figure, effort).items():
        log = log_of(figure, size_of(size, effort), folder)
        games = games_needed(figure, effort)
        there = min(games, len(read_tournament(log)[0].games)) if log.is_file() else 0
        needed, played = needed + games, played + there
        seconds += (games - there) * sum(world.team_sizes) * GAME_SECONDS[world.kind]
    return Status(figure, len(runs), trained, needed, played, training, seconds / 3600)


def hours_of_training(statuses: Iterable[Status]) -> float:
    """Hours of one core of the training that figures miss together, each run counted once."""
    return sum({name: one for of in statuses for name, one in of.training_hours.items()}.values())


def _metrics(run: Path) -> list[dict[str, Any]]:
    """Rows of a run, none if it is not there."""
    return Run(run).metrics() if (run / METRICS_FILE).is_file() else []


def _episode_seconds(settings: RunSettings, rows: Sequence[Mapping[str, Any]]) -> float:
    """Seconds of an episode: those of the last ones, or what is usual for so many agents."""
    last = rows[-10:]
    if last:
        seconds = [float(row["playing_seconds"] + row["learning_seconds"]) for row in last]
        return sum(seconds) / len(last)
    kind = settings.environment.kind
    usual = EPISODE_SECONDS.get((kind, settings.preset), EPISODE_SECONDS[kind, "paper"])
    return usual * sum(settings.environment.team_sizes) / EPISODE_AGENTS[kind]
