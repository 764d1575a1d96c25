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
    network = replace(tiny.network, head="pairwise")
    run = cmfq.train(replace(tiny, network=network, episodes=2), run=tmp_path / "run").path
    folders = [
        copy_with(run, tmp_path / f"run-{number}", [(share, share)] * 2)
        for number, share in enumerate(shares)
    ]
    out = tmp_path / "policy.safetensors"
    words = ["export", *map(str, folders), "--out", str(out), "--method", "ensemble"]
    assert main(words) == 0
    said = capsys.readouterr().err
    assert (f"{folders[1]} (70%) than in the median of these runs (93%)" in said) == named
    assert out.is_file()
    assert main([*words[:3], *words[4:]]) == 0  # of two nobody stands out
    assert "median" not in capsys.readouterr().err
