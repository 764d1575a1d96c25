"""Results against opponents, and what a person sees of them."""

from dataclasses import replace
from pathlib import Path

import pytest

from cmfq.cli import main
from cmfq.environments.base import TeamSpecification
from cmfq.environments.battle import BattleSettings
from cmfq.rollout import Episode
from cmfq.training.results import Results
from cmfq.training.run import Run
from cmfq.training.settings import TrainSettings

Tiny = TrainSettings[BattleSettings]


def game(rewards: tuple[float, float], survivors: tuple[int, int] = (0, 0)) -> Episode:
    return Episode(1, (1, 1), rewards, survivors, (0, 0), False, None)


# Results


TEAM = TeamSpecification("red", (0, 0), (), (), ("stay",), 1.0)


def test_results_of_alike_sides_are_decided_by_the_game() -> None:
    results = Results([TEAM, TEAM], ([0], [1]), "survivors", 3)
    assert results.overall() is None
    for side, survivors in ((0, (5, 1)), (1, (5, 1)), (0, (2, 2)), (1, (0, 1))):
        results.record("swarm", side, None, game((9, 0), survivors))
    assert results.win_rates() == {"swarm": pytest.approx((0 + 0.5 + 1) / 3)}  # the latest three
    results.record("self", None, None, game((9, 0), (5, 1)))
    results.record("past", 0, 40, game((0, 9), (5, 1)))
    assert results.win_rates() == {"swarm": 0.5, "past": 1.0, "past 40": 1.0}
    assert results.overall() == pytest.approx(2.5 / 4)
    results.forget_past([20])
    assert results.win_rates() == {"swarm": 0.5, "past": 1.0}


def test_results_of_roles_are_measured_by_what_the_role_earned_before() -> None:
    predator, prey = replace(TEAM, role="predator"), replace(TEAM, role="prey")
    results = Results([predator, prey], ([0], [1]), "rewards", 100)
    results.record("self", None, None, game((4.0, -4.0)))
    results.record("greedy", 0, None, game((5.0, -5.0)))  # predators: 4 before
    results.record("greedy", 0, None, game((3.0, -3.0)))  # 4.5 before
    results.record("greedy", 1, None, game((1.0, -1.0)))  # prey: -4 before
    assert results.win_rates() == {"predator/greedy": 0.5, "prey/greedy": 1.0}


def test_a_rounding_error_decides_no_game() -> None:
    """Sums of 0.1 and 0.2 and of 0.3 are equal rewards, added in another order."""
    alike = Results([TEAM, TEAM], ([0], [1]), "rewards", 100)
    alike.record("swarm", 0, None, game((0.1 + 0.2, 0.3)))
    roles = Results([replace(TEAM, role="predator"), TEAM], ([0], [1]), "rewards", 100)
    for _ in range(3):  # their mean is 0.10000000000000002
        roles.record("self", None, None, game((0.1, 0.0)))
    roles.record("greedy", 0, None, game((0.1, 0.0)))
    assert alike.win_rates() == {"swarm": 0.5}
    assert roles.win_rates() == {"predator/greedy": 0.5}


SMALL = (
    "--size", "12", "--max-steps", "40", "--episodes", "10", "--checkpoint-period", "8",
    "--batch-size", "64", "--min-updates", "2", "--replay-bytes", "20000000",
    "--opponents", "self", "gated", "past=2", "swarm", "--past-period", "3", "--past-size", "2",
    "--past-choice", "hardest", "--gate-games", "2", "--gate-win-rate", "0.5",
)  # fmt: skip


# What one sees


def test_rows_and_progress_say_who_is_hard(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["train", "battle", *SMALL, "--record-period", "1"]
    assert main([*command, "--run", str(tmp_path / "run")]) == 0
    line = next(one for one in capsys.readouterr().out.splitlines() if "10/10" in one)
    row = Run.open(tmp_path / "run").metrics()[-1]
    assert f"won {row['win_rate']:.0%}" in line
    assert set(row["win_rates"]) >= {"gated", "past", "swarm"}
    assert all(0 <= rate <= 1 for rate in row["win_rates"].values())
    assert list((tmp_path / "run").glob("events*"))
