"""Weights that runs end with, to be compared byte by byte."""

from collections.abc import Mapping
from pathlib import Path

from cmfq.training.settings import RunSettings


def last_checkpoints(folder: Path, runs: Mapping[str, RunSettings]) -> dict[str, bytes]:
    """Last checkpoint of each run in a folder."""
    return {
        name: (folder / name / "checkpoints" / f"{one.episodes:06d}.safetensors").read_bytes()
        for name, one in runs.items()
    }
