"""Numbers that are damaged, or too large to reckon with, are one sentence."""

import json
from pathlib import Path
from shutil import copytree

import pytest
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from cmfq.cli import main
from cmfq.results.page import Page, Section
from cmfq.results.writing import as_html

OLD = Path(__file__).parent / "old_files" / "run"


@pytest.mark.parametrize(
    "command", ["evaluate {0} random --games 1 --workers 1", "check {0}", "explain {0} --step 0"]
)
def test_weights_too_large_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    whole = max((OLD / "checkpoints").iterdir())
    with safe_open(whole, "pt") as file:
        metadata = file.metadata()
    weights = load_file(whole)
    weights = {name: weight * 1e30 for name, weight in weights.items()}
    assert all(weight.isfinite().all() for weight in weights.values())
    damaged = tmp_path / "damaged.safetensors"
    save_file(weights, damaged, metadata)
    assert main(command.format(damaged).split()) == 2
    assert "Q-values are no finite numbers" in capsys.readouterr().err


def test_words_for_numbers_in_metrics_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = copytree(OLD, tmp_path / "run")
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    rows[0]["playing_seconds"] = "x"
    (run / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert main(["resume", str(run)]) == 2
    error = capsys.readouterr().err
    assert "metrics.jsonl" in error and "playing_seconds" in error and "line 1" in error


def test_a_page_holds_no_raw_escape_codes() -> None:
    html = as_html(Page("a\x1b[31m", [Section("", ["b\x1b[31m\u202e"])], []), {})
    assert "\x1b" not in html and "\u202e" not in html
    assert "b\\x1b[31m\\u202e" in html
