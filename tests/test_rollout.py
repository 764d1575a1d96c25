import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from cmfq.algorithms import MeanFieldSettings
from cmfq.decision import Decision
from cmfq.environments.base import Step, TeamObservation
from cmfq.environments.battle import BattleEnvironment, BattleSettings
from cmfq.errors import UserError
from cmfq.mean_field.intervention import Outcome
from cmfq.play.bots import bot
from cmfq.rollout import play_episode
from cmfq.training.self_play import SelfPlay
from cmfq.training.settings import TrainSettings

SMALL = BattleSettings(size=12, max_steps=60)


class Ledger:
    """Adds everything up by itself."""

    def __init__(self) -> None:
        self.rewards = [0.0, 0.0]
        self.deaths = [0, 0]
        self.agent_steps = 0
        self.steps = 0
        self.truncations = 0

    def on_step(
        self,
        observations: tuple[TeamObservation, ...],
        decisions: tuple[Decision, ...],
        step: Step,
    ) -> None:
        self.steps += 1
        for team in (0, 1):
            assert len(decisions[team].actions) == len(observations[team].ids)
            self.agent_steps += len(decisions[team].actions)
            self.rewards[team] += math.fsum(step.rewards[team].tolist())
            self.deaths[team] += int((~step.alive[team]).sum())

    def on_truncation(
        self, observations: tuple[TeamObservation, ...], decisions: tuple[Decision, ...]
    ) -> None:
        self.truncations += 1
        assert len(decisions[0].actions) == len(observations[0].ids)


@pytest.mark.parametrize(("names", "max_steps"), [(("rush", "swarm"), 400), (("random",) * 2, 20)])
def test_totals_are_the_sums_of_the_steps(names: tuple[str, str], max_steps: int) -> None:
    environment = BattleEnvironment(replace(SMALL, max_steps=max_steps))
    ledger = Ledger()
    episode = play_episode(
        environment,
        [bot(name) for name in names],
        seed=1,
        generator=np.random.default_rng(0),
        observers=[ledger],
    )
    assert episode.steps == ledger.steps
    assert episode.agent_steps == ledger.agent_steps
    assert episode.rewards == pytest.approx(ledger.rewards, rel=1e-12)  # in 64 bits
    assert list(episode.deaths) == ledger.deaths
    assert [12 - loss for loss in episode.deaths] == list(episode.survivors)
    cut_off = min(episode.survivors) > 0
    assert ledger.truncations == int(cut_off)
    assert cut_off == (episode.steps == max_steps)


def broken(before: Outcome, after: Outcome, agent: torch.Tensor) -> torch.Tensor:
    """No effect that is a number; at t = 0 nobody has acted, and it is not asked."""
    return torch.full((len(agent),), math.nan)


def test_a_broken_effect_names_agent_and_step() -> None:
    settings = TrainSettings(
        environment=SMALL,
        mean_field=MeanFieldSettings(effect=f"{__name__}:broken"),
    )
    policy = SelfPlay(settings).sides["agent"].policy
    with pytest.raises(UserError, match=r"step 1, agent \d+: the effect of action \d+ is nan"):
        play_episode(
            BattleEnvironment(SMALL),
            (policy, policy),
            seed=0,
            generator=np.random.default_rng(0),
        )
