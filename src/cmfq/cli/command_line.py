"""Command lines that repeat a result, to be stored beside it."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from cmfq.training.presets import preset_training
from cmfq.training.settings import TrainSettings


def changes(default: Any, settings: Any) -> dict[str, Any]:
    """Settings that differ from the default."""
    names = [field.name for field in fields(type(settings))]
    return {
        name: getattr(settings, name)
        for name in names
        if getattr(settings, name) != getattr(default, name)
    }


def flat_changes(default: Any, settings: Any) -> dict[str, Any]:
    """Settings that differ from the default, those of parts within them included."""
    found: dict[str, Any] = {}
    for name, value in changes(default, settings).items():
        if is_dataclass(value):
            found |= flat_changes(getattr(default, name), value)
        else:
            found[name] = value
    return found


def option_words(options: Mapping[str, Any]) -> list[str]:
    """Options as they are typed: ``--max-steps 400``, ``--no-share-roles``, ``--teams a=x b=y``."""
    words = []
    for name, value in options.items():
        option = name.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{option}" if value else f"--no-{option}")
        elif isinstance(value, list | tuple):
            words += [f"--{option}", *map(str, value)]
        else:
            words += [f"--{option}", str(value)]
    return words


def preset_options(name: str, environment: Any) -> list[str]:
    """Settings of a preset in an environment, as options: ``["--episodes", "80"]``.

    Raises:
        UserError: there is no such preset, or it does not fit the environment.
    """
    set_by_preset = flat_changes(TrainSettings(environment), preset_training(name, environment))
    set_by_preset.pop("preset", None)
    return option_words(set_by_preset)
