"""The command line that does a result again, to be stored beside it."""

from collections.abc import Mapping
from typing import Any


def changes(default: object, settings: object) -> dict[str, Any]:
    """Settings that are not as they are by default."""
    return {
        name: value for name, value in vars(settings).items() if value != getattr(default, name)
    }


def option_words(options: Mapping[str, Any]) -> list[str]:
    """Options as they are typed: ``--max-steps 400``."""
    return [
        word
        for name, value in options.items()
        for word in (f"--{name.replace('_', '-')}", str(value))
    ]
