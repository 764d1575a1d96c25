"""Settings of runs from what a plan says: dotted paths and values."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cmfq.decoding import Damage, damage_of, decode_text, decode_toml, read_bytes
from cmfq.environments.registry import default_settings
from cmfq.errors import UserError, unknown_name
from cmfq.storage import flatten, plain
from cmfq.training.description import read_settings
from cmfq.training.presets import preset_training
from cmfq.training.settings import RunSettings

NOT_SETTINGS = ("seed", "algorithm", "algorithms")
"""Settings that plans set by their other parts."""
KINDS = {str: "name", int: "number", list: "list", dict: "table of settings"}
"""Types of the parts of plans, as messages call them."""


def read_parts(path: Path, parts: Mapping[str, tuple[type, ...]]) -> dict[str, Any]:
    """Parts of a plan, a TOML file.

    Args:
        path: the file.
        parts: types that each part may have.

    Raises:
        UserError: it cannot be read, or has another part, or one of another type.
    """
    with damage_of(f"the plan {path}", "give a TOML file with a plan"):
        raw = decode_toml(decode_text(read_bytes(path)))
    for name, value in raw.items():
        if name not in parts:
            raise unknown_name(f"part of the plan {path}", name, list(parts))
        if not isinstance(value, parts[name]) or isinstance(value, bool):
            kinds = " or a ".join(KINDS[kind] for kind in parts[name])
            raise UserError(f"{name} of {path} is {value!r}: give a {kinds}")
    return raw


def planned_settings(environment: str, values: Mapping[str, object]) -> RunSettings:
    """Settings of a run: those of its preset, with these values.

    Args:
        environment: name of the environment, as ``cmfq train`` takes it.
        values: values by path, as run.json has it: ``{"learner.discount": 0.9}``; ``preset`` among
            them sets all others first.

    Raises:
        UserError: a setting does not exist, or does not take the value.
    """
    world = default_settings(environment)
    raw = plain(preset_training(str(values.get("preset", "paper")), world))
    for path, value in values.items():
        _put(raw, path, value)
    try:
        return read_settings(world.kind, raw)
    except Damage as error:
        raise UserError(f"a level or setting of the plan {error}: give another") from error


def _put(settings: dict[str, Any], path: str, value: object) -> None:
    """Set what a dotted path names; it must be there."""
    known = flatten(settings)
    if path not in known:
        raise unknown_name("setting in the plan", path, list(known))
    *parents, name = path.split(".")
    place: Any = settings
    for parent in parents:
        place = place[parent]
    place[name] = value
