"""The MAgent2 engine, an optional package: imported when a battle or a pursuit is made."""

from functools import cache
from importlib import import_module
from typing import Any

from cmfq.errors import UserError


@cache
def engine_module(name: str) -> Any:
    """A module of MAgent2, such as ``gridworld``.

    Raises:
        UserError: MAgent2 is not installed.
    """
    try:
        return import_module(f"magent2.{name}")
    except ModuleNotFoundError as error:
        raise UserError(
            f"battle and pursuit need MAgent2, of which {error.name} is not installed: "
            "pip install 'cmfq[magent]'"
        ) from error
