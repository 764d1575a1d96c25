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
    """Options as they are typed: ``--max-steps 400``."""
    return [
        word
        for name, value in options.items()
        for word in (f"--{name.replace('_', '-')}", str(value))
    ]
