"""Functions of the user's own, named ``module:function``."""

import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from cmfq.errors import UserError


def import_function(kind: str, name: str) -> Callable[..., Any]:
    """Import the function that ``module:function`` names.

    The working directory is searched as well, last: a console script would not look there.

    Args:
        kind: what it is to be used as, for the error.
        name: of module and function.

    Raises:
        UserError: it cannot be imported, or is no function.
    """
    module, _, function = name.partition(":")
    if not module or not function:
        raise UserError(f"{kind} is {name!r}: name it as module:function")
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.append(here)
    try:
        found: Callable[..., Any] = getattr(import_module(module), function)
    except Exception as error:
        raise UserError(f"{kind} {name!r} cannot be imported: {error}") from error
    if not callable(found):
        raise UserError(f"{kind} {name!r} is no function")
    return found
