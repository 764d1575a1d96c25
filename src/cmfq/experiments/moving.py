"""Runs that continue on another device or kind of processor, and what is said of it."""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cmfq.devices import available, moved_text
from cmfq.errors import UserError
from cmfq.notices import notify
from cmfq.training.run import Run
from cmfq.training.settings import RunSettings


def continued(stored: RunSettings, requested: RunSettings) -> RunSettings:
    """Settings with which an unfinished run continues: its own, on the requested device.

    With ``auto`` it stays on its own device where this machine has that one, bit for bit.
    """
    stays = requested.device == "auto" and stored.device in available()
    return stored if stays else stored.computed(requested.device, None)


@contextmanager
def moves_told(names: Collection[str], folder: Path) -> Iterator[Callable[[str], None]]:
    """Notices of the runs that continue on another device in the block.

    Their folders say it (see :meth:`cmfq.training.run.Run.move`), whatever became of the workers
    that wrote them: killed, interrupted, or on another machine.

    Args:
        names: names of the runs.
        folder: folder of their folders.

    Yields:
        Called with the name of a run that has ended; those of all others come with the end of the
        block.
    """
    known = {name: _devices(folder / name) for name in names}

    def tell(name: str) -> None:
        for sentence in _moves(folder / name, known[name]):
            notify(sentence, sentence)

    try:
        yield tell
    finally:
        for name in known:
            tell(name)


def _moves(path: Path, known: dict[str, str]) -> Iterator[str]:
    """A sentence for each device of a run that is not among those known, nor its first one."""
    before = ""
    for episode, device in (known | _devices(path)).items():
        before = known.get(episode, before)
        if before and device != before:
            yield moved_text(path, before, device, int(episode))
        before = device


def _devices(path: Path) -> dict[str, str]:
    """Devices of a run, by the number of episodes after which they were taken up."""
    with suppress(UserError):  # there is none yet, or others say what is wrong with it
        description = Run.open(path).description()
        return description.devices or {"0": description.settings.device}
    return {}
