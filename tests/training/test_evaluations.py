"""Runs that evaluate themselves: what that leaves alone, and what interrupts it."""

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from cmfq.environments.battle import BattleSettings
from cmfq.environments.pursuit import PursuitSettings
from cmfq.errors import UserError
from cmfq.play.progress import play_progress, progress_rows, training_games
from cmfq.storage import read_tensors
from cmfq.training.checkpoint import latest_checkpoint, save_policies
from cmfq.training.evaluations import Evaluation, Evaluator, Score
from cmfq.training.loop import train
from cmfq.training.run import Run
from cmfq.training.self_play import SelfPlay
from cmfq.training.settings import TrainSettings

Settings = TrainSettings[BattleSettings]
OPPONENTS = ("swarm", "random")


@pytest.fixture
def evaluated(tiny: Settings) -> Settings:
    """Evaluates after episodes 4 and 6; checkpoints come every 3."""
    return replace(
        tiny,
        environment=BattleSettings(size=12, max_steps=12),
        checkpoint_period=3,
        evaluate_period=4,
        evaluate_against=OPPONENTS,
        evaluate_games=2,
    )


def go_on(
    run: Run,
    stop: Callable[[list[Evaluation]], bool] = lambda rows: False,
    play: Any = None,
) -> bool:
    """Train until the end, or until ``stop`` of the rows since now."""
    settings = run.description().settings
    rows: list[Evaluation] = []
    with run:
        self_play = SelfPlay(settings)
        games = play or training_games(settings, self_play.environments[0])
        evaluator = Evaluator(games, rows.append)
        run.restore(self_play)
        return train(run, self_play, lambda metrics: None, lambda: stop(rows), evaluator)


def weights(run: Run) -> dict[str, torch.Tensor]:
    return read_tensors(latest_checkpoint(run.path))[0]


def untimed(run: Run) -> list[dict[str, Any]]:
    return [{**asdict(row), "seconds": 0} for row in run.evaluations()]


def test_evaluating_changes_nothing_and_is_what_progress_says(
    tmp_path: Path, tiny: Settings, evaluated: Settings
) -> None:
    silent = replace(tiny, environment=evaluated.environment)
    plain, run = Run.create(tmp_path / "plain", silent), Run.create(tmp_path / "run", evaluated)
    assert go_on(plain, play=pytest.fail)
    assert go_on(run)
    ours, theirs = weights(run), weights(plain)
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)

    rows = run.evaluations()
    assert [(row.episode, row.opponent) for row in rows] == [
        (episode, opponent) for episode in (4, 6) for opponent in OPPONENTS
    ]
    assert all(row.wins + row.draws + row.losses == 2 and row.seconds > 0 for row in rows)
    played = play_progress(
        [str(run.path)], OPPONENTS, silent.environment, tmp_path / "p.json", games=2, command=""
    )
    again = [(row.opponent, row.win_rate) for row in progress_rows(played) if row.episode != 3]
    assert again == [(row.opponent, row.win_rate) for row in rows]


def test_an_interrupted_evaluation_is_made_up_for(tmp_path: Path, evaluated: Settings) -> None:
    whole, parts = (Run.create(tmp_path / name, evaluated) for name in ("whole", "parts"))
    assert go_on(whole)
    assert not go_on(parts, stop=lambda rows: len(rows) == 1)
    assert [row.episode for row in parts.evaluations()] == [4]
    assert not go_on(parts, stop=lambda rows: len(rows) == 2)
    assert [row.episode for row in parts.evaluations()] == [4, 4, 6], "finished, but for a game"
    assert go_on(parts)
    assert untimed(parts) == untimed(whole)
    ours, theirs = weights(parts), weights(whole)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_evaluations_after_the_saved_state_are_forgotten(
    tmp_path: Path, evaluated: Settings
) -> None:
    """As after a kill and a state that was put back; the last line is cut short."""
    run = Run.create(tmp_path / "run", evaluated)
    assert not go_on(run, stop=lambda rows: len(rows) == 2)
    before = untimed(run)
    row = '{"episode": 6, "opponent": "swarm", "wins": 1, "draws": 0, "losses": 1, "margin": 0.0'
    with (run.path / "evaluations.jsonl").open("a") as file:
        file.write(f'{row}, "win_rate": 0.5, "seconds": 1.0}}\n{row}')
    with run:
        run.restore(SelfPlay(evaluated))
    assert untimed(run) == before


def test_worlds_side_by_side_are_evaluated_when_they_pass_the_period(
    tmp_path: Path, evaluated: Settings
) -> None:
    settings = replace(evaluated, environments=2, evaluate_period=3)
    run = Run.create(tmp_path / "run", settings)
    assert go_on(run, play=lambda *arguments: Score(1, 1, 0, 0.0))
    assert [(row.episode, row.win_rate) for row in run.evaluations()[::2]] == [(4, 0.75), (6, 0.75)]


def test_an_evaluation_that_fails_loses_no_episode(tmp_path: Path, evaluated: Settings) -> None:
    run = Run.create(tmp_path / "run", evaluated)

    def fail(*arguments: object) -> Score:
        raise UserError("it fell over")

    with pytest.raises(
        UserError, match=r"of episode 4 against swarm failed: .* --no-evaluate` continues"
    ):
        go_on(run, play=fail)
    resumed = SelfPlay(evaluated)
    with run:
        run.restore(resumed)
    assert resumed.episode == 4


def test_opponents_that_cannot_play_are_refused(tmp_path: Path, evaluated: Settings) -> None:
    policy = SelfPlay(evaluated).sides["agent"].policy
    for role, environment, sentence in (
        ("agent", PursuitSettings(), "was trained on pursuit: it cannot play battle"),
        ("prey", evaluated.environment, "has policies of prey: it cannot play agent"),
    ):
        file = tmp_path / "stranger.safetensors"
        save_policies(file, {role: policy}, evaluated.network, environment=environment, episode=1)
        with pytest.raises(UserError, match=f"cannot evaluate every 4 episodes: .* {sentence}"):
            training_games(
                replace(evaluated, evaluate_against=("rush", str(file))),
                evaluated.environment.make(),
            )


def test_threads_of_training_are_as_before(tmp_path: Path, evaluated: Settings) -> None:
    run = Run.create(tmp_path / "run", replace(evaluated, threads=2, episodes=1))
    assert go_on(run)
    assert torch.get_num_threads() == 2
    torch.set_num_threads(1)
