"""Tables of text, for the terminal, Markdown and HTML; and how numbers are written in them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from cmfq.statistics.replication import Estimate
from cmfq.text import Strong, markdown_text, plain_text


@dataclass(frozen=True)
class Table:
    """Text in rows; the first column is left aligned."""

    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]

    def __post_init__(self) -> None:
        object.__setattr__(self, "columns", tuple(map(plain_text, self.columns)))
        rows = [
            tuple(cell if isinstance(cell, Strong) else plain_text(cell) for cell in row)
            for row in self.rows
        ]
        object.__setattr__(self, "rows", rows)

    def markdown(self) -> str:
        """As Markdown."""
        lines = [list(map(markdown_text, line)) for line in (self.columns, *self.rows)]
        lines.insert(1, ["---", *["---:"] * (len(self.columns) - 1)])
        return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"

    def transposed(self) -> "Table":
        """Columns as rows: for tables of few rows and many columns."""
        columns = (self.columns[0], *(row[0] for row in self.rows))
        rows = [
            (name, *(row[number] for row in self.rows))
            for number, name in enumerate(self.columns[1:], 1)
        ]
        return Table(columns, rows)


def rate_text(rate: Estimate) -> str:
    """A share with its interval."""
    return f"{rate.value:.1%} ({100 * rate.low:.0f} to {100 * rate.high:.0f}\N{NO-BREAK SPACE}%)"


def margin_text(value: Estimate, digits: int = 1) -> str:
    """A signed number with its interval, if there is one."""
    text = signed(value.value, digits)
    if math.isfinite(value.low):
        text += f" ({signed(value.low, digits)} to {signed(value.high, digits)})"
    return text


def number_text(value: Estimate, digits: int = 1) -> str:
    """A number that is never negative, with its interval, if there is one."""
    text = f"{value.value:.{digits}f}"
    if math.isfinite(value.low):
        text += f" ({max(0.0, value.low):.{digits}f} to {value.high:.{digits}f})"
    return text


def signed(value: float, digits: int = 0) -> str:
    """With a sign, a true minus, and no sign before 0."""
    text = f"{value:+.{digits}f}".replace("-", "\N{MINUS SIGN}")
    return text if float(f"{value:.{digits}f}") else text[1:]
