"""The command line that does a result again, to be stored beside it."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any


def changes(default: Any, settings: Any) -> dict[str, Any]:
    """Settings that are not as they are by default."""
    names = [field.name for field in fields(type(settings))]
    return {
        name: getattr(settings, name)
        for name in names
        if getattr(settings, name) != getattr(default, name)
    }


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
