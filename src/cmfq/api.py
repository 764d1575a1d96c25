"""Training, matches and tournaments from Python, as the commands do them."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from cmfq.columns import Frame, frame_of
from cmfq.devices import Arithmetic
from cmfq.environments.keeping import close_kept, teams_of
from cmfq.environments.settings import EnvironmentSettings
from cmfq.errors import UserError
from cmfq.experiments.plan import read_many
from cmfq.experiments.training import train_missing
from cmfq.notices import notify
from cmfq.own_functions import try_own_functions
from cmfq.play.entrants import find_entrants, split_group
from cmfq.play.game_log import Tournament, TournamentSettings
from cmfq.play.matches import MatchResult, play_match
from cmfq.play.players import game_of, load_player
from cmfq.play.progress import training_games
from cmfq.play.schedule import validate_games
from cmfq.play.standings import Standings, standings
from cmfq.play.tournament import play_tournament
from cmfq.policies import QPolicy
from cmfq.training.checkpoint import load, trust_named
from cmfq.training.evaluations import Evaluation, Evaluator
from cmfq.training.idle_settings import notify_of_idle_settings
from cmfq.training.loop import train as train_run
from cmfq.training.metrics import EpisodeMetrics
from cmfq.training.run import Run
from cmfq.training.self_play import SelfPlay
from cmfq.training.settings import RunSettings
from cmfq.training.tracking import Trackers, make_trackers, stored_trackers
from cmfq.workers import Workers, check_workers
from cmfq.zoo import locate

OnEpisode = Callable[[EpisodeMetrics], None]
OnEvaluation = Callable[[Evaluation], None]
ShouldStop = Callable[[], bool]


@dataclass(frozen=True)
class TrainedRun:
    """A run folder: its settings, metrics, evaluations and policy."""

    path: Path
    """Its folder."""
    settings: RunSettings
    """Settings of the run."""

    @property
    def finished(self) -> bool:
        """Whether the checkpoint of the last episode is there; :func:`resume` plays on to it."""
        return Run.open(self.path).checkpoint(self.settings.episodes).is_file()

    def policy(self, role: str | None = None) -> QPolicy:
        """The policy of the last checkpoint (see :func:`cmfq.load`).

        Args:
            role: role of the policy; needed if the run has several.

        Raises:
            UserError: there is no checkpoint yet, or no such role.
        """
        return load(self.path, role)

    def metrics(self) -> Frame:
        """One row per episode: rewards, kills, survivors, loss, seconds and more.

        Returns:
            Columns by name, each ``(episodes,)`` (see :mod:`cmfq.columns`). Columns of a team end
            in its name (``rewards/red``), those of a role in the role's (``role_losses/agent``).
        """
        teams = teams_of(self.settings.environment)
        sides = [team.name for team in teams]
        roles = list(dict.fromkeys(team.role for team in teams))
        by_team = (
            "rewards", "kills", "deaths", "survivors", "damage", "attacks_unhurt", "attacks_hurt",
            "attacks_by_health", "effective_neighbours", "weight_entropy", "changed_by_weights",
            "effect_by_action", "weight_by_action",
        )  # fmt: skip
        names = dict.fromkeys(by_team, sides) | {"role_losses": roles}
        return frame_of(Run.open(self.path).metrics(), names)

    def evaluations(self) -> Frame:
        """One row per evaluation and opponent; no columns if the run had no evaluations."""
        return frame_of(Run.open(self.path).evaluations())


@dataclass(frozen=True)
class TournamentResult:
    """The games of a tournament, and its results over training seeds."""

    tournament: Tournament
    """Settings, entrants and every game."""
    standings: Standings
    """Win rates of all pairs of groups with 95 % intervals, ratings, circles."""

    def comparisons(self) -> Frame:
        """One row per pair of groups: wins, ``win_rate/value``, ``win_rate/low`` and more."""
        return frame_of(self.standings.comparisons)


def train(
    settings: RunSettings,
    *,
    run: str | Path,
    on_episode: OnEpisode = lambda metrics: None,
    on_evaluation: OnEvaluation = lambda evaluation: None,
    should_stop: ShouldStop = lambda: False,
    track: str | Sequence[str] = (),
) -> TrainedRun:
    """Train a policy for every role by self-play, as ``cmfq train`` does, without output.

    Args:
        settings: settings of the run; :func:`cmfq.preset` gives those of a preset.
        run: folder to make; it must not exist.
        on_episode: called with the metrics of every episode.
        on_evaluation: called with every evaluation.
        should_stop: called between two episodes; if it returns true, the run is saved and ends,
            and :func:`resume` continues it.
        track: trackers that show the run elsewhere: ``"wandb"``, ``"mlflow"`` or ``"module:name"``
            (see :mod:`cmfq.training.tracking`).

    Returns:
        The run; not ``finished`` if it was stopped.

    Raises:
        UserError: a setting does not fit, the folder already exists, or a tracker cannot start.
    """
    names = [track] if isinstance(track, str) else list(track)
    trackers = make_trackers(names)
    notify_of_idle_settings(settings)
    trust_named(settings.own_functions)
    with closing(SelfPlay(settings, load_player)) as self_play:
        for side in self_play.sides.values():
            try_own_functions(side.policy)
        with Run.create(Path(run), self_play.settings, names) as folder:
            _go_on(folder, self_play, on_episode, on_evaluation, should_stop, trackers)
    return open_run(run)


def resume(
    run: str | Path,
    *,
    device: str | None = None,
    arithmetic: Arithmetic | None = None,
    on_episode: OnEpisode = lambda metrics: None,
    on_evaluation: OnEvaluation = lambda evaluation: None,
    should_stop: ShouldStop = lambda: False,
    track: bool = True,
) -> TrainedRun:
    """Continue an interrupted run; it ends with the same weights, bit for bit.

    Args:
        run: its folder.
        device: device to continue on, if not that of the run; the weights are then no longer bit
            for bit the same.
        arithmetic: arithmetic to continue in, if not that of the run; likewise.
        on_episode: called with the metrics of every episode.
        on_evaluation: called with every evaluation.
        should_stop: called between two episodes; if it returns true, the run is saved and ends.
        track: continue the trackers of the run.

    Raises:
        UserError: it is not a run folder, its state is missing, another process is writing it, or a
            tracker cannot start.
    """
    with Run.open(Path(run)) as folder:
        settings = folder.description().settings.computed(device, arithmetic)
        trackers = stored_trackers(folder.path) if track else {}
        with closing(SelfPlay(settings, load_player, folder.has_begun)) as self_play:
            folder.restore(self_play)
            if moved := folder.move(self_play):
                notify(moved, moved)
            _go_on(folder, self_play, on_episode, on_evaluation, should_stop, trackers)
    return open_run(run)


def train_many(
    runs: Mapping[str, RunSettings] | str | Path,
    *,
    folder: str | Path,
    workers: Workers = 1,
    runs_per_gpu: int = 1,
) -> dict[str, TrainedRun]:
    """Train many runs, several at once, as ``cmfq train-many`` does, without output.

    If it is interrupted, the same call continues it; finished runs are not trained again. Runs
    continue on the device of their settings; a notice says it if they began on another one.

    Args:
        runs: settings of each run by the name of its folder; or the path of a plan.
        folder: folder of the run folders; it is made if it does not exist.
        workers: number of processes, ``"ray"``, ``"ray:ADDRESS"`` or ``"slurm:PARTITION"``; the
            weights do not depend on it.
        runs_per_gpu: how many runs share a GPU on Ray; processes of one machine share it anyway.

    Returns:
        The finished runs by their names.

    Raises:
        UserError: a folder holds a run with other settings; or some runs failed, after all others
            are finished.
    """
    check_workers(workers)
    settings = read_many(Path(runs)).runs() if isinstance(runs, str | Path) else runs
    for _ in train_missing(settings, Path(folder), workers, runs_per_gpu):
        pass
    return {name: open_run(Path(folder) / name) for name in settings}


def open_run(run: str | Path) -> TrainedRun:
    """Open a run folder to read it, finished or not.

    Args:
        run: its folder, or ``zoo:NAME`` for a policy that comes with the package.

    Raises:
        UserError: it is not a run folder, or it is damaged.
    """
    path = locate(run)
    return TrainedRun(path, Run.open(path).description().settings)


def evaluate(
    a: str | Path,
    b: str | Path,
    settings: EnvironmentSettings | None = None,
    *,
    games: int = 100,
    seed: int = 0,
    workers: Workers = 1,
    device: str = "cpu",
) -> MatchResult:
    """Play games between two players, as ``cmfq evaluate`` does; sides swap after every game.

    Args:
        a: a run folder, a checkpoint file, ``zoo:NAME``, or a scripted player such as ``"rush"``.
        b: the other player.
        settings: settings of the environment (default: those that ``a`` was trained with).
        games: number of games.
        seed: random seed of the games.
        workers: number of processes, ``"ray"``, ``"ray:ADDRESS"`` or ``"slurm:PARTITION"``; the
            result does not depend on it.
        device: device of trained players: ``"cpu"``, ``"cuda"``, ``"cuda:1"`` or ``"auto"``.

    Returns:
        Win rate of ``a`` with its interval, results by side, and every game.

    Raises:
        UserError: a player does not exist, or cannot play this game.
    """
    game = game_of([str(a), str(b)]) if settings is None else settings
    return play_match(
        str(a), str(b), game, episodes=games, seed=seed, workers=workers, device=device
    )


def tournament(
    entrants: Sequence[str | Path],
    settings: EnvironmentSettings | None = None,
    *,
    games: int = 100,
    checkpoints: int = 5,
    seed: int = 0,
    within_groups: bool = False,
    workers: Workers = 1,
    device: str = "cpu",
    log: str | Path | None = None,
) -> TournamentResult:
    """Compare groups of entrants over training seeds, as ``cmfq tournament`` does.

    Args:
        entrants: run folders, checkpoint files, ``zoo:NAME``, scripted players;
            ``"group=entrant"`` puts an entrant into its own group. Runs that differ only in the
            seed are one group; groups are compared.
        settings: settings of the environment (default: those of the first trained entrant).
        games: number of games of each pair of entrants of different groups.
        checkpoints: number of last checkpoints of each run that play.
        seed: random seed of the games.
        within_groups: play games within a group too.
        workers: number of processes, ``"ray"``, ``"ray:ADDRESS"`` or ``"slurm:PARTITION"``; the
            result does not depend on it.
        device: device of trained players.
        log: game log, which keeps each game as soon as it is over: an interrupted tournament
            continues from it, and ``cmfq tournament --log FILE`` reports it (default: not kept).

    Raises:
        UserError: an entrant does not exist, entrants cannot play each other, or the file is of
            another tournament.
    """
    if checkpoints < 1:
        raise UserError(f"checkpoints is {checkpoints}: give at least 1")
    if isinstance(entrants, str):
        raise UserError(f"entrants is {entrants!r}: give a list of several players")
    validate_games(games)
    names = [str(name) for name in entrants]
    game = game_of([split_group(name)[1] for name in names]) if settings is None else settings
    try:
        played = play_tournament(
            find_entrants(names, game.kind, checkpoints),
            TournamentSettings(game, games, seed, within_groups),
            Path(log) if log is not None else None,
            command="cmfq.tournament(...)",
            workers=workers,
            device=device,
        )
    finally:
        close_kept()
    return TournamentResult(played, standings(played))


def _go_on(
    folder: Run,
    self_play: SelfPlay,
    on_episode: OnEpisode,
    on_evaluation: OnEvaluation,
    should_stop: ShouldStop,
    trackers: Trackers,
) -> None:
    games = training_games(self_play.settings, self_play.environments[0])
    evaluator = games and Evaluator(games, on_evaluation)
    train_run(folder, self_play, on_episode, should_stop, evaluator, trackers)
