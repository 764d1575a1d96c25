"""TensorBoard's events file of a run, or nothing where TensorBoard is not installed."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from cmfq.notices import notify
from cmfq.training.scalars import Names

if TYPE_CHECKING:
    from cmfq.training.board import Board


class NoBoard:
    """Takes rows as a :class:`~cmfq.training.board.Board` does and writes nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        return None

    def begin(self, rows: Iterable[Mapping[str, Any]], started: float) -> None:
        """Take the rows of a run that begins or goes on."""

    def add(self, row: Mapping[str, Any], *, evaluation: bool = False) -> None:
        """Take the row of one episode or evaluation."""


def open_board(
    folder: Path, names: Names, settings: Mapping[str, bool | int | float | str]
) -> "Board | NoBoard":
    """The board of a run in this folder; a notice says so if there can be none.

    Args:
        folder: folder of the run.
        names: names for the entries of a list (see :func:`~cmfq.training.scalars.scalars`).
        settings: settings of the run by their dotted paths, shown as hyperparameters.
    """
    try:
        from cmfq.training.board import Board
    except ModuleNotFoundError:
        notify(
            "no tensorboard",
            "TensorBoard is not installed, so metrics.jsonl alone holds the learning curves: "
            "pip install 'cmfq[tensorboard]' to see them in TensorBoard as well",
        )
        return NoBoard()
    return Board(folder, names, settings)
