"""The study of devices: what was measured is kept, and the page says what limits it."""

from pathlib import Path

import pytest

from studies import devices
from studies.devices import Row, main, page_of
from studies.kept_rows import read_rows


def test_what_was_measured_is_not_measured_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "SHAPES", {"cpu": ((64, 2, 1, 32),)})
    monkeypatch.setattr(devices, "BATCHES", (32,))
    options = ["--out", str(tmp_path), "--devices", "cpu", "--steps", "3"]
    assert main(options) == 0
    first = read_rows(tmp_path, Row)
    assert [row.kind for row in first] == ["training", "update"]
    assert all(value > 0 for row in first for value in row.values.values())
    monkeypatch.setattr(devices, "measure", None)
    assert main(options) == 0
    assert read_rows(tmp_path, Row) == first
    text = (tmp_path / "README.md").read_text()
    assert f"| {first[0].device} | 64 | 2 | 1 | 32 |" in text


def test_the_page_says_what_takes_most_of_the_time() -> None:
    values = {"environment_ms": 6.0, "acting_ms": 3.0, "learning_ms": 1.0}
    card, case = "cuda:0 (a card)", {"size": 64, "worlds": 1, "threads": 1, "batch": 256}
    fast = {**case, "worlds": 8}
    rows = [
        Row(card, "training", case, {**values, "agent_steps_per_second": 1e4}),
        Row(card, "training", fast, {**values, "agent_steps_per_second": 5e4}),
        Row(card, "update", {"batch": 256}, {"kernels_ms": 4.0, "graph_ms": 1.0}),
        Row("cpu (AVX2)", "update", {"batch": 256}, {"kernels_ms": 9.0}),
        Row(
            card,
            "runs",
            {"runs": 4, "preset": "paper", "episodes": 32, "worlds": 16},
            {"seconds": 50.0, "agent_steps": 1e6},
        ),
    ]
    text = str(page_of(rows, "again"))
    assert (
        "a card): 50,000 agent-steps a second at most, with 8 parallel episodes of 64 a side"
        in text
    )
    assert "60% of that time is environment" in text
    assert "make 20,000 agent-steps a second together: 32 episodes of each in 50 seconds." in text
    assert "a CUDA graph speeds an update up 4.0 times with 256 rows" in text
