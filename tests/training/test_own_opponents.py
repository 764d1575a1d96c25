"""Opponents of the user's own, named module:name."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cmfq.decision import Decision
from cmfq.environments.base import TeamObservation, TeamSpecification
from cmfq.environments.battle import BattleSettings
from cmfq.errors import UserError
from cmfq.play.bots import Bot, bot
from cmfq.play.bots.battle import rush
from cmfq.play.players import load_player
from cmfq.policies import Policy
from cmfq.training.checkpoint import latest_checkpoint
from cmfq.training.loop import train
from cmfq.training.run import Run
from cmfq.training.self_play import SelfPlay
from cmfq.training.settings import TrainSettings

Tiny = TrainSettings[BattleSettings]


# The user's own


def make_rusher(team: TeamSpecification) -> Policy:
    assert team.role == "agent"
    return Bot(rush)


class Broken:
    """Fails in the fifth step, in one of several ways."""

    def __init__(self, answer: Callable[[int], Any]) -> None:
        self.answer = answer
        self.steps = 0

    def decide(
        self,
        observations: Sequence[TeamObservation],
        generator: np.random.Generator,
        others: Sequence[TeamObservation] = (),
        worlds: Sequence[int] | None = None,
    ) -> Any:
        self.steps += 1
        if self.steps < 30:
            return bot("rush").decide(observations, generator)
        return self.answer(len(observations[0].ids))


def raises(team: TeamSpecification) -> Any:
    return Broken(lambda agents: [][0])


def too_few(team: TeamSpecification) -> Any:
    return Broken(lambda agents: [])


def too_large(team: TeamSpecification) -> Any:
    return Broken(lambda agents: [Decision(np.full(agents, 99, np.int32))])


def no_integers(team: TeamSpecification) -> Any:
    return Broken(lambda agents: [Decision(np.zeros(agents, np.float32))])  # type: ignore[arg-type]


def test_an_opponent_of_the_users_own(tiny: Tiny) -> None:
    own = SelfPlay(replace(tiny, opponents=(f"{__name__}:make_rusher",)))
    script = SelfPlay(replace(tiny, opponents=("rush",)), load_player)
    ours, theirs = own.run_episodes()[0], script.run_episodes()[0]
    assert ours.opponent == f"{__name__}:make_rusher"
    assert (ours.rewards, ours.loss) == (theirs.rewards, theirs.loss)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("raises", "IndexError: list index out of range"),
        ("too_few", "gave 0 decisions: give one for each of the 1 teams"),
        ("too_large", r"give an integer from 0 to 20 for each of the \d+ agents"),
        ("no_integers", "type float32: give an integer"),
    ],
)
def test_an_own_opponent_that_fails_is_named_and_costs_no_finished_episode(
    tiny: Tiny, tmp_path: Path, name: str, message: str
) -> None:
    settings = replace(tiny, opponents=(f"{__name__}:{name}",), checkpoint_period=6)
    with (
        Run.create(tmp_path / "run", settings) as run,
        pytest.raises(UserError, match=message) as failure,
    ):
        train(run, SelfPlay(settings), lambda metrics: None, lambda: False)
    assert f"{__name__}:{name}" in str(failure.value)
    assert "\n" not in str(failure.value)
    assert "cmfq resume" in str(failure.value)
    finished = len(Run.open(tmp_path / "run").metrics())
    assert finished >= 1
    assert latest_checkpoint(tmp_path / "run").stem == f"{finished:06d}"


def test_a_strangers_run_does_not_import_its_opponent(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = replace(tiny, opponents=("self", "evil_opponent:f"))
    Run.create(tmp_path / "run", settings)
    with pytest.raises(UserError, match="evil_opponent:f, whose code would be run"):
        Run.open(tmp_path / "run").description()
    monkeypatch.setenv("CMFQ_RUN_OWN_FUNCTIONS", "1")
    assert Run.open(tmp_path / "run").description().settings == settings
