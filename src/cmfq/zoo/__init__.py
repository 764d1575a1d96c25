"""Trained policies that come with the package: ``zoo:NAME`` wherever a player is named.

Each is a run folder without the state that resuming needs. ``README.md`` in this folder has the
command that trained each.
"""

import json
from pathlib import Path

from cmfq.errors import unknown_name

PREFIX = "zoo:"
FOLDER = Path(__file__).parent


def shipped(kind: str = "") -> list[str]:
    """Names of the shipped policies, each with its prefix: ``zoo:cmfq64``, ...

    Args:
        kind: kind of environment that they were trained in; empty: all of them.
    """
    return [
        f"{PREFIX}{run.parent.name}"
        for run in sorted(FOLDER.glob("*/run.json"))
        if not kind or json.loads(run.read_bytes())["environment"] == kind
    ]


def is_shipped(name: str | Path) -> bool:
    """Whether a name is meant as that of a shipped policy: it begins with ``zoo:``."""
    return str(name).startswith(PREFIX)


def locate(name: str | Path) -> Path:
    """The file or folder that a name stands for, whether or not anything is there.

    Args:
        name: a path, or ``zoo:NAME`` for a policy that comes with the package. ``zoo/NAME``, which
            commands and stored runs of version 0.1.0 name, means ``zoo:NAME`` if no such folder is
            there.

    Raises:
        UserError: no such policy comes with the package.
    """
    if is_shipped(name):
        policy, _, _ = str(name).partition("/")
        if policy not in shipped():
            raise unknown_name("shipped policy", policy, shipped())
        return FOLDER / str(name).removeprefix(PREFIX)
    path = Path(name)
    if path.parent == Path("zoo") and f"{PREFIX}{path.name}" in shipped() and not path.exists():
        return FOLDER / path.name
    return path
