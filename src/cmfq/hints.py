"""Commands that messages advise: what is printed can be typed as it stands."""

import shlex
from collections.abc import Sequence

TRUST_VARIABLE = "CMFQ_RUN_OWN_FUNCTIONS"
"""Environment variable that allows files to name functions outside the package."""


def command(*words: object, own_functions: Sequence[str] = ()) -> str:
    """A command line of cmfq, quoted for a shell.

    Args:
        words: words of the command, without the program's name.
        own_functions: that it calls because a file says so; with any, the line allows it.
    """
    line = shlex.join(["cmfq", *map(str, words)])
    return f"{TRUST_VARIABLE}=1 {line}" if own_functions else line
