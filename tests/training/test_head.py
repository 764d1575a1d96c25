"""The head is chosen by what it costs; one that cannot be had is refused in a sentence."""

import json
from pathlib import Path

import msgspec
import pytest

from cmfq.cli import main
from cmfq.environments.pettingzoo import PettingZooSettings
from cmfq.errors import UserError
from cmfq.heads import AdditiveHead, PairwiseHead
from cmfq.networks import NetworkSettings
from cmfq.training import head
from cmfq.training.checkpoint import load_checkpoint
from cmfq.training.run import Run
from cmfq.training.self_play import SelfPlay
from cmfq.training.settings import TrainSettings
from small_worlds import world

made = world("a_0")


def settings(monkeypatch: pytest.MonkeyPatch, actions: int, **network: object) -> TrainSettings:
    agents = ("a_0", "a_1", "b_0")
    monkeypatch.setattr(f"{__name__}.made", world(*agents, actions=actions))
    return TrainSettings(
        PettingZooSettings(f"{__name__}:made"),
        episodes=1,
        network=NetworkSettings(**network),  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("actions", "chosen"), [(64, "pairwise"), (65, "additive"), (500, "additive")]
)
def test_auto_is_settled_at_the_start_and_stored_so(
    actions: int, chosen: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    self_play = SelfPlay(settings(monkeypatch, actions, hidden_units=4))
    assert self_play.settings.network.head == chosen
    kind = PairwiseHead if chosen == "pairwise" else AdditiveHead
    for side in self_play.sides.values():
        assert isinstance(side.policy.network.head, kind)
    with Run.create(tmp_path / "run", self_play.settings) as run:
        self_play.run_episodes()
        run.save(self_play)
    assert json.loads((tmp_path / "run/run.json").read_text())["settings"]["network"]["head"] == (
        chosen
    )
    for one in load_checkpoint(tmp_path / "run").description.policies.values():
        assert one.network.head == chosen


def test_a_head_that_a_file_names_stays_whatever_it_costs() -> None:
    assert NetworkSettings(head="additive").head_for(3) == "additive"
    assert NetworkSettings(head="pairwise").head_for(500) == "pairwise"
    assert msgspec.convert({"head": "pairwise"}, NetworkSettings).head == "pairwise"


def test_tables_that_memory_cannot_hold_are_refused_with_the_figures(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(head, "memory_limit", lambda: 9 * 10**9)
    with pytest.raises(UserError) as refused:
        SelfPlay(settings(monkeypatch, 2000, head="pairwise"))
    # 4 bytes x 4,002,000 outputs x (6 copies x 129 weights of each + 3 tables x 256 rows)
    assert str(refused.value) == (
        "head is pairwise: tables of 2,000 x 2,000 values take 24.7 GB with batches of 256, but "
        "there are 9.0 GB; leave head at auto, or give additive"
    )


def test_memory_is_at_most_what_the_process_may_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = head.memory_limit()
    assert machine > 10**8
    monkeypatch.setattr(head, "CONTROL_GROUP", tmp_path / "memory.max")
    (tmp_path / "memory.max").write_text("100000000\n")
    assert head.memory_limit() == 10**8
    (tmp_path / "memory.max").write_text("max\n")
    assert head.memory_limit() >= machine
    monkeypatch.setattr(head.resource, "getrlimit", lambda kind: (5 * 10**7, -1))
    assert head.memory_limit() == 5 * 10**7


def test_train_says_which_head_it_took_before_the_first_episode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(f"{__name__}.made", world("a_0", "a_1", actions=2000))
    options = ["--episodes", "1", "--min-updates", "1", "--batch-size", "8", "--run"]
    assert main(["train", f"{__name__}:made", *options, str(tmp_path / "run")]) == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert first == (
        "head: additive, as always with more than 64 actions (here 2,000): the pairwise one would "
        "take 12.8 GB"
    )
    given = [*options, str(tmp_path / "other"), "--head", "additive"]
    assert main(["train", f"{__name__}:made", *given]) == 0
    assert "head:" not in capsys.readouterr().out
