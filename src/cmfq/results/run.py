"""A page about a trained run: results, a game to watch, curves.

The game is the whole replay page, in a frame: so it stops, steps and explains, works without a
server, and stays in the one file that people send each other.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from pprint import pformat

from cmfq.environments.appearance import shown_title
from cmfq.environments.base import Body, TeamSpecification
from cmfq.environments.keeping import opened
from cmfq.environments.sides import Seats, name_of, seated, seats
from cmfq.play.games import Game, play_between
from cmfq.play.matches import MatchResult, mean_rewards
from cmfq.play.players import load_player
from cmfq.play.progress import ProgressRow
from cmfq.recordings.page import NamedRecording, page_text
from cmfq.recordings.record import Recorder
from cmfq.results.details import reward_table
from cmfq.results.figures import win_rate_over_training
from cmfq.results.learning import learning_curves
from cmfq.results.page import Code, Embedded, Page, Picture, Section
from cmfq.results.style import Metrics
from cmfq.results.table import Share, Table, interval_text
from cmfq.results.verdict import verdict
from cmfq.statistics.replication import Estimate
from cmfq.text import counted, markdown_text
from cmfq.training.evaluations import Evaluation
from cmfq.training.settings import RunSettings
from cmfq.workers import one_thread

WATCH = (
    "[Watch a game](#a-game), step by step, with the neighbours and weights behind every decision."
)
OTHER_SEEDS = (
    "another training seed gives another policy, so the interval does not apply to the algorithm."
)


def run_page(
    *,
    settings: RunSettings,
    versions: dict[str, str],
    metrics: Metrics,
    evaluations: Sequence[Evaluation],
    matches: Sequence[MatchResult],
    again: str,
) -> Page:
    """Describe the report.

    Args:
        settings: settings of the run.
        versions: versions of what it ran on.
        metrics: rows of its metrics file.
        evaluations: evaluations that it made while it trained, if any.
        matches: matches of the trained policy (A) against opponents (B), all of one kind. The game
            that is shown is the one of median length among those of the last match in which A has
            the first seats.
        again: command that makes the report again.
    """
    rows = [
        ProgressRow("", settings.algorithm, settings.seed, one.episode, one.opponent, one.win_rate)
        for one in evaluations
    ]
    progress = Picture(
        "progress",
        lambda: win_rate_over_training(rows),
        f"Win rate during training: each point is a checkpoint, {settings.evaluate_games} games "
        "against each opponent; a draw counts half.",
    )
    several = matches[0].difference is None  # teams
    curves = Picture(
        "curves",
        lambda: learning_curves({settings.algorithm: [metrics]}, settings.environment),
        "Reward, means over ten episodes."
        + (
            " In self-play it does not show progress, because both sides improve."
            if several
            else ""
        ),
    )
    return Page(
        f"{settings.algorithm.upper()} on {settings.environment.title}",
        (
            Section("", (_summary(settings, metrics), *verdict(matches), WATCH)),
            _wins(matches) if matches[0].symmetric else _rewards(matches),
            Section("A game", (_record_typical_game(matches[-1]),)),
            Section("During training", (progress, curves) if rows else (curves,)),
        ),
        (
            Code(again),
            Code(
                f"{pformat(settings)}\n\n{pformat(versions)}",
                summary="Settings and versions of the run",
            ),
        ),
    )


def _summary(settings: RunSettings, metrics: Metrics) -> str:
    seconds = sum(row["playing_seconds"] + row["learning_seconds"] for row in metrics)
    agent_steps = sum(row["agent_steps"] for row in metrics)
    return (
        f"Trained for {counted(len(metrics), 'episode')}, seed {settings.seed}: {agent_steps:,} "
        f"agent-steps and {counted(metrics[-1]['updates'], 'update')} in {seconds / 60:.1f} "
        f"minutes, {agent_steps / seconds:,.0f} agent-steps a second."
    )


def _wins(matches: Sequence[MatchResult]) -> Section:
    decided_by = matches[0].settings.decided_by
    columns = ("opponent", "win rate (95 % interval)", "wins, draws, losses", decided_by)
    rows = []
    for match in matches:
        assert match.win_rate is not None
        assert match.interval is not None
        ours, theirs = match.survivors if decided_by == "survivors" else mean_rewards(match)
        games = f"{match.wins}-{match.draws}-{match.losses}"
        share = Share(Estimate(match.win_rate, *match.interval))
        rows.append((match.b, share, games, f"{ours:,.1f} : {theirs:,.1f}"))
    how = (
        f"The player with more {decided_by} wins; a draw counts half. The players swap sides "
        "after every game. The interval (Wilson) is over games of these two policies: "
        f"{OTHER_SEEDS}"
    )
    return Section("Win rates", (Table(columns, rows, _title(matches)), how))


def _title(matches: Sequence[MatchResult]) -> str:
    return f"{counted(matches[0].episodes, 'game')} of {matches[0].settings.title} against each"


def _rewards(matches: Sequence[MatchResult]) -> Section:
    differences = [
        markdown_text(
            f"{match.a} minus {match.b}, in the same {counted(match.episodes, 'episode')}: "
            f"{match.difference.value:+,.1f} "
            f"({interval_text(match.difference.low, match.difference.high)})."
        )
        for match in matches
        if match.difference
    ]
    how = (
        f"{matches[0].compared} The interval (Student's t) is over games of these two policies: "
        f"{OTHER_SEEDS}"
    )
    return Section("Rewards", (reward_table(matches, _title(matches)), *differences, how))


def _record_typical_game(match: MatchResult) -> Embedded:
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
        players = seated(teams, (names[0], a), (names[1], b), typical)
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
    called = _team_names if match.symmetric else name_of
    who = [
        f"{name} ({called(side, teams)})" for name, side in zip(names, sides, strict=True) if side
    ]
    came = (
        f"{game.a_survivors} to {game.b_survivors} survive after {game.steps} steps"
        if match.settings.decided_by == "survivors"
        else f"rewards {' to '.join(_earned(game, sides))} after {game.steps} steps"
    )
    meaning = "".join(f"; {one}" for one in _legend(bodies))
    caption = (
        f"{' against '.join(who)}, a game of median length: {came}{meaning}. "
        "Choose an agent to see its neighbours and their weights."
    )
    title = " against ".join(name for name, side in zip(names, sides, strict=True) if side)
    return Embedded(page_text([NamedRecording(title, recorder.content)]), caption)


def _team_names(side: Sequence[int], teams: Sequence[TeamSpecification]) -> str:
    return " and ".join(teams[team].name for team in side)


def _earned(game: Game, sides: Seats) -> list[str]:
    """Rewards of A, which has the first seats, and of B if it has any."""
    rewards = (game.a_reward, game.b_reward)
    return [f"{one:,.1f}" for one, side in zip(rewards, sides, strict=True) if side]


def _legend(bodies: Sequence[Body]) -> Iterator[str]:
    """What bars and arrows mean, where there are any."""
    if any(body.full_health for body in bodies):
        yield "the bar in an agent shows its hit points"
    if any(body.attacks for body in bodies):
        yield "arrows are attacks"
