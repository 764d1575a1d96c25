"""Many runs that continue elsewhere: on the device of the plan, stored, and told whatever ends it.

There may be no GPU here: the runs say that they began on one.
"""

import json
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import cmfq
from cmfq.cli import main
from cmfq.devices import describe
from cmfq.environments.battle import BattleSettings
from cmfq.errors import UserError
from cmfq.experiments.moving import continued
from cmfq.experiments.plan import read_many
from cmfq.experiments.training import differences, train_missing, unfinished
from cmfq.notices import Notice
from cmfq.training.run import Run
from cmfq.training.settings import RunSettings

CARD = "cuda:0 (a card)"


@pytest.fixture
def settings(planned: dict[str, RunSettings]) -> RunSettings:
    return replace(
        planned["cmfq-3"],
        environment=BattleSettings(size=12, max_steps=8),
        episodes=3,
        checkpoint_period=1,
        device="cpu",
    )


def begin(run: Path, settings: RunSettings, episodes: int, **device: object) -> None:
    """Train some episodes, as if on a GPU."""
    played: list[object] = []
    cmfq.train(
        settings, run=run, on_episode=played.append, should_stop=lambda: len(played) >= episodes
    )
    stored = json.loads((run / "run.json").read_text())
    assert stored["devices"] == {"0": describe("cpu")}
    stored["settings"]["device"] = "cuda:0"
    stored["devices"] = {"0": CARD}
    (run / "run.json").write_text(json.dumps(stored | device))


def devices_of(run: Path) -> tuple[str, dict[str, str]]:
    description = Run.open(run).description()
    return description.settings.device, description.devices


def told_by(call: Callable[[], object]) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", Notice)
        call()
    return [str(one.message) for one in caught]


def sentence(run: Path, episode: int, before: str = CARD) -> str:
    return (
        f"{run} continues on {describe('cpu')} after {before}: from episode {episode} on it is no "
        "longer bit for bit what it would have been"
    )


@pytest.mark.parametrize("device", ["auto", "cpu", "cuda", "cuda:0", "cuda:1"])
def test_a_finished_run_is_trained_whatever_device_the_plan_names(
    settings: RunSettings, tmp_path: Path, device: str
) -> None:
    run = tmp_path / "a"
    begin(run, replace(settings, episodes=1), 1)
    runs = {"a": replace(settings, episodes=1, device=device)}
    assert unfinished(runs, tmp_path) == []
    assert told_by(lambda: list(train_missing(runs, tmp_path))) == []
    assert devices_of(run) == ("cuda:0", {"0": CARD})


def test_what_changes_results_stays_a_difference(settings: RunSettings) -> None:
    for other in (replace(settings, threads=2), replace(settings, arithmetic="bfloat16")):
        ((path, value),) = differences(settings, other).items()
        assert getattr(other, path) == value
    assert differences(replace(settings, device="cuda"), settings) == {}


def test_a_run_continues_on_the_device_that_is_requested(
    settings: RunSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cmfq.experiments.moving.available", lambda: ["cpu", "cuda:0", "cuda:1"])

    def device(stored: str, requested: str) -> str:
        ours = replace(settings, device=stored, record_period=7)
        found = continued(ours, replace(settings, device=requested))
        assert replace(found, device=stored) == ours, "all else is its own"
        return found.device

    assert [device("cuda:1", one) for one in ("cpu", "cuda", "cuda:0")] == ["cpu", "cuda", "cuda:0"]
    assert [device(one, "auto") for one in ("cpu", "cuda:1")] == ["cpu", "cuda:1"]
    assert device("cuda:2", "auto") == "auto", "this machine does not have it"


@pytest.mark.parametrize("workers", [1, 2])
def test_a_run_that_continues_elsewhere_stores_and_tells_it(
    settings: RunSettings, tmp_path: Path, workers: int
) -> None:
    begin(tmp_path / "moved", settings, 2)
    runs = {"moved": settings, "new": replace(settings, episodes=1)}
    trained: list[str] = []
    told = told_by(lambda: trained.extend(train_missing(runs, tmp_path, workers)))
    assert sorted(trained) == ["moved", "new"]
    assert told == [sentence(tmp_path / "moved", 3)]
    assert devices_of(tmp_path / "moved") == ("cpu", {"0": CARD, "2": describe("cpu")})
    assert devices_of(tmp_path / "new") == ("cpu", {"0": describe("cpu")})


def test_a_plan_with_auto_continues_where_the_device_is_gone(
    settings: RunSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cmfq.devices.torch.cuda.is_available", lambda: False)
    begin(tmp_path / "a", settings, 1)
    runs = {"a": replace(settings, device="auto")}
    assert told_by(lambda: list(train_missing(runs, tmp_path))) == [sentence(tmp_path / "a", 2)]
    assert devices_of(tmp_path / "a") == ("cpu", {"0": CARD, "1": describe("cpu")})


def test_another_kind_of_processor_is_told_and_a_run_from_before_they_were_stored(
    settings: RunSettings, tmp_path: Path
) -> None:
    kind = "cpu (an old one)"
    begin(tmp_path / "kind", settings, 1, devices={"0": "cuda:0 (a card)", "1": kind})
    begin(tmp_path / "old", settings, 1, devices={})
    runs = dict.fromkeys(["kind", "old"], settings)
    assert told_by(lambda: list(train_missing(runs, tmp_path))) == [
        sentence(tmp_path / "kind", 2, kind),
        sentence(tmp_path / "old", 2, "cuda:0"),
    ]
    assert devices_of(tmp_path / "kind") == ("cpu", {"0": CARD, "1": describe("cpu")})
    assert devices_of(tmp_path / "old") == ("cpu", {"1": describe("cpu")})


def test_it_is_told_if_it_is_interrupted(
    settings: RunSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(tmp_path / "a", settings, 1)
    stops = iter([False])
    monkeypatch.setattr("cmfq.experiments.training.asked_to_stop", lambda: next(stops, True))

    def interrupted() -> None:
        with pytest.raises(KeyboardInterrupt):
            list(train_missing({"a": settings}, tmp_path))

    assert told_by(interrupted) == [sentence(tmp_path / "a", 2)]
    monkeypatch.undo()
    assert told_by(lambda: list(train_missing({"a": settings}, tmp_path))) == []


def test_a_trained_run_that_lacks_evaluations_has_not_moved(
    settings: RunSettings, tmp_path: Path
) -> None:
    evaluated = replace(settings, episodes=1, evaluate_period=1, evaluate_games=1)
    begin(tmp_path / "a", evaluated, 1)
    assert not (tmp_path / "a" / "evaluations.jsonl").exists()
    told = told_by(lambda: list(train_missing({"a": evaluated}, tmp_path)))
    assert told == []
    assert (tmp_path / "a" / "evaluations.jsonl").is_file()
    assert devices_of(tmp_path / "a") == ("cuda:0", {"0": CARD})


@pytest.mark.parametrize("workers", ["1", "2"])
def test_the_command_tells_it_and_refuses_other_threads(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], workers: str
) -> None:
    plan, runs = tmp_path / "plan.toml", tmp_path / "runs"
    text = (
        'algorithms = ["iql"]\nseeds = [0]\n[settings]\nepisodes = 2\ndevice = "cpu"\n'
        "environment.size = 12\nenvironment.max_steps = 8\nlearner.min_updates = 1\n"
        "learner.batch_size = 32\nlearner.replay_bytes = 8000000\nnetwork.channels = [4, 4]\n"
    )
    plan.write_text(text)
    words = ["train-many", str(plan), "--runs", str(runs), "--workers", workers]
    (settings,) = read_many(plan).runs().values()
    begin(runs / "iql-0", settings, 1)
    capsys.readouterr()
    assert main(words) == 0
    said = capsys.readouterr()
    assert f"cmfq: {sentence(runs / 'iql-0', 2)}\n" in said.err
    plan.write_text(text.replace('"cpu"', '"cuda"'))
    assert main(words) == 0
    assert "1 of 1 runs are trained" in capsys.readouterr().err
    plan.write_text(f"{text}threads = 2\n")
    assert main(words) == 2
    assert "was trained with threads 1, other settings" in capsys.readouterr().err
    with pytest.raises(UserError, match="threads 1"):
        cmfq.train_many(plan, folder=runs)
