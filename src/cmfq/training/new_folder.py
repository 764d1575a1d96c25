"""Where a new run may be made."""

from pathlib import Path

from cmfq.errors import UserError
from cmfq.outputs import RUN_SETTINGS, belongs_to_run
from cmfq.training.tracking import TRACKERS_FILE

LOCK_FILE = ".lock"
LEFTOVERS = (LOCK_FILE, TRACKERS_FILE, f"{RUN_SETTINGS}.part", f"{TRACKERS_FILE}.part")
"""Files of a run that was killed before it had its settings."""


def require_new_folder(path: Path, resume: str) -> None:
    """Refuse a folder that holds something, or lies among the files of another run.

    Args:
        path: path of the folder. One in which a run was killed before it had its settings counts
            as empty.
        resume: command that continues the run that is there, if one is.

    Raises:
        UserError: no run can be made there.
    """
    if belongs_to_run(path):
        raise UserError(f"{path} lies among the files of a run: give a folder outside of it")
    if path.is_dir() and any(file.name not in LEFTOVERS for file in path.iterdir()):
        or_resume = f", or continue with `{resume}`" if (path / RUN_SETTINGS).is_file() else ""
        raise UserError(f"{path} exists already: give another run folder{or_resume}")
