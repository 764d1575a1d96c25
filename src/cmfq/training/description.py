"""The content of run.json: settings of a run, and what it was made with."""

from dataclasses import dataclass, field
from typing import Any

from cmfq.decoding import convert
from cmfq.environments.registry import find_kind
from cmfq.training.opponent_settings import GATED
from cmfq.training.settings import RunSettings, TrainSettings


@dataclass(frozen=True)
class RunDescription:
    """Content of ``run.json``."""

    environment: str
    """Name of its kind."""
    settings: RunSettings
    versions: dict[str, str]
    skipped_seeds: list[int] = field(default_factory=list)
    """Seeds of episodes that could not be played and were left out."""
    devices: dict[str, str] = field(default_factory=dict)
    """Device and arithmetic, by the number of episodes after which they were taken up."""


@dataclass(frozen=True)
class StoredRun:
    """The same, as a file holds it: settings are those of its kind of environment."""

    environment: str
    settings: dict[str, Any]
    versions: dict[str, str]
    skipped_seeds: list[int] = field(default_factory=list)
    devices: dict[str, str] = field(default_factory=dict)


def read_settings(environment: str, raw: object) -> RunSettings:
    """Settings of a run in this kind of environment, from what JSON holds of them.

    Raises:
        Damage: there are no such settings, or a value is none of theirs.
        UserError: there is no such kind of environment.
    """
    kind = find_kind(environment)
    settings = _with_opponents(raw)
    return convert(settings, TrainSettings[kind])  # type: ignore[valid-type]


def _with_opponents(raw: object) -> object:
    """Settings of before there were mixes of opponents: one followed the learner as it was."""
    if not isinstance(raw, dict) or raw.get("opponent") != "snapshot":
        return raw
    pool = {"gate_games": raw.get("snapshot_period", 20), "gate_win_rate": 0.0}
    return {**raw, "opponents": [GATED], "opponent_pool": pool}
