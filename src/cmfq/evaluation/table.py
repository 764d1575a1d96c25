"""Tables of text, for the terminal, Markdown and HTML; and how numbers are written in them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from cmfq.evaluation.statistics.replication import Estimate


@dataclass(frozen=True)
class Table:
    """Text in rows; the first column is left aligned."""

    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]

    def markdown(self) -> str:
        """As Markdown."""
        lines = [self.columns, ("---", *["---:"] * (len(self.columns) - 1)), *self.rows]
        escaped = ([cell.replace("|", "\\|") for cell in line] for line in lines)
        return "\n".join(f"| {' | '.join(line)} |" for line in escaped) + "\n"


def rate_text(rate: Estimate) -> str:
    """A share with its interval."""
    return f"{rate.value:.1%} ({100 * rate.low:.0f} to {100 * rate.high:.0f}\N{NO-BREAK SPACE}%)"


def margin_text(value: Estimate, digits: int = 1) -> str:
    """A signed number with its interval, if there is one."""
    text = signed(value.value, digits)
    if math.isfinite(value.low):
        text += f" ({signed(value.low, digits)} to {signed(value.high, digits)})"
    return text


def signed(value: float, digits: int = 0) -> str:
    """With a sign, a true minus, and no sign before 0."""
    text = f"{value:+.{digits}f}".replace("-", "\N{MINUS SIGN}")
    return text if float(f"{value:.{digits}f}") else text[1:]
