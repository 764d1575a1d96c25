"""What a run's own training tells of its strength: whether its hurt agents fight."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

import cmfq
from cmfq.cli import main
from cmfq.training.retreat import attacks_of_hurt


def copy_with(run: Path, folder: Path, shares: Sequence[Sequence[float | None]]) -> Path:
    """A copy of a run with other shares of attacks, of both teams, by episode."""
    shutil.copytree(run, folder)
    file = folder / "metrics.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    for row, share in zip(rows, shares, strict=True):
        row["attacks_hurt"] = list(share)
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def test_the_share_is_that_of_known_attacks_up_to_an_episode(runs: Path, tmp_path: Path) -> None:
    episodes = len((runs / "cmfq-0" / "metrics.jsonl").read_text().splitlines())
    shares = [(None, None), (0.5, None), *[(0.8, 1.0)] * (episodes - 2)]
    run = copy_with(runs / "cmfq-0", tmp_path / "run", shares)
    later = 2 * (episodes - 2)
    assert attacks_of_hurt(run) == pytest.approx((0.5 + 0.9 * later) / (1 + later))
    assert attacks_of_hurt(run, until=2) == 0.5
    assert attacks_of_hurt(run, until=1) is None


def copies_with(
    tiny: cmfq.TrainSettings[cmfq.BattleSettings], folder: Path, shares: Sequence[float | None]
) -> list[Path]:
    """Copies of one run, each with its share of attacks of hurt agents."""
    network = replace(tiny.network, head="pairwise")
    run = cmfq.train(replace(tiny, network=network, episodes=2), run=folder / "run").path
    return [
        copy_with(run, folder / f"run-{number}", [(share, share)] * 2)
        for number, share in enumerate(shares)
    ]


@pytest.mark.parametrize(
    ("shares", "named"), [((0.97, 0.7, 0.93), True), ((0.97, 0.85, 0.93), False)]
)
def test_an_ensemble_says_in_which_run_hurt_agents_retreat(
    shares: tuple[float, ...],
    named: bool,
    tiny: cmfq.TrainSettings[cmfq.BattleSettings],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folders = copies_with(tiny, tmp_path, shares)
    out = tmp_path / "policy.safetensors"
    words = ["export", *map(str, folders), "--out", str(out), "--method", "ensemble"]
    assert main(words) == 0
    said = capsys.readouterr().err
    assert (f"{folders[1]} (70%) than in the median of these runs (93%)" in said) == named
    assert out.is_file()
    assert main([*words[:3], *words[4:]]) == 0  # of two nobody stands out
    assert "median" not in capsys.readouterr().err


def test_runs_whose_hurt_agents_retreat_are_left_out_if_asked(
    tiny: cmfq.TrainSettings[cmfq.BattleSettings],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folders = copies_with(tiny, tmp_path, (0.97, 0.7, 0.88))
    words = ["export", *map(str, folders), "--method", "ensemble"]
    few, same = tmp_path / "few.safetensors", tmp_path / "same.safetensors"
    assert main([*words, "--out", str(few), "--least-attacks-hurt", "0.88"]) == 0
    assert (
        f"the last checkpoint of each of 2 runs, without {folders[1]}: " in capsys.readouterr().out
    )
    rest = ["export", str(folders[0]), str(folders[2]), "--method", "ensemble"]
    assert main([*rest, "--out", str(same)]) == 0
    assert few.read_bytes() == same.read_bytes()


@pytest.mark.parametrize(
    ("shares", "words", "said"),
    [
        ((0.5, 0.6006), ["0.9"], "hurt agents attacked less in all of these runs, in 0.600 of"),
        ((0.5, None), ["0.9"], "run-1: leave least_attacks_hurt out"),
        ((0.5,), ["1.1"], "least_attacks_hurt is 1.1: give a share from 0 to 1"),
        ((0.5,), ["nan"], "least_attacks_hurt is nan: give a share from 0 to 1"),
        ((0.5,), ["0.4", "--method", "last"], "method is last: give method ensemble"),
    ],
)
def test_runs_cannot_be_left_out(
    shares: tuple[float | None, ...],
    words: list[str],
    said: str,
    tiny: cmfq.TrainSettings[cmfq.BattleSettings],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folders = copies_with(tiny, tmp_path, shares)
    out = tmp_path / "policy.safetensors"
    usual = ["export", *map(str, folders), "--out", str(out), "--method", "ensemble"]
    assert main([*usual, "--least-attacks-hurt", *words]) == 2
    assert said in capsys.readouterr().err
    assert not out.exists()
