"""Training that starts from the weights of an earlier run."""

import shutil
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import cmfq
from cmfq.environments.pursuit import PursuitSettings
from cmfq.errors import UserError
from cmfq.experiments.training import train_missing
from cmfq.notices import Notice
from cmfq.play.players import load_player
from cmfq.training.checkpoint import load_checkpoint
from cmfq.training.run import Run
from cmfq.training.self_play import SelfPlay
from cmfq.training.settings import RunSettings, TrainSettings

Tiny = TrainSettings[cmfq.BattleSettings]


def last(run: Path) -> bytes:
    return sorted((run / "checkpoints").iterdir())[-1].read_bytes()


@pytest.fixture
def first(runs: Path, tmp_path: Path) -> Path:
    """A run of this test alone."""
    return Path(shutil.copytree(runs / "cmfq-0", tmp_path / "first"))


@pytest.mark.parametrize("what", ["run", "file"])
def test_every_copy_of_the_network_starts_from_the_last_checkpoint(
    tiny: Tiny, first: Path, what: str
) -> None:
    file = first / "checkpoints" / f"{2 if what == 'file' else 3:06d}.safetensors"
    settings = replace(tiny, start_from=str(file if what == "file" else first))
    with closing(SelfPlay(settings, load_player)) as begun:
        wanted = load_checkpoint(file).policies["agent"].network.state_dict()
        [side] = begun.sides.values()
        averaged = side.learner.averaged_policy().network
        for network in (side.policy.network, side.learner.target_network, averaged):
            for name, weight in network.state_dict().items():
                assert torch.equal(weight, wanted[name])


def test_it_learns_on_from_there(tiny: Tiny, first: Path, tmp_path: Path) -> None:
    learner = replace(tiny.learner, learning_rate=1e-12, final_learning_rate=1e-12)
    settings = replace(tiny, learner=learner)
    there = replace(settings, start_from=str(first))
    cmfq.train(settings, run=tmp_path / "anew")
    cmfq.train(there, run=tmp_path / "on")
    wanted = load_checkpoint(first).policies["agent"].network.state_dict()
    for run, alike in (("anew", False), ("on", True)):
        found = load_checkpoint(tmp_path / run).policies["agent"].network.state_dict()
        same = [torch.allclose(found[name], wanted[name], atol=1e-6) for name in wanted]
        assert all(same) is alike


def test_a_stopped_run_needs_its_start_no_more(tiny: Tiny, first: Path, tmp_path: Path) -> None:
    settings = replace(tiny, start_from=str(first), opponents=("self", "past"))
    cmfq.train(settings, run=tmp_path / "whole")
    stopped = cmfq.train(settings, run=tmp_path / "parts", should_stop=lambda: True)
    assert not stopped.finished
    shutil.rmtree(first)
    assert cmfq.resume(tmp_path / "parts").finished
    assert last(tmp_path / "parts") == last(tmp_path / "whole")


def test_a_run_whose_state_is_gone_does_not_ask_for_its_start(
    tiny: Tiny, first: Path, tmp_path: Path
) -> None:
    settings = replace(tiny, episodes=2, start_from=str(first))
    for what in ("state.safetensors", "metrics.jsonl"):
        cmfq.train(settings, run=tmp_path / what)
        shutil.rmtree(tmp_path / what / "checkpoints")
        (tmp_path / what / "state.safetensors").unlink()
    (tmp_path / what / "metrics.jsonl").write_text('{"epis')  # the first row was cut short
    shutil.rmtree(first)
    for what in ("state.safetensors", "metrics.jsonl"):
        with pytest.raises(UserError, match=r"state.safetensors is gone, and the run cannot"):
            cmfq.resume(tmp_path / what)
        with pytest.raises(UserError, match=r"state.safetensors is gone, and the run cannot"):
            list(train_missing({what: settings}, tmp_path))


def test_a_run_killed_before_its_first_state_starts_there(
    tiny: Tiny, first: Path, tmp_path: Path
) -> None:
    settings = replace(tiny, start_from=str(first))
    cmfq.train(settings, run=tmp_path / "whole")
    with closing(SelfPlay(settings, load_player)) as self_play:
        Run.create(tmp_path / "killed", self_play.settings)
    cmfq.resume(tmp_path / "killed")
    assert last(tmp_path / "killed") == last(tmp_path / "whole")


def test_many_runs_start_there_and_are_continued_without_it(
    tiny: Tiny, first: Path, tmp_path: Path
) -> None:
    runs: dict[str, RunSettings] = {"a": replace(tiny, start_from=str(first))}
    cmfq.train(runs["a"], run=tmp_path / "whole")
    cmfq.train(runs["a"], run=tmp_path / "many" / "a", should_stop=lambda: True)
    shutil.rmtree(first)
    assert list(train_missing(runs, tmp_path / "many")) == ["a"]
    assert last(tmp_path / "many" / "a") == last(tmp_path / "whole")


@pytest.mark.parametrize("workers", [1, 2])
def test_a_run_of_a_plan_waits_for_the_one_that_it_starts_from(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    monkeypatch.chdir(tmp_path)
    small = replace(tiny, episodes=4)
    runs: dict[str, RunSettings] = {
        "last": replace(
            small, seed=2, start_from="many/../many/next/checkpoints/000004.safetensors"
        ),
        "next": replace(small, seed=1, start_from=str(tmp_path / "many" / "first")),
        "first": small,
    }
    cmfq.train(small, run="many/first", should_stop=Path("many/first/checkpoints").exists)
    assert list(train_missing(runs, Path("many"), workers)) == ["first", "next", "last"]
    for name, start in (("first", None), ("next", "many/first"), ("last", "many/next")):
        cmfq.train(replace(runs[name], start_from=start), run=f"alone-{name}")
        assert last(Path("many") / name) == last(Path(f"alone-{name}"))
    other = replace(runs["next"], start_from="many/first")
    assert list(train_missing({"next": other}, Path("many"))) == []


def test_runs_of_a_plan_whose_start_is_never_finished(tiny: Tiny, tmp_path: Path) -> None:
    one = replace(tiny, episodes=1)
    runs: dict[str, RunSettings] = {
        "b": replace(one, start_from=str(tmp_path / "a")),
        "a": replace(one, start_from="nobody"),
        "c": one,
    }
    finished: list[str] = []
    with pytest.raises(UserError, match=r"2 of 3 runs .*a \(.*nobody.*\); b \(it starts from a\)"):
        finished.extend(train_missing(runs, tmp_path))
    assert finished == ["c"]
    runs["a"] = replace(one, start_from=str(tmp_path / "b"))
    with pytest.raises(UserError, match="none of b, a can be trained first: each starts from"):
        list(train_missing(runs, tmp_path))


@pytest.mark.parametrize(
    "file",
    ["000003.safetensors", "000008.safetensors", "last.safetensors", "4.safetensors", "000004.pt"],
)
def test_a_checkpoint_that_will_not_be_written_is_no_start(
    tiny: Tiny, tmp_path: Path, file: str
) -> None:
    """The first run has checkpoints after 2, 4 and 5 episodes."""
    first = replace(tiny, episodes=5, checkpoint_period=2)
    start = tmp_path / "first" / "checkpoints" / file
    runs: dict[str, RunSettings] = {"first": first, "next": replace(first, start_from=str(start))}
    for _ in range(2):  # while the first is yet to be trained, and when it is finished
        with pytest.raises(UserError, match=r"next starts from .*first has no such checkpoint"):
            list(train_missing(runs | {"other": replace(first, seed=7)}, tmp_path))
        assert not (tmp_path / "other").exists()
        list(train_missing({"first": first}, tmp_path))


def test_checkpoints_of_episodes_side_by_side(tiny: Tiny) -> None:
    together = replace(tiny, episodes=20, environments=8, checkpoint_period=5)
    assert [one for one in range(24) if together.has_checkpoint(one)] == [8, 16, 20]


def test_of_an_ensemble_the_run_s_own_network_is_taken(tiny: Tiny, tmp_path: Path) -> None:
    one = replace(
        tiny, ensemble=2, checkpoint_period=1, network=replace(tiny.network, head="pairwise")
    )
    cmfq.train(one, run=tmp_path / "first")
    settings = replace(one, start_from=str(tmp_path / "first"))
    with (
        pytest.warns(Notice, match="first: training starts from the last of its 2 networks"),
        closing(SelfPlay(settings, load_player)) as begun,
    ):
        [side] = begun.sides.values()
        network = load_checkpoint(tmp_path / "first").policies["agent"].network
        assert len(network.members) == 1
        assert not len(side.policy.network.members)
        for name, weight in side.policy.network.state_dict().items():
            assert torch.equal(weight, network.state_dict()[name])


def test_what_training_cannot_start_from(tiny: Tiny, first: Path, tmp_path: Path) -> None:
    def refused(settings: RunSettings, match: str) -> None:
        with pytest.raises(UserError, match=match):
            cmfq.train(settings, run=tmp_path / "run")
        assert not (tmp_path / "run").exists()

    refused(
        replace(tiny, start_from="swarm"), "start_from is swarm, a player without weights: give"
    )
    refused(replace(tiny, start_from="nobody"), "start_from is nobody: there is no player 'nobody'")
    settings = replace(tiny, start_from=str(first))
    for other in (
        replace(settings, network=replace(tiny.network, hidden_units=17)),
        replace(settings, algorithm="attention-mfq"),
    ):
        refused(other, "start_from is .*: its network of agent is another one than that of these")
    for network, difference in (
        (replace(tiny.network, activation="silu"), "activation relu instead of silu"),
        (
            replace(tiny.network, place=False, compass=True, stride=1),
            "stride 2 instead of 1, place True instead of False, compass False instead of True",
        ),
    ):
        refused(replace(settings, network=network), rf"these settings \({difference}\); give the")
    pursuit = replace(settings, environment=PursuitSettings(predators=12, max_steps=5))
    refused(pursuit, r"start_from is .* was trained on battle: it cannot play pursuit")
    with pytest.raises(UserError, match="in Python, give SelfPlay load_player"):
        SelfPlay(settings)


@pytest.mark.filterwarnings("ignore:attention_units is 7 and does nothing")
def test_settings_that_a_network_does_not_use_may_differ(tiny: Tiny, first: Path) -> None:
    network = replace(tiny.network, head="auto", attention_units=7)
    other = replace(tiny, start_from=str(first), network=replace(network, head="additive"))
    SelfPlay(other, load_player).close()
    pairwise = replace(tiny, episodes=1, network=network)
    cmfq.train(pairwise, run=first.parent / "pairwise")
    there = replace(pairwise, start_from=str(first.parent / "pairwise"))
    SelfPlay(there, load_player).close()


def test_a_start_that_is_not_finished_is_told_of(tiny: Tiny, tmp_path: Path) -> None:
    cmfq.train(tiny, run=tmp_path / "two", should_stop=(tmp_path / "two/checkpoints").exists)
    sentence = "two, a run that has not finished its 6 episodes: training starts from .* episode 2$"
    with pytest.warns(Notice, match=sentence):
        SelfPlay(replace(tiny, start_from=str(tmp_path / "two")), load_player).close()
    file = tmp_path / "two" / "checkpoints" / "000002.safetensors"
    SelfPlay(replace(tiny, start_from=str(file)), load_player).close()  # asked for, no notice


def test_a_start_runs_no_code(tiny: Tiny, first: Path) -> None:
    with pytest.raises(UserError, match="start_from is json:loads, a player of your own, which"):
        replace(tiny, start_from="json:loads")
    file = first / "run.json"
    file.write_text(file.read_text().replace('"start_from": null', '"start_from": "this:d"'))
    with pytest.raises(UserError, match="start_from is this:d, a player of your own, which"):
        cmfq.resume(first)
    assert "this" not in sys.modules


@pytest.mark.parametrize("what", ["start_from", "opponents", "evaluate_against"])
def test_a_player_is_named_by_a_string(tiny: Tiny, what: str) -> None:
    path: Any = Path("first") if what == "start_from" else ("random", Path("first"))
    with pytest.raises(UserError, match=rf"{what} has .*Path\('first'\), .*: give 'first'$"):
        replace(tiny, **{what: path})
