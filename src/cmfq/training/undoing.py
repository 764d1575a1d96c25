"""Undo what play wrote if it fails: the state is then as it was before."""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

import numpy as np

from cmfq.errors import UserError
from cmfq.replay_buffer import ReplayBuffer


@contextmanager
def undone_on_failure(
    generators: Collection[np.random.Generator],
    replays: Collection[ReplayBuffer],
    keep: bool,
    on_undone: Callable[[], None],
) -> Iterator[None]:
    """Take back what is drawn and written in the block if it ends with a UserError.

    Args:
        generators: that are drawn from.
        replays: that are written to.
        keep: whether replays keep what they overwrite meanwhile (see :class:`~cmfq.undo.Undo`).
        on_undone: called if everything is as it was, before the error is raised again.
    """
    states = [one.bit_generator.state for one in generators]
    for replay in replays:
        replay.begin(keep)
    try:
        yield
    except UserError:
        for generator, state in zip(generators, states, strict=True):
            generator.bit_generator.state = state
        undone = [replay.end(take_back=True) for replay in replays]
        if all(undone):
            on_undone()
        raise
    for replay in replays:
        replay.end()
