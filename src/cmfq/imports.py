"""Functions and other parts of the user's own, named ``module:name``."""

import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from cmfq.errors import UserError, did_you_mean, told
from cmfq.zoo import is_shipped


def own_names(*names: str) -> list[str]:
    """Those of the names that are ``module:name`` of the user's own, in order."""
    return [name for name in names if ":" in name and not is_shipped(name)]


def import_object(kind: str, name: str) -> object:
    """Import what ``module:name`` names.

    The working directory is searched as well, last: a console script would not look there.

    Args:
        kind: what it is to be used as, for the error.
        name: names of the module and of what is in it.

    Raises:
        UserError: it cannot be imported.
    """
    module, _, attribute = name.partition(":")
    if not module or not attribute:
        raise UserError(f"{kind} is {name!r}: name it as module:function")
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.append(here)
    names: list[str] = []
    try:
        found = import_module(module)
        names = dir(found)
        return getattr(found, attribute)
    except Exception as error:
        why = error if isinstance(error, ImportError | AttributeError) else told(error)
        near = did_you_mean(attribute, names).strip()
        way_out = f"; {near}" if near else ""
        raise UserError(f"{kind} {name!r} cannot be imported: {why}{way_out}") from error


def import_function(kind: str, name: str) -> Callable[..., Any]:
    """Import the function that ``module:name`` names (see :func:`import_object`).

    Raises:
        UserError: it cannot be imported, or is no function.
    """
    found = import_object(kind, name)
    if not callable(found):
        raise UserError(f"{kind} {name!r} is not a function")
    return found


def source_of(kind: str, name: str) -> bytes:
    """Content of the file of the module in ``module:name``; empty if it is in no file.

    Raises:
        UserError: it cannot be imported.
    """
    import_object(kind, name)
    file = getattr(sys.modules[name.partition(":")[0]], "__file__", None)
    return Path(file).read_bytes() if file else b""
